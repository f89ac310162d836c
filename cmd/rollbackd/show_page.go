package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rollbackd/rollbackd/incident"
)

// incidentPage is one incident as people read it.
func (a *app) incidentPage(i *incident.Incident) *page {
	p := a.page()
	p.line("%s", p.bold(headline(i)))
	p.facts(
		"opened", instant(i.OpenedAt),
		"closed", instant(i.ClosedAt),
		"outcome", string(i.Outcome),
		"your id", i.ExternalID,
		"asked by", i.AskedBy,
		"acked by", i.AckedBy,
		"vetoed by", i.VetoedBy,
		"group", i.Group,
		"rehearses", rehearsed(i.Rehearses),
	)
	p.heading("why")
	p.decision(i.Decision, nextAct(i, p.now))
	p.people(i)
	p.members(i.Members)
	if len(i.Triggers) > 0 {
		p.heading("triggers")
		p.table("  ", evidenceRows(i.Triggers))
	}
	if i.Deployment != nil {
		p.heading("deployment")
		p.line("  %s", plain(deploymentText(i.Deployment)))
	}
	for _, run := range i.EarlierRollbacks {
		p.run(run, i.Timeline)
	}
	if i.Rollback != nil {
		p.run(i.Rollback, i.Timeline)
	}
	p.captures(i.Captures)
	if i.Verification.State != "" {
		p.heading("verification %s", i.Verification.State)
		p.facts("from", instant(i.Verification.From), "at the latest", instant(i.Verification.Until), "result", i.Verification.Reason)
	}
	p.heading("timeline (UTC)")
	p.table("  ", timelineRows(i.Timeline))
	return p
}

// headline names an incident in a line.
func headline(i *incident.Incident) string {
	words := []string{i.ID, i.Service, string(i.State), i.Severity.String(), i.Mode}
	if of := i.Rehearses; of != nil {
		words = append(words, "rehearsal for "+of.Service)
	}
	return strings.Join(words, " · ")
}

// responseText is the response, and that it does not come about where it is held.
func responseText(d incident.Decision) string {
	if d.State == incident.Held {
		return d.Response.String() + ", but held"
	}
	return d.Response.String()
}

// decision says what was decided, what holds it, and what would release it.
// next is what happens by itself, and when; empty where nothing does.
func (p *page) decision(d incident.Decision, next string) {
	p.facts(
		"next", next,
		"response", responseText(d),
		"reason", d.Reason,
		"held by", string(d.HeldBy),
		"releases when", d.ReleasesWhen,
		"target", d.Target,
		"scope", d.Scope,
		"plan", d.PlanHash,
	)
	for _, h := range d.Caps {
		p.facts("lowered by", strings.TrimPrefix(string(h.Guard)+": "+h.Reason, ": "), "until", h.ReleasesWhen)
	}
	if len(d.Holds) < 2 {
		return
	}
	rows := [][]string{{"ALL THAT HOLDS", "REASON", "RELEASES WHEN"}}
	for _, h := range d.Holds {
		rows = append(rows, []string{string(h.Guard), h.Reason, h.ReleasesWhen})
	}
	p.table("  ", rows)
}

func evidenceRows(triggers []incident.Evidence) [][]string {
	rows := [][]string{{"NAME", "WHEN", "VALUE", "THRESHOLD", "SEVERITY", "SINCE", "FIRED", "CLEARED"}}
	for _, t := range triggers {
		rows = append(rows, []string{
			t.Name, t.When, measured{t.ValueText, t.Value, t.HasValue, "", t.SaidBy != ""}.String(), t.Threshold, t.Severity.String(), instant(t.Since), instant(t.FiredAt), instant(t.ClearedAt),
		})
	}
	return rows
}

