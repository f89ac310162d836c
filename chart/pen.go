package chart

import (
	"bytes"
	"encoding/xml"
	"math"
	"strconv"
	"strings"
	"unicode"
)

// pen writes SVG elements. Attributes come in pairs of name and value; values
// and text are escaped, so that no name can become markup.
type pen struct{ b *bytes.Buffer }

func (p *pen) raw(s string) { p.b.WriteString(s) }

// escaped writes text. What XML cannot hold becomes a replacement character, and
// so does what turns the direction of text: a name could read as another one.
func (p *pen) escaped(s string) {
	// A buffer takes everything: there is no error.
	_ = xml.EscapeText(p.b, []byte(strings.Map(withoutTurns, s)))
}

func withoutTurns(r rune) rune {
	if unicode.Is(unicode.Bidi_Control, r) {
		return unicode.ReplacementChar
	}
	return r
}

func (p *pen) attributes(pairs []string) {
	for i := 0; i+1 < len(pairs); i += 2 {
		p.raw(" " + pairs[i] + `="`)
		p.escaped(pairs[i+1])
		p.raw(`"`)
	}
}

// empty writes an element without content.
func (p *pen) empty(name string, pairs ...string) {
	p.raw("<" + name)
	p.attributes(pairs)
	p.raw("/>\n")
}

// text writes an element with nothing but text in it.
func (p *pen) text(name, content string, pairs ...string) {
	p.raw("<" + name)
	p.attributes(pairs)
	p.raw(">")
	p.escaped(content)
	p.raw("</" + name + ">\n")
}

// words writes a line of text with its baseline at a point.
func (p *pen) words(x, y float64, content string, pairs ...string) {
	p.text("text", content, append([]string{"x", px(x), "y", px(y)}, pairs...)...)
}

// px is a length in pixels, to a tenth.
func px(x float64) string {
	x = math.Round(x*10) / 10
	if x == 0 {
		x = 0 // never "-0"
	}
	return strconv.FormatFloat(x, 'f', -1, 64)
}

// charWidth is about how wide a character is at the size of labels. There is
// no font to measure here; it is a little wide, so that text seldom runs over.
const charWidth = 7.3

func textWidth(s string) float64 { return charWidth * float64(len([]rune(s))) }

// fit cuts text to a width, and shows that it did.
func fit(s string, width float64) string {
	runes := []rune(s)
	if most := int(width / charWidth); len(runes) > most {
		return string(runes[:max(0, most-1)]) + "…"
	}
	return s
}

// path collects the commands of a path.
type path struct{ b bytes.Buffer }

func (q *path) to(command string, x, y float64) { q.b.WriteString(command + px(x) + " " + px(y)) }

func (q *path) empty() bool { return q.b.Len() == 0 }

func (q *path) String() string { return q.b.String() }

// hatch adds slanting lines that fill a rectangle. They are drawn one by one,
// as a pattern needs an identifier, of which a page can have only one.
func (q *path) hatch(x0, y0, x1, y1 float64) {
	const apart = 7.0
	// The lines are those with x+y = c for the multiples c of apart, so that the
	// hatching of neighbours joins.
	for c := math.Ceil((x0+y0)/apart) * apart; c < x1+y1; c += apart {
		fromX, toX := max(x0, c-y1), min(x1, c-y0)
		if toX > fromX {
			q.to("M", fromX, c-fromX)
			q.to("L", toX, c-toX)
		}
	}
}
