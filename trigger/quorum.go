package trigger

import (
	"fmt"
	"time"
)

// Quorum is when a service fails by its instances. The zero value is half of
// those that report, of which there is at least one.
type Quorum struct {
	// Any asks for one failing instance, All for every reporting one. With
	// neither, Share of the reporting instances must fail.
	Any, All bool
	// Share is more than 0 and at most 1; zero means 0.5. A service with one
	// reporting instance fails with it.
	Share float64
	// MinInstances is how many must report before anything is said; zero
	// means 1.
	MinInstances int
}

// reached tells whether that many failing instances fail the service.
func (q Quorum) reached(failing, reporting int) bool {
	switch {
	case failing == 0:
		return false
	case q.Any || reporting == 1:
		return true
	case q.All:
		return failing == reporting
	}
	share := q.Share
	if share <= 0 {
		share = 0.5
	}
	// 60% of five is 3, not the 3.0000000000000004 of the multiplication.
	return float64(failing) >= share*float64(reporting)-slack
}

// tally counts the instances that report, by what one health condition says of
// each.
type tally struct {
	reporting, failing, ok int
	// building are those with a run of failures that is still too short.
	building int
	// longest is the longest run of failures.
	longest int
	// failingSince is the earliest first failing check of the failing
	// instances, buildingSince that of the building ones.
	failingSince, buildingSince time.Time
}

// tally asks every instance that is not silent.
func (h *Health) tally(c Condition, now time.Time) tally {
	var t tally
	moment := now.UnixNano()
	for in := h.newest; in != nil; in = in.older {
		if in.silent(moment) {
			continue
		}
		t.reporting++
		t.longest = max(t.longest, in.run)
		switch in.truth(c) {
		case Breach:
			t.failing++
			t.failingSince = earlier(t.failingSince, in.runStart)
		case OK:
			t.ok++
		case NotKnown:
			if c.Kind == ConsecutiveFailures && in.run > 0 {
				t.building++
				t.buildingSince = earlier(t.buildingSince, in.runStart)
			}
		}
	}
	return t
}

// truth is what a health condition says of one instance.
func (in *instance) truth(c Condition) Truth {
	if c.Kind == HealthFailing {
		switch in.status {
		case HealthFail:
			return Breach
		case HealthPass, HealthWarn:
			return OK
		case HealthUnknown:
			return NotKnown
		}
		return NotKnown
	}
	switch {
	case in.run >= c.Count:
		return Breach
	case in.passed:
		return OK
	}
	return NotKnown
}

// evaluateHealth is what a health condition says of the whole service.
func evaluateHealth(c Condition, q Quorum, h *Health, now time.Time) Evaluation {
	if h == nil || h.newest == nil {
		return Evaluation{Reason: "no health check received"}
	}
	t := h.tally(c, now)
	if t.reporting == 0 {
		return Evaluation{Reason: "every instance is silent"}
	}
	e := Evaluation{Value: float64(t.longest), HasValue: true}
	if c.Kind == HealthFailing {
		e.Value = float64(t.failing) / float64(t.reporting)
	}
	if t.reporting < q.MinInstances {
		e.Reason = fmt.Sprintf("%d of at least %d instances report", t.reporting, q.MinInstances)
		return e
	}
	unknown := t.reporting - t.failing - t.ok
	switch {
	case q.reached(t.failing, t.reporting):
		e.Truth, e.Since = Breach, t.failingSince
		e.Reason = fmt.Sprintf("%d of %d instances failing", t.failing, t.reporting)
	case !q.reached(t.failing+unknown, t.reporting):
		e.Truth = OK
	case t.building > 0 && q.reached(t.failing+t.building, t.reporting):
		e.Building, e.Since = true, earlier(t.failingSince, t.buildingSince)
		e.Reason = fmt.Sprintf("%d of %d consecutive failures", min(t.longest, c.Count), c.Count)
	default:
		e.Reason = fmt.Sprintf("%d of %d instances unknown", unknown, t.reporting)
	}
	return e
}

// earlier is the earlier of two times; zero stands for none.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
