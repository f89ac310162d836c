package backtest

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// tableWidth is the most that a line of the table has. The last column has at
// least lastColumn of it and goes on below; others are cut to make room.
const (
	tableWidth = 160
	lastColumn = 44
)

// WriteTable writes the report for a terminal: gaps first, then a line for each
// would-be incident, what was assumed, the totals and the score. Of several
// variants only the comparison is written. Its error is the writer's.
func (r *Report) WriteTable(w io.Writer) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "backtest of %s\n", r.period())
	fmt.Fprintf(&b, "services: %s\n", wrapped(plain(strings.Join(r.Services, ", ")), "          "))
	for _, n := range r.NothingKnown() {
		fmt.Fprintf(&b, "\n%s\n", wrapped(plain("NOTHING KNOWN: "+n.Text()), "  "))
	}
	r.tableOfGaps(&b)
	if len(r.Results) == 1 {
		r.tableOfResult(&b, &r.Results[0])
	} else {
		r.tableOfVariants(&b)
	}
	_, err := w.Write(b.Bytes())
	return err
}

func (r *Report) tableOfGaps(b *bytes.Buffer) {
	if len(r.Gaps) > 0 {
		fmt.Fprintf(b, "\nGAPS: %s, in which something was not known; none of them counts as healthy\n", counted(len(r.Gaps)+r.GapsLeftOut, "gap"))
		t := newGrid("FROM", "TO", "LENGTH", "WHAT", "WHY")
		for _, g := range r.gapRows() {
			t.add(g.Why, g.From, g.To, g.Length, g.What)
		}
		t.write(b)
		if r.GapsLeftOut > 0 {
			fmt.Fprintf(b, "  %d more, which the next lines count\n", r.GapsLeftOut)
		}
	}
	rows := r.coverageRows()
	if len(rows) == 0 {
		return
	}
	b.WriteString("\n")
	t := newGrid("SERIES", "UNKNOWN", "MISSING", "KNOWN")
	for _, c := range rows {
		t.add(c.Known, c.Series, c.Unknown, c.Missing)
	}
	t.write(b)
}

func (r *Report) tableOfResult(b *bytes.Buffer, one *Result) {
	configuration := "configuration " + one.Config
	if len(one.Set) > 0 {
		configuration += " with " + one.variant()
	}
	fmt.Fprintf(b, "\n%s\n", wrapped(plain(configuration), "  "))
	for _, n := range one.NotJudged {
		fmt.Fprintln(b, wrapped(plain(fmt.Sprintf("not judged: %s %s (%s): %s", n.Service, n.Trigger, n.When, n.Reason)), "  "))
	}
	rows := one.incidentRows()
	if len(rows) == 0 {
		fmt.Fprintf(b, "\n%s\n", one.quietText())
	} else {
		b.WriteString("\nINCIDENTS that would have been\n")
		t := newGrid("OPENED", "SERVICE", "SEVERITY", "EVIDENCE", "FIRED AFTER", "RESPONSE", "OUTCOME", "WHAT WOULD HAVE BEEN DONE")
		for _, i := range rows {
			t.add(strings.Join(i.What, "\n"), i.Opened, i.Service, i.Severity, i.Evidence, i.FiredAfter, i.Response, i.Outcome)
		}
		t.write(b)
	}
	tableOfAssumptions(b, one)
	r.tableOfLabels(b, one)
	fmt.Fprintf(b, "\ntotal: %s\n", one.totalsText())
}

// quietText is what is said where nothing fired: good news only where it was known.
func (r *Result) quietText() string {
	switch n := len(r.NothingKnown); {
	case n == 0:
		return "Nothing would have fired."
	case n < r.triggerCount():
		return fmt.Sprintf("No incident; but nothing was known of %d of the %d triggers, as said above.", n, r.triggerCount())
	}
	return "No incident can be told: nothing was known of any trigger, as said above."
}

func tableOfAssumptions(b *bytes.Buffer, one *Result) {
	if len(one.Assumed) == 0 {
		return
	}
	b.WriteString("\nASSUMED: after a rollback the record does not say how the service would have behaved\n")
	t := newGrid("SERVICE", "FROM", "TO", "WHAT")
	for _, a := range one.assumptionRows() {
		t.add(a.Text, a.Service, a.From, a.To)
	}
	t.write(b)
}

