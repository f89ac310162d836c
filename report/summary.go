package report

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rollbackd/rollbackd/incident"
)

// summary is what happened in ten seconds' reading.
func (r *Report) summary() Summary {
	s := Summary{Headline: r.headline()}
	for _, sentence := range []string{r.whatBroke(), r.whatWasDone(), r.whatHeldIt(), r.howItEnded(), r.whatItCost()} {
		if sentence != "" {
			s.Sentences = append(s.Sentences, sentence)
		}
	}
	return s
}

// headline is the service, what became of it, and the way of its rollback.
func (r *Report) headline() string {
	text := r.Service + ": " + r.result()
	if run := r.inc.Rollback; run != nil {
		if way := fromTo(run.From, run.To); way != "" {
			text += ", " + way
		}
	}
	if r.Mode == "shadow" {
		text += " (shadow: nothing was done)"
	}
	return text
}

// result is an incident's state in a few words.
func (r *Report) result() string {
	switch r.Outcome {
	case incident.RolledBack:
		return "rolled back, verified"
	case incident.Recovered:
		return "recovered, nothing was changed"
	case incident.Vetoed:
		return "vetoed, then closed"
	case incident.FixedForward:
		return "fixed forward"
	case incident.Unresolved:
		if r.wellInPart() {
			return fmt.Sprintf("well again, with a rollback that is %s and was never verified", r.inc.Rollback.State)
		}
		return "closed as unresolved: something was changed and is not verified"
	}
	if run := r.inc.Rollback; run != nil && run.State.Ended() && run.State != incident.RunCompleted {
		return fmt.Sprintf("rollback %s, %s", run.State, r.stateWords())
	}
	return r.stateWords()
}

func (r *Report) stateWords() string {
	if r.State == incident.Held && r.Decision.HeldBy != "" {
		return "held by " + string(r.Decision.HeldBy)
	}
	return strings.ReplaceAll(string(r.State), "_", " ")
}

func (r *Report) whatBroke() string {
	ev, found := firstFired(r.inc)
	if !found {
		if r.inc.AskedBy != "" {
			return fmt.Sprintf("%s asked for a rollback; no trigger had fired.", r.inc.AskedBy)
		}
		return ""
	}
	text := fmt.Sprintf("%s (%s) fired at %s", ev.Name, ev.When, instant(ev.FiredAt))
	if ev.ValueText != "" {
		text += ", at " + ev.ValueText
	}
	if more := len(r.Triggers) - 1; more > 0 {
		text += fmt.Sprintf(", with %s more", counted(more, "trigger"))
	}
	return text + r.afterDeployment(ev.Since) + "."
}

// afterDeployment says how long after the deployment a breach began.
func (r *Report) afterDeployment(onset time.Time) string {
	d := r.Deployment
	if d == nil || d.FirstLook {
		return ""
	}
	after := between(d.StartedAt, onset)
	switch {
	case after == nil && !onset.IsZero():
		return fmt.Sprintf("; the breach had begun before %s was deployed at %s", d.Version, instant(d.StartedAt))
	case after == nil:
		return fmt.Sprintf("; %s was deployed at %s", d.Version, instant(d.StartedAt))
	}
	text := fmt.Sprintf("; the breach began %s after %s was deployed", seconds(after), d.Version)
	if d.By != "" {
		text += " by " + d.By
	}
	return text
}

func (r *Report) whatWasDone() string {
	run := r.inc.Rollback
	if run == nil {
		if r.State == incident.Closed {
			return "No rollback was begun."
		}
		return ""
	}
	text := fmt.Sprintf("%s began a rollback %s at %s", by(run.By), fromTo(run.From, run.To), instant(run.StartedAt))
	if earlier := len(r.inc.EarlierRollbacks); earlier > 0 {
		text += fmt.Sprintf(", after %s", counted(earlier, "earlier one"))
	}
	switch {
	case !run.State.Ended():
		return text + fmt.Sprintf("; it is %s.", run.State)
	case r.SLA.Met != nil && *r.SLA.Met:
		return text + fmt.Sprintf("; it ended %s after %s, within its SLA of %s.", run.State, seconds(r.SLA.DurationSeconds), seconds(r.SLA.SLASeconds))
	case r.SLA.Met != nil:
		why := "missed its SLA of " + seconds(r.SLA.SLASeconds)
		if run.State != incident.RunCompleted {
			why = "was not verified, so its SLA of " + seconds(r.SLA.SLASeconds) + " is not met"
		}
		return text + fmt.Sprintf("; it ended %s after %s and %s.", run.State, seconds(r.SLA.DurationSeconds), why)
	}
	return text + fmt.Sprintf("; it ended %s after %s.", run.State, seconds(r.SLA.DurationSeconds))
}

func (r *Report) whatHeldIt() string {
	if len(r.Holds) == 0 {
		return ""
	}
	var guards []string
	for _, h := range r.Holds {
		if !slices.Contains(guards, string(h.Guard)) {
			guards = append(guards, string(h.Guard))
		}
	}
	return "Guards that held it: " + strings.Join(guards, ", then ") + "."
}

func (r *Report) howItEnded() string {
	if r.State != incident.Closed {
		if r.Decision.ReleasesWhen != "" {
			return "It is open; released when: " + r.Decision.ReleasesWhen + "."
		}
		return "It is open."
	}
	how := ""
	for _, m := range r.inc.Timeline {
		if m.Kind == incident.KindClosed {
			how = ": " + strings.TrimPrefix(m.Text, "closed as "+string(r.Outcome)+": ")
		}
	}
	return fmt.Sprintf("Closed after %s%s.", seconds(r.DurationSeconds), strings.TrimSuffix(how, "."))
}

func (r *Report) whatItCost() string {
	i := r.Impact
	var parts []string
	if i.FailedRequests != nil {
		part := count(i.FailedRequests) + " failed requests"
		if i.Requests != nil {
			part = fmt.Sprintf("%s of %s requests failed", count(i.FailedRequests), count(i.Requests))
		}
		parts = append(parts, part)
	}
	if i.AffectedUsers != nil {
		parts = append(parts, count(i.AffectedUsers)+" users affected")
	}
	if i.DowntimeSeconds != nil {
		parts = append(parts, "a breach for "+seconds(i.DowntimeSeconds))
	}
	if len(parts) == 0 {
		return "Impact: " + NotKnown + "."
	}
	return "Impact: " + strings.Join(parts, ", ") + "."
}

func by(who string) string {
	if who == "" {
		return "rollbackd"
	}
	return who
}

func counted(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