// run adds one rollback with its steps. The timeline says why it was begun.
func (p *page) run(r *incident.Run, timeline []incident.Moment) {
	p.heading("%s", strings.Join([]string{"rollback " + arrow(r.From, r.To), string(r.State), elapsed(r, p.now)}, " · "))
	p.facts(
		"begun by", r.By, "because", cause(r, timeline), "scope", r.Scope, "waits", waiting(r), "stopped", r.Stopping,
		"ended", ending(r), "recovered", recoveredAfter(r),
	)
	p.table("  ", stepRows(r.All()))
	for _, s := range r.All() {
		for _, a := range s.Approvals {
			p.line("  %s: %s", plain(titleOf(s)), plain(yes(a)))
		}
		if s.State != incident.StepFailed && s.State != incident.StepUncertain {
			continue
		}
		p.line("  %s: %s", plain(titleOf(s)), plain(s.Error))
		p.quote(s.Output)
	}
}

// quote adds what a step or a capture wrote.
func (p *page) quote(output string) {
	for line := range strings.Lines(output) {
		p.line("    | %s", plain(strings.TrimRight(line, "\r\n")))
	}
}

// stepRows are the steps of a run; their units only where one has any.
func stepRows(steps []incident.StepRun) [][]string {
	rows := [][]string{{"STEP", "PART", "PHASE", "STATE", "ATTEMPTS", "TOOK", "EXIT"}}
	units := slices.ContainsFunc(steps, func(s incident.StepRun) bool { return s.Unit != "" })
	if units {
		rows[0] = slices.Insert(rows[0], 1, "UNIT")
	}
	for _, s := range steps {
		row := []string{s.Name, string(s.Section), s.Phase, string(s.State), fmt.Sprint(s.Attempts), stepTook(s), exitText(s.ExitCode)}
		if units {
			row = slices.Insert(row, 1, s.Unit)
		}
		rows = append(rows, row)
	}
	return rows
}

// waiting is what a run waits for before its first change; empty when that is over.
func waiting(r *incident.Run) string {
	if r.Changed || r.State.Ended() {
		return ""
	}
	return r.Waiting
}

// recoveredAfter is the step after which the rest of the plan was not needed.
func recoveredAfter(r *incident.Run) string {
	if r.Enough == nil {
		return ""
	}
	return "after " + titleOf(incident.StepRun{Name: r.Enough.Name, Unit: r.Enough.Unit}) + ": the steps after it were not needed"
}

// cause is why a rollback was begun: the last decision before it.
func cause(r *incident.Run, timeline []incident.Moment) string {
	text := ""
	for _, m := range timeline {
		if m.At.After(r.DecidedAt) {
			break
		}
		if m.Kind == incident.KindDecided || m.Kind == incident.KindApproved {
			text = m.Text
		}
	}
	return text
}

// ending is how a rollback ended; empty while it goes on.
func ending(r *incident.Run) string {
	if !r.State.Ended() {
		return ""
	}
	text := string(r.State)
	if r.Reason != "" {
		text += ": " + r.Reason
	}
	return text
}

// elapsed is how long a rollback took, or takes until now, against its SLA.
func elapsed(r *incident.Run, now time.Time) string {
	took := seconds(r.DurationSeconds)
	if r.EndedAt.IsZero() {
		took = span(now.Sub(r.DecidedAt).Truncate(time.Second))
	}
	if r.SLASeconds > 0 {
		took += " of " + seconds(r.SLASeconds)
	}
	return took
}

func stepTook(s incident.StepRun) string {
	if s.StartedAt.IsZero() || s.EndedAt.IsZero() {
		return ""
	}
	return span(s.EndedAt.Sub(s.StartedAt))
}

func exitText(code *int) string {
	if code == nil {
		return ""
	}
	return fmt.Sprint(*code)
}

func timelineRows(moments []incident.Moment) [][]string {
	rows := [][]string{{"AT", "WHAT", "WHO", "TEXT"}}
	for _, m := range moments {
		rows = append(rows, []string{m.At.UTC().Format(time.DateTime), string(m.Kind), m.Actor, m.Text})
	}
	return rows
}
