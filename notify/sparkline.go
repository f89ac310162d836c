package notify

import (
	"fmt"
	"math"
	"strings"
	"time"
)

const (
	sparkWidth = 48  // columns of a chart at most
	unknownBar = '·' // what was not measured is never a bar
)

// textChart draws what a trigger showed in characters of a fixed width: a bar for
// each stretch of time, marks under those that breach, the threshold and what was
// not known by name. It is empty where nothing was known.
func textChart(s Series) string {
	c := columns(s)
	if c.known == 0 {
		return ""
	}
	name := oneLine(s.Trigger)
	indent := strings.Repeat(" ", len([]rune(name))+2)
	lines := []string{strings.TrimRight(name+"  "+c.bars()+"  threshold "+oneLine(s.ThresholdText), " ")}
	if s.ThresholdText == "" {
		lines[0] = name + "  " + c.bars()
	}
	if marks := c.marks(); marks != "" {
		lines = append(lines, indent+marks+"  ^ breaching")
	}
	legend := fmt.Sprintf("%s–%s, lowest %s, highest %s", c.from.UTC().Format("15:04:05"), c.to.UTC().Format("15:04:05 MST"),
		quantity(c.low, s.Unit), quantity(c.high, s.Unit))
	if strings.ContainsRune(c.bars(), unknownBar) {
		legend += ", " + string(unknownBar) + " unknown"
	}
	return strings.Join(append(lines, indent+legend), "\n")
}

// column is one stretch of time: its most telling value, and whether any breached.
type column struct {
	value         float64
	known, breach bool
}

type spark struct {
	columns   []column
	known     int
	low, high float64
	from, to  time.Time
}

// columns sorts a series into columns of equal time. A column that no known point
// falls into stays unknown, whether an unknown one did or none.
func columns(s Series) spark {
	if len(s.Points) == 0 {
		return spark{}
	}
	c := spark{from: s.Points[0].At, to: s.Points[0].At, low: math.Inf(1), high: math.Inf(-1)}
	for _, p := range s.Points {
		c.from, c.to = earlier(c.from, p.At), later(c.to, p.At)
	}
	span := c.to.Sub(c.from)
	c.columns = make([]column, min(sparkWidth, slots(s, span)))
	floor := strings.HasPrefix(s.ThresholdText, "<") // too little is what matters
	for _, p := range s.Points {
		if p.Value == nil || math.IsNaN(*p.Value) || math.IsInf(*p.Value, 0) || p.Truth == "unknown" {
			continue
		}
		at := &c.columns[place(p.At.Sub(c.from), span, len(c.columns))]
		if v := *p.Value; !at.known || floor && v < at.value || !floor && v > at.value {
			at.value = v
		}
		at.known, at.breach = true, at.breach || p.Truth == "breach"
		c.low, c.high = min(c.low, *p.Value), max(c.high, *p.Value)
		c.known++
	}
	return c
}

// slots is how many points a series would have without gaps.
func slots(s Series, span time.Duration) int {
	step := span
	for i := 1; i < len(s.Points); i++ {
		if d := s.Points[i].At.Sub(s.Points[i-1].At); d > 0 && d < step {
			step = d
		}
	}
	if step <= 0 {
		return 1
	}
	return int(min(span/step, sparkWidth)) + 1
}

// place is the column of an instant. With as many columns as instants, each has its
// own.
func place(since, span time.Duration, columns int) int {
	if span <= 0 {
		return 0
	}
	return int(math.Round(float64(since) / float64(span) * float64(columns-1)))
}

// bars are the columns as blocks of eight heights.
func (c spark) bars() string {
	heights := []rune("▁▂▃▄▅▆▇█")
	var b strings.Builder
	for _, at := range c.columns {
		switch {
		case !at.known:
			b.WriteRune(unknownBar)
		case c.high <= c.low:
			b.WriteRune(heights[len(heights)/2-1])
		default: // halves, as the difference of two large numbers may overflow
			share := (at.value/2 - c.low/2) / (c.high/2 - c.low/2)
			b.WriteRune(heights[int(math.Round(share*float64(len(heights)-1)))])
		}
	}
	return b.String()
}

// marks point at the columns that breach; empty where none does.
func (c spark) marks() string {
	var b strings.Builder
	for _, at := range c.columns {
		if at.breach {
			b.WriteByte('^')
		} else {
			b.WriteByte(' ')
		}
	}
	if strings.TrimSpace(b.String()) == "" {
		return ""
	}
	return b.String()
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
