package scenario

import (
	"slices"

	"github.com/rollbackd/rollbackd/evaluator"
	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/trigger"
)

// readExpect reads one of [[case.expect]]. One that names several times (at and
// by, say) is wrong.
func (r *fileReader) readExpect(t *table) []expect {
	e := expect{line: t.line()}
	t.exactlyOne("at", "by", "never", "end")
	if d, ok := t.duration("at"); ok {
		e.when, e.time = at, d
	}
	if d, ok := t.duration("by"); ok {
		e.when, e.time = by, d
	}
	for key, when := range map[string]when{"never": never, "end": end} {
		if !t.has(key) {
			t.take(key)
			continue
		}
		if e.when = when; !t.boolean(key) {
			t.problem(key, "write %s = true, or leave it out", key)
		}
	}
	if t.has("service") {
		e.service = r.service(t)
	} else {
		t.take("service")
	}
	r.readWants(t, &e)
	t.finish()
	return []expect{e}
}

// readWants reads what is expected.
func (r *fileReader) readWants(t *table, e *expect) {
	if w, ok := t.table("trigger"); ok {
		e.trigger = &wantTrigger{name: w.needed("name"), state: w.word("state", triggerStates()...)}
		if !w.has("state") {
			w.findings.add(w.path, "state is missing")
		}
		r.checkTrigger(w, e.service, e.trigger.name)
		w.finish()
	}
	if w, ok := t.table("incident"); ok {
		e.incident = readIncident(w)
	}
	if w, ok := t.table("rollback"); ok {
		e.rollback = &wantRollback{
			state: w.word("state", runStates()...), from: optional(w, "from"), to: optional(w, "to"), scope: optional(w, "scope"),
		}
		w.finish()
	}
	if n, ok := t.integer("rollbacks", 0); ok {
		e.rollbacks = &n
	}
	if steps, ok := t.strings("steps"); ok {
		e.steps = &steps
		for _, name := range steps {
			r.checkStep(t, "steps", name)
		}
	}
	if captures, ok := t.strings("captures"); ok {
		e.captures = &captures
		for _, name := range captures {
			r.checkStep(t, "captures", name)
		}
	}
	if n, ok := t.integer("escalations", 0); ok {
		e.escalations = &n
	}
	if w, ok := t.table("notifications"); ok {
		e.notifications = r.readCount(w)
	}
	if len(e.parts()) == 0 {
		t.findings.add(t.path, "expects nothing (write trigger, incident, rollback, rollbacks, steps, captures, escalations or notifications)")
	}
}

// readCount reads how often people are to be told.
func (r *fileReader) readCount(t *table) *wantCount {
	c := &wantCount{receiver: t.text("receiver")}
	if c.receiver != "" {
		r.checkReceiver(t, "receiver", c.receiver)
	}
	if n, ok := t.integer("min", 0); ok {
		c.min = &n
	}
	if n, ok := t.integer("max", 0); ok {
		c.max = &n
	}
	if c.min != nil && c.max != nil && *c.min > *c.max {
		t.findings.add(t.path, "min (%d) is more than max (%d): no number is both", *c.min, *c.max)
	}
	t.finish()
	return c
}

func readIncident(t *table) *wantIncident {
	w := &wantIncident{
		state: t.word("state", incidentStates()...), mode: t.word("mode", "live", "shadow"), severity: t.text("severity"), response: t.text("response"),
		outcome: t.word("outcome", outcomes()...), heldBy: readGuard(t),
	}
	if _, err := trigger.ParseSeverity(w.severity); err != nil && w.severity != "" {
		t.problem("severity", "%v", err)
	}
	checkResponse(t, w.response)
	t.finish()
	return w
}

// readGuard reads held_by. Guards that later versions have are refused as such.
func readGuard(t *table) string {
	word, later := t.text("held_by"), laterGuards()
	if slices.Contains(later, word) {
		t.problem("held_by", "%q: not implemented in this version", word)
		return ""
	}
	return t.word("held_by", guards()...)
}

// optional is text that may be empty, and nil when it is not there.
func optional(t *table, key string) *string {
	if !t.has(key) {
		t.take(key)
		return nil
	}
	v := t.text(key)
	return &v
}

// strings reads an array of strings.
func (t *table) strings(key string) ([]string, bool) {
	list, ok := read[[]any](t, key, "an array of strings")
	texts := make([]string, 0, len(list))
	for _, v := range list {
		text, isText := v.(string)
		if !isText {
			t.problem(key, "expected strings, found %s", found(v))
			continue
		}
		texts = append(texts, text)
	}
	return texts, ok
}

// checkTrigger reports a trigger that the service, or none of them, has.
func (r *fileReader) checkTrigger(t *table, of, name string) {
	names := r.names(func(s setting) []string {
		var names []string
		for service, options := range s.options.Services {
			for _, spec := range options.Triggers {
				if of == "" || of == service {
					names = append(names, spec.Name)
				}
			}
		}
		return names
	})
	if len(r.known) > 0 && name != "" && !slices.Contains(names, name) {
		t.problem("name", "unknown trigger %q%s", name, suggestion(name, names))
	}
}

// checkResponse reports what is not a response of the matrix.
func checkResponse(t *table, text string) {
	if text == "" {
		return
	}
	if _, err := evaluator.ParseResponse(text, 0); err != nil {
		t.problem("response", "%v", err)
	}
}

func triggerStates() []string {
	return []string{
		trigger.Inactive.String(), trigger.Pending.String(), trigger.Firing.String(), trigger.StateUnknown.String(),
	}
}

func incidentStates() []string {
	return []string{
		none, string(incident.Firing), string(incident.CountingDown), string(incident.AwaitingApproval), string(incident.Held),
		string(incident.Confirming), string(incident.RollingBack), string(incident.Verifying), string(incident.Closed),
	}
}

func runStates() []string {
	return []string{
		none, string(incident.RunPlanned), string(incident.RunChecking), string(incident.RunRunning), string(incident.RunVerifying),
		string(incident.RunCompleted), string(incident.RunPartial), string(incident.RunBlocked), string(incident.RunAborted),
	}
}

func outcomes() []string {
	return []string{
		string(incident.Recovered), string(incident.RolledBack), string(incident.Vetoed), string(incident.FixedForward),
		string(incident.Unresolved),
	}
}

// guards are the reasons to hold that this version has.
func guards() []string {
	var words []string
	for _, g := range []incident.Guard{
		incident.GuardJournal, incident.GuardLocked, incident.GuardPaused, incident.GuardVetoed, incident.GuardAborted,
		incident.GuardBlocked, incident.GuardVerification, incident.GuardBlind, incident.GuardNeverOK, incident.GuardFlapping,
		incident.GuardNoDeployment, incident.GuardBeforeDeployment, incident.GuardCorrelated, incident.GuardHoldWhen,
		incident.GuardQuarantined, incident.GuardOnce, incident.GuardNoTarget, incident.GuardCooldown, incident.GuardBudget,
		incident.GuardConcurrency, incident.GuardWindow, incident.GuardRehearsal, incident.GuardPointOfNoReturn, incident.GuardCorroboration,
		incident.GuardShadow,
	} {
		words = append(words, string(g))
	}
	return words
}

// laterGuards are those that only later versions have.
func laterGuards() []string {
	return []string{"not_leader"}
}
