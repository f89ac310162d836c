package scenario

import (
	"fmt"

	"github.com/rollbackd/rollbackd/incident"
)

// rehearsedEvent is a rehearsal that has found out what it could. What it looked
// at is no part of a test file; what it found is.
type rehearsedEvent struct {
	id, service, plan, scope, by string
	problems                     int
}

func (r *fileReader) readRehearsed(t *table, id string) *rehearsedEvent {
	e := &rehearsedEvent{id: id, service: r.service(t), plan: t.text("plan"), scope: t.text("scope"), by: t.text("by")}
	if e.by == "" {
		e.by = "somebody"
	}
	ok := true
	if t.has("ok") {
		ok = t.boolean("ok")
	}
	problems, counted := t.integer("problems", 1)
	switch {
	case ok && counted:
		t.problem("problems", "goes with ok = false")
	case !ok && counted:
		e.problems = problems
	case !ok:
		e.problems = 1
	}
	t.finish()
	return e
}

// rehearsed tells the daemon of a rehearsal of the plan as it stands.
func (w *world) rehearsed(e rehearsedEvent) {
	text := "no problem"
	if e.problems > 0 {
		text = count(e.problems, "problem")
	}
	w.record.note(w.now, e.service, "world", fmt.Sprintf("%s rehearses: %s", e.by, text))
	if w.brain == nil {
		return // there was nobody to ask
	}
	what, err := w.brain.Rehearsing(incident.RehearsalAsk{Service: e.service, Plan: e.plan, Scope: e.scope, Actor: e.by}, w.clock())
	if err != nil {
		w.record.note(w.now, e.service, "refused", err.Error())
		return
	}
	w.input(incident.Command{
		ID: e.id, Verb: "rehearsed", Service: e.service, Actor: e.by,
		Rehearsal: &incident.Rehearsal{
			Plan: what.Run.Plan.Name, PlanHash: what.PlanHash, Scope: e.scope, OK: e.problems == 0, Problems: e.problems,
			From: what.Run.From, To: what.Run.To,
		},
	})
}
