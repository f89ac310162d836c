package incident

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/rollbackd/rollbackd/trigger"
)

// clockSlack is how far back the time of a start may lie behind the newest entry
// without the clock counting as set: entries carry the time of what they are about.
const clockSlack = 5 * time.Second

// ClockEntry says by how much the wall clock was set (positive is forward), and
// when, by the new clock. Everything that is remembered as a time and that
// something still counts from or to moves along, so that durations stay true. The
// entry without a service is for what the daemon remembers; one for each service
// follows it, and is also the incident's where one is open.
type ClockEntry struct {
	By time.Duration `json:"by"`
	At time.Time     `json:"at"`
}

// clockStep is a step of the clock that some services have not taken in yet.
type clockStep struct {
	ClockEntry
	Todo []string `json:"todo"`
}

// steppedAt is a step of the clock that waits to be made durable.
type steppedAt ClockEntry

func (steppedAt) input() {}

// clockStepped takes in at once what is only observed, and lets the rest wait for
// the journal: before anything else that waits, which moves along too.
func (b *Brain) clockStepped(now time.Time, by time.Duration) {
	b.shiftLive(now, by)
	place := 0
	for i, in := range b.waiting {
		switch in := in.(type) {
		case steppedAt:
			place = i + 1
		case Deployed:
			shift(by, &in.At, &in.StartedAt)
			b.waiting[i] = in
		case VersionSeen:
			shift(by, &in.At)
			b.waiting[i] = in
		case Signal:
			shift(by, &in.At)
			b.waiting[i] = in
		default: // an end of a step or a capture: it counts from when it is recorded
		}
	}
	b.waiting = slices.Insert(b.waiting, place, Input(steppedAt{By: by, At: now}))
}

// setBack notices at a start that the clock was set back while nobody was there
// to see it: the newest entry is of a time that is yet to come.
func (b *Brain) setBack(now time.Time) []Effect {
	last := b.mem.LastAt
	for _, in := range b.waiting {
		if step, ok := in.(steppedAt); ok {
			last = last.Add(step.By)
		}
	}
	if !b.mem.LastAt.IsZero() && last.Sub(now) > clockSlack {
		b.clockStepped(now, now.Sub(last))
	}
	if len(b.waiting) == 0 {
		return nil
	}
	step, ok := b.waiting[0].(steppedAt)
	if !ok {
		return nil
	}
	return b.clockSet(now, step)
}

// clockSet turns a step of the clock into the daemon's entry.
func (b *Brain) clockSet(now time.Time, step steppedAt) []Effect {
	return []Effect{Record{Entry: b.clockEntry(now, ClockEntry(step), "")}}
}

// clockRule lets each service that is remembered take in the newest step of the
// clock, before anything is decided by two clocks.
func (b *Brain) clockRule(now time.Time) []Effect {
	step := b.mem.Clock
	if step == nil {
		return nil
	}
	var effects []Effect
	for _, name := range step.Todo {
		e := b.clockEntry(now, step.ClockEntry, name)
		if open := b.mem.service(name).Open; open != nil {
			e.Incident = open.ID
		}
		effects = append(effects, Record{Entry: e})
	}
	return effects
}

func (b *Brain) clockEntry(now time.Time, c ClockEntry, service string) Entry {
	direction := "forward"
	if c.By < 0 {
		direction = "back"
	}
	e := b.entry(now, KindClock, service, "rollbackd",
		fmt.Sprintf("the clock was set %s by %s: what is counted goes on, and the windows begin anew", direction, c.By.Abs()))
	e.Clock = &c
	return e
}

// shiftLive moves along what is observed, and empties the windows.
func (b *Brain) shiftLive(now time.Time, by time.Duration) {
	shift(by, &b.sight.since, &b.sight.lastOK, &b.holdWhen.at, &b.failTold)
	for name, l := range b.live {
		l.watch.ClockStepped(by, now)
		l.confirm, l.well = confirmRead{}, wellness{}
		shift(by, &l.progress.lastAt)
		l.progress.last = trigger.NotKnown // the stretch across the step is credited to nobody
		clear(l.askedFull)
		b.dirty[name] = true
	}
	for id, read := range b.reads {
		shift(by, &read.until)
		b.reads[id] = read
	}
	for name, at := range b.dues {
		b.dues[name] = at.Add(by)
	}
	b.wakeAt = time.Time{} // it is asked for anew, by the new clock
}

