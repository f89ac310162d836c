// Package chart draws a time series as SVG: values with their gaps, a
// threshold, shaded stretches and marked instants, with axes, a legend and a
// description for who cannot see it.
//
// A chart is drawn where the bytes are made, not where they are read: it holds
// no script, no link, no identifier and nothing that a strict content security
// policy refuses. The same chart gives the same bytes. What is unknown is
// hatched; it is never drawn as zero, and no line leads across it. Colour is
// never the only signal: every mark has a shape and a letter, every stretch a
// texture, and the legend says what they mean.
package chart

import (
	"bytes"
	"io"
	"time"
)

// Unit says what the values of a chart are, in the words of the configuration.
// Any other word, and none, is a plain number.
type Unit string

// The units of values.
const (
	Plain        Unit = ""
	Ratio        Unit = "ratio"   // 0.05 is shown as 5%
	Percent      Unit = "percent" // 5 is shown as 5%
	Seconds      Unit = "seconds"
	Milliseconds Unit = "milliseconds"
	Bytes        Unit = "bytes"
	PerSecond    Unit = "per_second"
)

// Chart is one time series and what is to be seen on it. Its zero value is an
// empty chart, which draws well. Nothing in it is kept or changed by drawing,
// so one chart may be drawn by several goroutines.
type Chart struct {
	// Title is the first line, Note a second, smaller one. Lines too long for
	// the width are cut; the description holds them whole.
	Title, Note string
	Unit        Unit
	// From and To are what the time axis spans, in the zone of From. Where To is
	// not after From the points say.
	From, To time.Time
	// Step is how far apart points are. Known points further apart than one and
	// a half steps have a gap between them. Zero is the usual distance of the
	// points that there are.
	Step time.Duration
	// Points are the series, in any order. Those outside From and To are left out.
	Points []Point
	// Threshold is a level to compare with; nil for none.
	Threshold *Threshold
	Bands     []Band
	Marks     []Mark
	// Width is that of the whole drawing, Height that of the plot alone, both in
	// pixels; titles, axes and legend are added to the height. Text has the same
	// size at any width: a chart for a phone is one with a Width of 360.
	// Zero is 720 and 220; the smallest are 240 and 80, the largest 4,000.
	Width, Height int
}

// Point is one value at one time. A value that is not known, or not finite, is
// a gap. Partly marks a known value that stands for a stretch in which something
// was unknown too.
type Point struct {
	T      time.Time
	V      float64
	Known  bool
	Partly bool
}

// Threshold is a level with the text beside it; an empty one is the value.
type Threshold struct {
	Value float64
	Label string
}

// Band is a stretch of time that is shaded. Its label is for the legend; an
// empty one is the name of its kind.
type Band struct {
	From, To time.Time
	Kind     BandKind
	Label    string
}

// BandKind is what a stretch of time was.
type BandKind int

// The kinds of stretches. The zero value is the window of a trigger.
const (
	Window  BandKind = iota
	Unknown          // hatched, like the gaps that the points have
	Assumed          // values that nobody measured
	Incident
)

// Mark is an instant. Its label is for the legend; an empty one is the name of
// its kind.
type Mark struct {
	At    time.Time
	Kind  MarkKind
	Label string
}

// MarkKind is what happened at an instant.
type MarkKind int

// The kinds of marks. The zero value is a deployment.
const (
	Deployment MarkKind = iota
	Onset
	Firing
	Decision
	Held
	Rollback
	Verified
)

// The bounds of a drawing.
const (
	defaultWidth, minWidth   = 720, 240
	defaultHeight, minHeight = 220, 80
	maxSize                  = 4000
)

// WriteSVG writes the chart as a document of its own: it has a paper, light or
// dark as the reader's system is, and is readable wherever it is shown. Its
// error is the writer's.
func (c Chart) WriteSVG(w io.Writer) error { return c.write(w, standing) }

// WriteInline writes the chart as an element for a page: without a style sheet,
// which a strict policy refuses, on the page's own paper and in the page's own
// text colour, as wide as where it stands. A page may style it by its classes:
// chart-line, chart-threshold, chart-band, chart-mark and so on. Its error is
// the writer's.
func (c Chart) WriteInline(w io.Writer) error { return c.write(w, inline) }

// form is how a chart is put out.
type form int

const (
	standing form = iota
	inline
)

func (c Chart) write(w io.Writer, f form) error {
	var b bytes.Buffer
	l := newLayout(c)
	p := &pen{b: &b}
	l.open(p, f)
	l.header(p)
	l.valueAxis(p)
	l.timeAxis(p)
	l.bands(p)
	l.gaps(p)
	l.marks(p) // under the line: what was measured is never hidden
	l.line(p)
	l.threshold(p)
	l.legend(p)
	p.raw("</svg>\n")
	_, err := w.Write(b.Bytes())
	return err
}
