package incident

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/rollbackd/rollbackd/trigger"
)

// confirmRead is the read that a confirming incident waits for.
type confirmRead struct {
	// ids are the reads that are still under way, each with what goes before the
	// names of its triggers: nothing, or the member of the group.
	ids      map[string]string
	incident string
	askedAt  time.Time
	answered bool
	says     map[string]trigger.Evaluation
}

// confirmRule reads once more right before acting: what was true when the
// decision was made need not be true now.
func (b *Brain) confirmRule(now time.Time, name string, l *live, inc *Incident) []Effect {
	if slices.Contains(inc.Decision.Overrides, GuardBlind) {
		return b.act(now, name, inc)
	}
	c := &l.confirm
	if c.incident != inc.ID || c.askedAt.Before(inc.decidedAt) && c.askedAt.Before(now) {
		return b.askConfirm(now, name, l, inc)
	}
	if !c.answered {
		return b.confirmOverdue(now, name, l, inc)
	}
	switch b.confirmSays(l, inc) {
	case trigger.Breach:
		if now.Sub(c.askedAt) >= b.opts.Poll {
			return b.confirmOverdue(now, name, l, inc) // it had to wait: what was true then need not be true now
		}
		if b.leavesRoom(now, inc, c) {
			return nil
		}
		return b.act(now, name, inc)
	case trigger.OK:
		return b.stoodDown(now, inc)
	case trigger.NotKnown:
	}
	return b.confirmOverdue(now, name, l, inc)
}

// stoodDown says that nothing is done, because it is well by now.
func (b *Brain) stoodDown(now time.Time, inc *Incident) []Effect {
	e := b.incidentEntry(now, KindStoodDown, inc, "rollbackd", "read once more before acting: every trigger is ok, so nothing is done; back to watching")
	return []Effect{Record{Entry: e, Message: b.message(now, inc, e, RecoveredHead, "stood_down")}}
}

// confirmAgain reads once more before the first change of a run that has waited,
// for people or for a deployment: what was true when it was decided need not be
// true now. What a person asked for of their own accord is not confirmed.
func (b *Brain) confirmAgain(now time.Time, l *live, inc *Incident, run *Run) (effects []Effect, wait bool) {
	waited := run.Waiting != "" || run.Waited > 0
	if !waited || run.AskedBy != "" || slices.Contains(inc.Decision.Overrides, GuardBlind) {
		return nil, false
	}
	c := &l.confirm
	if c.incident != inc.ID || c.askedAt.Before(run.waitedUntil()) || now.Sub(c.askedAt) > 2*b.opts.Poll {
		return b.askConfirm(now, inc.Service, l, inc), true
	}
	if c.answered {
		switch b.confirmSays(l, inc) {
		case trigger.Breach:
			return nil, false
		case trigger.OK:
			return b.runEnded(now, inc, &RunEndedEntry{
				Run: run.ID, State: RunAborted, Recovered: true, SLAMet: run.withinSLA(now),
				Reason: "read once more before the first change: every trigger is ok",
			}), false
		case trigger.NotKnown: // asked again: an action never follows from what cannot be seen
		}
	}
	if !now.Before(nextTick(c.askedAt, b.opts.Poll)) {
		return b.askConfirm(now, inc.Service, l, inc), true
	}
	return nil, true
}

// waitedUntil is when a run last waited for people; its beginning where it did not.
func (run *Run) waitedUntil() time.Time {
	until := run.StartedAt
	for i := range run.Steps {
		if step := &run.Steps[i]; run.spec(step).Approval != nil && step.EndedAt.After(until) {
			until = step.EndedAt
		}
	}
	return until
}

// confirmSays joins what was read: a trigger that justifies the action and
// breaches is enough to go on, also one that was well for a moment since it fired;
// to stand down all must be known ok.
func (b *Brain) confirmSays(l *live, inc *Incident) trigger.Truth {
	allOK, read := true, false
	for _, ev := range inc.Triggers {
		says, answered := l.confirm.says[ev.Name]
		if !answered {
			if _, exists := b.statusOf(inc, ev.Name); !exists {
				continue // the trigger was removed by a reload
			}
			allOK = false
			continue
		}
		read = true
		if says.Truth == trigger.Breach && slices.Contains(inc.Decision.Justified, ev.Name) {
			return trigger.Breach
		}
		if says.Truth != trigger.OK {
			allOK = false
		}
	}
	if allOK && (read || b.allCleared(inc)) {
		return trigger.OK
	}
	return trigger.NotKnown
}

func (b *Brain) allCleared(inc *Incident) bool {
	for _, ev := range inc.Triggers {
		if ev.ClearedAt.IsZero() {
			return false
		}
	}
	return true
}

