package incident_test

import (
	"slices"
	"testing"
	"time"

	"github.com/rollbackd/rollbackd/evaluator"
	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/trigger"
)

// graveness gives the trigger of each service named its own severity. By all of
// them it is rolled back at once, so that nothing but the severity tells them apart.
func graveness(o *incident.Options, of map[string]trigger.Severity) {
	for name, s := range of {
		service := o.Services[name]
		service.Triggers = slices.Clone(service.Triggers)
		service.Triggers[0].Severity = s
		o.Services[name] = service
		o.Matrix["1"][s] = evaluator.Response{Directness: evaluator.Rollback}
	}
}

func TestOfCorrelatedServicesTheGravestIsAskedAboutFirst(t *testing.T) {
	o := options("auth", "cart", "shop")
	graveness(&o, map[string]trigger.Severity{"auth": trigger.Medium, "cart": trigger.High, "shop": trigger.Critical})
	w := newWorld(t, o)
	w.well()
	for _, name := range []string{"auth", "cart", "shop"} {
		w.change(name, "v2", "PR-7")
	}
	w.set(0.08, "auth", "cart", "shop")
	w.run(2*time.Minute + 15*time.Second)
	for _, next := range []string{"shop", "cart", "auth"} {
		w.inState(next, incident.AwaitingApproval)
		for _, other := range []string{"auth", "cart", "shop"} {
			if other != next && w.incident(other).State == incident.AwaitingApproval {
				t.Errorf("%s is asked about beside %s", other, next)
			}
		}
		if r := w.command("veto", next); r.Err != "" {
			t.Fatalf("veto %s: %s", next, r.Err)
		}
		w.run(15 * time.Second)
	}
}

// People are asked about one already: it keeps its turn. Of those that wait, the
// gravest comes next, although it broke last.
func TestTheGravestComesNextAlthoughItBrokeLater(t *testing.T) {
	o := options("auth", "cart", "shop")
	graveness(&o, map[string]trigger.Severity{"auth": trigger.High, "cart": trigger.High, "shop": trigger.Critical})
	w := newWorld(t, o)
	w.well()
	for _, name := range []string{"auth", "cart", "shop"} {
		w.change(name, "v2", "PR-7")
	}
	w.set(0.08, "auth", "cart")
	w.run(15 * time.Second)
	w.set(0.08, "shop")
	w.run(2*time.Minute + 30*time.Second)
	w.inState("auth", incident.AwaitingApproval)
	if r := w.command("veto", "auth"); r.Err != "" {
		t.Fatalf("veto: %s", r.Err)
	}
	w.run(15 * time.Second)
	w.inState("shop", incident.AwaitingApproval)
	w.heldBy("cart", incident.GuardCorrelated)
}

// uncorrelated are three services that break on one tick, and enough others that
// are well, so that the guard for many is not reached.
func uncorrelated() incident.Options {
	o := options("auth", "cart", "n1", "n2", "n3", "n4", "n5", "n6", "n7", "n8", "n9", "shop")
	graveness(&o, map[string]trigger.Severity{"auth": trigger.Medium, "cart": trigger.High, "shop": trigger.Critical})
	return o
}

// breakOnOneTick lets the three of uncorrelated begin to breach on one tick, and
// every window fill.
func (w *world) breakOnOneTick() {
	w.well()
	for _, name := range []string{"auth", "cart", "shop"} {
		w.deploy(name, "v2", "v1")
	}
	w.set(0.08, "auth", "cart", "shop")
	w.run(2*time.Minute + 15*time.Second)
}

func TestTheGravestHasTheLastRollbackOfABudget(t *testing.T) {
	for _, answers := range []string{"in the order in which they were asked", "the gravest last"} {
		for _, test := range []struct {
			name  string
			limit func(g *incident.Guards)
			guard incident.Guard
		}{
			{"max_concurrent", func(g *incident.Guards) { g.MaxConcurrent = 1 }, incident.GuardConcurrency},
			{"max_per_hour", func(g *incident.Guards) { g.MaxPerHour = 1 }, incident.GuardBudget},
		} {
			t.Run(test.name+", answers come "+answers, func(t *testing.T) {
				o := uncorrelated()
				o.Guards.Correlated.Services = 4
				test.limit(&o.Guards)
				w := newWorld(t, o)
				w.hang["flip"] = true
				w.reversed = answers == "the gravest last"
				w.breakOnOneTick()
				w.inState("shop", incident.RollingBack)
				w.heldBy("cart", test.guard)
				w.heldBy("auth", test.guard)
			})
		}
	}
}

// A read that gets no answer keeps nobody waiting for longer than a poll.
func TestAGraverOneThatCannotBeReadKeepsNobodyWaitingForLong(t *testing.T) {
	o := uncorrelated()
	o.Guards.Correlated.Services = 4
	o.Guards.MaxConcurrent = 1
	w := newWorld(t, o)
	w.hang["flip"] = true
	w.unread = "shop"
	w.breakOnOneTick()
	w.inState("shop", incident.Confirming)
	w.run(15 * time.Second)
	w.inState("cart", incident.RollingBack)
	w.heldBy("auth", incident.GuardConcurrency)
}

// What was read before it waited is not true for ever: one that cannot be seen any
// more, having left room for a graver one, is not rolled back.
func TestWhatWaitedIsReadOnceMore(t *testing.T) {
	o := uncorrelated()
	o.Guards.Correlated.Services = 4
	o.Guards.MaxConcurrent = 1
	w := newWorld(t, o)
	w.hang["flip"] = true
	w.unread = "shop"
	w.breakOnOneTick()
	w.inState("cart", incident.Confirming)
	w.values["cart"] = trigger.Reading{} // it has no series any more
	w.run(15 * time.Second)
	w.inState("cart", incident.Confirming)
	w.inState("auth", incident.RollingBack)
}
