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

// severity gives all triggers one severity.
func severity(o incident.Options, s trigger.Severity) incident.Options {
	for name, service := range o.Services {
		service.Triggers = slices.Clone(service.Triggers)
		service.Triggers[0].Severity = s
		o.Services[name] = service
	}
	return o
}

func depends(o incident.Options, name string, on ...string) {
	s := o.Services[name]
	s.DependsOn = on
	o.Services[name] = s
}

// change reports a deployment that is part of a change.
func (w *world) change(service, version, change string) {
	w.give(incident.Deployed{Service: service, Version: version, Previous: "v1", At: w.now, Source: "nats", Change: change})
}

// breakInTurn makes services bad a minute after one another, and lets every
// window fill.
func (w *world) breakInTurn(services ...string) {
	for i, name := range services {
		if i > 0 {
			w.run(time.Minute)
		}
		w.set(0.08, name)
	}
	w.run(2*time.Minute + 15*time.Second)
}

// well lets all services be well for a minute.
func (w *world) well() {
	for name := range w.opts.Services {
		w.set(0.001, name)
	}
	w.run(time.Minute)
}

// chain is auth, cart that depends on it, and shop that depends on cart.
func chain(s trigger.Severity) incident.Options {
	o := severity(options("auth", "cart", "shop"), s)
	depends(o, "cart", "auth")
	depends(o, "shop", "cart", "shop")
	unknownDeployments(&o) // of cart and shop: no_deployment would be shown first
	return o
}

func TestTheUpstreamThatWasDeployedAndBrokeFirstIsBlamed(t *testing.T) {
	w := newWorld(t, chain(trigger.Critical))
	w.well()
	w.deploy("auth", "v2", "v1")
	w.breakInTurn("auth", "cart", "shop")
	if got := w.steps(); !slices.Equal(got, []string{"flip", "restart"}) || w.started[0].Ref.Service != "auth" {
		t.Errorf("%v ran, want the plan of auth", got)
	}
	for _, name := range []string{"cart", "shop"} {
		if inc := w.heldBy(name, incident.GuardCorrelated); !strings.Contains(inc.Decision.Reason, "auth was deployed and broke first") {
			t.Errorf("%s is held because %q, want auth named", name, inc.Decision.Reason)
		}
	}
}

func TestAnUpstreamThatIsNotCriticalIsAskedAbout(t *testing.T) {
	w := newWorld(t, chain(trigger.High))
	w.well()
	w.deploy("auth", "v2", "v1")
	w.breakInTurn("auth", "cart", "shop")
	inc := w.inState("auth", incident.AwaitingApproval)
	if inc.Decision.Shown() != incident.GuardCorrelated {
		t.Errorf("%q is shown, want correlated", inc.Decision.Shown())
	}
	w.heldBy("cart", incident.GuardCorrelated)
	if r := w.command("approve", "auth"); r.Err != "" {
		t.Fatalf("approve: %s", r.Err)
	}
	if got := w.incident("auth").Decision.Overrides; !slices.Equal(got, []incident.Guard{incident.GuardCorrelated}) {
		t.Errorf("the approval overrides %v, want correlated", got)
	}
}

// The upstream counted down before the others began to breach.
func TestAnUpstreamIsJudgedAgainAtTheEndOfItsCountdown(t *testing.T) {
	o := chain(trigger.High)
	o.Matrix["1"][trigger.High] = evaluator.Response{Directness: evaluator.Countdown, Wait: 4 * time.Minute}
	w := newWorld(t, o)
	w.well()
	w.deploy("auth", "v2", "v1")
	w.set(0.08, "auth")
	w.run(3 * time.Minute)
	w.inState("auth", incident.CountingDown)
	w.set(0.08, "cart", "shop")
	w.run(4 * time.Minute)
	if w.inState("auth", incident.AwaitingApproval); len(w.started) > 0 {
		t.Error("a step was started")
	}
}

func TestNobodyIsBlamedWithoutACause(t *testing.T) {
	for _, test := range []struct {
		name  string
		setup func(o *incident.Options)
		first []string // in the order in which they break; auth alone was deployed
	}{
		{"the others do not depend on it", func(o *incident.Options) { depends(*o, "shop") }, []string{"auth", "cart", "shop"}},
		{"another broke first", nil, []string{"cart", "auth", "shop"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			o := chain(trigger.Critical)
			if test.setup != nil {
				test.setup(&o)
			}
			w := newWorld(t, o)
			w.well()
			w.deploy("auth", "v2", "v1")
			w.breakInTurn(test.first...)
			for _, name := range test.first {
				w.heldBy(name, incident.GuardCorrelated)
			}
			if len(w.started) > 0 {
				t.Error("a step was started")
			}
		})
	}
}

