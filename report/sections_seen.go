package report

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/rollbackd/rollbackd/chart"
	"github.com/rollbackd/rollbackd/incident"
)

// triggerSection is what fired, and the evidence.
func (r *Report) triggerSection() section {
	s := section{Title: "Trigger analysis"}
	if len(r.Triggers) == 0 {
		s.Blocks = []block{{Text: "No trigger had fired: a person asked for the rollback."}}
		return s
	}
	t := &table{Heads: []string{"Trigger", "When", "Severity", "Value", "Threshold", "Onset", "Fired", "Cleared"}}
	for _, one := range r.Triggers {
		t.Rows = append(t.Rows, []cell{
			text(one.Name), code(one.When), text(one.Severity.String()), number(valueOf(one.Evidence)), number(one.Threshold),
			r.at(one.Since, NotKnown), r.at(one.FiredAt, NotKnown), r.at(one.ClearedAt, "–"),
		})
	}
	s.Blocks = append(s.Blocks, block{Table: t})
	for _, one := range r.Triggers {
		s.Blocks = append(s.Blocks, r.evidence(one)...)
	}
	if d := r.Deployment; d != nil {
		s.Blocks = append(s.Blocks, block{Heading: "Deployment"}, block{Facts: r.deploymentFacts(d)})
	}
	return s
}

// evidence is what one trigger showed.
func (r *Report) evidence(one Trigger) []block {
	blocks := []block{{Heading: "Evidence: " + one.Name}}
	if one.FromNoData {
		blocks = append(blocks, block{Text: "It fired because there was no data, and no_data says that this is a breach."})
	}
	if one.SaidBy != "" {
		blocks = append(blocks, block{Text: "Said by " + one.SaidBy + "."})
	}
	c, drawn := EvidenceChart(r.inc, one.Name)
	if drawn && one.Name != r.Detection.Trigger { // that one is drawn right below the summary
		blocks = append(blocks, block{Chart: &c})
	}
	if one.Samples == nil || len(one.Samples.Points) == 0 {
		return append(blocks, block{Text: "No samples are on record.", Soft: true})
	}
	shown, left := samplesAround(*one.Samples, one.Evidence)
	blocks = append(blocks, block{Table: sampleTable(*one.Samples, shown, drawn)})
	if left > 0 {
		blocks = append(blocks, block{Text: fmt.Sprintf("%s more before and after; --format json has all.", counted(left, "sample")), Soft: true})
	}
	return blocks
}

// The samples that a table shows: a few before the onset, and at most so many.
const (
	samplesBefore = 3
	maxSamples    = 24
)

// samplesAround are the samples that show why the trigger fired: from shortly
// before its onset to right after its firing.
func samplesAround(s incident.Series, ev incident.Evidence) (shown []incident.Point, left int) {
	from := slices.IndexFunc(s.Points, func(p incident.Point) bool { return !p.At.Before(ev.Since) })
	from = max(0, from-samplesBefore)
	to := len(s.Points)
	if i := slices.IndexFunc(s.Points, func(p incident.Point) bool { return p.At.After(ev.FiredAt) }); i >= 0 && !ev.FiredAt.IsZero() {
		to = min(len(s.Points), i+1)
	}
	to = min(to, from+maxSamples)
	return s.Points[from:to], len(s.Points) - (to - from)
}

func sampleTable(s incident.Series, points []incident.Point, drawn bool) *table {
	t := &table{Heads: []string{"At (UTC)", "Value", "Is"}, Samples: drawn, Tight: true}
	for _, p := range points {
		value := "unknown"
		if p.Value != nil {
			value = chart.Unit(s.Unit).Format(*p.Value)
		}
		t.Rows = append(t.Rows, []cell{number(clockTime(p.At)), number(value), text(p.Truth)})
	}
	return t
}

// valueOf is what a trigger showed when it fired.
func valueOf(ev incident.Evidence) string {
	switch {
	case ev.ValueText != "":
		return ev.ValueText
	case ev.HasValue:
		return strconv.FormatFloat(ev.Value, 'g', 6, 64)
	}
	return NotKnown
}

func (r *Report) deploymentFacts(d *incident.Deployment) []fact {
	started := r.at(d.StartedAt, NotKnown)
	if d.FirstLook {
		started.Text = "it was running when rollbackd first looked"
	}
	if d.Rolling {
		started.Text += ", still rolling out"
	}
	return facts(
		fact{"Version", text(d.Version)}, fact{"Previous", text(d.Previous)}, fact{"Started", started}, fact{"By", text(d.By)},
		fact{"Change", text(d.Change)}, fact{"Link", text(d.URL)}, fact{"Known from", text(d.Source)},
	)
}

// partName is a part of the detection delay in people's words.
func partName(part string) string {
	return strings.ToUpper(part[:1]) + strings.ReplaceAll(part[1:], "_", " ")
}

// detectionSection is where the time went before anything was done.
func (r *Report) detectionSection() section {
	d := r.Detection
	if len(d.Parts) == 0 {
		return section{}
	}
	t := &table{Heads: []string{"Part", "Took", "What it is"}}
	for _, p := range d.Parts {
		took := seconds(p.Seconds)
		if len(r.Rollbacks) == 0 && (p.Part == "waiting" || p.Part == "action") {
			took = "–" // there was none: that is known
		}
		t.Rows = append(t.Rows, []cell{text(partName(p.Part)), number(took), text(p.Text)})
	}
	total := "From the onset to the first step: " + seconds(d.TotalSeconds) + "."
	if len(r.Rollbacks) == 0 {
		total = "No rollback was begun, so there is no time to a first step."
	}
	return section{Title: "Detection delay", Blocks: []block{
		{Text: fmt.Sprintf("%s Counted for %s, the trigger that fired first.", total, d.Trigger)}, {Table: t},
	}}
}

// stateSection is how things were before anything was changed.
func (r *Report) stateSection() section {
	s := section{Title: "State before"}
	for _, c := range r.CapturedState {
		s.Blocks = append(s.Blocks, outputOf(fmt.Sprintf("%s, %s at %s", c.Name, resultWords(c.State, c.ExitCode), clockTime(c.At)), c.Output, c.Error))
	}
	if len(s.Blocks) == 0 {
		s.Blocks = []block{{Text: "Nothing was captured.", Soft: true}}
	}
	return s
}

// outputOf is what a program wrote, or why it wrote nothing.
func outputOf(title, written, problem string) block {
	shown, note := ending(written)
	if shown == "" {
		shown = problem
	} else if problem != "" {
		title += ": " + problem
	}
	if shown == "" {
		shown = "(it wrote nothing)"
	}
	return block{Output: &output{Title: title, Text: shown, Note: note}}
}

func resultWords(state incident.StepState, code *int) string {
	if code == nil || *code == 0 {
		return string(state)
	}
	return fmt.Sprintf("%s, exit %d", state, *code)
}
