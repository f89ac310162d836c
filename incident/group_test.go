package incident_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbackd/rollbackd/incident"
)

// together is a world of three services, two of which change together.
func together(t *testing.T) *world {
	t.Helper()
	quiet := []string{"ant", "bee", "cat", "dog"} // so that the others are not all that there are
	o := options(append([]string{"api", "web", "zoo"}, quiet...)...)
	o.Guards.Correlated.Services = 9
	plan := *o.Services["api"].Plan
	plan.Name = "both"
	plan.Steps = []incident.PlanStep{step("swap both")}
	o.Groups = map[string]incident.Group{"shop": {Name: "shop", Services: []string{"web", "api"}, Plan: &plan}}
	w := newWorld(t, o)
	w.set(0.001, append([]string{"api", "web", "zoo"}, quiet...)...)
	w.run(time.Minute)
	return w
}

func (w *world) deployChange(service, version, previous, change string) {
	w.give(incident.Deployed{Service: service, Version: version, Previous: previous, Change: change, At: w.now, Source: "nats"})
}

func TestServicesThatChangedTogetherGoBackTogether(t *testing.T) {
	w := together(t)
	w.deployChange("api", "a2", "a1", "c7")
	w.deployChange("web", "w2", "w1", "c7")
	w.run(time.Minute)
	w.set(0.08, "web", "api")
	w.run(2*time.Minute + 15*time.Second)
	expectSteps(t, w, "swap both")
	if n := len(w.brain.Incidents()); n != 1 {
		t.Fatalf("%d incidents, want one for both", n)
	}
	v := w.started[len(w.started)-1].Values
	got := []string{v["versions.api.target"], v["versions.web.target"], v["versions.api.running"], v["versions.web.running"]}
	if d := cmp.Diff([]string{"a1", "w1", "a2", "w2"}, got); d != "" {
		t.Errorf("versions (-want +got):\n%s", d)
	}
	if r := w.say2(incident.Command{Verb: "rollback", Service: "web", Actor: "alice", To: "w0", Unseen: true}); r.Guard != incident.GuardConcurrency {
		t.Errorf("a member can be rolled back beside its group: %+v", r)
	}
	w.set(0.001, "api")
	w.run(3 * time.Minute)
	if inc := w.incident("api"); inc.State != incident.Verifying {
		t.Errorf("state %s while web still breaches, want verifying", inc.State)
	}
	w.set(0.001, "web")
	w.run(10 * time.Minute)
	inc := w.incident("api")
	if inc.Outcome != incident.RolledBack || len(inc.Members) != 2 || inc.Members[1].To != "w1" {
		t.Errorf("outcome %s, members %+v", inc.Outcome, inc.Members)
	}
	for service, version := range map[string]string{"api": "a2", "web": "w2"} {
		if r := w.say2(incident.Command{Verb: "rollback", Service: service, Actor: "alice", To: version}); r.Guard != incident.GuardQuarantined {
			t.Errorf("%s can go back to %s: %+v", service, version, r)
		}
	}
	checkReplay(t, w)
}

func (w *world) say2(c incident.Command) incident.Reply {
	w.t.Helper()
	c.ID, c.Reason = "c", "because"
	before := len(w.replies)
	w.give(c)
	if len(w.replies) != before+1 {
		w.t.Fatalf("%s got %d replies, want 1", c.Verb, len(w.replies)-before)
	}
	return w.replies[before]
}

func TestServicesOfAGroupWithDifferentChangesAreJudgedAlone(t *testing.T) {
	w := together(t)
	w.deployChange("api", "a2", "a1", "c7")
	w.deployChange("web", "w2", "w1", "c8")
	w.run(time.Minute)
	w.set(0.08, "web")
	w.run(2*time.Minute + 15*time.Second)
	expectSteps(t, w, "flip", "restart")
}

func TestAGroupTakesOneSlotOfTheBudget(t *testing.T) {
	w := together(t)
	w.opts.Guards.MaxPerHour = 2
	w.give(incident.Reloaded{Options: w.opts})
	w.deployChange("api", "a2", "a1", "c7")
	w.deployChange("web", "w2", "w1", "c7")
	w.deployChange("zoo", "z2", "z1", "c9")
	w.run(time.Minute)
	w.set(0.08, "web", "zoo")
	w.run(2*time.Minute + 15*time.Second)
	if d := cmp.Diff([]string{"swap both", "flip", "restart"}, w.steps()); d != "" {
		t.Errorf("steps (-want +got):\n%s", d)
	}
}

