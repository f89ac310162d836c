package scenario

import (
	"slices"
	"strings"
	"time"
)

// failure is an expectation that did not come true.
type failure struct {
	line        int
	service     string
	at          time.Duration // what the timeline is shown around
	want, there string
}

// judge answers every expectation of a case from its record.
func (r *record) judge(c *Case) []failure {
	var failures []failure
	for _, e := range c.expects {
		if f, failed := r.check(e, c.Until); failed {
			failures = append(failures, f)
		}
	}
	return failures
}

// check answers one expectation.
func (r *record) check(e expect, until time.Duration) (failure, bool) {
	f := failure{line: e.line, service: e.service, at: e.time}
	switch e.when {
	case at, end:
		if e.when == end {
			f.at = until
		}
		m := r.at(f.at)
		f.want, f.there = e.String(), r.describe(e, m)
		return f, !r.match(e, m)
	case by:
		f.want, f.there = e.String(), r.describe(e, r.at(e.time))
		return f, !slices.ContainsFunc(r.until(e.time), func(m moment) bool { return r.match(e, m) })
	case never:
		for _, m := range r.moments {
			if m.at <= until && r.matchAny(e, m) {
				f.at, f.want = m.at, e.String()
				f.there = "at " + offset(m.at) + " " + r.describe(e, m)
				return f, true
			}
		}
	}
	return f, false
}

// at is the last moment at or before a time.
func (r *record) at(t time.Duration) moment {
	if all := r.until(t); len(all) > 0 {
		return all[len(all)-1]
	}
	return moment{facts: make([]facts, len(r.services))}
}

func (r *record) until(t time.Duration) []moment {
	n := 0
	for n < len(r.moments) && r.moments[n].at <= t {
		n++
	}
	return r.moments[:n]
}

// asked are the indexes of the services an expectation speaks of: those that
// were there at the moment and, where it names a trigger, have it.
func (r *record) asked(e expect, m moment) []int {
	var indexes []int
	for i, name := range r.services[:len(m.facts)] {
		if e.service != "" && e.service != name {
			continue
		}
		if e.service == "" && e.trigger != nil && e.trigger.stateIn(m.facts[i]) == none {
			continue
		}
		indexes = append(indexes, i)
	}
	return indexes
}

// match tells whether all that is expected holds at a moment: states for every
// service asked for, counts for all of them together.
func (r *record) match(e expect, m moment) bool {
	asked := r.asked(e, m)
	for _, i := range asked {
		if !e.states(m.facts[i]) {
			return false
		}
	}
	return len(asked) > 0 && r.counts(e, m)
}

// matchAny tells whether what must never hold does: for any one service.
func (r *record) matchAny(e expect, m moment) bool {
	anyState := slices.ContainsFunc(r.asked(e, m), func(i int) bool { return e.states(m.facts[i]) })
	return anyState && r.counts(e, m)
}

// states tells whether the states that are expected are those of one service.
func (e expect) states(f facts) bool {
	return (e.trigger == nil || e.trigger.stateIn(f) == e.trigger.state) &&
		(e.incident == nil || e.incident.match(f.incident)) && (e.rollback == nil || e.rollback.match(f.rollback))
}

// stateIn is the state of the trigger in a service's facts; none without it.
func (t wantTrigger) stateIn(f facts) string {
	for _, have := range f.triggers {
		if have.name == t.name {
			return have.state
		}
	}
	return none
}

func (w wantIncident) match(f incidentFacts) bool {
	word, _, _ := strings.Cut(f.response, " ")
	return like(w.state, f.state) && like(w.mode, f.mode) && like(w.severity, f.severity) && (like(w.response, f.response) || w.response == word) &&
		like(w.outcome, f.outcome) && like(w.heldBy, f.heldBy)
}

func (w wantRollback) match(f rollbackFacts) bool {
	return like(w.state, f.state) && same(w.from, f.from) && same(w.to, f.to) && same(w.scope, f.scope)
}

// like tells whether a wanted word, if any, is the one there.
func like(want, have string) bool { return want == "" || want == have }

// same tells whether a wanted text, if any, is the one there; it may be empty.
func same(want *string, have string) bool { return want == nil || *want == have }

// counts tells whether the counts that are expected are those of the moment.
func (r *record) counts(e expect, m moment) bool {
	t := r.totals(e, m)
	if e.rollbacks != nil && *e.rollbacks != t.rollbacks || e.escalations != nil && *e.escalations != t.escalations {
		return false
	}
	if n := e.notifications; n != nil && (n.min != nil && t.notifications < *n.min || n.max != nil && t.notifications > *n.max) {
		return false
	}
	if e.captures != nil && !slices.Equal(*e.captures, t.captures) {
		return false
	}
	return e.steps == nil || slices.EqualFunc(*e.steps, r.ranBy(e.service, m), func(want string, have ranStep) bool {
		return want == have.name || want == titled(have.name, have.unit)
	})
}

// totals are the counts that an expectation can ask for, of all services that it
// speaks of together.
type totals struct {
	rollbacks, notifications, escalations int
	captures                              []string
}

func (r *record) totals(e expect, m moment) totals {
	var t totals
	told, had := m.messages, m.received
	for i, f := range m.facts {
		if e.service != "" && e.service != r.services[i] {
			continue
		}
		t.rollbacks += f.rollbacks
		t.escalations = max(t.escalations, f.escalations)
		t.captures = append(t.captures, f.captures...)
		if e.service != "" {
			told, had = f.notifications, f.received
		}
	}
	t.notifications = told
	if n := e.notifications; n != nil && n.receiver != "" {
		t.notifications = 0
		for _, one := range had {
			if one.receiver == n.receiver {
				t.notifications = one.count
			}
		}
	}
	return t
}

// ranBy are the steps that ran up to a moment, in order.
func (r *record) ranBy(service string, m moment) []ranStep {
	ran := []ranStep{}
	for _, s := range r.steps[:m.steps] {
		if service == "" || s.service == service {
			ran = append(ran, s)
		}
	}
	return ran
}

// titlesOf are the names of steps that ran, with their units.
func titlesOf(ran []ranStep) []string {
	names := make([]string, len(ran))
	for i, s := range ran {
		names[i] = titled(s.name, s.unit)
	}
	return names
}
