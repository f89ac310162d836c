package incident

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/rollbackd/rollbackd/trigger"
)

// clockSlack is how far the clock may be behind the newest entry at a start
// before that counts as a clock that was set.
const clockSlack = 5 * time.Second

// clockStepped takes in that the wall clock was set. Durations that something
// counts on go on as they were: every time that is remembered moves with the
// clock. Windows begin anew, because samples of before and after cannot be told
// apart by their times.
func (b *Brain) clockStepped(now time.Time, by time.Duration) {
	for _, l := range b.live {
		l.watch.ClockSet(now)
		l.setBy(by)
	}
	b.sight.setBy(by)
	if !b.failTold.IsZero() {
		b.failTold = b.failTold.Add(by)
	}
	for id, r := range b.reads {
		r.until = r.until.Add(by)
		b.reads[id] = r
	}
	b.wakeAt = time.Time{}
	clear(b.dues)
	for name := range b.live {
		b.dirty[name] = true
	}
	b.waiting = append(b.waiting, &clockSet{by: by, left: append([]string{""}, b.everyService()...)})
}

// clockSet is a clock that was set, as far as it is not on record yet: first for
// all, and then for each service. It waits like any other input whose entry is not
// durable, so that a failing journal loses none of it.
type clockSet struct {
	by   time.Duration
	left []string
}

func (*clockSet) input() {}

// clockEntry is the next entry that a clock that was set leads to.
func (b *Brain) clockEntry(now time.Time, set *clockSet) []Effect {
	name := set.left[0]
	text := fmt.Sprintf("the clock was set by %s: durations go on, windows begin anew", set.by.Round(time.Millisecond))
	e := b.entry(now, KindClock, name, "rollbackd", text)
	e.Clock = &ClockEntry{By: set.by}
	if open := b.mem.service(name).Open; open != nil {
		e.Incident = open.ID
	}
	return []Effect{Record{Entry: e}}
}

// clockRecorded takes in that one of its entries is durable.
func (b *Brain) clockRecorded() {
	if len(b.waiting) == 0 {
		return // replayed
	}
	if set, ok := b.waiting[0].(*clockSet); ok {
		if set.left = set.left[1:]; len(set.left) == 0 {
			b.waiting = b.waiting[1:]
		}
	}
}

// everyService are the services that are watched or remembered, in name order.
func (b *Brain) everyService() []string {
	names := slices.Collect(maps.Keys(b.live))
	for name := range b.mem.Services {
		if b.live[name] == nil {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// setBy moves what this process observes with the clock.
func (l *live) setBy(by time.Duration) {
	l.confirm, l.well = confirmRead{}, wellness{}
	l.progress.lastAt = later(l.progress.lastAt, by)
	l.progress.last = trigger.NotKnown // the stretch across the step is credited to nobody
	clear(l.askedFull)
}

// setBy moves what is known of the source's answering with the clock.
func (s *sight) setBy(by time.Duration) {
	s.since, s.lastOK = later(s.since, by), later(s.lastOK, by)
}

// later is a time moved by a duration; a time that is not set stays so.
func later(t time.Time, by time.Duration) time.Time {
	if t.IsZero() {
		return t
	}
	return t.Add(by)
}

// applyClock moves the times that are remembered with the clock: those of one
// service, or those for all.
func (m *memory) applyClock(e Entry) {
	by := e.Clock.By
	if e.Service == "" {
		m.PauseAll.setBy(by)
		m.LockAll.setBy(by)
		for source, blind := range m.Blind {
			blind.Since = later(blind.Since, by)
			m.Blind[source] = blind
		}
		return
	}
	s := m.keep(e.Service)
	s.Pause.setBy(by)
	s.Lock.setBy(by)
	s.Ledger.setBy(by)
	for i := range s.AutoRuns {
		s.AutoRuns[i].At = later(s.AutoRuns[i].At, by)
	}
	for _, times := range s.Flaps {
		for i := range times {
			times[i] = later(times[i], by)
		}
	}
	if s.Veto != nil {
		s.Veto.At = later(s.Veto.At, by)
	}
	s.LastStepEnd = later(s.LastStepEnd, by)
	s.WindowsFrom = e.At
	if s.Open != nil {
		s.Open.fold(e)
	}
}

func (e *BrakeEntry) setBy(by time.Duration) {
	if e != nil {
		e.Until = later(e.Until, by)
	}
}

func (l *ledger) setBy(by time.Duration) {
	for i := range l.Deployments {
		l.Deployments[i].setBy(by)
	}
	for _, m := range l.Marks {
		m.Quarantined = later(m.Quarantined, by)
	}
}

// setBy moves a deployment's times, and keeps its id.
func (d *Deployment) setBy(by time.Duration) {
	if d != nil {
		d.StartedAt, d.NotedAt = later(d.StartedAt, by), later(d.NotedAt, by)
		d.Moved += by
	}
}

// setBy moves an incident's times, except those of its timeline: what a clock
// showed when something happened stays what it showed.
func (inc *Incident) setBy(by time.Duration) {
	for _, t := range []*time.Time{
		&inc.OpenedAt, &inc.EscalatedAt, &inc.decidedAt, &inc.waitSince, &inc.Decision.Deadline,
		&inc.Verification.From, &inc.Verification.Until,
	} {
		*t = later(*t, by)
	}
	inc.Triggers = slices.Clone(inc.Triggers)
	for i := range inc.Triggers {
		ev := &inc.Triggers[i]
		ev.Since, ev.FiredAt, ev.ClearedAt = later(ev.Since, by), later(ev.FiredAt, by), later(ev.ClearedAt, by)
	}
	inc.Approvals = movedApprovals(inc.Approvals, by)
	if inc.Deployment != nil {
		d := *inc.Deployment
		d.setBy(by)
		inc.Deployment = &d
	}
	inc.Rollback.setBy(by)
}

func movedApprovals(approvals []Approval, by time.Duration) []Approval {
	approvals = slices.Clone(approvals)
	for i := range approvals {
		approvals[i].At = later(approvals[i].At, by)
	}
	return approvals
}

func (run *Run) setBy(by time.Duration) {
	if run == nil {
		return
	}
	for _, t := range []*time.Time{&run.DecidedAt, &run.StartedAt, &run.EndedAt, &run.LastChangeAt} {
		*t = later(*t, by)
	}
	for i := range run.Steps {
		step := &run.Steps[i]
		step.StartedAt, step.EndedAt = later(step.StartedAt, by), later(step.EndedAt, by)
		step.Approvals = movedApprovals(step.Approvals, by)
	}
}
