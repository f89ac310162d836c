package report

import (
	"time"

	"github.com/rollbackd/rollbackd/chart"
)

// document is a report as it is laid out: the same sections in the same order for
// every form that people read. The texts in it are as they came from outside; each
// form makes them harmless in its own way.
type document struct {
	Title string
	Lead  []string
	Facts []fact
	// Evidence is the chart of the trigger that fired first; nil where none can be drawn.
	Evidence *chart.Chart
	Sections []section
}

// section is a part with a heading.
type section struct {
	Title string
	// ForPeople is true for what people fill in.
	ForPeople bool
	Blocks    []block
}

// block is one of: a heading, a paragraph, facts, a table, an output, a chart.
type block struct {
	Heading string
	// Text is a paragraph; a Soft one is a remark.
	Text   string
	Soft   bool
	Facts  []fact
	Table  *table
	Output *output
	Chart  *chart.Chart
	// Blank is a hint of what people write here.
	Blank string
}

// fact is a name with its value.
type fact struct {
	Name  string
	Value cell
}

// cell is a text; Code is what a program wrote or reads, Number a number or time.
// Link is where it leads: an address of ours, never one from outside.
type cell struct {
	Text         string
	Code, Number bool
	Link         string
}

// table is rows under heads. Samples is true for one that a chart says better, Tight
// for one whose rows are read as a line where there is little room.
type table struct {
	Heads          []string
	Rows           [][]cell
	Samples, Tight bool
}

// output is what a program wrote, with a note of what is left out.
type output struct{ Title, Text, Note string }

func text(s string) cell   { return cell{Text: s} }
func code(s string) cell   { return cell{Text: s, Code: s != ""} }
func number(s string) cell { return cell{Text: s, Number: true} }

// facts keeps those that have a value.
func facts(all ...fact) []fact {
	var kept []fact
	for _, f := range all {
		if f.Value.Text != "" {
			kept = append(kept, f)
		}
	}
	return kept
}

// document lays the report out.
func (r *Report) document() document {
	d := document{Title: r.Summary.Headline, Lead: r.Summary.Sentences, Facts: r.facts()}
	if c, drawn := EvidenceChart(r.inc, r.Detection.Trigger); drawn {
		d.Evidence = &c
	}
	for _, s := range []section{
		r.timelineSection(), r.triggerSection(), r.detectionSection(), r.decisionSection(), r.rollbackSection(), r.slaSection(),
		r.impactSection(), r.stateSection(), r.verificationSection(), r.peopleSection(), r.blankSection(),
	} {
		if len(s.Blocks) > 0 {
			d.Sections = append(d.Sections, s)
		}
	}
	return d
}

func (r *Report) facts() []fact {
	closed := instant(r.ClosedAt)
	if r.State != "closed" {
		closed = "open, " + r.stateWords()
	}
	return facts(
		fact{"Incident", code(r.Incident)}, fact{"Your id", text(r.ExternalID)}, fact{"Service", text(r.Service)},
		fact{"Group", text(r.Group)}, fact{"Labels", text(r.Labels.String())}, fact{"Severity", text(r.Severity)}, fact{"Mode", text(r.Mode)}, fact{"State", text(r.stateWords())},
		fact{"Outcome", text(string(r.Outcome))}, fact{"Opened", number(instant(r.OpenedAt))}, fact{"Closed", number(closed)},
		fact{"Page", cell{Text: r.URL, Link: r.URL}}, fact{"Written", number(instant(r.GeneratedAt))},
		fact{"Times", text("all UTC; those without a date are of " + r.OpenedAt.UTC().Format(time.DateOnly))},
	)
}

// at is a time on the day of the opening, or a whole one; none stands for no time.
func (r *Report) at(t time.Time, none string) cell {
	switch {
	case t.IsZero():
		return number(none)
	case t.UTC().Format(time.DateOnly) == r.OpenedAt.UTC().Format(time.DateOnly):
		return number(clockTime(t))
	}
	return number(t.UTC().Format(time.DateTime))
}

func (r *Report) blankSection() section {
	s := section{Title: "To be filled in by people", ForPeople: true, Blocks: []block{
		{Text: "rollbackd does not know these, and makes nothing up."},
	}}
	for _, b := range r.ForPeople {
		s.Blocks = append(s.Blocks, block{Heading: b.Title}, block{Blank: b.Hint})
	}
	return s
}
