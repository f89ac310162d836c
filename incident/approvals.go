package incident

import (
	"fmt"
	"maps"
	"slices"
	"time"
)

// anyRole is the role of whoever may approve.
const anyRole = "any"

// needs are the approvals that an incident's rollback needs.
func (b *Brain) needs() map[string]int {
	if len(b.opts.Decide.Approvals) == 0 {
		return map[string]int{anyRole: 1}
	}
	return b.opts.Decide.Approvals
}

// missing are the approvals that are still needed, in the order of the roles.
// One person's yes counts for one role, whichever leaves the least to ask for.
func missing(needs map[string]int, given []Approval) []Need {
	var open []string // one place for each yes that is needed
	for _, role := range slices.Sorted(maps.Keys(needs)) {
		open = append(open, slices.Repeat([]string{role}, max(0, needs[role]))...)
	}
	taken := make([]int, len(open)) // place → approval, plus one
	for i := range given {
		if given[i].BreakGlass {
			return nil
		}
		place(given, open, taken, i, make([]bool, len(open)))
	}
	var left []Need
	for i, role := range open {
		if taken[i] > 0 {
			continue
		}
		if n := len(left); n > 0 && left[n-1].Role == role {
			left[n-1].Count++
		} else {
			left = append(left, Need{Role: role, Count: 1})
		}
	}
	return left
}

// place finds a place for one approval, moving others where that helps: the
// augmenting path of bipartite matching (Kuhn's algorithm).
func place(given []Approval, open []string, taken []int, i int, tried []bool) bool {
	for p, role := range open {
		if tried[p] || role != anyRole && !slices.Contains(given[i].Roles, role) {
			continue
		}
		tried[p] = true
		if taken[p] == 0 || place(given, open, taken, taken[p]-1, tried) {
			taken[p] = i + 1
			return true
		}
	}
	return false
}

// valid are the approvals that still count: not expired, for the plan as it
// stands, one of each person.
func (b *Brain) valid(now time.Time, approvals []Approval, hash string) []Approval {
	var given []Approval
	for _, a := range slices.Backward(approvals) { // the newest word of a person counts
		life := b.opts.Decide.ApprovalExpires
		if life > 0 && now.Sub(a.At) > life || hash != "" && a.PlanHash != hash {
			continue
		}
		if !slices.ContainsFunc(given, func(g Approval) bool { return g.By == a.By }) {
			given = append(given, a)
		}
	}
	slices.Reverse(given)
	return given
}

// approvedRule goes on when the people needed have said yes to the plan as it stands.
func (b *Brain) approvedRule(now time.Time, name string, inc *Incident) []Effect {
	if inc.State == Confirming || len(inc.Approvals) == 0 {
		return nil
	}
	p, target := b.planNow(now, name, inc)
	if len(missing(b.needs(), b.valid(now, inc.Approvals, b.hashNow(now, inc, p, inc.Decision.toward(target))))) > 0 {
		return nil
	}
	return b.approved(now, name, inc)
}

// planNow is the plan that an incident's decision is about, and its target, as
// they are at this moment.
func (b *Brain) planNow(now time.Time, name string, inc *Incident) (*Plan, string) {
	t, _ := b.target(name, now)
	p := b.planFor(inc, inc.Decision.Trigger)
	if p != nil && !p.leaves(inc.Decision.Scope) {
		return p, "" // it goes nowhere
	}
	return p, t.Version
}

// toward is a decision with its target as it is now.
func (d Decision) toward(target string) Decision {
	d.Target = target
	return d
}

// approvalStepRule waits for the people that an approval step asks for.
func (b *Brain) approvalStepRule(now time.Time, inc *Incident, step *StepRun) []Effect {
	run := inc.Rollback
	spec := run.spec(step)
	result := StepResult{State: StepDone, StartedAt: step.StartedAt, EndedAt: now}
	switch {
	case run.Stopping != "":
		result.State, result.Error = StepFailed, run.Stopping
	case b.newerThan(inc, run) != "":
		result.State, result.Error = StepFailed, b.newerThan(inc, run)+" was deployed meanwhile"
	case len(missing(spec.Approval.Needs, b.valid(now, step.Approvals, ""))) == 0:
	case spec.Timeout > 0 && !now.Before(step.StartedAt.Add(spec.Timeout)):
		result.State, result.Error = StepFailed, fmt.Sprintf("nobody approved within %s", spec.Timeout)
	default:
		return nil
	}
	effects := b.ended(now, inc, step, result)
	if record, ok := effects[0].(Record); ok && result.State == StepDone {
		// Whoever was asked is told that nobody is waited for any more.
		record.Message = b.message(now, inc, record.Entry, Acting, "acting")
		effects[0] = record
	}
	return effects
}

// approvalWaited is the approval step under way; nil when none is.
func (inc *Incident) approvalWaited() *StepRun {
	run := inc.Rollback
	if run == nil || run.State.Ended() {
		return nil
	}
	if step := run.underWay(); step != nil && run.spec(step).Approval != nil {
		return step
	}
	return nil
}

// planChangedRule asks anew where a reload, or a version that became good, has
// changed what people were asked to approve.
func (b *Brain) planChangedRule(now time.Time, name string, inc *Incident) []Effect {
	if inc.State != AwaitingApproval || inc.Decision.PlanHash == "" {
		return nil
	}
	p, target := b.planNow(now, name, inc)
	hash := b.hashNow(now, inc, p, inc.Decision.toward(target))
	if hash == inc.Decision.PlanHash || p == nil {
		return nil
	}
	d := inc.Decision
	d.PlanHash, d.Target, d.Approvals = hash, target, b.needs()
	d.Reason = "the plan has changed since it was shown, so approvals begin anew: " + d.Reason
	e := b.incidentEntry(now, KindDecided, inc, "rollbackd", decisionText(d))
	e.Decided = &d
	return []Effect{Record{Entry: e, Message: b.message(now, inc, e, WaitingForYou, "approval_needed")}}
}