func TestServicesThatShareAChangeAreAskedAboutOneAtATime(t *testing.T) {
	w := newWorld(t, options("auth", "cart", "shop"))
	w.well()
	for _, name := range []string{"auth", "cart", "shop"} {
		w.change(name, "v2", "PR-7")
	}
	w.breakInTurn("shop", "cart", "auth")
	if inc := w.inState("shop", incident.AwaitingApproval); !strings.Contains(inc.Decision.Reason, "share the change PR-7") {
		t.Errorf("the reason is %q, want the change named", inc.Decision.Reason)
	}
	for _, name := range []string{"auth", "cart"} {
		if inc := w.heldBy(name, incident.GuardCorrelated); inc.Decision.After != "shop" || !strings.Contains(inc.Decision.Reason, "after shop") {
			t.Errorf("%s comes after %q (%s), want after shop", name, inc.Decision.After, inc.Decision.Reason)
		}
	}
	if r := w.command("veto", "shop"); r.Err != "" {
		t.Fatalf("veto: %s", r.Err)
	}
	w.run(15 * time.Second)
	w.inState("cart", incident.AwaitingApproval) // it broke before auth
	if inc := w.heldBy("auth", incident.GuardCorrelated); inc.Decision.After != "cart" {
		t.Errorf("auth comes after %q, want after cart", inc.Decision.After)
	}
	if len(w.started) > 0 {
		t.Error("a step was started")
	}
}

// The order holds to the end: what is left does not act by itself once the first
// has recovered and they are no longer many.
func TestServicesThatShareAChangeWaitForEachOther(t *testing.T) {
	w := newWorld(t, options("auth", "cart"))
	w.well()
	w.change("auth", "v2", "PR-7")
	w.change("cart", "v2", "PR-7")
	w.breakInTurn("auth", "cart")
	w.inState("auth", incident.AwaitingApproval)
	if r := w.command("approve", "auth"); r.Err != "" {
		t.Fatalf("approve: %s", r.Err)
	}
	w.set(0.001, "auth")
	w.run(time.Minute)
	w.inState("auth", incident.Verifying)
	w.heldBy("cart", incident.GuardCorrelated)
	w.run(2 * time.Minute)
	w.inState("auth", incident.Closed)
	w.inState("cart", incident.AwaitingApproval)
	if n := len(w.steps()); n != 2 {
		t.Errorf("%d steps ran, want the two of auth", n)
	}
	if r := w.command("approve", "cart"); r.Err != "" {
		t.Fatalf("approve: %s", r.Err)
	}
	if n := len(w.steps()); n != 4 {
		t.Errorf("%d steps ran, want the plans of both", n)
	}
}

func TestTheOrderOfThoseThatWaitSurvivesARestart(t *testing.T) {
	w := newWorld(t, options("auth", "cart"))
	w.well()
	w.change("auth", "v2", "PR-7")
	w.change("cart", "v2", "PR-7")
	w.breakInTurn("auth", "cart")
	w.restart(10 * time.Second)
	w.run(time.Minute)
	w.inState("auth", incident.AwaitingApproval)
	w.heldBy("cart", incident.GuardCorrelated)
}

// A deployment of its own for each explains none of them better than the others:
// a person finds out first which it is, and may approve any of them.
func TestServicesWithDeploymentsOfTheirOwnAreHeld(t *testing.T) {
	w := newWorld(t, options("auth", "cart"))
	w.well()
	w.deploy("auth", "v2", "v1")
	w.deploy("cart", "v2", "v1")
	w.breakInTurn("auth", "cart")
	for _, name := range []string{"auth", "cart"} {
		inc := w.heldBy(name, incident.GuardCorrelated)
		if !strings.Contains(inc.Decision.Reason, "each after a deployment of its own") {
			t.Errorf("%s: the reason is %q, want both deployments in it", name, inc.Decision.Reason)
		}
	}
	if len(w.started) > 0 {
		t.Error("a step was started")
	}
	if r := w.command("approve", "cart"); r.Err != "" {
		t.Fatalf("approve: %s", r.Err)
	}
	if n := len(w.steps()); n != 2 {
		t.Errorf("%d steps ran, want the two of cart", n)
	}
	w.heldBy("auth", incident.GuardCorrelated)
}

// At one tick all windows are full, and the names decide.
func TestOnsetsAtTheSameTickAreOrderedByName(t *testing.T) {
	w := newWorld(t, options("auth", "cart", "shop"))
	w.well()
	for _, name := range []string{"shop", "cart", "auth"} {
		w.change(name, "v2", "PR-7")
	}
	w.set(0.08, "shop", "cart", "auth")
	w.run(2*time.Minute + 15*time.Second)
	w.inState("auth", incident.AwaitingApproval)
	w.heldBy("cart", incident.GuardCorrelated)
	w.heldBy("shop", incident.GuardCorrelated)
}
