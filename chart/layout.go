package chart

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// The sizes of a drawing, in pixels.
const (
	fontSize   = 13.0
	lineHeight = 20.0
	markSize   = 18.0
	margin     = 8.0
)

// layout is where everything stands.
type layout struct {
	c      Chart
	times  timeScale
	values valueScale
	series series
	// The plot's frame, and the whole drawing.
	left, right, top, bottom float64
	width, height            float64
	placed                   []placedMark
	entries                  []entry
}

func newLayout(c Chart) *layout {
	c.Width, c.Height = bounded(c.Width, defaultWidth, minWidth), bounded(c.Height, defaultHeight, minHeight)
	l := &layout{c: c, width: float64(c.Width)}
	l.times = spanOf(c)
	points := orderedPoints(c.Points, l.times)
	known := make([]float64, 0, len(points))
	for _, p := range points {
		if p.Known {
			known = append(known, p.V)
		}
	}
	l.values = newValueScale(c.Unit, known, c.Threshold)
	longest := 0.0
	for _, t := range l.values.ticks {
		longest = max(longest, textWidth(t.label))
	}
	l.left, l.right = margin+longest+8, l.width-margin-4
	l.series = newSeries(points, l.times, c.Step, max(1, int(l.right-l.left)))
	l.top = margin + lineHeight*float64(len(l.headings())) + 4
	if len(c.Marks) > 0 {
		l.top += markSize + 10
	}
	l.bottom = l.top + float64(c.Height)
	l.placed = l.placeMarks()
	l.entries = l.legendEntries()
	l.height = l.legendTop() + lineHeight*float64(l.placeEntries()) + margin
	return l
}

func bounded(wanted, otherwise, least int) int {
	if wanted <= 0 {
		return otherwise
	}
	return min(max(wanted, least), maxSize)
}

// spanOf is what the time axis spans: what the chart says, else its points,
// else one minute.
func spanOf(c Chart) timeScale {
	s := timeScale{from: calendar(c.From), to: calendar(c.To)}
	if s.to.After(s.from) {
		return s
	}
	if len(c.Points) > 0 {
		byTime := func(a, b Point) int { return a.T.Compare(b.T) }
		s.from = calendar(slices.MinFunc(c.Points, byTime).T)
		s.to = calendar(slices.MaxFunc(c.Points, byTime).T)
	}
	if !s.to.After(s.from) {
		s.to = s.from.Add(time.Minute)
	}
	return s
}

// calendar keeps a time within the years that calendars and durations can hold.
func calendar(t time.Time) time.Time {
	first, last := time.Date(1900, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2150, 1, 1, 0, 0, 0, 0, time.UTC)
	switch {
	case t.Before(first):
		return first
	case t.After(last):
		return last
	}
	return t
}

func (l *layout) x(t time.Time) float64 { return l.left + l.times.part(t)*(l.right-l.left) }

func (l *layout) y(v float64) float64 { return l.bottom - l.values.part(v)*(l.bottom-l.top) }

// headings are the lines above the plot that are not empty.
func (l *layout) headings() []string {
	return slices.DeleteFunc([]string{l.c.Title, l.c.Note}, func(s string) bool { return s == "" })
}

// open begins the drawing. For a reader that cannot see it, it is one picture
// with a name and a description.
func (l *layout) open(p *pen, f form) {
	if f == standing {
		p.raw(`<?xml version="1.0" encoding="UTF-8"?>` + "\n")
	}
	p.raw("<svg")
	pairs := []string{
		"xmlns", "http://www.w3.org/2000/svg", "class", "chart", "role", "img",
		"viewBox", "0 0 " + px(l.width) + " " + px(l.height), "font-family", "system-ui, sans-serif", "font-size", px(fontSize),
	}
	if f == standing {
		pairs = append(pairs, "width", px(l.width), "height", px(l.height))
	}
	p.attributes(pairs)
	p.raw(">\n")
	p.text("title", l.name())
	p.text("desc", l.description())
	if f == standing {
		p.raw("<style>.chart{color:#1b1f24}.chart-paper{fill:#fff}" +
			"@media(prefers-color-scheme:dark){.chart{color:#e6e8eb}.chart-paper{fill:#14171a}}</style>\n")
		p.empty("rect", "class", "chart-paper", "width", px(l.width), "height", px(l.height), "fill", "#fff")
	}
}

func (l *layout) name() string {
	if l.c.Title != "" {
		return l.c.Title
	}
	return "chart"
}

// description is the chart in words.
func (l *layout) description() string {
	c, s := l.c, l.series
	var parts []string
	if c.Note != "" {
		parts = append(parts, c.Note)
	}
	at := func(t time.Time) string { return t.In(l.times.from.Location()).Format("2 Jan 2006 15:04:05") }
	parts = append(parts, fmt.Sprintf("From %s to %s %s", at(l.times.from), at(l.times.to), zoneName(l.times.from)))
	if s.known == 0 {
		parts = append(parts, "No value is known")
	} else {
		parts = append(parts, fmt.Sprintf("Lowest %s at %s, highest %s at %s",
			c.Unit.Format(s.low.V), at(s.low.T), c.Unit.Format(s.high.V), at(s.high.T)))
	}
	if c.Threshold != nil {
		parts = append(parts, "Threshold "+l.thresholdLabel())
	}
	if n := len(s.gaps); n > 0 {
		parts = append(parts, fmt.Sprintf("Unknown in %s", counted(n, "stretch", "stretches")))
	}
	if len(s.holes) > 0 {
		parts = append(parts, fmt.Sprintf("Unknown for moments, %s", counted(len(s.holes), "time", "times")))
	}
	for _, b := range c.Bands {
		parts = append(parts, fmt.Sprintf("%s from %s to %s", b.text(), at(b.From), at(b.To)))
	}
	for _, m := range ordered(c.Marks) {
		parts = append(parts, m.text()+" at "+at(m.At))
	}
	return strings.Join(parts, ". ") + "."
}

func counted(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
