package report

import (
	"fmt"
	"strings"
	"time"

	"github.com/rollbackd/rollbackd/incident"
)

// Audience is for whom a draft is written.
type Audience string

// The audiences of drafts.
const (
	Customers  Audience = "customers"
	Executives Audience = "executives"
	Support    Audience = "support"
)

// Audiences are all audiences.
func Audiences() []Audience { return []Audience{Customers, Executives, Support} }

// Draft is a short text that a person may send after having made it their own.
// rollbackd never sends it. What people must add stands in square brackets. The
// one for customers names no version, no person and nothing internal, the
// service's own name included.
func (r *Report) Draft(a Audience) string {
	var lines []string
	switch a {
	case Executives:
		lines = r.forExecutives()
	case Support:
		lines = r.forSupport()
	case Customers:
		lines = r.forCustomers()
	}
	head := fmt.Sprintf("DRAFT – not sent (for %s)\n\n", a)
	return head + strings.Join(lines, "\n\n") + "\n"
}

// ended is whether the trouble is over, as far as the record says.
type ended int

const (
	goesOn      ended = iota // the incident is open
	over                     // it was seen to be well
	nobodyKnows              // somebody closed it while it was not
)

// trouble is the time in which the service was not well, as far as is known.
type trouble struct {
	from, to time.Time
	ended    ended
}

func (r *Report) trouble() trouble {
	t := trouble{from: r.OpenedAt}
	cleared := len(r.Triggers) > 0
	for _, one := range r.Triggers {
		if !one.Since.IsZero() && one.Since.Before(t.from) {
			t.from = one.Since
		}
		if one.ClearedAt.After(t.to) {
			t.to = one.ClearedAt
		}
		cleared = cleared && !one.ClearedAt.IsZero()
	}
	well := r.Outcome == incident.RolledBack || r.Outcome == incident.Recovered
	switch {
	case r.State != incident.Closed:
	case well, r.wellInPart(), cleared && r.Outcome != incident.Unresolved:
		t.ended = over
	default:
		t.ended = nobodyKnows
	}
	if t.to.Before(t.from) {
		t.to = r.ClosedAt
	}
	return t
}

// wellInPart tells whether an incident was closed because its service was well,
// after a rollback that was not finished: one that a person closed, or that stood
// down for a newer deployment, was not seen to be well.
func (r *Report) wellInPart() bool {
	run := r.inc.Rollback
	if r.Outcome != incident.Unresolved || run == nil || run.State == incident.RunCompleted || !r.ClosedAt.After(run.EndedAt) {
		return false
	}
	for _, m := range r.inc.Timeline {
		if m.Kind == incident.KindClosed && m.Actor == "rollbackd" && m.At.Equal(r.ClosedAt) {
			return true
		}
	}
	return false
}

// during says from when to when, in the minutes that people outside care for; the
// end's minute is a full one.
func (t trouble) during() string {
	const day = "2 January 2006, 15:04"
	from, to := t.from.UTC(), t.until()
	switch {
	case t.ended != over:
		return "Since " + from.Format(day) + " UTC"
	case from.Format(time.DateOnly) == to.Format(time.DateOnly):
		return fmt.Sprintf("From %s to %s UTC", from.Format(day), to.Format("15:04"))
	}
	return fmt.Sprintf("From %s to %s UTC", from.Format(day), to.Format(day))
}

// until is the end, rounded up to the minute.
func (t trouble) until() time.Time {
	return t.to.UTC().Add(time.Minute - time.Nanosecond).Truncate(time.Minute)
}

// checkFirst reminds whoever sends a draft that the record does not say whether it
// is over.
const checkFirst = "[Find out first whether it is over: the incident was closed before that was seen.]"

func (r *Report) forCustomers() []string {
	t := r.trouble()
	standing, said := "being looked into", []string{
		t.during() + " [the service] may not be working as it should for some of you. [What you may notice, in your words.]",
		"We are working on it, and will tell you more by [time].",
	}
	switch t.ended {
	case over:
		standing, said = "resolved", []string{
			t.during() + " [the service] may not have worked as it should for some of you. [What you may have noticed, in your words.]",
			"This is over. We are sorry for the trouble.",
		}
	case nobodyKnows:
		said = append([]string{checkFirst}, said...)
	case goesOn:
	}
	lines := append([]string{"Subject: [the name that customers know the service by]: " + standing}, said...)
	return append(lines, "[Whether anybody has to do something, and where to ask.]")
}

