package scenario

import (
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
	received      []received // in the order of receivers; never changed in place
	// escalations is the highest level told about the incident, captures what
	// was captured for it.
	escalations int
	captures    []string
}

// received is how many messages a receiver has had.
type received struct {
	receiver string
	count    int
}

type triggerFact struct{ name, state string }

type incidentFacts struct{ id, state, mode, severity, response, outcome, heldBy string }

type rollbackFacts struct{ id, state, from, to, scope string }

func (f facts) equal(g facts) bool {
	return slices.Equal(f.triggers, g.triggers) && f.incident == g.incident && f.rollback == g.rollback &&
		f.rollbacks == g.rollbacks && f.steps == g.steps && f.notifications == g.notifications &&
		slices.Equal(f.received, g.received) && f.escalations == g.escalations && slices.Equal(f.captures, g.captures)
}

// moment is everything as it stood from a time on, until the next moment.
type moment struct {
	at    time.Duration
	facts []facts // by the index of the service
	// steps and messages are how many there are of all services together, those
	// about no service included; received are the messages by receiver.
	steps, messages int
	received        []received
}

// note is one line of the timeline.
type note struct {
	at            time.Duration
	service, kind string
	text          string
}

// ranStep is one attempt of a step that ran in the world.
type ranStep struct{ service, name, unit string }

// record is what happened in a case: every transition, in order. Expectations
// are answered from it when the case is over.
type record struct {
	services []string
	index    map[string]int
	present  []facts
	moments  []moment
	steps    []ranStep
	messages int
	received []received
	runs     map[string]bool // rollbacks that started a step
	notes    []note
	// probes counts how often a step's probe was asked, and questions how often
	// a service's plan asked whether one can still go back.
	probes, questions map[string]int
	// captures and levels are what was captured, and the highest level told, by
	// incident.
	captures map[string][]string
	levels   map[string]int
	guards   map[string]shownGuard
}

func newRecord(services []string) *record {
	r := &record{
		index: map[string]int{}, runs: map[string]bool{}, probes: map[string]int{}, questions: map[string]int{},
		captures: map[string][]string{}, levels: map[string]int{}, guards: map[string]shownGuard{},
	}
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
	r.steps = append(r.steps, ranStep{service: ref.Service, name: ref.Name, unit: ref.Unit})
	f := &r.present[r.index[ref.Service]]
	f.steps++
	if !r.runs[ref.Run] {
		r.runs[ref.Run] = true
		f.rollbacks++
	}
	r.keep(at)
}

// keep adds a moment with what is present.
func (r *record) keep(at time.Duration) {
	r.moments = append(r.moments, moment{
		at: at, facts: slices.Clone(r.present), steps: len(r.steps), messages: r.messages, received: r.received,
	})
}
