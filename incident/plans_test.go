package incident_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbackd/rollbackd/incident"
)

// step is a changing step that takes the service to its target.
func step(name string, change ...func(*incident.PlanStep)) incident.PlanStep {
	s := incident.PlanStep{
		Name: name, Timeout: 5 * time.Minute, OnFailure: "stop", Changes: true, UsesTarget: true, Do: json.RawMessage(`{"kind":"exec","argv":["true"]}`),
	}
	for _, f := range change {
		f(&s)
	}
	return s
}

// looks makes a step one that changes nothing.
func looks(s *incident.PlanStep) { s.Changes, s.UsesTarget = false, false }

func failed() []incident.StepResult {
	one := 1
	return []incident.StepResult{{State: incident.StepFailed, ExitCode: &one}}
}

// planned is a world whose one service has a plan of the test's own.
func plannedWorld(t *testing.T, change func(*incident.Plan, *incident.Options)) *world {
	t.Helper()
	o := options("shop")
	p := *o.Services["shop"].Plan
	change(&p, &o)
	s := o.Services["shop"]
	s.Plan = &p
	o.Services["shop"] = s
	return newWorld(t, o)
}

func expectSteps(t *testing.T, w *world, want ...string) {
	t.Helper()
	if d := cmp.Diff(want, w.steps()); d != "" {
		t.Errorf("steps (-want +got):\n%s", d)
	}
}

func expectRun(t *testing.T, w *world, state incident.RunState, held incident.Guard) *incident.Incident {
	t.Helper()
	inc := w.incident("shop")
	if inc.Rollback == nil {
		t.Fatalf("there is no rollback: %+v", inc.Timeline)
	}
	if inc.Rollback.State != state || inc.Decision.HeldBy != held {
		t.Errorf("rollback %s, held by %q; want %s, held by %q: %s", inc.Rollback.State, inc.Decision.HeldBy, state, held, inc.Rollback.Reason)
	}
	return inc
}

func withReturn(p *incident.Plan, _ *incident.Options) {
	ask := step("reversible", looks)
	p.Reversible = &ask
	p.Steps = []incident.PlanStep{step("traffic"), step("flip")}
	p.Forward = []incident.PlanStep{step("flag off")}
	p.Finally = []incident.PlanStep{step("maintenance off")}
}

