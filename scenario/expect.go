package scenario

import (
	"fmt"
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
	return like(w.state, f.state) && like(w.severity, f.severity) && (like(w.response, f.response) || w.response == word) &&
		like(w.outcome, f.outcome) && like(w.heldBy, f.heldBy)
}

func (w wantRollback) match(f rollbackFacts) bool {
	return like(w.state, f.state) && (w.from == nil || *w.from == f.from) && (w.to == nil || *w.to == f.to)
}

// like tells whether a wanted word, if any, is the one there.
func like(want, have string) bool { return want == "" || want == have }

// counts tells whether the counts that are expected are those of the moment.
func (r *record) counts(e expect, m moment) bool {
	rollbacks, notifications := r.totals(e, m)
	if e.rollbacks != nil && *e.rollbacks != rollbacks {
		return false
	}
	if n := e.notifications; n != nil && (n.min != nil && notifications < *n.min || n.max != nil && notifications > *n.max) {
		return false
	}
	return e.steps == nil || slices.Equal(*e.steps, r.ranBy(e.service, m))
}

func (r *record) totals(e expect, m moment) (rollbacks, notifications int) {
	for i, f := range m.facts {
		if e.service == "" || e.service == r.services[i] {
			rollbacks += f.rollbacks
			notifications += f.notifications
		}
	}
	if e.service == "" {
		notifications = m.messages
	}
	return rollbacks, notifications
}

// ranBy are the names of the steps that ran up to a moment, in order.
func (r *record) ranBy(service string, m moment) []string {
	names := []string{}
	for _, s := range r.steps[:m.steps] {
		if service == "" || s.service == service {
			names = append(names, s.name)
		}
	}
	return names
}

// String is the expectation as a failure shows it.
func (e expect) String() string {
	var when string
	switch e.when {
	case at:
		when = "at " + offset(e.time)
	case by:
		when = "by " + offset(e.time)
	case never:
		when = "never"
	case end:
		when = "at the end"
	}
	service := "all services"
	if e.service != "" {
		service = e.service
	}
	return when + " " + service + ": " + strings.Join(e.parts(), "; ")
}

func (e expect) parts() []string {
	var parts []string
	if t := e.trigger; t != nil {
		parts = append(parts, "trigger "+t.name+" "+t.state)
	}
	if i := e.incident; i != nil {
		parts = append(parts, incidentFacts{
			state: i.state, severity: i.severity, response: i.response, outcome: i.outcome, heldBy: i.heldBy,
		}.String())
	}
	if b := e.rollback; b != nil {
		parts = append(parts, rollbackWords(b.state, b.from, b.to))
	}
	if e.rollbacks != nil {
		parts = append(parts, fmt.Sprintf("rollbacks %d", *e.rollbacks))
	}
	if e.steps != nil {
		parts = append(parts, fmt.Sprintf("steps %q", *e.steps))
	}
	if n := e.notifications; n != nil {
		parts = append(parts, "notifications"+bound(" at least ", n.min)+bound(" at most ", n.max))
	}
	return parts
}

// words writes a state and the named words that are not empty.
func words(state string, named ...namedWord) string {
	parts := []string{state}
	for _, n := range named {
		if n.word != "" {
			parts = append(parts, n.name+"="+n.word)
		}
	}
	return strings.TrimSpace(strings.Join(parts, " "))
}

type namedWord struct{ name, word string }

// String is the incident as a failure shows it.
func (f incidentFacts) String() string {
	return "incident " + words(f.state, namedWord{"severity", f.severity}, namedWord{"response", f.response},
		namedWord{"outcome", f.outcome}, namedWord{"held_by", f.heldBy})
}

func rollbackWords(state string, from, to *string) string {
	return "rollback " + words(state, namedWord{"from", quoted(from)}, namedWord{"to", quoted(to)})
}

func quoted(text *string) string {
	if text == nil {
		return ""
	}
	return fmt.Sprintf("%q", *text)
}

func bound(text string, n *int) string {
	if n == nil {
		return ""
	}
	return fmt.Sprintf("%s%d", text, *n)
}

// describe is what was there at a moment, of what an expectation asks for.
func (r *record) describe(e expect, m moment) string {
	var lines []string
	for _, i := range r.asked(e, m) {
		f, parts := m.facts[i], []string{}
		if e.trigger != nil {
			parts = append(parts, "trigger "+e.trigger.name+" "+e.trigger.stateIn(f))
		}
		if e.incident != nil {
			parts = append(parts, f.incident.String())
		}
		if e.rollback != nil {
			parts = append(parts, rollbackWords(f.rollback.state, &f.rollback.from, &f.rollback.to))
		}
		if len(parts) > 0 {
			lines = append(lines, r.services[i]+": "+strings.Join(parts, "; "))
		}
	}
	rollbacks, notifications := r.totals(e, m)
	if e.rollbacks != nil {
		lines = append(lines, fmt.Sprintf("rollbacks %d", rollbacks))
	}
	if e.steps != nil {
		lines = append(lines, fmt.Sprintf("steps %q", r.ranBy(e.service, m)))
	}
	if e.notifications != nil {
		lines = append(lines, fmt.Sprintf("notifications %d", notifications))
	}
	return strings.Join(lines, "; ")
}
