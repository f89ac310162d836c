package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"

	"github.com/rollbackd/rollbackd/incident"
)

// rehearsalPage is what a rehearsal found, as people read it: first what is wrong.
func (a *app) rehearsalPage(r incident.RehearsalReport) *page {
	p := a.page()
	title := []string{r.Service, "plan " + r.Plan + " (" + r.PlanHash + ")"}
	if r.Scope != "" {
		title = append(title, "scope "+r.Scope)
	}
	if way := arrow(r.From, r.To); way != "" {
		title = append(title, way)
	}
	p.line("%s", p.bold(plain(strings.Join(title, " · "))))
	p.facts("before", rehearsalText(r.Before))
	p.line("")
	p.table("", findingRows(r.Lines))
	p.previews(r.Steps)
	p.estimate(r.Time)
	p.heading("what holds a rollback at present (it comes and goes, and is no problem of the plan)")
	if len(r.Person) == 0 {
		p.line("  a person's: nothing")
	}
	for _, h := range r.Person {
		p.line("  a person's: %s: %s", h.Guard, plain(h.Reason))
	}
	p.line("  an automatic one, for a critical breach that began now:")
	p.decision(r.Automatic, "")
	p.line("")
	p.line("%s", p.bold(verdict(r)))
	return p
}

// verdict is the last line: what it comes to.
func verdict(r incident.RehearsalReport) string {
	text := "no problem was found"
	if r.Problems > 0 {
		text = count(r.Problems, "problem")
	}
	if r.NotKnown > 0 {
		text += fmt.Sprintf("; %s not known", count(r.NotKnown, "thing"))
	}
	if r.NotRecorded != "" {
		return text + "; NOT ON RECORD, so it does not count: " + plain(r.NotRecorded)
	}
	return text + "; nothing was changed; on record"
}

// findingRows are the lines of a rehearsal, problems first: they are what somebody
// has to mend.
func findingRows(lines []incident.RehearsalLine) [][]string {
	rank := func(l incident.RehearsalLine) int {
		return slices.Index([]incident.Finding{incident.FindingProblem, incident.FindingNotKnown, incident.FindingOK}, l.Found)
	}
	lines = slices.Clone(lines)
	slices.SortStableFunc(lines, func(a, b incident.RehearsalLine) int { return rank(a) - rank(b) })
	rows := [][]string{{"FOUND", "ABOUT", "NAME", "WHY"}}
	for _, l := range lines {
		rows = append(rows, []string{strings.ReplaceAll(string(l.Found), "_", " "), l.About, l.Name, l.Why})
	}
	return rows
}

// previews adds what each step would do, in the order in which they would run.
func (p *page) previews(steps []incident.StepPreview) {
	p.heading("what it would do")
	for _, s := range steps {
		title := []string{string(s.Section), titleOf(incident.StepRun{Name: s.Name, Unit: s.Unit})}
		if s.Phase != "" {
			title = append(title, "phase "+s.Phase)
		}
		p.line("  %s", plain(strings.Join(append(title, limits(s)...), " · ")))
		for _, line := range s.Does {
			p.line("    %s", plain(line))
		}
		if s.Problem != "" {
			p.line("    cannot be shown: %s", plain(s.Problem))
		}
		for _, beside := range [][2]string{{"if", s.If}, {"probe", s.Probe}} {
			if beside[1] != "" {
				p.line("    %s: %s", beside[0], plain(beside[1]))
			}
		}
	}
}

// limits are how long a step may take, how often it is tried, and who is asked.
func limits(s incident.StepPreview) []string {
	var words []string
	if s.Kind != "wait" && s.TimeoutSeconds > 0 {
		words = append(words, "at most "+whole(s.TimeoutSeconds))
	}
	if s.Retries > 0 {
		words = append(words, fmt.Sprintf("tried again %d times", s.Retries))
	}
	if s.OnFailure != "" && s.OnFailure != "stop" {
		words = append(words, "on failure "+s.OnFailure)
	}
	if s.SoakSeconds > 0 {
		words = append(words, "soak "+whole(s.SoakSeconds))
	}
	if s.EnoughSeconds > 0 {
		words = append(words, "enough within "+whole(s.EnoughSeconds))
	}
	for _, role := range slices.Sorted(maps.Keys(s.Approval)) {
		words = append(words, needed([]incident.Need{{Role: role, Count: s.Approval[role]}}))
	}
	return words
}

// estimate adds how long it is likely to take.
func (p *page) estimate(t incident.TimeEstimate) {
	p.heading("how long it is likely to take, decision to verified")
	measured := "no run has been measured"
	if n := len(t.Measured); n > 0 {
		measured = fmt.Sprintf("%s (%s measured; the slowest took %s)", whole(t.ExpectedSeconds), count(n, "run"), whole(t.SlowestSeconds))
	}
	p.facts(
		"expected", measured,
		"at least", whole(t.LeastSeconds)+", by waits, soaks and verification alone",
		"at most", whole(t.WorstSeconds)+", if everything takes as long as it may",
		"SLA", optional(t.SLASeconds),
		"timeout", optional(t.TimeoutSeconds),
	)
}

func optional(seconds float64) string {
	if seconds <= 0 {
		return ""
	}
	return whole(seconds)
}

// whole is a length of time without fractions of a second.
func whole(seconds float64) string {
	return model.Duration(time.Duration(seconds * float64(time.Second)).Round(time.Second)).String()
}

// rehearsalText is a rehearsal in a line: how old, by whom, and what it found.
func rehearsalText(r *incident.RehearsalView) string {
	if r == nil {
		return ""
	}
	text := rehearsalAge(r) + " ago by " + r.By
	switch {
	case r.In != "":
		text += fmt.Sprintf(", in %s: %s after %s", r.In, r.State, whole(r.TookSeconds))
	case r.OK:
		text += ": no problem"
	default:
		text += ": " + count(r.Problems, "problem")
		if r.Problem != "" {
			text += ", the first: " + r.Problem
		}
	}
	if r.Stale != "" {
		text += " (does not count: " + r.Stale + ")"
	}
	return text
}

// rehearsed says whose plan a rollback rehearses; empty where it is in earnest.
func rehearsed(of *incident.RehearsalOf) string {
	switch {
	case of == nil:
		return ""
	case of.Plan != "":
		return "plan " + of.Plan + " of " + of.Service
	}
	return "the plan of " + of.Service
}

// rehearsalAge is how old a rehearsal is, in days once it is that.
func rehearsalAge(r *incident.RehearsalView) string {
	const day = 24 * time.Hour
	age := time.Duration(r.AgeSeconds * float64(time.Second))
	if age >= day {
		age = age.Truncate(day)
	}
	return whole(age.Seconds())
}

// rehearsalWord is a rehearsal for a list of services.
func rehearsalWord(r *incident.RehearsalView) string {
	switch {
	case r == nil:
		return ""
	case !r.OK:
		return rehearsalAge(r) + " ago, " + count(r.Problems, "problem")
	case r.Stale != "":
		return rehearsalAge(r) + " ago, stale"
	}
	return rehearsalAge(r) + " ago"
}