func TestReversibleIsAskedRightBeforeEachChangingStep(t *testing.T) {
	w := plannedWorld(t, withReturn)
	broken(t, w, "shop")
	w.run(15 * time.Second)
	got := w.ran(incident.SectionReversible, incident.SectionSteps, incident.SectionForward, incident.SectionFinally)
	if d := cmp.Diff([]string{"reversible", "traffic", "reversible", "flip", "maintenance off"}, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if inc := w.incident("shop"); inc.State != incident.Verifying {
		t.Errorf("state %s, want verifying", inc.State)
	}
}

// Any end but done means that there is no way back: an exit, an error, a timeout.
func TestPastThePointOfNoReturnOnlyForwardStepsRun(t *testing.T) {
	for _, end := range []incident.StepResult{failed()[0], {State: incident.StepUncertain, Error: "timeout"}} {
		w := plannedWorld(t, withReturn)
		w.results["reversible"] = []incident.StepResult{end}
		broken(t, w, "shop")
		w.run(15 * time.Second)
		expectSteps(t, w, "flag off", "maintenance off")
		inc := expectRun(t, w, incident.RunPartial, incident.GuardPointOfNoReturn)
		if inc.State != incident.Held {
			t.Errorf("state %s, want held", inc.State)
		}
		w.set(0.001, "shop")
		w.run(10 * time.Minute)
		if inc := w.incident("shop"); inc.Outcome != incident.FixedForward {
			t.Errorf("outcome %q, want fixed_forward: what changed was the forward part, and it is well", inc.Outcome)
		}
		checkReplay(t, w)
	}
}

func TestPastThePointOfNoReturnWithoutForwardStepsNothingRuns(t *testing.T) {
	w := plannedWorld(t, func(p *incident.Plan, o *incident.Options) {
		withReturn(p, o)
		p.Forward = nil
	})
	w.results["reversible"] = failed()
	broken(t, w, "shop")
	w.run(15 * time.Second)
	expectSteps(t, w)
	expectRun(t, w, incident.RunBlocked, incident.GuardPointOfNoReturn)
}

func TestThePointOfNoReturnBetweenTwoStepsStopsAtTheBoundary(t *testing.T) {
	w := plannedWorld(t, withReturn)
	w.results["reversible"] = append([]incident.StepResult{{State: incident.StepDone}}, failed()...)
	broken(t, w, "shop")
	w.run(15 * time.Second)
	expectSteps(t, w, "traffic", "flag off", "maintenance off")
	expectRun(t, w, incident.RunPartial, incident.GuardPointOfNoReturn)
	w.set(0.001, "shop")
	w.run(10 * time.Minute)
	if inc := w.incident("shop"); inc.Outcome != incident.Unresolved {
		t.Errorf("outcome %q, want unresolved: a step of the way back was done", inc.Outcome)
	}
	// The service is well, and the head says so; what is left to look at is said too.
	m := w.told[len(w.told)-1]
	if !strings.HasPrefix(m.FirstLine, "RECOVERED shop v2 → v1 (rollback partial)") || !strings.Contains(m.Text, "the service is well (every trigger has been known ok for") ||
		!strings.Contains(m.Text, "what the rollback left in part stays as it is") {
		t.Errorf("told %q\n%s", m.FirstLine, m.Text)
	}
}

// A crash between the question and its step makes the answer old: it is asked again.
func TestReversibleIsAskedAgainAfterACrash(t *testing.T) {
	w := plannedWorld(t, withReturn)
	w.hang["reversible"] = true
	broken(t, w, "shop")
	w.run(15 * time.Second)
	w.hang["reversible"] = false
	w.restart(time.Minute)
	last := w.started[len(w.started)-1]
	w.give(incident.StepEnded{Ref: last.Ref, Result: incident.StepResult{State: incident.StepUncertain, Interrupted: true}})
	w.run(15 * time.Second)
	expectSteps(t, w, "traffic", "flip", "maintenance off")
}

func TestEachUnitHasItsTurnAfterASoak(t *testing.T) {
	w := plannedWorld(t, func(p *incident.Plan, _ *incident.Options) {
		p.Steps = []incident.PlanStep{step("swap", func(s *incident.PlanStep) {
			s.Each, s.Soak = []string{"web1", "web2", "web3"}, 2*time.Minute
		})}
	})
	broken(t, w, "shop")
	w.run(15 * time.Second)
	expectSteps(t, w, "swap web1")
	w.pass(2*time.Minute - time.Second)
	expectSteps(t, w, "swap web1")
	w.pass(time.Second)
	expectSteps(t, w, "swap web1", "swap web2")
	w.pass(2 * time.Minute)
	expectSteps(t, w, "swap web1", "swap web2", "swap web3")
	if got := w.started[len(w.started)-1].Values["each"]; got != "web3" {
		t.Errorf("${each} is %q, want web3", got)
	}
}

func TestAFailingUnitStopsTheRest(t *testing.T) {
	w := plannedWorld(t, func(p *incident.Plan, _ *incident.Options) {
		p.Steps = []incident.PlanStep{step("swap", func(s *incident.PlanStep) { s.Each = []string{"web1", "web2", "web3"} })}
		p.Finally = []incident.PlanStep{step("maintenance off")}
	})
	w.results["swap web2"] = failed()
	broken(t, w, "shop")
	w.run(15 * time.Second)
	expectSteps(t, w, "swap web1", "swap web2", "maintenance off")
	inc := expectRun(t, w, incident.RunPartial, incident.GuardBlocked)
	if !strings.Contains(inc.Rollback.Reason, "swap web2") {
		t.Errorf("the reason does not name the unit: %s", inc.Rollback.Reason)
	}
}

func TestAUnitThatTakesTooLongIsTold(t *testing.T) {
	w := plannedWorld(t, func(p *incident.Plan, _ *incident.Options) {
		p.SLA = 0
		p.Steps = []incident.PlanStep{step("swap", func(s *incident.PlanStep) { s.Each, s.UnitSLA = []string{"eu", "us"}, time.Minute })}
	})
	w.hang["swap"] = true
	broken(t, w, "shop")
	w.run(15 * time.Second)
	w.pass(3 * time.Minute)
	n := 0
	for _, m := range w.told {
		if m.Event == "sla_missed" && strings.Contains(m.Text, "swap eu") {
			n++
		}
	}
	if n != 1 {
		t.Errorf("people were told %d times that swap eu takes too long, want once", n)
	}
}

func TestASkippedStepChangesNothing(t *testing.T) {
	w := plannedWorld(t, func(p *incident.Plan, _ *incident.Options) {
		p.Steps = []incident.PlanStep{step("flags"), step("migrate")}
		p.Finally = []incident.PlanStep{step("maintenance off")}
	})
	w.results["flags"] = []incident.StepResult{{State: incident.StepSkipped}}
	w.results["migrate"] = failed()
	w.results["migrate"][0].NothingChanged = true
	broken(t, w, "shop")
	w.run(2 * time.Minute)
	inc := expectRun(t, w, incident.RunBlocked, incident.GuardBlocked)
	if inc.Rollback.Changed {
		t.Error("the run counts as having changed something: its first step was skipped, its second changed nothing")
	}
}

func TestEnoughEndsThePlanOnceTheServiceIsWell(t *testing.T) {
	build := func(p *incident.Plan, _ *incident.Options) {
		p.Steps = []incident.PlanStep{
			step("flag off", func(s *incident.PlanStep) { s.Enough, s.UsesTarget = 2*time.Minute, false }), step("flip"),
		}
		p.Finally = []incident.PlanStep{step("maintenance off", looks)}
	}
	t.Run("recovered", func(t *testing.T) {
		w := plannedWorld(t, build)
		broken(t, w, "shop")
		w.run(15 * time.Second)
		w.set(0.001, "shop")
		w.run(10 * time.Minute)
		expectSteps(t, w, "flag off", "maintenance off")
		inc := expectRun(t, w, incident.RunCompleted, "")
		if inc.Outcome != incident.RolledBack {
			t.Errorf("outcome %q", inc.Outcome)
		}
		if d := w.incident("shop").Deployment; d.Version != "v2" {
			t.Errorf("deployment %s", d.Version)
		}
		w.deploy("shop", "v2", "") // v2 still runs: the flag was enough, and nothing took it away
		if last := w.journal[len(w.journal)-1]; last.Kind == incident.KindDeployment {
			t.Error("v2 counts as gone, but only a flag was switched off")
		}
	})
	t.Run("not recovered", func(t *testing.T) {
		w := plannedWorld(t, build)
		broken(t, w, "shop")
		w.run(2 * time.Minute)
		expectSteps(t, w, "flag off")
		w.run(time.Minute)
		expectSteps(t, w, "flag off", "flip", "maintenance off")
	})
}

func TestAScopeRunsOnlyItsSteps(t *testing.T) {
	build := func(p *incident.Plan, o *incident.Options) {
		p.Steps = []incident.PlanStep{
			step("flag off", func(s *incident.PlanStep) { s.Only, s.UsesTarget = []string{"flags"}, false }),
			step("flip", func(s *incident.PlanStep) { s.Only = []string{"application"} }),
			step("log", func(s *incident.PlanStep) { s.UsesTarget = false }),
		}
		s := o.Services["shop"]
		s.Scopes = map[string]string{"errors": "flags"}
		o.Services["shop"] = s
	}
	t.Run("of the trigger", func(t *testing.T) {
		w := plannedWorld(t, build)
		broken(t, w, "shop")
		w.run(15 * time.Second)
		expectSteps(t, w, "flag off", "log")
		if to := w.incident("shop").Rollback.To; to != "" {
			t.Errorf("it goes to %q, but flags go nowhere", to)
		}
	})
	t.Run("of a person", func(t *testing.T) {
		w := plannedWorld(t, build)
		w.deploy("shop", "v2", "v1")
		w.give(incident.Command{ID: "c", Verb: "rollback", Service: "shop", Actor: "alice", Scope: "application"})
		expectSteps(t, w, "flip", "log")
		w.give(incident.Command{ID: "d", Verb: "rollback", Service: "shop", Actor: "alice", Scope: "database"})
		if r := w.replies[len(w.replies)-1]; r.Err == "" {
			t.Error("a scope that no step names was taken")
		}
	})
}

func TestARollingDeploymentIsWaitedForOrStopped(t *testing.T) {
	rolling := func(w *world) {
		w.set(0.001, "shop")
		w.run(time.Minute)
		w.give(incident.Deployed{Service: "shop", Version: "v2", Previous: "v1", At: w.now, Source: "nats", Rolling: true})
		w.run(time.Minute)
		w.set(0.08, "shop")
		w.run(2*time.Minute + 15*time.Second)
	}
	bounded := func(p *incident.Plan, o *incident.Options) {
		s := o.Services["shop"]
		s.Deployment.FinishWithin = 2 * time.Minute
		o.Services["shop"] = s
	}
	t.Run("finished", func(t *testing.T) {
		w := plannedWorld(t, bounded)
		rolling(w)
		expectSteps(t, w)
		w.pass(time.Minute)
		expectSteps(t, w)
		w.deploy("shop", "v2", "v1")
		expectSteps(t, w, "flip", "restart")
	})
	t.Run("never finished", func(t *testing.T) {
		w := plannedWorld(t, bounded)
		rolling(w)
		w.pass(2 * time.Minute)
		expectSteps(t, w, "flip", "restart")
	})
	t.Run("stopped", func(t *testing.T) {
		w := plannedWorld(t, func(p *incident.Plan, o *incident.Options) {
			bounded(p, o)
			stop := step("stop it", func(s *incident.PlanStep) { s.UsesTarget = false })
			p.StopDeploy = &stop
		})
		rolling(w)
		expectSteps(t, w, "stop it", "flip", "restart")
	})
	t.Run("not rolling", func(t *testing.T) {
		w := plannedWorld(t, func(p *incident.Plan, o *incident.Options) {
			stop := step("stop it")
			p.StopDeploy = &stop
		})
		broken(t, w, "shop")
		w.run(15 * time.Second)
		expectSteps(t, w, "flip", "restart")
	})
}

func TestTheStateBeforeIsCapturedAndNeverDelaysForLong(t *testing.T) {
	build := func(p *incident.Plan, _ *incident.Options) {
		p.Capture = []incident.PlanStep{step("logs", looks), step("config", looks)}
	}
	t.Run("captured", func(t *testing.T) {
		w := plannedWorld(t, build)
		w.results["logs"] = []incident.StepResult{{State: incident.StepDone, Output: "what was"}}
		broken(t, w, "shop")
		w.run(15 * time.Second)
		inc := w.incident("shop")
		if len(w.captures) != 1 || len(inc.Captures) != 2 || inc.Captures[0].Output != "what was" {
			t.Errorf("%d captures asked for, kept: %+v", len(w.captures), inc.Captures)
		}
		expectSteps(t, w, "flip", "restart")
	})
	t.Run("hanging", func(t *testing.T) {
		w := plannedWorld(t, build)
		w.hang["config"] = true
		broken(t, w, "shop")
		w.run(15 * time.Second)
		w.pass(19 * time.Second)
		expectSteps(t, w)
		w.pass(time.Second)
		expectSteps(t, w, "flip", "restart")
	})
}

func TestAStragglerKeepsARollbackFromBeingVerified(t *testing.T) {
	w := plannedWorld(t, func(p *incident.Plan, _ *incident.Options) { p.Steps = []incident.PlanStep{step("flip")} })
	broken(t, w, "shop")
	w.run(15 * time.Second)
	w.set(0.001, "shop")
	w.give(incident.VersionSeen{
		Service: "shop", Version: "v1", At: w.now, Source: "version_query", Census: []incident.VersionCount{{"v1", 7}, {"v2", 1}},
	})
	w.run(6 * time.Minute)
	inc := expectRun(t, w, incident.RunPartial, incident.GuardVerification)
	if !strings.Contains(inc.Rollback.Reason, "v2 still runs on 1 of 8 units") {
		t.Errorf("the reason does not name the straggler: %s", inc.Rollback.Reason)
	}
}

func TestAVersionThatSomebodyPutsBackEndsTheVerification(t *testing.T) {
	w := plannedWorld(t, func(p *incident.Plan, o *incident.Options) {
		p.Steps = []incident.PlanStep{step("flip")}
		s := o.Services["shop"]
		s.Deployment.HasSource = true
		o.Services["shop"] = s
	})
	sees := func(v string) {
		w.give(incident.VersionSeen{Service: "shop", Version: v, At: w.now, Source: "symlink"})
	}
	sees("v1")
	w.set(0.001, "shop")
	w.run(time.Minute)
	sees("v2")
	w.run(time.Minute)
	w.set(0.08, "shop")
	w.run(2*time.Minute + 15*time.Second)
	sees("v2") // the source is late
	w.run(15 * time.Second)
	if inc := w.incident("shop"); inc.State != incident.Verifying {
		t.Fatalf("state %s, want verifying", inc.State)
	}
	sees("v1")
	w.run(15 * time.Second)
	sees("v2")
	inc := expectRun(t, w, incident.RunPartial, incident.GuardVerification)
	if !strings.Contains(inc.Rollback.Reason, "somebody else put it back") {
		t.Errorf("reason: %s", inc.Rollback.Reason)
	}
	if n := len(w.steps()); n != 1 {
		t.Errorf("%d steps ran, want one: a fight is a person's business", n)
	}
}

func TestAFinallyStepThatFailsIsTroubleThoughTheServiceIsWell(t *testing.T) {
	w := plannedWorld(t, func(p *incident.Plan, _ *incident.Options) { p.Finally = []incident.PlanStep{step("maintenance off")} })
	w.results["maintenance off"] = failed()
	broken(t, w, "shop")
	w.run(15 * time.Second)
	if last := w.told[len(w.told)-1]; last.Headline != incident.FailedHead {
		t.Errorf("people were told %q, want FAILED at once", last.FirstLine)
	}
	w.set(0.001, "shop")
	w.run(3 * time.Minute)
	inc := w.incident("shop")
	if inc.Rollback.State != incident.RunPartial || !strings.Contains(inc.Rollback.Reason, "maintenance off") {
		t.Errorf("rollback %s: %s", inc.Rollback.State, inc.Rollback.Reason)
	}
	w.run(10 * time.Minute)
	if inc := w.incident("shop"); inc.Outcome != incident.Unresolved {
		t.Errorf("outcome %s", inc.Outcome)
	}
}
