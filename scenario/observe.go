package scenario

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/trigger"
)

// observe looks at the brain and keeps what has changed.
func (w *world) observe() {
	if w.brain == nil {
		return
	}
	r, changed := w.record, len(w.record.moments) == 0
	// Incidents are the fold of the journal: without a new entry they are what
	// they were.
	seen := sight{brain: w.brain, entries: len(w.journal.lines), services: len(r.services)}
	var incidents []*incident.Incident
	look := seen != w.seen
	if w.seen = seen; look {
		incidents = w.brain.Incidents()
	}
	for i, service := range r.services {
		f := r.present[i]
		if look {
			f.incident, f.rollback = w.newest(incidents, service, f.rollback)
		}
		f.escalations, f.captures = r.levels[f.incident.id], r.captures[f.incident.id]
		f.triggers = w.triggers(service, f.triggers)
		if !f.equal(r.present[i]) {
			w.noteTriggers(service, r.present[i].triggers, f.triggers)
			r.present[i], changed = f, true
		}
	}
	if changed {
		r.keep(w.now)
	}
}

// sight is how far the incidents of a brain have been looked at.
type sight struct {
	brain             *incident.Brain
	entries, services int
}

// newest is a service's newest incident, closed ones included, and its newest
// rollback, which may be that of an incident before.
func (w *world) newest(incidents []*incident.Incident, service string, before rollbackFacts) (incidentFacts, rollbackFacts) {
	i := slices.IndexFunc(incidents, func(i *incident.Incident) bool { return i.Service == service })
	if i < 0 {
		return incidentFacts{state: none}, before
	}
	found := incidents[i]
	f := incidentFacts{
		id: found.ID, state: string(found.State), mode: found.Mode, severity: found.Severity.String(), response: found.Decision.Response.String(),
		outcome: string(found.Outcome), heldBy: w.record.heldBy(found),
	}
	if r := found.Rollback; r != nil {
		before = rollbackFacts{id: r.ID, state: string(r.State), from: r.From, to: r.To, scope: w.journal.runs[r.ID].scope}
	}
	return f, before
}

// shownGuard is the guard that an incident's public form showed at a moment of it.
type shownGuard struct {
	last  incident.Moment
	guard string
}

// heldBy is the guard that an incident shows: what holds it or, while a person
// is asked, what lowered the response to asking.
func (r *record) heldBy(i *incident.Incident) string {
	if i.State != incident.AwaitingApproval || len(i.Timeline) == 0 {
		return string(i.Decision.HeldBy)
	}
	last := i.Timeline[len(i.Timeline)-1]
	if known := r.guards[i.ID]; known.last == last {
		return known.guard
	}
	var public struct {
		Decision struct {
			HeldBy string `json:"held_by"`
		} `json:"decision"`
	}
	if data, err := json.Marshal(i.Public()); err != nil || json.Unmarshal(data, &public) != nil {
		return string(i.Decision.HeldBy) // the journal holds it as JSON, so it marshals
	}
	r.guards[i.ID] = shownGuard{last: last, guard: public.Decision.HeldBy}
	return public.Decision.HeldBy
}

// triggers are the states of a service's triggers. They keep the old slice
// where nothing has changed.
func (w *world) triggers(service string, old []triggerFact) []triggerFact {
	facts := w.states[:0]
	known := w.brain.TriggerStates(service, func(name string, state trigger.State) {
		facts = append(facts, triggerFact{name, state.String()})
	})
	w.states = facts
	switch {
	case !known:
		return nil
	case slices.Equal(facts, old):
		return old
	}
	return slices.Clone(facts)
}

func (w *world) noteTriggers(service string, old, present []triggerFact) {
	for _, t := range present {
		was := "unknown"
		for _, o := range old {
			if o.name == t.name {
				was = o.state
			}
		}
		if was != t.state {
			w.record.note(w.now, service, "trigger", fmt.Sprintf("%s: %s → %s", t.name, was, t.state))
		}
	}
}
