package incident_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rollbackd/rollbackd/evaluator"
	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/trigger"
)

// frozen is an answer of hold_when that holds.
func frozen() trigger.Answer {
	return trigger.Answer{Services: map[string]trigger.Reading{"": trigger.KnownValue(1)}}
}

func withHoldWhen(services ...string) incident.Options {
	o := options(services...)
	o.Guards.HoldWhen = true
	return o
}

// breach makes a service bad right after a deployment, and lets the window fill.
func (w *world) breach(service string) {
	w.set(0.001, service)
	w.run(time.Minute)
	w.deploy(service, "v2", "v1")
	w.set(0.08, service)
	w.run(2*time.Minute + 15*time.Second)
}

// heldBy checks that a service's incident is held by a guard first of all.
func (w *world) heldBy(service string, want incident.Guard) *incident.Incident {
	w.t.Helper()
	inc := w.incident(service)
	if inc.State != incident.Held || inc.Decision.HeldBy != want {
		w.t.Fatalf("%s is %s, held by %q (%s), want held by %q", service, inc.State, inc.Decision.HeldBy, inc.Decision.Reason, want)
	}
	return inc
}

func (w *world) inState(service string, want incident.State) *incident.Incident {
	w.t.Helper()
	inc := w.incident(service)
	if inc.State != want {
		w.t.Fatalf("%s is %s, held by %q (%s), want %s", service, inc.State, inc.Decision.HeldBy, inc.Decision.Reason, want)
	}
	return inc
}

func TestHoldWhenHoldsWhileItReturnsAnything(t *testing.T) {
	w := newWorld(t, withHoldWhen("shop"))
	w.holdWhen = frozen()
	w.breach("shop")
	w.heldBy("shop", incident.GuardHoldWhen)
	w.run(10 * time.Minute)
	if w.heldBy("shop", incident.GuardHoldWhen); len(w.started) > 0 {
		t.Fatal("a step was started while hold_when held")
	}
	w.holdWhen = trigger.Answer{}
	w.run(15 * time.Second)
	if got := w.steps(); !slices.Equal(got, []string{"flip", "restart"}) {
		t.Errorf("once it let go, %v ran, want the plan", got)
	}
}

func TestHoldWhenThatIsNotKnownHolds(t *testing.T) {
	for name, test := range map[string]struct {
		answer trigger.Answer
		says   string
	}{
		"the query fails":      {trigger.Answer{Err: "timeout"}, "timeout"},
		"the value is no good": {trigger.Answer{Services: map[string]trigger.Reading{"": trigger.UnknownBecause("nan")}}, "nan"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, withHoldWhen("shop"))
			w.holdWhen = test.answer
			w.breach("shop")
			inc := w.heldBy("shop", incident.GuardHoldWhen)
			if !strings.Contains(inc.Decision.Reason, "not known: "+test.says) {
				t.Errorf("the reason is %q, want it to say that it is not known, and %q", inc.Decision.Reason, test.says)
			}
			if len(w.started) > 0 {
				t.Error("a step was started")
			}
		})
	}
}

func TestHoldWhenIsAskedRightBeforeActing(t *testing.T) {
	w := newWorld(t, withHoldWhen("shop"))
	w.set(0.001, "shop")
	w.run(time.Minute)
	w.deploy("shop", "v2", "v1")
	w.set(0.08, "shop")
	w.run(2 * time.Minute)
	// The tick that fills the window finds nothing that holds; the read after it does.
	w.now = w.now.Add(15 * time.Second)
	tick := incident.Samples{At: w.now, Kind: incident.Grid, Answers: map[string]trigger.Answer{
		"errors": w.answer(), incident.HoldWhenMetric: {},
	}}
	w.holdWhen = frozen()
	w.give(tick)
	if w.heldBy("shop", incident.GuardHoldWhen); len(w.started) > 0 {
		t.Error("a step was started although the confirm-read showed that hold_when holds")
	}
}

func TestHoldWhenGoesStale(t *testing.T) {
	w := newWorld(t, withHoldWhen("shop"))
	w.command("pause", "shop")
	w.breach("shop")
	w.heldBy("shop", incident.GuardPaused)
	// Nothing is read any more, and the pause is lifted after the gap.
	w.now = w.now.Add(w.opts.MaxGap + time.Second)
	w.command("resume", "shop")
	inc := w.heldBy("shop", incident.GuardHoldWhen)
	if !strings.Contains(inc.Decision.Reason, "46s old") {
		t.Errorf("the reason is %q, want the answer's age", inc.Decision.Reason)
	}
}

func TestHoldWhenKeepsNobodyFromAskingOrSayingYes(t *testing.T) {
	o := withHoldWhen("shop")
	o.Matrix["1"][trigger.Critical] = evaluator.Response{Directness: evaluator.Approve}
	w := newWorld(t, o)
	w.holdWhen = frozen()
	w.breach("shop")
	w.inState("shop", incident.AwaitingApproval)
	if r := w.command("approve", "shop"); r.Err != "" {
		t.Fatalf("approve: %s", r.Err)
	}
	if len(w.steps()) != 2 {
		t.Errorf("after a person's yes %v ran, want the plan", w.steps())
	}
}