// askConfirm asks for the metrics of the incident's triggers, of each member of
// its group where it has one.
func (b *Brain) askConfirm(now time.Time, _ string, l *live, inc *Incident) []Effect {
	metrics := map[string][]string{inc.Service: nil}
	for _, ev := range inc.Triggers {
		service, name := inc.home(ev.Name)
		if home := b.live[service]; home != nil {
			for _, spec := range home.watch.Triggers() {
				if spec.Name == name {
					metrics[service] = append(metrics[service], spec.Expr.Metrics()...)
				}
			}
		}
	}
	if b.opts.Guards.HoldWhen {
		metrics[inc.Service] = append(metrics[inc.Service], HoldWhenMetric)
	}
	l.confirm = confirmRead{ids: map[string]string{}, incident: inc.ID, askedAt: now, says: map[string]trigger.Evaluation{}}
	until := now.Add(b.opts.Poll)
	var effects []Effect
	for _, service := range slices.Sorted(maps.Keys(metrics)) {
		b.readSeq++
		id := fmt.Sprintf("%s/confirm/%d", inc.ID, b.readSeq)
		l.confirm.ids[id] = ""
		if service != inc.Service {
			l.confirm.ids[id] = service + "/"
		}
		b.reads[id] = pendingRead{service: service, lead: inc.Service, kind: Confirm, until: until}
		slices.Sort(metrics[service])
		effects = append(effects, Read{ID: id, Kind: Confirm, Service: service, Metrics: slices.Compact(metrics[service]), Deadline: until})
	}
	return effects
}

// confirmed takes in what one of the reads says. The answer is there once all are.
func (c *confirmRead) confirmed(id string, says map[string]trigger.Evaluation) {
	prefix, waited := c.ids[id]
	if !waited {
		return // an answer to a question that was asked anew since
	}
	delete(c.ids, id)
	for name, e := range says {
		c.says[prefix+name] = e
	}
	c.answered = len(c.ids) == 0
}

// confirmOverdue asks again each poll, and gives up at the decision's deadline:
// an action never follows from what cannot be seen.
func (b *Brain) confirmOverdue(now time.Time, name string, l *live, inc *Incident) []Effect {
	if !now.Before(inc.Decision.Deadline) {
		d := inc.Decision
		d.ByPerson = false
		d.hold([]Hold{{
			GuardBlind, "what justifies acting could not be confirmed before the deadline: acting would be a guess",
			"the triggers can be read again and still breach; or approve",
		}})
		d.Deadline = time.Time{}
		return b.decided(now, inc, d)
	}
	if !now.Before(nextTick(l.confirm.askedAt, b.opts.Poll)) {
		return b.askConfirm(now, name, l, inc)
	}
	return nil
}

// act is the last gate: the guards are asked once more, because the world may
// have changed while this incident waited, and then the run is planned.
func (b *Brain) act(now time.Time, name string, inc *Incident) []Effect {
	s := b.mem.service(name)
	var holds []Hold
	for _, h := range b.lastHolds(now, name, inc, s) {
		if inc.Decision.ByPerson && (!h.Guard.forAPerson() || h.overridden(inc)) {
			continue
		}
		holds = append(holds, h)
	}
	if len(holds) > 0 {
		d := inc.Decision
		d.hold(holds)
		d.Deadline, d.ByPerson = time.Time{}, false
		return b.decided(now, inc, d)
	}
	if d, capped := b.cappedLast(now, name, inc); capped {
		return b.decided(now, inc, d)
	}
	r := b.request(inc)
	r.by, r.automatic, r.decidedAt = b.decidedBy(inc), !inc.Decision.ByPerson, b.runDecidedAt(inc)
	return b.plan(now, name, inc, r)
}

// request is the run that a decision is about.
func (b *Brain) request(inc *Incident) planRequest {
	return planRequest{to: inc.Decision.Target, scope: inc.Decision.Scope, plan: b.planFor(inc, inc.Decision.Trigger)}
}

// lastHolds are the guards of the last gate: those of the service, and of the
// triggers that justify the action.
func (b *Brain) lastHolds(now time.Time, name string, inc *Incident, s *serviceMemory) []Hold {
	holds := b.inScope(inc, inc.Decision, append(b.serviceHolds(now, name, inc, s), b.groupHolds(now, inc, false)...))
	if inc.Decision.ByPerson {
		return b.holdsForPerson(now, inc, s, b.request(inc))
	}
	var own []Hold
	for _, ev := range inc.Triggers {
		if !slices.Contains(inc.Decision.Justified, ev.Name) {
			continue
		}
		home, bare := inc.home(ev.Name)
		ev.Name = bare
		h := b.triggerHolds(ev, home)
		if len(h) == 0 {
			return holds
		}
		own = append(own, h...)
	}
	return append(own, holds...)
}

func (h Hold) overridden(inc *Incident) bool {
	// What refuses a person too cannot be overridden, whatever was approved; only
	// a journal that failed in the past can.
	return h.Guard == GuardJournal && slices.Contains(inc.Decision.Overrides, GuardJournal)
}

func (b *Brain) decidedBy(inc *Incident) string {
	if inc.Decision.ByPerson {
		return listed(inc.approvers())
	}
	return "rollbackd"
}

// runDecidedAt is when the clock of the SLA starts: at the decision in force.
func (b *Brain) runDecidedAt(inc *Incident) time.Time { return inc.decidedAt }