func (r *Report) forExecutives() []string {
	t := r.trouble()
	standing := map[ended]string{goesOn: "It is not over yet.", over: "It is over.", nobodyKnows: checkFirst}[t.ended]
	lines := []string{
		fmt.Sprintf("Subject: %s, %s", line(r.Service), r.result()),
		fmt.Sprintf("%s the service %s was not well (severity %s). %s", t.during(), line(r.Service), r.Severity, standing),
		"What was done: " + r.inShort(),
		"Impact: " + r.impactWords(),
	}
	if r.SLA.Met != nil {
		lines = append(lines, fmt.Sprintf("Agreed time for a rollback, until it is seen to have helped: %s; %s.", seconds(r.SLA.SLASeconds), r.slaWords()))
	}
	return append(lines, "[Cost, if known.] [Cause, once found.] [What will be done so that it does not happen again, by whom, until when.]")
}

// inShort is what was done, without versions and steps.
func (r *Report) inShort() string {
	run := r.inc.Rollback
	if run == nil {
		return "nothing was rolled back."
	}
	how := "a person had the latest change rolled back"
	if run.Automatic {
		how = "the latest change was rolled back automatically"
	}
	switch run.State {
	case incident.RunCompleted:
		return how + ", and the service was seen to be well afterwards."
	case incident.RunPartial:
		if doneSteps(run) == 0 {
			return "a rollback was begun and failed before any step of it was done; whether anything was changed is not known, and people are needed."
		}
		return how + " in part; that it helped is not verified, and people are needed."
	case incident.RunBlocked:
		return "a rollback was begun and could not go ahead; nothing was changed."
	case incident.RunAborted:
		return "a rollback was begun and stopped; nothing was changed."
	case incident.RunPlanned, incident.RunChecking, incident.RunRunning, incident.RunVerifying:
	}
	return "a rollback is under way."
}

// doneSteps is how many of the plan's own steps are done.
func doneSteps(run *incident.Run) int {
	n := 0
	for _, s := range run.Steps {
		if s.Section == incident.SectionSteps && s.State == incident.StepDone {
			n++
		}
	}
	return n
}

// slaWords is how the time that was agreed was kept. It runs until the rollback is
// verified: one that failed quickly has not kept it.
func (r *Report) slaWords() string {
	took := seconds(r.SLA.DurationSeconds)
	run := r.inc.Rollback
	switch {
	case r.SLA.Met != nil && *r.SLA.Met:
		return "taken " + took + ": kept"
	case run != nil && run.State.Ended() && run.State != incident.RunCompleted:
		return "ended " + string(run.State) + " after " + took + " and was never verified: not kept"
	}
	return "taken " + took + ": missed"
}

func (r *Report) impactWords() string {
	text := strings.TrimSuffix(strings.TrimPrefix(r.whatItCost(), "Impact: "), ".")
	if r.Impact.Problem != "" && text == NotKnown {
		text += " (" + line(r.Impact.Problem) + ")"
	}
	return text + "."
}

func (r *Report) forSupport() []string {
	t := r.trouble()
	lines := []string{
		fmt.Sprintf("Subject: %s: %s (incident %s)", line(r.Service), r.result(), r.Incident),
		fmt.Sprintf("%s %s was not well. [What customers see, and how to recognise such a report.]", t.during(), line(r.Service)),
		"What was seen: " + r.seenWords(),
	}
	switch t.ended {
	case over:
		lines = append(lines, "It is over: reports from after "+t.until().Format("15:04")+" UTC are something else. Ask for the exact time, and escalate those.")
	case goesOn:
		lines = append(lines, "It is not over. Tell customers that we are working on it; promise no time. [A way around it, if there is one.]")
	case nobodyKnows:
		lines = append(lines, checkFirst)
	}
	lines = append(lines, "Impact: "+r.impactWords())
	if r.URL != "" {
		lines = append(lines, "For you, not for customers: "+r.URL)
	}
	return lines
}

// seenWords are the triggers that fired, in a line.
func (r *Report) seenWords() string {
	var seen []string
	for _, one := range r.Triggers {
		seen = append(seen, line(fmt.Sprintf("%s (%s) at %s since %s UTC", one.Name, one.When, valueOf(one.Evidence), clockTime(one.Since))))
	}
	if len(seen) == 0 {
		return "no trigger fired; a person asked for a rollback."
	}
	return strings.Join(seen, "; ") + "."
}
