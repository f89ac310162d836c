package incident

import (
	"fmt"
	"time"

	"github.com/rollbackd/rollbackd/trigger"
)

// fullReads asks for one extra live read where a `for` window is full between
// two ticks, at most one a second for a trigger: waiting for the next tick
// would be late by up to a poll.
func (b *Brain) fullReads(now time.Time, name string, l *live) []Effect {
	var effects []Effect
	for _, spec := range l.watch.Triggers() {
		at := l.watch.CompletesAt(spec.Name)
		if at.IsZero() || now.Before(at) || onGrid(at, b.opts.Poll) || l.askedFull[spec.Name].Equal(at) {
			continue
		}
		if now.Sub(at) >= b.opts.Poll {
			continue // the next tick has come: it decides
		}
		l.askedFull[spec.Name] = at
		b.readSeq++
		id := fmt.Sprintf("%s/full/%d", name, b.readSeq)
		until := now.Add(min(b.opts.Poll, time.Second*fullReadSeconds))
		b.reads[id] = pendingRead{service: name, kind: Full, until: until}
		effects = append(effects, Read{ID: id, Kind: Full, Service: name, Metrics: spec.Expr.Metrics(), Deadline: until})
	}
	return effects
}

// fullReadSeconds bounds a window-completing read: after that the tick is near.
const fullReadSeconds = 5

// onGrid tells whether a time is a tick of the grid, where the regular poll
// reads anyhow.
func onGrid(t time.Time, poll time.Duration) bool {
	return poll > 0 && t.UnixNano()%int64(poll) == 0
}

// nextTick is the first tick of the grid after a time.
func nextTick(t time.Time, poll time.Duration) time.Time {
	if poll <= 0 {
		return t
	}
	return time.Unix(0, (t.UnixNano()/int64(poll)+1)*int64(poll)).UTC()
}

// wake forgets reads that can no longer be answered, and asks to be woken at the
// next moment at which something is due without an input.
func (b *Brain) wake(now time.Time, effects []Effect) []Effect {
	for id, r := range b.reads {
		if now.After(r.until.Add(b.opts.Poll)) {
			delete(b.reads, id)
		}
	}
	var next time.Time
	for name, at := range b.dues {
		if !at.After(now) {
			b.dirty[name] = true
			continue
		}
		if next.IsZero() || at.Before(next) {
			next = at
		}
	}
	if next.Equal(b.wakeAt) {
		return effects
	}
	b.wakeAt = next
	return append(effects, WakeAt{T: next})
}

// due notes the earliest moment after now at which something is due for a
// service without an input.
func (b *Brain) due(now time.Time, name string) {
	var next time.Time
	consider := func(t time.Time) {
		if t.After(now) && (next.IsZero() || t.Before(next)) {
			next = t
		}
	}
	if b.mem.open[name] {
		b.dueOfIncident(name, consider)
		b.dueOfWindows(now, name, consider)
		flapping, _ := b.mem.service(name).Flaps.until(now)
		consider(flapping)
	}
	b.mem.service(name).dueOfAftercare(consider)
	if l := b.live[name]; l != nil {
		for _, spec := range l.watch.Triggers() {
			if at := l.watch.CompletesAt(spec.Name); !at.IsZero() && !onGrid(at, b.opts.Poll) {
				consider(at)
			}
		}
	}
	if next.IsZero() {
		delete(b.dues, name)
		return
	}
	b.dues[name] = next
}

func (b *Brain) dueOfIncident(name string, consider func(time.Time)) {
	inc := b.mem.service(name).Open
	consider(inc.Decision.Deadline)
	if !inc.waitSince.IsZero() && !inc.acked {
		for level := range b.opts.Decide.EscalateAfter {
			consider(b.levelDue(inc, level))
		}
	}
	if inc.State == Confirming {
		if l := b.live[name]; l != nil {
			consider(nextTick(l.confirm.askedAt, b.opts.Poll))
		}
	}
	b.dueOfBrakes(name, consider)
	for _, m := range inc.others() {
		b.dueOfBrakes(m.Service, consider)
	}
	run := inc.Rollback
	if run == nil || run.State.Ended() {
		return
	}
	consider(inc.Verification.Until)
	b.dueOfRun(inc, run, consider)
	if run.SLASeconds > 0 && !run.SLATold {
		consider(run.DecidedAt.Add(time.Duration(run.SLASeconds*float64(time.Second)) + time.Millisecond))
	}
}

// dueOfRun are the moments at which a run has something to do by itself.
func (b *Brain) dueOfRun(inc *Incident, run *Run, consider func(time.Time)) {
	consider(run.timeoutAt())
	consider(inc.OpenedAt.Add(captureBound))
	consider(b.rollingUntil(inc, run))
	if step := run.mayBeEnough(); step != nil {
		consider(step.EndedAt.Add(run.spec(step).Enough))
	}
	for i := range run.Steps {
		step := &run.Steps[i]
		if step.State == StepRunning {
			spec := run.spec(step)
			if spec.Approval != nil && spec.Timeout > 0 {
				consider(step.StartedAt.Add(spec.Timeout))
			}
			if spec.UnitSLA > 0 {
				consider(step.StartedAt.Add(spec.UnitSLA + time.Millisecond))
			}
			continue
		}
		if step.due(run) != dueNot {
			consider(step.dueAt(run, i))
		}
	}
}

func (b *Brain) dueOfBrakes(name string, consider func(time.Time)) {
	s := b.mem.service(name)
	for _, brake := range []*BrakeEntry{b.mem.PauseAll, b.mem.LockAll, s.Pause, s.Lock} {
		if brake != nil {
			consider(brake.Until)
		}
	}
	if o, ok := b.opts.Services[name]; ok && !s.LastStepEnd.IsZero() {
		consider(s.LastStepEnd.Add(o.Cooldown))
	}
}

// stateOf is the word for a service: its open incident's state, else the
// gravest of its triggers' states.
func (b *Brain) stateOf(l *live, s *serviceMemory) string {
	if s.Open != nil {
		return string(s.Open.State)
	}
	word, rank := "ok", 0
	ranks := map[trigger.State]int{trigger.Inactive: 0, trigger.StateUnknown: 1, trigger.Pending: 2, trigger.Firing: 3}
	for _, spec := range l.watch.Triggers() {
		st, _ := l.watch.Status(spec.Name)
		if r := ranks[st.State]; r > rank {
			word, rank = st.State.String(), r
		}
	}
	return word
}

// wakeDue marks the services for which the moment has come.
func (b *Brain) wakeDue(now time.Time) {
	for name, at := range b.dues {
		if !at.After(now) {
			b.dirty[name] = true
		}
	}
}
