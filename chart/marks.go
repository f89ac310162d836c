package chart

import (
	"slices"
)

// markLook is how a mark is drawn: a letter in a shape, and a line with a
// pattern of its own down through the plot.
type markLook struct {
	name, letter, colour, dash string
	// shape is the outline around 0,0, within 9 pixels of it.
	shape string
	// weight says which marks keep their shapes where there is no room for all.
	weight int
}

func (k MarkKind) look() markLook {
	switch k {
	case Deployment:
		return markLook{"deployed", "D", violet, "none", "M-8 -8H8V8H-8Z", 3}
	case Onset:
		return markLook{"onset", "O", orange, "2 3", "M-8.5 0A8.5 8.5 0 1 1 8.5 0A8.5 8.5 0 1 1 -8.5 0Z", 1}
	case Firing:
		return markLook{"fires", "F", red, "6 2", "M0 -11L10 7H-10Z", 4}
	case Decision:
		return markLook{"decided", "!", blue, "6 2 2 2", "M0 -10L10 0L0 10L-10 0Z", 5}
	case Held:
		return markLook{"held", "H", grey, "1 2", "M-4 -9H4L9 -4V4L4 9H-4L-9 4V-4Z", 5}
	case Rollback:
		return markLook{"rollback", "R", green, "none", "M-9 -8H9V2L0 10L-9 2Z", 6}
	case Verified:
		return markLook{"verified", "V", green, "4 4", "M0 11L-10 -7H10Z", 2}
	}
	return markLook{"mark", "•", grey, "1 4", "M-6 -6H6V6H-6Z", 0}
}

func (m Mark) text() string {
	if m.Label != "" {
		return m.Label
	}
	return m.Kind.look().name
}

// ordered are marks by time; at one time as they were given.
func ordered(marks []Mark) []Mark {
	marks = slices.Clone(marks)
	slices.SortStableFunc(marks, func(a, b Mark) int { return a.At.Compare(b.At) })
	return marks
}

// placedMark is a mark with the place of its line and, where there is room, of
// its shape.
type placedMark struct {
	Mark
	x, shapeX float64
	shaped    bool
}

// placeMarks puts the shapes in one row, near their instants, none over
// another. Where there are too many, the least important kinds have lines only.
func (l *layout) placeMarks() []placedMark {
	var all []placedMark
	for _, m := range ordered(l.c.Marks) {
		if l.times.holds(m.At) {
			all = append(all, placedMark{Mark: m, x: l.x(m.At), shaped: true})
		}
	}
	left, right := margin+markSize/2+2, l.width-margin-markSize/2-2
	room := max(1, int((right-left)/(markSize+3)))
	for weight := 0; countShaped(all) > room; weight++ {
		for i := range all {
			all[i].shaped = all[i].shaped && all[i].Kind.look().weight != weight
		}
	}
	var targets []float64
	for _, m := range all {
		if m.shaped {
			targets = append(targets, m.x)
		}
	}
	places := spread(targets, markSize+3, left, right)
	for i := range all {
		if all[i].shaped {
			all[i].shapeX, places = places[0], places[1:]
		}
	}
	return all
}

func countShaped(marks []placedMark) int {
	n := 0
	for _, m := range marks {
		if m.shaped {
			n++
		}
	}
	return n
}

// spread moves ascending places apart until no two are closer than apart, each
// cluster staying around its middle, and all between left and right.
func spread(targets []float64, apart, left, right float64) []float64 {
	type cluster struct {
		sum   float64 // of the places that its first member would like
		count int
	}
	first := func(c cluster) float64 { return c.sum / float64(c.count) }
	var clusters []cluster
	for _, t := range targets {
		clusters = append(clusters, cluster{t, 1})
		for n := len(clusters); n > 1; n = len(clusters) {
			a, b := clusters[n-2], clusters[n-1]
			if first(a)+float64(a.count)*apart <= first(b) {
				break
			}
			clusters = append(clusters[:n-2], cluster{a.sum + b.sum - float64(a.count*b.count)*apart, a.count + b.count})
		}
	}
	var places []float64
	for _, c := range clusters {
		for i := range c.count {
			places = append(places, first(c)+float64(i)*apart)
		}
	}
	for i, free := 0, left; i < len(places); i++ {
		places[i] = max(places[i], free)
		free = places[i] + apart
	}
	for i, free := len(places)-1, right; i >= 0; i-- {
		places[i] = min(places[i], free)
		free = places[i] - apart
	}
	return places
}

func (l *layout) marks(p *pen) {
	row := l.top - markSize/2 - 8
	for _, m := range l.placed {
		look := m.Kind.look()
		d := "M" + px(m.x) + " " + px(l.top) + "V" + px(l.bottom)
		if m.shaped {
			d = "M" + px(m.shapeX) + " " + px(row+markSize/2+1) + "L" + px(m.x) + " " + px(l.top) + "V" + px(l.bottom)
		}
		p.raw(`<g class="chart-mark">` + "\n")
		p.text("title", l.markText(m.Mark))
		p.empty("path", "d", d, "stroke", look.colour, "stroke-width", "1.5", "stroke-dasharray", look.dash, "fill", "none")
		if m.shaped {
			glyph(p, m.shapeX, row, look)
		}
		p.raw("</g>\n")
	}
}

// glyph draws a mark's letter in its shape.
func glyph(p *pen, x, y float64, look markLook) {
	p.empty("path", "d", look.shape, "transform", "translate("+px(x)+" "+px(y)+")", "fill", look.colour, "fill-opacity", "0.2",
		"stroke", look.colour, "stroke-width", "1.8", "stroke-linejoin", "round")
	p.words(x, y+4, look.letter, "fill", "currentColor", "font-size", "11", "font-weight", "700", "text-anchor", "middle")
}

// markText is a mark with its time.
func (l *layout) markText(m Mark) string {
	return clockLabel(m.At, l.times.from, l.times.to) + " " + m.text()
}
