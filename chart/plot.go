package chart

// The colours stand out from white and from near black alike. Text and axes
// take the colour of the text around them.
const (
	blue   = "#2f7de1"
	red    = "#e0484d"
	orange = "#c9730a"
	green  = "#2c9a50"
	violet = "#9061d6"
	grey   = "#808790"
)

func (l *layout) header(p *pen) {
	y := margin + fontSize
	for i, line := range l.headings() {
		pairs := []string{"class", "chart-note", "fill", "currentColor", "fill-opacity", "0.8"}
		if i == 0 && l.c.Title != "" {
			pairs = []string{"class", "chart-title", "fill", "currentColor", "font-weight", "600", "font-size", px(fontSize + 2)}
		}
		p.words(margin, y, fit(line, (l.width-2*margin)*0.95), pairs...)
		y += lineHeight
	}
}

func (l *layout) valueAxis(p *pen) {
	for _, t := range l.values.ticks {
		y := l.y(t.value)
		p.empty("path", "class", "chart-grid", "d", "M"+px(l.left)+" "+px(y)+"H"+px(l.right),
			"stroke", "currentColor", "stroke-opacity", gridOpacity(t.value == 0))
		p.words(l.left-6, y+4.5, t.label, "class", "chart-tick", "fill", "currentColor", "text-anchor", "end")
	}
}

// gridOpacity sets the lines of zero and of midnights off from the others.
func gridOpacity(strong bool) string {
	if strong {
		return "0.45"
	}
	return "0.15"
}

// timeAxis draws the ticks that have room for their labels.
func (l *layout) timeAxis(p *pen) {
	most := int((l.right - l.left) / 68)
	free := l.left - 30
	for _, t := range timeTicks(l.times.from, l.times.to, most) {
		x := l.x(t.at)
		p.empty("path", "class", "chart-grid", "d", "M"+px(x)+" "+px(l.top)+"V"+px(l.bottom+4),
			"stroke", "currentColor", "stroke-opacity", gridOpacity(t.newDay))
		half := textWidth(t.label) / 2
		x = min(x, l.width-2-half)
		if x-half < free {
			continue
		}
		free = x + half + 6
		p.words(x, l.bottom+18, t.label, "class", "chart-tick", "fill", "currentColor", "text-anchor", "middle")
	}
	p.words(l.right, l.bottom+18+lineHeight, fit(axisTitle(l.times.from, l.times.to), l.right-margin),
		"class", "chart-zone", "fill", "currentColor", "fill-opacity", "0.8", "text-anchor", "end")
}

// line draws what is known. A point that stands alone is a dot.
func (l *layout) line(p *pen) {
	var q path
	for _, line := range l.series.lines {
		if len(line) == 1 {
			p.empty("circle", "class", "chart-dot", "cx", px(l.x(line[0].T)), "cy", px(l.y(line[0].V)), "r", "2.5", "fill", blue)
			continue
		}
		for i, point := range line {
			command := "L"
			if i == 0 {
				command = "M"
			}
			q.to(command, l.x(point.T), l.y(point.V))
		}
	}
	if !q.empty() {
		p.empty("path", "class", "chart-line", "d", q.String(), "fill", "none", "stroke", blue, "stroke-width", "2",
			"stroke-linejoin", "round", "stroke-linecap", "round")
	}
}

// gaps hatches where nothing is known, and marks on the axis where single
// points are missing.
func (l *layout) gaps(p *pen) {
	for _, g := range l.series.gaps {
		l.hatched(p, g, grey, "chart-gap")
	}
	var q path
	for _, h := range l.series.holes {
		q.to("M", l.x(h.from), l.bottom-3)
		q.to("L", max(l.x(h.to), l.x(h.from)+1), l.bottom-3)
	}
	if !q.empty() {
		p.empty("path", "class", "chart-hole", "d", q.String(), "stroke", orange, "stroke-width", "6", "fill", "none")
	}
}

// hatched fills a stretch with slanting lines, at least two pixels of them.
func (l *layout) hatched(p *pen, s stretch, colour, class string) {
	from, to := l.x(s.from), l.x(s.to)
	if to < from+2 {
		to = min(l.right, from+2)
		from = to - 2
	}
	l.box(p, from, to, "class", class, "fill", colour, "fill-opacity", "0.1")
	var q path
	q.hatch(from, l.top, to, l.bottom)
	if !q.empty() {
		p.empty("path", "class", class, "d", q.String(), "stroke", colour, "stroke-opacity", "0.7", "fill", "none")
	}
}

func (l *layout) box(p *pen, from, to float64, look ...string) {
	p.empty("rect", append([]string{"x", px(from), "y", px(l.top), "width", px(to - from), "height", px(l.bottom - l.top)}, look...)...)
}

// thresholdLabel is what the threshold is called.
func (l *layout) thresholdLabel() string {
	t := l.c.Threshold
	if t.Label != "" {
		return t.Label
	}
	return l.c.Unit.Format(t.Value)
}

// threshold draws the level, or says in which direction it lies where it would
// have flattened the series.
func (l *layout) threshold(p *pen) {
	t := l.c.Threshold
	if t == nil || !finite(t.Value) {
		return
	}
	y, label := l.y(t.Value), l.thresholdLabel()
	switch level := clamped(t.Value); {
	case level > l.values.hi:
		label += " (above what is shown)"
	case level < l.values.lo:
		label += " (below what is shown)"
	}
	p.empty("path", "class", "chart-threshold", "d", "M"+px(l.left)+" "+px(y)+"H"+px(l.right),
		"stroke", red, "stroke-width", "1.5", "stroke-dasharray", "7 4", "fill", "none")
	above := y - 5
	if above < l.top+fontSize {
		above = y + fontSize + 2
	}
	p.words(l.left+5, above, fit(label, l.right-l.left-10), "class", "chart-threshold-label", "fill", "currentColor", "font-weight", "600")
}