func TestALockedMemberHoldsTheGroup(t *testing.T) {
	w := together(t)
	w.deployChange("api", "a2", "a1", "c7")
	w.deployChange("web", "w2", "w1", "c7")
	w.command("lock", "web")
	w.run(time.Minute)
	w.set(0.08, "api")
	w.run(3 * time.Minute)
	expectSteps(t, w)
	inc := w.incident("api")
	if inc.Decision.HeldBy != incident.GuardLocked || !strings.Contains(inc.Decision.Reason, "web") {
		t.Errorf("held by %s: %s", inc.Decision.HeldBy, inc.Decision.Reason)
	}
	w.command("unlock", "web")
	w.run(time.Minute)
	expectSteps(t, w, "swap both")
}

func TestAMemberDeployedDuringARunStopsTheGroup(t *testing.T) {
	w := together(t)
	o := w.opts
	g := o.Groups["shop"]
	p := *g.Plan
	p.Steps = []incident.PlanStep{step("swap both"), step("cache")}
	g.Plan = &p
	o.Groups = map[string]incident.Group{"shop": g}
	w.give(incident.Reloaded{Options: o})
	w.deployChange("api", "a2", "a1", "c7")
	w.deployChange("web", "w2", "w1", "c7")
	w.hang["swap both"] = true
	w.run(time.Minute)
	w.set(0.08, "api", "web")
	w.run(3 * time.Minute)
	w.deployChange("web", "w3", "w2", "c8")
	ref := w.started[len(w.started)-1].Ref
	w.give(incident.StepEnded{Ref: ref, Result: incident.StepResult{State: incident.StepDone}})
	expectSteps(t, w, "swap both")
	if run := w.incident("api").Rollback; run.State != incident.RunPartial || !strings.Contains(run.Reason, "w3") {
		t.Errorf("rollback %s: %s", run.State, run.Reason)
	}
}

// A group whose incident only watches again leaves its members to themselves.
func TestAMemberThatGoesOnBreachingIsNotForgotten(t *testing.T) {
	w := together(t)
	w.deployChange("api", "a2", "a1", "c7")
	w.deployChange("web", "w2", "w1", "c7")
	w.command("pause", "api")
	w.run(time.Minute)
	w.set(0.08, "api")
	w.run(3 * time.Minute)
	w.set(0.001, "api")
	w.run(10 * time.Minute)
	if inc := w.incident("api"); inc.Outcome != incident.Recovered {
		t.Fatalf("api: %s %s", inc.State, inc.Outcome)
	}
	w.command("resume", "api")
	w.set(0.08, "web")
	w.run(3 * time.Minute)
	expectSteps(t, w, "swap both")
	if inc := w.incident("web"); inc.Group != "shop" {
		t.Errorf("group %q", inc.Group)
	}
}

func TestAMemberThatIsDeployedLaterJoins(t *testing.T) {
	w := together(t)
	w.deployChange("api", "a2", "a1", "c7")
	w.command("pause", "api")
	w.run(time.Minute)
	w.set(0.08, "api")
	w.run(3 * time.Minute)
	w.deployChange("web", "w2", "w1", "c7")
	w.run(15 * time.Second)
	if inc := w.incident("api"); inc.Group != "shop" || len(inc.Members) != 2 {
		t.Fatalf("group %q of %+v", inc.Group, inc.Members)
	}
	w.command("resume", "api")
	w.run(time.Minute)
	expectSteps(t, w, "swap both")
	checkReplay(t, w)
}

func TestAVetoIsForAllThatChangedTogether(t *testing.T) {
	w := together(t)
	w.deployChange("api", "a2", "a1", "c7")
	w.deployChange("web", "w2", "w1", "c7")
	w.command("pause", "api")
	w.run(time.Minute)
	w.set(0.08, "api")
	w.run(3 * time.Minute)
	w.command("veto", "api")
	w.command("close", "api")
	w.command("resume", "api")
	w.set(0.001, "api")
	w.set(0.08, "web")
	w.run(10 * time.Minute)
	expectSteps(t, w)
	if inc := w.incident("web"); inc.Decision.HeldBy != incident.GuardVetoed {
		t.Errorf("held by %s: %s", inc.Decision.HeldBy, inc.Decision.Reason)
	}
}
