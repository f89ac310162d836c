package chart

import "fmt"

// entry is one thing that the legend explains.
type entry struct {
	draw func(p *pen, x, y float64)
	text string
	// x and row are its place.
	x   float64
	row int
}

// mostMarks is how many marks the legend names one by one. Of more it counts
// each kind.
const mostMarks = 12

// swatch is the width of what stands before an entry's text.
const swatch = 26.0

// legendEntries are what is really on the chart: nothing is explained that
// cannot be seen.
func (l *layout) legendEntries() []entry {
	entries := l.markEntries()
	if s := l.series; s.known > 0 {
		text := l.c.Unit.Format(s.low.V) + " to " + l.c.Unit.Format(s.high.V)
		entries = append(entries, entry{draw: lineSwatch(blue, "none"), text: text})
	}
	if t := l.c.Threshold; t != nil && finite(t.Value) {
		entries = append(entries, entry{draw: lineSwatch(red, "7 4"), text: "threshold"})
	}
	seen := map[string]bool{}
	for _, b := range l.c.Bands {
		if key := fmt.Sprint(b.Kind, b.text()); b.shown(l.times) && !seen[key] {
			seen[key] = true
			entries = append(entries, entry{draw: boxSwatch(b.Kind.look()), text: b.text()})
		}
	}
	if len(l.series.gaps) > 0 && !seen[fmt.Sprint(Unknown, Unknown.look().name)] {
		entries = append(entries, entry{draw: boxSwatch(Unknown.look()), text: Unknown.look().name})
	}
	if n := len(l.series.holes); n > 0 {
		text := "unknown for moments, " + counted(n, "time", "times")
		entries = append(entries, entry{draw: lineSwatch(orange, "none"), text: text})
	}
	return entries
}

// markEntries name each mark with its time, or count the kinds.
func (l *layout) markEntries() []entry {
	var entries []entry
	if len(l.placed) <= mostMarks {
		for _, m := range l.placed {
			entries = append(entries, entry{draw: glyphSwatch(m.Kind.look()), text: l.markText(m.Mark)})
		}
		return entries
	}
	counts := map[string]int{}
	var order []markLook
	for _, m := range l.placed {
		look := m.Kind.look()
		if counts[look.name]++; counts[look.name] == 1 {
			order = append(order, look)
		}
	}
	for _, look := range order {
		entries = append(entries, entry{draw: glyphSwatch(look), text: fmt.Sprintf("%s, %s", look.name, counted(counts[look.name], "time", "times"))})
	}
	return entries
}

func glyphSwatch(look markLook) func(*pen, float64, float64) {
	return func(p *pen, x, y float64) { glyph(p, x+10, y, look) }
}

func lineSwatch(colour, dash string) func(*pen, float64, float64) {
	return func(p *pen, x, y float64) {
		p.empty("path", "d", "M"+px(x)+" "+px(y)+"h20", "stroke", colour, "stroke-width", "2", "stroke-dasharray", dash, "fill", "none")
	}
}

func boxSwatch(look bandLook) func(*pen, float64, float64) {
	return func(p *pen, x, y float64) {
		p.empty("rect", "x", px(x), "y", px(y-6), "width", "20", "height", "12", "fill", look.colour, "fill-opacity", "0.18",
			"stroke", look.colour, "stroke-opacity", "0.6")
		var q path
		if look.hatched {
			q.hatch(x, y-6, x+20, y+6)
			p.empty("path", "d", q.String(), "stroke", look.colour, "stroke-opacity", "0.7", "fill", "none")
		}
	}
}

// legendTop is where the legend begins: below the axis and its zone.
func (l *layout) legendTop() float64 { return l.bottom + 18 + lineHeight + 14 }

// placeEntries flows the entries into rows and gives the number of rows.
func (l *layout) placeEntries() int {
	x, row := margin, 0
	for i := range l.entries {
		e := &l.entries[i]
		e.text = fit(e.text, l.width-2*margin-swatch)
		width := swatch + textWidth(e.text) + 14
		if x > margin && x+width > l.width-margin+14 {
			x, row = margin, row+1
		}
		e.x, e.row = x, row
		x += width
	}
	if len(l.entries) == 0 {
		return 0
	}
	return row + 1
}

func (l *layout) legend(p *pen) {
	if len(l.entries) == 0 {
		return
	}
	p.raw(`<g class="chart-legend">` + "\n")
	for _, e := range l.entries {
		y := l.legendTop() + lineHeight*float64(e.row) + lineHeight/2
		e.draw(p, e.x, y)
		p.words(e.x+swatch, y+4.5, e.text, "fill", "currentColor")
	}
	p.raw("</g>\n")
}