func (r *Report) tableOfLabels(b *bytes.Buffer, one *Result) {
	if one.Score == nil {
		return
	}
	b.WriteString("\nLABELS\n")
	t := newGrid("FROM", "SERVICE", "NAME", "LENGTH", "ROLLBACK", "FIRING", "NOTE")
	for _, l := range r.labelRows(one) {
		t.add(l.Note, l.From, l.Service, l.Name, l.Length, l.Rollback, l.Firing)
	}
	t.write(b)
	b.WriteString("\n")
	t = newGrid("SCORE", "PRECISION", "RECALL", "NOT SEEN", "MEDIAN DELAY", "P95 DELAY")
	for _, s := range one.Score.rows() {
		t.add(s.P95, s.Of, s.Precision, s.Recall, s.NotSeen, s.Median)
	}
	t.write(b)
}

// tableOfVariants compares; the details of one are asked for with --set.
func (r *Report) tableOfVariants(b *bytes.Buffer) {
	fmt.Fprintf(b, "\nVARIANTS over the same history (--set KEY=VALUE shows one in detail)\n")
	header := []string{"#", "FIRINGS", "INCIDENTS", "ROLLBACKS", "HELD", "ASKED"}
	scored := len(r.Labels) > 0
	if scored {
		header = append(header, "PRECISION", "RECALL", "MEDIAN DELAY", "P95 DELAY")
	}
	t := newGrid(append(header, "VARIANT")...)
	for _, v := range r.variantRows() {
		cells := []string{v.Number, v.Firings, v.Incidents, v.Rollbacks, v.Held, v.Asked}
		if scored {
			cells = append(cells, orNone(v.Precision), orNone(v.Recall), orNone(v.Median), orNone(v.P95))
		}
		t.add(v.Variant, cells...)
	}
	t.write(b)
}

// grid is a table with aligned columns, of which the last is wrapped at the
// table's width.
type grid struct{ rows [][]string }

func newGrid(header ...string) *grid { return &grid{rows: [][]string{header}} }

// add adds a row: the last column's text, which may have several lines, and the
// cells before it.
func (g *grid) add(last string, cells ...string) { g.rows = append(g.rows, append(cells, last)) }

func (g *grid) write(b *bytes.Buffer) {
	widths := g.widths()
	for _, row := range g.rows {
		var line strings.Builder
		line.WriteString(" ")
		for i, cell := range row[:len(row)-1] {
			cell = cut(cell, widths[i])
			line.WriteString(" " + cell + strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell)+1))
		}
		below := strings.Repeat(" ", utf8.RuneCountInString(line.String())+1)
		var texts []string
		for text := range strings.SplitSeq(row[len(row)-1], "\n") {
			texts = append(texts, wrapped(plain(text), below))
		}
		b.WriteString(strings.TrimRight(line.String()+" "+strings.Join(texts, "\n"+below), " ") + "\n")
	}
}

// widths are those of the columns but the last, which keeps what it needs at
// least: the widest give way.
func (g *grid) widths() []int {
	widths := make([]int, len(g.rows[0])-1)
	for _, row := range g.rows {
		for i := range widths {
			row[i] = plain(row[i])
			widths[i] = max(widths[i], utf8.RuneCountInString(row[i]))
		}
	}
	total := 3 + 2*len(widths)
	for _, w := range widths {
		total += w
	}
	for ; total > tableWidth-lastColumn; total-- {
		widths[slices.Index(widths, slices.Max(widths))]--
	}
	return widths
}

// plain is a text without what a terminal would obey, on one line: names come
// from outside.
func plain(text string) string {
	return strings.ReplaceAll(strings.Map(visible, text), "\n", " ")
}

// visible replaces what cannot be seen, or changes how the rest is seen. Ends of
// lines stay.
func visible(r rune) rune {
	switch {
	case r == '\n':
		return r
	case unicode.IsControl(r), unicode.Is(unicode.Bidi_Control, r), r == '\u2028', r == '\u2029':
		return unicode.ReplacementChar
	}
	return r
}

func cut(cell string, width int) string {
	if runes := []rune(cell); len(runes) > width {
		return string(runes[:width-1]) + "…"
	}
	return cell
}

// wrapped breaks a text between words, and words that are longer than a line,
// so that, begun after the margin, no line is longer than the table.
func wrapped(text, margin string) string {
	room := tableWidth - utf8.RuneCountInString(margin)
	var lines []string
	line := []rune{}
	for word := range strings.FieldsSeq(text) {
		runes := []rune(word)
		if len(line) > 0 && len(line)+1+len(runes) > room {
			lines, line = append(lines, string(line)), nil
		}
		if len(line) > 0 {
			line = append(line, ' ')
		}
		for line = append(line, runes...); len(line) > room; line = line[room:] {
			lines = append(lines, string(line[:room]))
		}
	}
	return strings.Join(append(lines, string(line)), "\n"+margin)
}
