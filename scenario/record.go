package scenario

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rollbackd/rollbackd/incident"
)

// none is the state of an incident or a rollback that does not exist.
const none = "none"

// facts are what expectations can ask about one service at one moment.
type facts struct {
	triggers      []triggerFact // in the order of their names
	incident      incidentFacts
	rollback      rollbackFacts
	rollbacks     int
	steps         int // how many of record.steps of this service there are
	notifications int
}

type triggerFact struct{ name, state string }

type incidentFacts struct{ id, state, severity, response, outcome, heldBy string }

type rollbackFacts struct{ id, state, from, to string }

func (f facts) equal(g facts) bool {
	return slices.Equal(f.triggers, g.triggers) && f.incident == g.incident && f.rollback == g.rollback &&
		f.rollbacks == g.rollbacks && f.steps == g.steps && f.notifications == g.notifications
}

// moment is everything as it stood from a time on, until the next moment.
type moment struct {
	at    time.Duration
	facts []facts // by the index of the service
	// steps and messages are how many there are of all services together.
	steps, messages int
}

// note is one line of the timeline.
type note struct {
	at            time.Duration
	service, kind string
	text          string
}

// ranStep is one attempt of a step that ran in the world.
type ranStep struct{ service, name string }

// record is what happened in a case: every transition, in order. Expectations
// are answered from it when the case is over.
type record struct {
	services []string
	index    map[string]int
	present  []facts
	moments  []moment
	steps    []ranStep
	messages int
	runs     map[string]bool // rollbacks that started a step
	notes    []note
	// probes counts how often a step's probe was asked.
	probes map[string]int
}

func newRecord(services []string) *record {
	r := &record{index: map[string]int{}, runs: map[string]bool{}, probes: map[string]int{}}
	r.addServices(services)
	return r
}

// addServices takes in services that a reload brought.
func (r *record) addServices(names []string) {
	for _, name := range names {
		if _, known := r.index[name]; known {
			continue
		}
		r.index[name] = len(r.services)
		r.services = append(r.services, name)
		r.present = append(r.present, facts{
			incident: incidentFacts{state: none}, rollback: rollbackFacts{state: none},
		})
	}
}

func (r *record) note(at time.Duration, service, kind, text string) {
	text, _, _ = strings.Cut(text, "\n")
	r.notes = append(r.notes, note{at: at, service: service, kind: kind, text: text})
}

// ran notes that a step really runs now.
func (r *record) ran(at time.Duration, ref incident.StepRef) {
	r.steps = append(r.steps, ranStep{service: ref.Service, name: ref.Name})
	f := &r.present[r.index[ref.Service]]
	f.steps++
	if !r.runs[ref.Run] {
		r.runs[ref.Run] = true
		f.rollbacks++
	}
	r.keep(at)
}

// told notes that people were told about a service, or with an empty one about
// the daemon itself.
func (r *record) told(at time.Duration, service string) {
	r.messages++
	if i, known := r.index[service]; known {
		r.present[i].notifications++
	}
	r.keep(at)
}

// keep adds a moment with what is present.
func (r *record) keep(at time.Duration) {
	r.moments = append(r.moments, moment{at: at, facts: slices.Clone(r.present), steps: len(r.steps), messages: r.messages})
}

// observe looks at the brain and keeps what has changed.
func (w *world) observe() {
	if w.brain == nil {
		return
	}
	r, changed := w.record, len(w.record.moments) == 0
	incidents := w.brain.Incidents()
	for i, service := range r.services {
		f := r.present[i]
		f.incident, f.rollback = newest(incidents, service, f.rollback)
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

// newest is a service's newest incident, closed ones included, and its newest
// rollback, which may be that of an incident before.
func newest(incidents []*incident.Incident, service string, before rollbackFacts) (incidentFacts, rollbackFacts) {
	i := slices.IndexFunc(incidents, func(i *incident.Incident) bool { return i.Service == service })
	if i < 0 {
		return incidentFacts{state: none}, before
	}
	found := incidents[i]
	f := incidentFacts{
		id: found.ID, state: string(found.State), severity: found.Severity.String(), response: found.Decision.Response.String(),
		outcome: string(found.Outcome), heldBy: string(found.Decision.HeldBy),
	}
	if r := found.Rollback; r != nil {
		before = rollbackFacts{id: r.ID, state: string(r.State), from: r.From, to: r.To}
	}
	return f, before
}

// triggers are the states of a service's triggers. They keep the old slice
// where nothing has changed.
func (w *world) triggers(service string, old []triggerFact) []triggerFact {
	view, known := w.brain.Service(service, w.clock())
	if !known {
		return nil
	}
	same := len(view.Triggers) == len(old)
	for i := 0; same && i < len(old); i++ {
		same = old[i] == triggerFact{view.Triggers[i].Name, view.Triggers[i].State.String()}
	}
	if same {
		return old
	}
	facts := make([]triggerFact, len(view.Triggers))
	for i, t := range view.Triggers {
		facts[i] = triggerFact{t.Name, t.State.String()}
	}
	return facts
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
