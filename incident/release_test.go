package incident_test

import (
	"slices"
	"testing"
	"time"

	"github.com/rollbackd/rollbackd/evaluator"
	"github.com/rollbackd/rollbackd/incident"
)

// queued is a guard that holds shop for a while, and how it lets go.
type queued struct {
	guard   incident.Guard
	options func(o *incident.Options)
	before  func(w *world) // before shop breaks
	release func(w *world)
}

func queues() []queued {
	cartBreaks := func(w *world) {
		w.deploy("cart", "v2", "v1")
		w.set(0.08, "cart")
		w.run(2*time.Minute + 15*time.Second)
		w.set(0.001, "cart")
	}
	return []queued{
		{
			guard: incident.GuardCooldown,
			options: func(o *incident.Options) {
				unknownDeployments(o)
				s := o.Services["shop"]
				s.Cooldown = 40 * time.Minute
				o.Services["shop"] = s
			},
			before: func(w *world) {
				w.command("rollback", "shop")
				w.run(3 * time.Minute)
			},
			release: func(w *world) { w.run(40 * time.Minute) },
		},
		{
			guard:   incident.GuardBudget,
			options: func(o *incident.Options) { o.Guards.MaxPerHour = 1 },
			before:  cartBreaks,
			release: func(w *world) { w.run(time.Hour) },
		},
		{
			guard:   incident.GuardConcurrency,
			options: func(o *incident.Options) { o.Guards.MaxConcurrent = 1 },
			before: func(w *world) {
				w.hang["restart"] = true
				cartBreaks(w)
			},
			release: func(w *world) {
				w.hang["restart"] = false
				w.run(20 * time.Minute)
				last := w.started[len(w.started)-1]
				w.give(incident.StepEnded{Ref: last.Ref, Result: incident.StepResult{State: incident.StepDone}})
				w.run(time.Minute)
			},
		},
		{
			guard: incident.GuardWindow,
			options: func(o *incident.Options) {
				o.Windows = []incident.Window{{Name: "freeze", To: 10*time.Hour + 30*time.Minute, Cap: evaluator.Notify}}
			},
			release: func(w *world) { w.until(10, 31) },
		},
		{
			guard:   incident.GuardPaused,
			before:  func(w *world) { w.command("pause", "shop") },
			release: func(w *world) { w.run(20 * time.Minute); w.command("resume", "shop"); w.run(time.Minute) },
		},
		{
			guard:   incident.GuardHoldWhen,
			options: func(o *incident.Options) { o.Guards.HoldWhen = true },
			before:  func(w *world) { w.holdWhen = frozen() },
			release: func(w *world) { w.run(20 * time.Minute); w.holdWhen.Services = nil; w.run(time.Minute) },
		},
	}
}

func (q queued) hold(t *testing.T) *world {
	t.Helper()
	o := options("cart", "shop")
	o.Guards.Correlated.Services = 0
	if q.options != nil {
		q.options(&o)
	}
	w := newWorld(t, o)
	w.well()
	if q.before != nil {
		q.before(w)
	}
	if o.Services["shop"].Deployment.Required {
		w.deploy("shop", "v2", "v1")
	}
	w.set(0.08, "shop")
	w.run(2*time.Minute + 15*time.Second)
	w.heldBy("shop", q.guard)
	return w
}

// changed counts the steps of a service's plans that were started.
func (w *world) changed(service string) int {
	n := 0
	for _, s := range w.started {
		if s.Ref.Service == service && s.Ref.Section == incident.SectionSteps {
			n++
		}
	}
	return n
}

func TestAQueuedIncidentWhoseBreachClearedIsDropped(t *testing.T) {
	for _, q := range queues() {
		t.Run(string(q.guard), func(t *testing.T) {
			w := q.hold(t)
			before := w.changed("shop")
			w.set(0.001, "shop")
			q.release(w)
			if inc := w.inState("shop", incident.Closed); inc.Outcome != incident.Recovered {
				t.Errorf("it closed as %s, want recovered", inc.Outcome)
			}
			if n := w.changed("shop"); n != before {
				t.Errorf("%d steps ran after the breach had cleared", n-before)
			}
		})
	}
}

func TestAGuardThatLetsGoIsFollowedByAConfirmRead(t *testing.T) {
	for _, q := range queues() {
		t.Run(string(q.guard), func(t *testing.T) {
			w := q.hold(t)
			before, reads := w.changed("shop"), len(w.reads)
			q.release(w)
			if n := w.changed("shop") - before; n != 2 {
				t.Errorf("%d steps ran once it had let go, want 2", n)
			}
			confirms := func(r incident.Read) bool { return r.Kind == incident.Confirm && r.Service == "shop" }
			if !slices.ContainsFunc(w.reads[reads:], confirms) {
				t.Error("nothing was read once more before acting")
			}
		})
	}
}

// The breach clears at the very moment at which the guard lets go: only the
// confirm-read sees it.
func TestAConfirmReadThatFindsItWellStandsItDown(t *testing.T) {
	for _, q := range queues() {
		t.Run(string(q.guard), func(t *testing.T) {
			w := q.hold(t)
			before := w.changed("shop")
			w.confirms = func() { w.set(0.001, "shop") }
			q.release(w)
			if n := w.changed("shop"); n != before {
				t.Errorf("%d steps ran although the confirm-read found it well", n-before)
			}
		})
	}
}
