package incident

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/prometheus/common/model"
)

// A service flaps once one of its triggers became ok again so often within so
// long: what is alternately good and bad is not cured by going back, and a
// recovery in between means nothing (HAZARDS.md, H13).
const (
	flapCount  = 3
	flapWithin = 30 * time.Minute
)

// flaps holds, by trigger, the newest times at which it was ok again after it
// had fired, at most flapCount of them.
type flaps map[string][]time.Time

// note takes in that a trigger is ok again, and forgets what is too old to count.
func (f flaps) note(trigger string, at time.Time) {
	f[trigger] = append(f[trigger], at)
	for name, times := range f {
		times = slices.DeleteFunc(times, func(t time.Time) bool { return at.Sub(t) >= flapWithin })
		if f[name] = times[max(0, len(times)-flapCount):]; len(times) == 0 {
			delete(f, name)
		}
	}
}

// until is the moment from which no trigger flaps any more, and one that flaps;
// zero where none does.
func (f flaps) until(now time.Time) (until time.Time, trigger string) {
	for _, name := range slices.Sorted(maps.Keys(f)) {
		times := f[name]
		if len(times) < flapCount {
			continue
		}
		if end := times[len(times)-flapCount].Add(flapWithin); end.After(now) && end.After(until) {
			until, trigger = end, name
		}
	}
	return until, trigger
}

// applyFlaps takes an entry into what is remembered of flapping, before it is
// folded into the incident. It is a matter of one deployment: a newer one begins
// afresh. That of a rollback of ours does not: what flaps across it was not its cause.
func (s *serviceMemory) applyFlaps(e Entry) {
	var again []string
	switch e.Kind {
	case KindDeployment:
		s.Flaps = nil
	case KindRunning:
		if e.Running.Version != s.Ledger.Running && e.Running.Version != s.goingTo() {
			s.Flaps = nil // somebody put another version there
		}
	case KindCleared:
		again = []string{e.Trigger.Name}
	case KindStoodDown:
		for _, ev := range s.Open.Triggers {
			if ev.ClearedAt.IsZero() {
				again = append(again, ev.Name)
			}
		}
	default: // says nothing of a trigger that is ok again
	}
	for _, name := range again {
		if s.Flaps == nil {
			s.Flaps = flaps{}
		}
		s.Flaps.note(name, e.At)
	}
}

// flappingHold holds while a trigger of the service flaps.
func (s *serviceMemory) flappingHold(now time.Time) []Hold {
	until, trigger := s.Flaps.until(now)
	if until.IsZero() {
		return nil
	}
	return []Hold{{
		GuardFlapping,
		fmt.Sprintf("trigger %s was ok again %d times within %s: whatever comes and goes like that is not cured by going back", trigger, flapCount, model.Duration(flapWithin)),
		"never by itself; approve, or a newer deployment",
	}}
}

// stillFlapping is the hold of what flaps, and of an incident that was held for it
// once: it does not let go by itself, however quiet it has been in between. A
// newer deployment does.
func (s *serviceMemory) stillFlapping(now time.Time, inc *Incident) []Hold {
	if holds := s.flappingHold(now); len(holds) > 0 {
		return holds
	}
	d := s.Ledger.current()
	if d != nil && !d.Own && d.NotedAt.After(inc.decidedAt) {
		return nil
	}
	for _, h := range inc.Decision.Holds {
		if h.Guard == GuardFlapping {
			return []Hold{h}
		}
	}
	return nil
}

// flappingRule holds an incident that flaps, whether or not anything fires at
// this moment: people hear of it once, and of its single ups and downs no more.
func (b *Brain) flappingRule(now time.Time, inc *Incident, s *serviceMemory) []Effect {
	holding := guardsOf(inc.Decision.Holds)
	if inc.decidedAt.IsZero() || inc.Decision.ByPerson || slices.Contains(holding, GuardFlapping) || slices.Contains(holding, GuardPointOfNoReturn) {
		return nil
	}
	holds := s.flappingHold(now)
	if len(holds) == 0 {
		return nil
	}
	d := inc.Decision
	d.hold(append(holds, inc.Decision.Holds...))
	d.Deadline, d.Silence = time.Time{}, false
	return b.decided(now, inc, d)
}
