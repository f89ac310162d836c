package trigger

import (
	"slices"
	"strings"
	"time"
)

// maxInstances bounds the memory of a service's health. Beyond it the instance
// that has been silent longest is forgotten.
const maxInstances = 10_000

// forgetAfter is how long an instance may be silent, past its ttl, before it is
// forgotten: a service whose instances get new names with every deployment
// would otherwise count its dead for ever.
const forgetAfter = 24 * time.Hour

// HealthStatus is a check's outcome. The zero value is HealthUnknown.
type HealthStatus int

// The outcomes. A warning neither counts as a failure nor ends a run of them.
const (
	HealthUnknown HealthStatus = iota
	HealthPass
	HealthWarn
	HealthFail
)

// String is the word shown to people.
func (s HealthStatus) String() string {
	switch s {
	case HealthUnknown:
		return "unknown"
	case HealthPass:
		return "pass"
	case HealthWarn:
		return "warn"
	case HealthFail:
		return "fail"
	}
	return "invalid status"
}

// ParseHealthStatus maps the words that health formats use, upper and lower
// case alike. It is false for any other word, which is an invalid event and
// never a failure.
func ParseHealthStatus(word string) (HealthStatus, bool) {
	switch strings.ToLower(word) {
	case "pass", "ok", "up", "passing", "serving", "healthy":
		return HealthPass, true
	case "warn", "warning", "degraded":
		return HealthWarn, true
	case "fail", "error", "down", "critical", "not_serving", "unhealthy", "out_of_service":
		return HealthFail, true
	case "unknown", "service_unknown", "maintenance":
		return HealthUnknown, true
	}
	return HealthUnknown, false
}

// HealthCheck is one check of one instance.
type HealthCheck struct {
	Instance string
	Status   HealthStatus
	// At is when the check was received; times are compared by it alone.
	At time.Time
	// Seq and Boot order an instance's checks; zero and empty where the
	// sender has none.
	Seq  uint64
	Boot string
	// Version is what the instance says it runs, for display.
	Version string
	// TTL is how long the check stands; zero leaves it to the configuration
	// or to what was learned.
	TTL time.Duration
	// Output is the check's own words. Health does not keep it.
	Output string
}

// Health is the health streams of one service, one for each instance. Make it
// with NewHealth. It is not safe for concurrent use.
type Health struct {
	ttl       time.Duration
	instances map[string]*instance
	// newest and oldest are the ends of a list of all instances in the order
	// of their last check.
	newest, oldest *instance
	// gapAt is the latest gap in our subscription, zero if there was none.
	gapAt time.Time
}

// instance is the stream of one instance.
type instance struct {
	name           string
	older, younger *instance

	order   order
	cadence cadence

	// lastAt is the time of the last check, lastTTL the ttl it carried.
	lastAt  time.Time
	lastTTL time.Duration
	// standsUntil is the last nanosecond since 1970 at which that check is not
	// older than its ttl. Every event asks every instance for it.
	standsUntil int64
	status      HealthStatus
	version     string

	// run counts the latest failing checks, the first of which came at
	// runStart. passed tells that the last check that decides was a pass.
	run      int
	runStart time.Time
	passed   bool
}

// NewHealth makes an empty Health. The ttl is the configured one, used where a
// check brings none of its own; zero learns it from the interval of the checks.
func NewHealth(ttl time.Duration) *Health {
	return &Health{ttl: ttl, instances: map[string]*instance{}}
}

// Observe takes in a check. It is false for a duplicate or late one, which
// changed nothing.
func (h *Health) Observe(c HealthCheck) bool {
	in, known := h.instances[c.Instance]
	if !known {
		h.add(c)
		return true
	}
	if !in.order.accepts(c, in.lastAt, in.silent(c.At.UnixNano())) {
		return false
	}
	apart := max(0, c.At.Sub(in.lastAt))
	across := !in.lastAt.After(h.gapAt) && c.At.After(h.gapAt)
	if !across {
		// A distance across a gap of ours says nothing of the sender. Any
		// other is learned before it is judged: the second of two equal slow
		// intervals shows that neither was a silence.
		in.cadence.learn(apart)
	}
	if across || apart > h.ttlOf(in) {
		in.run = 0
	}
	h.take(in, c)
	h.promote(in)
	h.forget(c.At)
	return true
}

// take counts a check that is next in order.
func (h *Health) take(in *instance, c HealthCheck) {
	in.order.advance(c)
	in.status, in.lastTTL = c.Status, c.TTL
	if in.version != c.Version {
		in.version = strings.Clone(c.Version)
	}
	in.lastAt = c.At
	in.standsUntil = c.At.UnixNano() + int64(h.ttlOf(in))
	switch c.Status {
	case HealthPass:
		in.run, in.passed = 0, true
	case HealthFail:
		if in.run == 0 {
			in.runStart = c.At
		}
		in.run, in.passed = in.run+1, false
	case HealthWarn, HealthUnknown:
	}
}

// Gap marks a gap in our subscription: what was missed at that time may have
// been a pass, so every run of failures that began before it starts anew with
// the next failing check.
func (h *Health) Gap(at time.Time) {
	if at.After(h.gapAt) {
		h.gapAt = at
	}
	for in := h.newest; in != nil; in = in.older {
		if !in.runStart.After(at) {
			in.run = 0
		}
	}
}

// NextSilence is the first moment after now at which an instance that reports
// now no longer does; zero if there is none.
func (h *Health) NextSilence(now time.Time) time.Time {
	var next time.Time
	for in := h.newest; in != nil; in = in.older {
		if !in.silent(now.UnixNano()) {
			// At its ttl an instance still reports, one moment later not.
			next = earlier(next, in.lastAt.Add(h.ttlOf(in)+1))
		}
	}
	return next
}

// silent tells whether the last check is older than its ttl; now is in
// nanoseconds since 1970.
func (in *instance) silent(now int64) bool { return now > in.standsUntil }

// ttlOf is how long the instance's last check stands.
func (h *Health) ttlOf(in *instance) time.Duration {
	switch {
	case in.lastTTL > 0:
		return in.lastTTL
	case h.ttl > 0:
		return h.ttl
	}
	return in.cadence.ttl()
}

// InstanceHealth is one instance's present state, for the API.
type InstanceHealth struct {
	Instance string `json:"instance"`
	// Status is pass, warn, fail, unknown, or silent once the last check is
	// older than its ttl.
	Status   string        `json:"status"`
	Failures int           `json:"consecutive_failures"`
	LastAt   time.Time     `json:"last_at"`
	Version  string        `json:"version,omitempty"`
	TTL      time.Duration `json:"-"`
}

// Instances lists the instances in the order of their names.
func (h *Health) Instances(now time.Time) []InstanceHealth {
	list := make([]InstanceHealth, 0, len(h.instances))
	for in := h.newest; in != nil; in = in.older {
		s := InstanceHealth{
			Instance: in.name, Status: in.status.String(), Failures: in.run,
			LastAt: in.lastAt, Version: in.version, TTL: h.ttlOf(in),
		}
		if in.silent(now.UnixNano()) {
			s.Status = "silent"
		}
		list = append(list, s)
	}
	slices.SortFunc(list, func(a, b InstanceHealth) int { return strings.Compare(a.Instance, b.Instance) })
	return list
}
