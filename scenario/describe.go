package scenario

import (
	"fmt"
	"strings"
)

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
			state: i.state, mode: i.mode, severity: i.severity, response: i.response, outcome: i.outcome, heldBy: i.heldBy,
		}.String())
	}
	if b := e.rollback; b != nil {
		parts = append(parts, rollbackWords(*b))
	}
	if e.rollbacks != nil {
		parts = append(parts, fmt.Sprintf("rollbacks %d", *e.rollbacks))
	}
	if e.steps != nil {
		parts = append(parts, fmt.Sprintf("steps %q", *e.steps))
	}
	if e.captures != nil {
		parts = append(parts, fmt.Sprintf("captures %q", *e.captures))
	}
	if e.escalations != nil {
		parts = append(parts, fmt.Sprintf("escalations %d", *e.escalations))
	}
	if n := e.notifications; n != nil {
		parts = append(parts, n.what()+bound(" at least ", n.min)+bound(" at most ", n.max))
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
	return "incident " + words(f.state, namedWord{"mode", f.mode}, namedWord{"severity", f.severity}, namedWord{"response", f.response},
		namedWord{"outcome", f.outcome}, namedWord{"held_by", f.heldBy})
}

func rollbackWords(w wantRollback) string {
	return "rollback " + words(w.state, namedWord{"from", quoted(w.from)}, namedWord{"to", quoted(w.to)}, namedWord{"scope", quoted(w.scope)})
}

// what is what is counted: all messages, or those of one receiver.
func (w wantCount) what() string {
	if w.receiver == "" {
		return "notifications"
	}
	return "notifications of " + w.receiver
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
			have := f.incident
			if e.incident.mode == "" {
				have.mode = "" // nobody asks
			}
			parts = append(parts, have.String())
		}
		if e.rollback != nil {
			have := wantRollback{state: f.rollback.state, from: &f.rollback.from, to: &f.rollback.to}
			if e.rollback.scope != nil {
				have.scope = &f.rollback.scope
			}
			parts = append(parts, rollbackWords(have))
		}
		if len(parts) > 0 {
			lines = append(lines, r.services[i]+": "+strings.Join(parts, "; "))
		}
	}
	return strings.Join(append(lines, r.describeCounts(e, m)...), "; ")
}

// describeCounts are the counts that were there, of those an expectation asks for.
func (r *record) describeCounts(e expect, m moment) []string {
	var lines []string
	t := r.totals(e, m)
	if e.rollbacks != nil {
		lines = append(lines, fmt.Sprintf("rollbacks %d", t.rollbacks))
	}
	if e.steps != nil {
		lines = append(lines, fmt.Sprintf("steps %q", titlesOf(r.ranBy(e.service, m))))
	}
	if e.captures != nil {
		lines = append(lines, fmt.Sprintf("captures %q", t.captures))
	}
	if e.escalations != nil {
		lines = append(lines, fmt.Sprintf("escalations %d", t.escalations))
	}
	if n := e.notifications; n != nil {
		lines = append(lines, fmt.Sprintf("%s %d", n.what(), t.notifications))
	}
	return lines
}
