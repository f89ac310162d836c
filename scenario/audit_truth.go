package scenario

import (
	"math"
	"time"

	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/trigger"
)

// may is what a condition may say at one instant, as far as the auditor can
// tell: for metrics exactly one of the four, for health sometimes several.
type may uint8

const (
	mayOK may = 1 << iota
	mayBreach
	// mayMissing is a breach that only no_data = "breach" makes one.
	mayMissing
	mayUnknown

	mayAnything = mayOK | mayBreach | mayUnknown
	breaches    = mayBreach | mayMissing
)

// and joins two answers: ok beats unknown beats breach.
func (m may) and(o may) may {
	joined := (m | o) & mayOK
	if m&^mayOK == 0 || o&^mayOK == 0 {
		return joined
	}
	joined |= (m | o) & mayUnknown
	if m&breaches != 0 && o&breaches != 0 {
		joined |= m & o & mayBreach
		joined |= (m | o) & mayMissing
	}
	return joined
}

// inverse is what a wished condition says: where it is true all is well.
func (m may) inverse() may {
	inverse := m & mayUnknown
	if m&breaches != 0 {
		inverse |= mayOK
	}
	if m&mayOK != 0 {
		inverse |= mayBreach
	}
	return inverse
}

// readings finds a metric's answer for one service; false where it was not asked.
type readings struct {
	answers map[string]trigger.Answer
	service string
}

// of tells whether a metric's value is known, whether the source said that there
// is none, and the value.
func (r readings) of(metric string) (value float64, known, missing bool) {
	answer, asked := r.answers[metric]
	if !asked || answer.Err != "" {
		return 0, false, false
	}
	if _, failed := answer.Failed[r.service]; failed {
		return 0, false, false
	}
	reading, there := answer.Services[r.service]
	if !there || reading.Presence == trigger.Missing {
		return 0, false, true
	}
	usable := reading.Presence == trigger.Known && !math.IsNaN(reading.Value) && !math.IsInf(reading.Value, 0)
	return reading.Value, usable, false
}

// says is what an expression may say, hold aside.
func (a *auditor) says(e trigger.Expr, missing trigger.NoData, r readings) may {
	whole := may(0)
	for i, c := range e.Conditions {
		one := a.condition(c, missing, r)
		if i == 0 {
			whole = one
		} else {
			whole = whole.and(one)
		}
	}
	return whole
}

func (a *auditor) condition(c trigger.Condition, missing trigger.NoData, r readings) may {
	switch c.Kind {
	case trigger.Compare:
		return compared(c, missing, r)
	case trigger.Absent:
		_, known, gone := r.of(c.Metric)
		switch {
		case known:
			return mayOK
		case gone && a.existed[seriesKey{metric: c.Metric, service: r.service}]:
			return mayBreach | mayUnknown // the daemon may not have kept that there was one
		}
		return mayUnknown
	case trigger.ConsecutiveFailures, trigger.HealthFailing:
		return a.service(r.service).checked(c)
	case trigger.Event:
		if _, said := a.service(r.service).signals[c.Event]; said {
			return mayOK | mayBreach // how long it stands is left open
		}
		return mayOK
	}
	return mayAnything
}

func compared(c trigger.Condition, missing trigger.NoData, r readings) may {
	value, known, gone := r.of(c.Metric)
	switch {
	case known && beyond(value, c):
		return mayBreach
	case known:
		return mayOK
	case gone && missing == trigger.NoDataOK:
		return mayOK
	case gone && missing == trigger.NoDataBreach:
		return mayMissing
	}
	return mayUnknown
}

// beyond tells whether a value passes a condition's threshold.
func beyond(v float64, c trigger.Condition) bool {
	switch c.Op {
	case trigger.Greater:
		return v > c.Threshold
	case trigger.GreaterOrEqual:
		return v >= c.Threshold
	case trigger.Less:
		return v < c.Threshold
	case trigger.LessOrEqual:
		return v <= c.Threshold
	case trigger.Equal:
		return v == c.Threshold
	case trigger.NotEqual:
		return v != c.Threshold
	}
	return false
}

// checkedInstance is one instance of a service by the health checks it sent.
// Checks that the daemon may have dropped as late only ever add to what may be.
type checkedInstance struct {
	boots map[string]uint64 // the highest number of each boot
	boot  string
	last  time.Time
	run   int  // failing checks in a row, at the most
	fine  bool // its newest deciding check may be a pass
	warns bool // its newest check may be a warning
	fails bool // its newest check may be a failure
}

// health takes in a check that the brain is about to be told of.
func (a *auditor) health(in incident.Health) {
	s := a.service(in.Service)
	i, known := s.instances[in.Check.Instance]
	if !known {
		i = &checkedInstance{boots: map[string]uint64{}}
		s.instances[in.Check.Instance] = i
	}
	i.take(in.Check)
	for _, t := range s.tracks {
		if t.eventDriven {
			s.observe(t, in.Check.At, a.says(t.spec.Expr, t.spec.NoData, readings{service: in.Service}), seen{live: !in.Replayed, event: true})
		}
	}
}

// heard is what was said of a service by a name, and by whom.
type heard struct {
	// person is true once somebody who is known said it: it did not come by NATS.
	person bool
}

// signalled takes in that somebody said something of a service.
func (a *auditor) signalled(service, name, source string) {
	said := a.service(service).signals
	said[name] = heard{person: said[name].person || source != busSource}
	a.hearSignals()
}

// hearSignals looks at the triggers that wait for signals alone: they need no tick.
func (a *auditor) hearSignals() {
	for name, s := range a.services {
		for _, t := range s.tracks {
			if t.eventDriven && !t.healthOnly {
				s.observe(t, a.wall, a.says(t.spec.Expr, t.spec.NoData, readings{service: name}), seen{live: true, event: true})
			}
		}
	}
}

func (i *checkedInstance) take(c trigger.HealthCheck) {
	newest, bootKnown := i.boots[c.Boot]
	late := bootKnown && (c.Boot != i.boot || c.Seq <= newest && newest > 0) || c.Boot == "" && i.boot != "" || !c.At.After(i.last)
	i.boots[c.Boot] = max(newest, c.Seq)
	if !late {
		i.boot, i.last = c.Boot, c.At
	}
	switch c.Status {
	case trigger.HealthPass:
		i.fine = true
		if !late {
			i.run, i.fails, i.warns = 0, false, false
		}
	case trigger.HealthFail:
		i.run++
		i.fails = true
		if !late {
			i.fine, i.warns = false, false
		}
	case trigger.HealthWarn:
		i.warns = true
	case trigger.HealthUnknown:
	}
}

// checked is what a condition on health may say. Whether an instance still
// reports is left open: it may always be unknown.
func (s *audited) checked(c trigger.Condition) may {
	says := mayUnknown
	for _, i := range s.instances {
		if i.fine || i.warns && c.Kind == trigger.HealthFailing {
			says |= mayOK
		}
		if c.Kind == trigger.HealthFailing && i.fails || c.Kind == trigger.ConsecutiveFailures && i.run >= c.Count {
			says |= mayBreach
		}
	}
	return says
}
