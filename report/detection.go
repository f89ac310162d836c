package report

import (
	"fmt"
	"slices"
	"time"

	"github.com/rollbackd/rollbackd/incident"
)

// windowSeconds is the time that a trigger's hold asked for. A hold in samples has
// no length of its own: it is as long as those that it took. Nil where the record
// does not say.
func windowSeconds(ev incident.Evidence) *float64 {
	spanned := between(ev.Since, ev.FiredAt)
	if spanned == nil {
		return nil
	}
	if asked := ev.Length.Seconds(); asked < *spanned {
		return &asked
	}
	return spanned
}

// detectionOf takes the delay from the first onset to the first change apart, by
// recorded times only.
func detectionOf(inc *incident.Incident) Detection {
	ev, found := firstFired(inc)
	if !found {
		return Detection{Parts: []Part{}}
	}
	run, decided := firstRun(inc), firstDecision(inc)
	d := Detection{Trigger: ev.Name, Onset: ev.Since}
	d.Parts = []Part{windowPart(ev), scrapePart(), pollPart(inc, ev), decisionPart(ev, decided), waitingPart(run, decided), actionPart(run)}
	if run != nil {
		d.TotalSeconds = between(ev.Since, firstChange(run))
	}
	return d
}

// firstFired is the trigger that fired first.
func firstFired(inc *incident.Incident) (first incident.Evidence, found bool) {
	for _, ev := range inc.Triggers {
		if ev.FiredAt.IsZero() || found && !ev.FiredAt.Before(first.FiredAt) {
			continue
		}
		first, found = ev, true
	}
	return first, found
}

func firstRun(inc *incident.Incident) *incident.Run {
	for _, run := range runsOf(inc) {
		return run
	}
	return nil
}

// firstDecision is when the first decision about an incident was made.
func firstDecision(inc *incident.Incident) time.Time {
	for _, m := range inc.Timeline {
		if m.Kind == incident.KindDecided {
			return m.At
		}
	}
	return time.Time{}
}

// firstChange is when the first step of a run began that is not a mere check; zero
// where none did.
func firstChange(run *incident.Run) time.Time {
	looking := []incident.Section{incident.SectionPrepare, incident.SectionChecks, incident.SectionReversible}
	var first time.Time
	for _, s := range run.All() {
		if slices.Contains(looking, s.Section) {
			continue
		}
		if s.State != incident.StepSkipped && !s.StartedAt.IsZero() && (first.IsZero() || s.StartedAt.Before(first)) {
			first = s.StartedAt
		}
	}
	return first
}

func windowPart(ev incident.Evidence) Part {
	p := Part{Part: "window", Seconds: windowSeconds(ev), Text: "what the trigger's hold asks for before it may fire"}
	if p.Seconds == nil {
		p.Text = "when the breach began is not on record"
	}
	return p
}

// scrapePart is never known: an answer of Prometheus says for which instant it was
// asked, and not how old the newest scrape in it is.
func scrapePart() Part {
	return Part{Part: "scrape_lag", Text: "Prometheus does not say how old the newest scrape in an answer was"}
}

// pollPart is what the trigger took beyond its window. How long the breach was
// there before the first tick that saw it is bounded by the tick before.
func pollPart(inc *incident.Incident, ev incident.Evidence) Part {
	window, spanned := windowSeconds(ev), between(ev.Since, ev.FiredAt)
	if window == nil || spanned == nil {
		return Part{Part: "poll_lag", Text: "when the breach began is not on record"}
	}
	beyond := *spanned - *window
	p := Part{Part: "poll_lag", Seconds: &beyond, Text: "how much later than its full window the trigger fired"}
	if before := lastOKBefore(inc, ev); !before.IsZero() {
		p.Text += fmt.Sprintf("; the breach itself began at most %s before its onset was seen", span(ev.Since.Sub(before)))
	}
	return p
}

// lastOKBefore is the last tick before the onset at which the trigger was known ok.
func lastOKBefore(inc *incident.Incident, ev incident.Evidence) time.Time {
	var last time.Time
	for _, s := range inc.Samples {
		if s.Trigger != ev.Name {
			continue
		}
		for _, p := range s.Points {
			if p.Truth == "ok" && p.At.Before(ev.Since) && p.At.After(last) {
				last = p.At
			}
		}
	}
	return last
}

func decisionPart(ev incident.Evidence, decided time.Time) Part {
	p := Part{Part: "decision", Seconds: between(ev.FiredAt, decided), Text: "from firing to the first decision"}
	if p.Seconds == nil {
		p.Text = "no decision is on record"
	}
	return p
}

func waitingPart(run *incident.Run, decided time.Time) Part {
	if run == nil {
		return Part{Part: "waiting", Text: "no rollback was begun"}
	}
	return Part{
		Part: "waiting", Seconds: between(decided, run.StartedAt),
		Text: "from the first decision to the rollback: reading once more, a countdown, people, or a guard",
	}
}

func actionPart(run *incident.Run) Part {
	if run == nil {
		return Part{Part: "action", Text: "no rollback was begun"}
	}
	p := Part{Part: "action", Seconds: between(run.StartedAt, firstChange(run)), Text: "from the rollback's start to its first step, its checks included"}
	if p.Seconds == nil {
		p.Text = "no step was begun"
	}
	return p
}
