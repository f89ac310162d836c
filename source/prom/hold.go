package prom

import (
	"context"
	"fmt"
	"time"

	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/trigger"
)

// Holds asks now whether a PromQL condition holds: it does when a vector comes
// back that is not empty, as in an alert rule, or a scalar other than zero. A
// comparison with `bool` therefore always holds; leave `bool` out.
//
// What cannot be known is an error: no answer, a partial one, a value that is NaN
// or infinite. Its text holds one of the reasons of this package. The detail says
// in a few words what came back.
func (s *Source) Holds(ctx context.Context, promql string) (holds bool, detail string, err error) {
	if !s.enter(ctx, laneUrgent) {
		return false, "", fmt.Errorf("query %s: %w", promql, ctx.Err())
	}
	defer s.leave(laneUrgent)
	v := s.ask(ctx, question{query: promql, whole: true}, instant(s.clock.Now()))[0]
	if v.reason != "" {
		return false, "", fmt.Errorf("query %s: %s: %s", promql, v.reason, v.why)
	}
	if len(v.series) == 0 {
		return false, "nothing returned", nil
	}
	for _, one := range v.series {
		if r := trigger.NewReading(one.value, trigger.NoUnit); r.Presence != trigger.Known {
			return false, "", fmt.Errorf("query %s: %s: want a finite number (try a comparison, which drops what it cannot compare)", promql, r.Reason)
		}
	}
	return true, returned(v.series), nil
}

// returned says what a query gave: how much, and the first value.
func returned(all []series) string {
	if len(all) == 1 {
		return fmt.Sprintf("returned %g", all[0].value)
	}
	return fmt.Sprintf("returned %d series, the first %g", len(all), all[0].value)
}

// holding is one asking of hold_when, under way.
type holding struct {
	done   chan struct{}
	cancel context.CancelFunc
	got    trigger.Answer // to be read once done is closed
}

// beginHold asks hold_when beside everything else. It takes none of the places of
// the other queries: neither waits for the other. The context and the query
// timeout bound it.
func (s *Source) beginHold(ctx context.Context, at time.Time) *holding {
	ctx, cancel := context.WithCancel(ctx)
	h := &holding{done: make(chan struct{}), cancel: cancel}
	go func() {
		defer close(h.done)
		h.got = holdAnswer(s.ask(ctx, question{query: s.opt.HoldWhen, whole: true}, instant(at))[0])
	}()
	return h
}

// answer waits for the end.
func (h *holding) answer() trigger.Answer {
	defer h.cancel()
	<-h.done
	return h.got
}

// holdAnswer is a reading for the service "" while the query returns anything. A
// value that is no number is not one that can be known to have been returned.
func holdAnswer(v vector) trigger.Answer {
	if v.reason != "" {
		return trigger.Answer{Err: v.reason}
	}
	answer := trigger.Answer{Services: map[string]trigger.Reading{}}
	if len(v.series) == 0 {
		return answer
	}
	reading := trigger.NewReading(v.series[0].value, trigger.NoUnit)
	if reading.Presence != trigger.Known {
		return trigger.Answer{Err: reading.Reason}
	}
	answer.Services[""] = reading
	return answer
}

// holdPatience is the part of the query timeout for which a tick waits, once its
// metrics are there, for a hold_when that was too slow at the tick before.
const holdPatience = 10

// beginTickHold asks hold_when for a tick; nil when there is none.
func (s *Source) beginTickHold(ctx context.Context, tick time.Time) *holding {
	if s.opt.HoldWhen == "" {
		return nil
	}
	return s.beginHold(ctx, tick)
}

// endTickHold gives the answer of hold_when to a tick whose metrics are there. One
// that ran into the timeout delays one tick: from the next on it is waited for only
// briefly, until it answers again. Being slow must not cost the triggers their time.
func (s *Source) endTickHold(h *holding) map[string]trigger.Answer {
	if h == nil {
		return nil
	}
	if s.slowHold.Load() {
		timer := s.clock.Timer(s.opt.Timeout / holdPatience)
		defer timer.Stop()
		select {
		case <-h.done:
		case <-timer.C:
			h.cancel()
		}
	}
	answer := h.answer()
	if answer.Err == reasonCanceled {
		answer.Err = reasonTimeout
	}
	s.slowHold.Store(answer.Err == reasonTimeout)
	return map[string]trigger.Answer{incident.HoldWhenMetric: answer}
}
