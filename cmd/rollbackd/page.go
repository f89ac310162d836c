package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"github.com/prometheus/common/model"
)

// page gathers what a command prints, so that it is written in one piece.
type page struct {
	bytes.Buffer
	colour bool
	now    time.Time
}

// page makes an empty page for stdout.
func (a *app) page() *page { return &page{colour: a.colour(), now: a.clock.Now()} }

// colour tells whether to paint: only on a terminal, and not where the user
// asked for none (no-color.org).
func (a *app) colour() bool {
	return a.terminal && a.getenv("NO_COLOR") == "" && a.getenv("TERM") != "dumb"
}

// line adds a line.
func (p *page) line(format string, args ...any) { fmt.Fprintf(p, format+"\n", args...) }

// heading begins a section, an empty line before it.
func (p *page) heading(format string, args ...any) {
	p.line("")
	p.line("%s", p.bold(fmt.Sprintf(format, args...)))
}

func (p *page) bold(text string) string {
	if !p.colour {
		return text
	}
	return "\x1b[1m" + text + "\x1b[0m"
}

// table adds aligned rows, the first being the heads.
func (p *page) table(indent string, rows [][]string) {
	p.aligned(func(w io.Writer) {
		for _, row := range rows {
			cells := make([]string, len(row))
			for i, cell := range row {
				if cells[i] = plain(cell); cells[i] == "" {
					cells[i] = "-"
				}
			}
			_, _ = fmt.Fprintln(w, indent+strings.Join(cells, "\t")) // a buffer never fails
		}
	})
}

// facts adds aligned pairs of a word and its text; a pair without text is left out.
func (p *page) facts(pairs ...string) {
	p.aligned(func(w io.Writer) {
		for i := 0; i+1 < len(pairs); i += 2 {
			if pairs[i+1] != "" {
				_, _ = fmt.Fprintf(w, "  %s\t%s\n", pairs[i], plain(pairs[i+1])) // as above
			}
		}
	})
}

// aligned lays out what write writes, without the blanks that aligning leaves
// at the ends of lines.
func (p *page) aligned(write func(w io.Writer)) {
	var laid bytes.Buffer
	w := tabwriter.NewWriter(&laid, 0, 0, 2, ' ', 0)
	write(w)
	_ = w.Flush()
	for line := range strings.Lines(laid.String()) {
		p.line("%s", strings.TrimRight(line, " \n"))
	}
}

// plain makes text safe for a terminal and a table: what a step wrote may hold
// escape sequences.
func plain(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, text)
}

// print writes the page, or the data as JSON where the user asked for that.
func (a *app) print(data json.RawMessage, p *page) error {
	if a.output != "json" {
		_, err := a.stdout.Write(p.Bytes())
		return err
	}
	var indented bytes.Buffer
	if err := json.Indent(&indented, data, "", "  "); err != nil {
		return err
	}
	indented.WriteByte('\n')
	_, err := a.stdout.Write(indented.Bytes())
	return err
}

// instant is a time as people read it, in UTC; empty for none.
func instant(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02 15:04:05 UTC")
}

// span is a length of time to the second, or to the millisecond below ten.
func span(d time.Duration) string {
	if d < 0 {
		d = 0
	}
	if d < 10*time.Second {
		return d.Round(time.Millisecond).String()
	}
	return model.Duration(d.Round(time.Second)).String()
}

// seconds is span for the API's seconds.
func seconds(s float64) string { return span(time.Duration(s * float64(time.Second))) }

// measured is a trigger's value, or why there is none.
type measured struct {
	// text is the value in the unit of its threshold; empty where that is not known.
	text   string
	value  float64
	known  bool
	reason string
	// valueless is true where there is an answer although there is no value: of a
	// signal, or of a series that is gone.
	valueless bool
}

// String is the value, in its threshold's unit if that is known, else with as
// many digits as matter.
func (m measured) String() string {
	switch {
	case m.known && m.text != "":
		return m.text
	case m.known:
		return strconv.FormatFloat(m.value, 'g', 4, 64)
	case m.valueless && m.reason != "":
		return m.reason
	case m.valueless:
		return "-"
	case m.reason != "":
		return "unknown (" + m.reason + ")"
	}
	return "unknown"
}

// arrow is from → to, with what is known of it.
func arrow(from, to string) string {
	switch {
	case from == "" && to == "":
		return ""
	case from == "":
		from = "?"
	case to == "":
		to = "?"
	}
	return from + " → " + to
}
