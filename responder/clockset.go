package responder

import (
	"time"

	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/trigger"
)

// clockSet lets the brain know that the wall clock was set, before it is given
// anything else at the new time. What the loop itself waits for stays as far away
// as it was.
func (l *loop) clockSet(now time.Time, by time.Duration) {
	l.log.Warn("the clock was set: windows start anew, everything else goes on", "by", by, "now", now)
	l.setAt = now
	if !l.wakeAt.IsZero() {
		l.wakeAt = l.wakeAt.Add(by)
	}
	l.lastWake = l.lastWake.Add(by)
	l.metrics.clockSet(by)
	l.options.Drive(now, incident.ClockStepped{By: by}, l)
}

// reasonClockSet is why a reading is unknown that was asked for by the old clock.
const reasonClockSet = "clock_set"

// believed is a reading as far as it can be believed. One that was asked for
// before the clock was set is of another moment than it says: a tick of the grid
// is then dropped, as if it had been missed, and a read that somebody waits for
// is unknown.
func (l *loop) believed(now time.Time, in incident.Samples) (incident.Samples, bool) {
	if in.Kind == incident.Rebuilt || !in.At.Before(l.setAt) && !in.At.After(now.Add(maxDrift)) {
		return in, true
	}
	if in.Kind == incident.Grid {
		l.log.Info("a tick from before the clock was set is dropped", "tick", in.At)
		return in, false
	}
	unknown := make(map[string]trigger.Answer, len(in.Answers))
	for metric := range in.Answers {
		unknown[metric] = trigger.Answer{Err: reasonClockSet}
	}
	in.At, in.Answers = now, unknown
	return in, true
}