// appliedClock takes in that a step of the clock is durable.
func (b *Brain) appliedClock(e Entry) {
	if e.Service == "" {
		if len(b.waiting) > 0 {
			if _, ok := b.waiting[0].(steppedAt); ok {
				b.waiting = b.waiting[1:]
			}
		}
		return
	}
	if l := b.live[e.Service]; l != nil {
		l.watch.Restart(e.Clock.At)
	}
}

// applyClock takes in a step of the clock: first what the daemon remembers, then
// one service after the other.
func (m *memory) applyClock(e Entry) {
	if e.Service == "" {
		for _, brake := range []*BrakeEntry{m.PauseAll, m.LockAll} {
			brake.shift(e.Clock.By)
		}
		for source, blind := range m.Blind {
			shift(e.Clock.By, &blind.Since)
			m.Blind[source] = blind
		}
		if todo := slices.Sorted(maps.Keys(m.Services)); len(todo) > 0 {
			m.Clock = &clockStep{ClockEntry: *e.Clock, Todo: todo}
		}
		return
	}
	s := m.keep(e.Service)
	s.shift(e.Clock.By)
	s.WindowsFrom = e.Clock.At
	if s.Open != nil {
		s.Open.fold(e)
	}
	if m.Clock == nil {
		return
	}
	m.Clock.Todo = slices.DeleteFunc(m.Clock.Todo, func(name string) bool { return name == e.Service })
	if len(m.Clock.Todo) == 0 {
		m.Clock = nil
	}
}

// shift moves times along with the clock; a zero time stays none.
func shift(by time.Duration, times ...*time.Time) {
	for _, t := range times {
		if !t.IsZero() {
			*t = t.Add(by)
		}
	}
}

// shift moves what a service remembers beside its open incident. Closed
// incidents stay as they were: nothing counts from them.
func (s *serviceMemory) shift(by time.Duration) {
	s.Pause.shift(by)
	s.Lock.shift(by)
	s.Ledger.shift(by)
	shift(by, &s.LastStepEnd)
	s.After.shift(by)
	for i := range s.AutoRuns {
		shift(by, &s.AutoRuns[i].At)
	}
	if s.Veto != nil {
		shift(by, &s.Veto.At)
	}
	for i := range s.Rehearsals {
		shift(by, &s.Rehearsals[i].At)
	}
	for _, times := range s.Flaps {
		for i := range times {
			shift(by, &times[i])
		}
	}
}

func (e *BrakeEntry) shift(by time.Duration) {
	if e != nil {
		shift(by, &e.Until, &e.Since)
	}
}

func (l *ledger) shift(by time.Duration) {
	for i := range l.Deployments {
		l.Deployments[i].shift(by)
	}
	for _, m := range l.Marks {
		shift(by, &m.Quarantined, &m.ShownSince)
	}
	for name, said := range l.Said {
		shift(by, &said.At)
		l.Said[name] = said
	}
}

// shift moves a deployment. Its id stays what it was: that is of the clock it began by.
func (d *Deployment) shift(by time.Duration) {
	if d == nil {
		return
	}
	shift(by, &d.StartedAt, &d.NotedAt, &d.ShownAt)
	d.Moved += by
}

// shift moves an open incident. Its timeline stays as people read it then.
func (inc *Incident) shift(by time.Duration) {
	shift(by, &inc.OpenedAt, &inc.EscalatedAt, &inc.Decision.Deadline, &inc.decidedAt, &inc.waitSince,
		&inc.Verification.From, &inc.Verification.Until)
	for i := range inc.Triggers {
		ev := &inc.Triggers[i]
		shift(by, &ev.Since, &ev.FiredAt, &ev.ClearedAt)
	}
	inc.Samples = shiftedSamples(inc.Samples, by)
	inc.Approvals = shifted(inc.Approvals, by)
	inc.Deployment.shift(by)
	inc.Rollback.shift(by)
	for _, run := range inc.EarlierRollbacks {
		run.shift(by)
	}
}

func (run *Run) shift(by time.Duration) {
	if run == nil {
		return
	}
	shift(by, &run.DecidedAt, &run.StartedAt, &run.EndedAt, &run.LastChangeAt, &run.VerifiedAt)
	for i := range run.Steps {
		step := &run.Steps[i]
		shift(by, &step.StartedAt, &step.EndedAt)
		step.Approvals = shifted(step.Approvals, by)
	}
}

// shifted is a copy: the approvals of a step are shared with its public form.
func shifted(approvals []Approval, by time.Duration) []Approval {
	approvals = slices.Clone(approvals)
	for i := range approvals {
		shift(by, &approvals[i].At)
	}
	return approvals
}
