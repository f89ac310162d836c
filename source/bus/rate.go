package bus

import (
	"time"

	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/trigger"
)

// One instance may send twenty checks a second; what is more becomes one check
// with the worst status among them.
const (
	maxRate      = 20
	maxInstances = 20000
	idleAfter    = 5 * time.Minute
)

// limiter holds a rate for each instance. It is not safe for concurrent use.
type limiter struct {
	instances map[instanceKey]*quota
	holding   map[instanceKey]*quota
}

type instanceKey struct{ service, instance string }

type quota struct {
	second int64
	count  int
	held   incident.Health
	holds  bool
}

func newLimiter() *limiter {
	return &limiter{instances: map[instanceKey]*quota{}, holding: map[instanceKey]*quota{}}
}

// take passes a check on through emit, with what was held back before it, or
// holds it back. False means that there are too many instances to know another.
func (l *limiter) take(h incident.Health, emit func(incident.Health)) bool {
	key := instanceKey{h.Service, h.Check.Instance}
	second := h.Check.At.Unix()
	q, known := l.instances[key]
	if !known {
		if len(l.instances) >= maxInstances && !l.forget(h.Check.At) {
			return false
		}
		q = &quota{second: second}
		l.instances[key] = q
	}
	if q.second != second {
		l.release(key, q, emit)
		q.second, q.count = second, 0
	}
	if q.count++; q.count <= maxRate {
		emit(h)
		return true
	}
	if !q.holds || gravity(h.Check.Status) > gravity(q.held.Check.Status) {
		q.held, q.holds = h, true
		l.holding[key] = q
	}
	return true
}

func (l *limiter) release(key instanceKey, q *quota, emit func(incident.Health)) {
	if q.holds {
		emit(q.held)
		q.held, q.holds = incident.Health{}, false
		delete(l.holding, key)
	}
}

// flush passes on what was held back in seconds before now.
func (l *limiter) flush(now time.Time, emit func(incident.Health)) {
	for key, q := range l.holding {
		if q.second < now.Unix() {
			l.release(key, q, emit)
		}
	}
}

// forget drops instances that have long been silent, and tells whether any were.
func (l *limiter) forget(now time.Time) bool {
	before := len(l.instances)
	for key, q := range l.instances {
		if !q.holds && now.Unix()-q.second > int64(idleAfter.Seconds()) {
			delete(l.instances, key)
		}
	}
	return len(l.instances) < before
}

// gravity orders the statuses from good to bad.
func gravity(s trigger.HealthStatus) int {
	switch s {
	case trigger.HealthPass:
		return 0
	case trigger.HealthUnknown:
		return 1
	case trigger.HealthWarn:
		return 2
	case trigger.HealthFail:
		return 3
	}
	return 1
}
