package scenario

import (
	"time"

	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/trigger"
)

// observed is one observation of a track, kept while its past is still to be read.
type observed struct {
	at   time.Time
	says may
	how  seen
}

// given tells whether a source gave an answer for each metric of an expression.
func given(e trigger.Expr, r readings) bool {
	for _, metric := range e.Metrics() {
		answer, asked := r.answers[metric]
		if _, failed := answer.Failed[r.service]; !asked || answer.Err != "" || failed {
			return false
		}
	}
	return true
}

// past takes in what was read late of the time before the start: it belongs before
// what was seen since, and completes nothing.
func (a *auditor) past(in incident.Past) {
	for name, s := range a.services {
		for i, t := range s.tracks {
			if t.pastUnread && len(t.since) > 0 {
				s.tracks[i] = a.withPast(t, name, in.Ticks)
			}
		}
	}
}

// withPast is a track with its past; the same one where that was not given in full.
func (a *auditor) withPast(t *track, service string, ticks []incident.Samples) *track {
	fresh := newTrack(t.spec)
	fresh.okLive = t.okLive
	known := false
	for _, tick := range ticks {
		r := readings{tick.Answers, service}
		switch {
		case !given(t.spec.Expr, r):
			return t
		case tick.At.Before(a.services[service].windowsFrom) || !tick.At.Before(t.since[0].at):
		default:
			known = true
			a.services[service].observe(fresh, tick.At, a.says(t.spec.Expr, t.spec.NoData, r), seen{grid: true})
		}
	}
	if !known {
		return t
	}
	t.pastUnread = false
	if t.fired {
		return t
	}
	for _, o := range t.since {
		o.how.live = false
		fresh.observe(o.at, o.says, o.how)
	}
	return fresh
}
