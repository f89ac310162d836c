package incident_test

import (
	"slices"
	"testing"
	"time"

	"github.com/rollbackd/rollbackd/evaluator"
	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/trigger"
)

// defaultVerify is the verification of a file that says nothing of it.
func defaultVerify(o incident.Options) incident.Options {
	for _, s := range o.Services {
		s.Plan.Verify = incident.Verify{Settle: 90 * time.Second, Hold: 5 * time.Minute, Within: 15 * time.Minute}
	}
	return o
}

func responding(o incident.Options, d evaluator.Directness) incident.Options {
	o.Matrix["1"][trigger.Critical] = evaluator.Response{Directness: d}
	if d == evaluator.Countdown {
		o.Matrix["1"][trigger.Critical] = evaluator.Response{Directness: d, Wait: 2 * time.Minute}
	}
	return o
}

// flap lets a service be bad for five minutes and good for five, so many times.
func (w *world) flap(service string, times int) {
	for range times {
		w.set(0.08, service)
		w.run(5 * time.Minute)
		w.set(0.001, service)
		w.run(5 * time.Minute)
	}
}

// TestWhatFlapsIsHeldAndToldOfOnce is H13: alternately good and bad every five
// minutes, six times.
func TestWhatFlapsIsHeldAndToldOfOnce(t *testing.T) {
	for _, test := range []struct {
		name     string
		response evaluator.Directness
		deployed bool
		shown    incident.Guard
	}{
		{"rolled back at the first breach", evaluator.Rollback, true, incident.GuardVerification},
		{"rolled back after a countdown", evaluator.Countdown, true, incident.GuardVerification},
		{"a person is asked", evaluator.Approve, true, incident.GuardFlapping},
		{"people are only told", evaluator.Notify, true, incident.GuardFlapping},
		{"no deployment is known", evaluator.Rollback, false, incident.GuardFlapping},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, responding(defaultVerify(options("shop")), test.response))
			w.set(0.001, "shop")
			w.run(time.Minute)
			if test.deployed {
				w.deploy("shop", "v2", "v1")
			}
			w.flap("shop", 3)
			inc := w.heldBy("shop", test.shown)
			if !slices.ContainsFunc(inc.Decision.Holds, func(h incident.Hold) bool { return h.Guard == incident.GuardFlapping }) {
				t.Errorf("after 30 minutes it is held by %v, want flapping among them", inc.Decision.Holds)
			}
			w.flap("shop", 3)
			runs := 0
			for _, e := range w.journal {
				if e.Kind == incident.KindPlanned {
					runs++
				}
			}
			if runs > 1 || len(w.told) > 4 {
				t.Errorf("%d rollbacks and %d messages, want at most 1 and 4", runs, len(w.told))
				for _, m := range w.told {
					t.Log(m.At.Format("15:04:05"), m.FirstLine)
				}
			}
		})
	}
}

func TestWhatFlapsClosesOnlyOnceItIsQuiet(t *testing.T) {
	o := responding(options("shop"), evaluator.Approve) // closes after 2 minutes of ok
	w := newWorld(t, o)
	w.set(0.001, "shop")
	w.run(time.Minute)
	w.deploy("shop", "v2", "v1")
	for range 3 {
		w.set(0.08, "shop")
		w.run(3 * time.Minute)
		w.set(0.001, "shop")
		w.run(time.Minute)
	}
	w.heldBy("shop", incident.GuardFlapping)
	// The first recovery was 8 minutes ago.
	w.run(21 * time.Minute)
	w.heldBy("shop", incident.GuardFlapping)
	w.run(2 * time.Minute)
	if inc := w.inState("shop", incident.Closed); inc.Outcome != incident.Recovered {
		t.Errorf("it closed as %s, want recovered", inc.Outcome)
	}
}

func TestANewerDeploymentForgetsWhatFlapped(t *testing.T) {
	w := newWorld(t, responding(defaultVerify(options("shop")), evaluator.Approve))
	w.set(0.001, "shop")
	w.run(time.Minute)
	w.deploy("shop", "v2", "v1")
	w.flap("shop", 3)
	w.heldBy("shop", incident.GuardFlapping)
	w.deploy("shop", "v3", "v2")
	w.set(0.08, "shop")
	w.run(3 * time.Minute)
	w.inState("shop", incident.AwaitingApproval)
}

func TestFlappingRefusesNoPerson(t *testing.T) {
	for _, verb := range []string{"approve", "rollback"} {
		w := newWorld(t, responding(defaultVerify(options("shop")), evaluator.Approve))
		w.set(0.001, "shop")
		w.run(time.Minute)
		w.deploy("shop", "v2", "v1")
		w.flap("shop", 3)
		w.set(0.08, "shop")
		w.run(3 * time.Minute)
		w.heldBy("shop", incident.GuardFlapping)
		if r := w.command(verb, "shop"); r.Err != "" {
			t.Errorf("%s: %s", verb, r.Err)
		}
		if len(w.steps()) != 2 {
			t.Errorf("after %s %v ran, want the plan", verb, w.steps())
		}
	}
}

// Two triggers that come and go together are one up and down, not two.
func TestTwoTriggersThatRecoverTogetherDoNotFlap(t *testing.T) {
	o := responding(defaultVerify(options("shop")), evaluator.Approve)
	s := o.Services["shop"]
	second := s.Triggers[0]
	second.Name = "more errors"
	s.Triggers = append(slices.Clone(s.Triggers), second)
	o.Services["shop"] = s
	w := newWorld(t, o)
	w.set(0.001, "shop")
	w.run(time.Minute)
	w.deploy("shop", "v2", "v1")
	w.flap("shop", 2)
	w.inState("shop", incident.AwaitingApproval)
}
