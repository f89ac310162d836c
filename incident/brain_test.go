package incident_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/trigger"
)

// broken brings a service to the moment right before its window is full, with
// v2 deployed over v1.
func broken(t *testing.T, w *world, services ...string) {
	t.Helper()
	w.set(0.001, services...)
	w.run(time.Minute)
	for _, s := range services {
		w.deploy(s, "v2", "v1")
	}
	w.run(time.Minute)
	w.set(0.08, services...)
	w.run(2 * time.Minute)
}

func TestABadDeploymentIsRolledBackOnceAndVerified(t *testing.T) {
	w := newWorld(t, options("shop"))
	broken(t, w, "shop")
	w.run(15 * time.Second)
	inc := w.incident("shop")
	if inc.State != incident.Verifying {
		t.Fatalf("state %s, want verifying: %+v", inc.State, inc.Timeline)
	}
	w.set(0.001, "shop")
	w.run(10 * time.Minute)
	inc = w.incident("shop")
	if inc.State != incident.Closed || inc.Outcome != incident.RolledBack {
		t.Fatalf("ended %s %s, want closed rolled_back: %+v", inc.State, inc.Outcome, inc.Timeline)
	}
	if inc.Rollback.State != incident.RunCompleted || inc.Rollback.From != "v2" || inc.Rollback.To != "v1" {
		t.Errorf("rollback %s %s → %s, want completed v2 → v1", inc.Rollback.State, inc.Rollback.From, inc.Rollback.To)
	}
	if d := cmp.Diff([]string{"flip", "restart"}, w.steps()); d != "" {
		t.Errorf("steps (-want +got):\n%s", d)
	}
	var headlines []string
	for _, m := range w.told {
		headlines = append(headlines, string(m.Headline))
	}
	if d := cmp.Diff([]string{"ACTING", "RECOVERED"}, headlines); d != "" {
		t.Errorf("people were told (-want +got):\n%s", d)
	}
}

// The intent of every attempt is in the journal before its start is asked for.
func TestEveryStartFollowsItsIntent(t *testing.T) {
	w := newWorld(t, options("shop"))
	intents := 0
	broken(t, w, "shop")
	w.run(5 * time.Minute)
	for _, e := range w.journal {
		if e.Kind == incident.KindStepBegun {
			intents++
		}
	}
	if intents != len(w.started) || intents == 0 {
		t.Errorf("%d intents for %d starts", intents, len(w.started))
	}
}

func TestReplayRebuildsTheMemoryByteForByte(t *testing.T) {
	w := newWorld(t, options("shop", "cart", "mail", "auth", "rate"))
	broken(t, w, "shop")
	w.run(3 * time.Minute)
	w.command("pause", "cart")
	w.set(0.001, "shop")
	w.run(20 * time.Minute)
	want, err := w.brain.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	b := incident.New(w.opts)
	for _, e := range w.journal {
		b.Apply(e)
	}
	got, err := b.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), string(got)); d != "" {
		t.Errorf("replay differs (-live +replayed):\n%s", d)
	}
}

func TestAFailingJournalStartsNothing(t *testing.T) {
	w := newWorld(t, options("shop"))
	w.set(0.001, "shop")
	w.run(time.Minute)
	w.deploy("shop", "v2", "v1")
	w.set(0.08, "shop")
	w.run(time.Minute)
	w.full = true
	w.run(5 * time.Minute)
	if len(w.started) != 0 {
		t.Fatalf("%d steps were started without a durable intent", len(w.started))
	}
	w.full = false
	w.run(2 * time.Minute)
	if inc := w.incident("shop"); inc.Decision.HeldBy != incident.GuardJournal {
		t.Errorf("held by %q, want journal", inc.Decision.HeldBy)
	}
	if len(w.started) != 0 {
		t.Errorf("%d steps were started on a decision that could not be recorded", len(w.started))
	}
}

// A deployment reported while the journal is full is not lost.
func TestADeploymentDuringAFullJournalIsRecordedLater(t *testing.T) {
	w := newWorld(t, options("shop"))
	w.full = true
	w.deploy("shop", "v2", "v1")
	w.full = false
	w.run(15 * time.Second)
	if v, _ := w.brain.Service("shop", w.now); v.Running != "v2" {
		t.Errorf("running %q, want v2", v.Running)
	}
}

func TestUnknownAloneNeverActs(t *testing.T) {
	w := newWorld(t, options("shop"))
	w.set(0.001, "shop")
	w.run(time.Minute)
	w.deploy("shop", "v2", "v1")
	w.set(0.08, "shop")
	w.run(time.Minute)
	w.sourceX = "timeout"
	w.run(10 * time.Minute)
	w.sourceX = ""
	w.set(0.001, "shop")
	w.run(10 * time.Minute)
	if len(w.started) != 0 {
		t.Errorf("%d steps started", len(w.started))
	}
	if len(w.told) != 1 || w.told[0].Event != "blind" {
		t.Errorf("people were told %d times, want once that prometheus does not answer", len(w.told))
	}
}

func TestAStepThatWasUnderWayAtACrashIsNotRunTwice(t *testing.T) {
	w := newWorld(t, options("shop"))
	w.hang["flip"] = true
	broken(t, w, "shop")
	w.run(15 * time.Second)
	if got := len(w.steps()); got != 1 {
		t.Fatalf("%d steps begun, want 1", got)
	}
	w.restart(5 * time.Second)
	last := w.started[len(w.started)-1]
	if !last.Resume || last.Ref.Name != "flip" || last.Ref.Attempt != 1 {
		t.Fatalf("after the restart came %+v, want a resume of flip", last.Ref)
	}
	w.give(incident.StepEnded{Ref: last.Ref, Result: incident.StepResult{State: incident.StepUncertain, Interrupted: true}})
	w.set(0.001, "shop")
	w.run(time.Minute)
	if got := len(w.steps()); got != 1 {
		t.Errorf("%d steps begun, want the one from before the crash", got)
	}
	inc := w.incident("shop")
	if inc.Rollback.State != incident.RunPartial || inc.State != incident.Held || inc.Decision.HeldBy != incident.GuardBlocked {
		t.Errorf("rollback %s, incident %s by %s; want partial, held by blocked", inc.Rollback.State, inc.State, inc.Decision.HeldBy)
	}
	if w.told[len(w.told)-1].Headline != incident.FailedHead {
		t.Errorf("last message is %s, want FAILED", w.told[len(w.told)-1].FirstLine)
	}
}

func TestAPersonsRollbackIsNotConfirmedAndNotCharged(t *testing.T) {
	w := newWorld(t, options("shop"))
	w.set(0.001, "shop")
	w.run(time.Minute)
	w.deploy("shop", "v2", "v1")
	w.run(time.Minute)
	reply := w.command("rollback", "shop")
	if reply.Err != "" || reply.Incident == "" {
		t.Fatalf("refused: %+v", reply)
	}
	w.run(10 * time.Minute)
	inc := w.incident("shop")
	if inc.Outcome != incident.RolledBack || inc.Rollback.By != "alice" || inc.Rollback.Automatic {
		t.Errorf("outcome %s by %s automatic %v: %+v", inc.Outcome, inc.Rollback.By, inc.Rollback.Automatic, inc.Timeline)
	}
}

func TestGravestTriggerLeads(t *testing.T) {
	o := options("shop")
	s := o.Services["shop"]
	second := s.Triggers[0]
	second.Name, second.Severity = "slow", trigger.Low
	s.Triggers = append(s.Triggers, second)
	o.Services["shop"] = s
	w := newWorld(t, o)
	broken(t, w, "shop")
	w.run(15 * time.Second)
	if inc := w.incident("shop"); inc.Severity != trigger.Critical || len(inc.Triggers) != 2 {
		t.Errorf("severity %s with %d triggers, want critical with 2", inc.Severity, len(inc.Triggers))
	}
}

func TestANearlyFullDiskIsToldOnce(t *testing.T) {
	w := newWorld(t, options("shop"))
	for _, free := range []int64{100 << 20, 50 << 20, 40 << 20, 100 << 20, 30 << 20} {
		w.now = w.now.Add(time.Minute)
		w.give(incident.Disk{Free: free, MinFree: 64 << 20})
	}
	var events []string
	for _, m := range w.told {
		events = append(events, m.Event)
	}
	if d := cmp.Diff([]string{"disk_low", "disk_low"}, events); d != "" {
		t.Errorf("people were told (-want +got):\n%s", d)
	}
}

// The version source shows the target while the rollback runs, before the run is
// recorded as our own deployment: it is not somebody's new deployment.
func TestATargetNeverSeenBeforeIsOurOwnDeployment(t *testing.T) {
	o := options("shop")
	s := o.Services["shop"]
	s.Deployment.HasSource = true
	o.Services["shop"] = s
	w := newWorld(t, o)
	w.set(0.001, "shop")
	w.give(incident.VersionSeen{Service: "shop", Version: "v2", At: w.now, Source: "symlink"})
	w.run(time.Minute)
	w.hang["restart"] = true
	w.give(incident.Command{ID: "c", Verb: "rollback", Service: "shop", Actor: "alice", To: "v0", Unseen: true})
	w.give(incident.VersionSeen{Service: "shop", Version: "v0", At: w.now, Source: "symlink"})
	last := w.started[len(w.started)-1]
	w.give(incident.StepEnded{Ref: last.Ref, Result: incident.StepResult{State: incident.StepDone}})
	w.run(5 * time.Minute)
	inc := w.incident("shop")
	if inc.Outcome != incident.RolledBack {
		t.Errorf("ended %s %s: %+v", inc.State, inc.Outcome, inc.Timeline)
	}
	v, _ := w.brain.Service("shop", w.now)
	if v.Running != "v0" || v.Deployment == nil || !v.Deployment.Own || v.Deployment.Previous != "v2" {
		t.Errorf("running %q by %+v, want v0 as our own deployment over v2", v.Running, v.Deployment)
	}
}

// A stop that cannot be written down still stops: no further step begins.
func TestAnAbortWithAFullJournalBeginsNoFurtherStep(t *testing.T) {
	w := newWorld(t, options("shop"))
	w.hang["flip"] = true
	broken(t, w, "shop")
	w.run(15 * time.Second)
	w.full = true
	if reply := w.command("abort", "shop"); reply.Guard != incident.GuardJournal {
		t.Errorf("reply %+v, want one that names the journal", reply)
	}
	w.full = false
	last := w.started[len(w.started)-1]
	w.give(incident.StepEnded{Ref: last.Ref, Result: incident.StepResult{State: incident.StepDone}})
	w.run(time.Minute)
	if d := cmp.Diff([]string{"flip"}, w.steps()); d != "" {
		t.Errorf("steps (-want +got):\n%s", d)
	}
}

// What the plan's steps do may hold what only the step should see.
func TestNothingOfAPlansWorkLeavesTheBrainInMessagesOrInput(t *testing.T) {
	w := newWorld(t, options("shop"))
	broken(t, w, "shop")
	w.run(5 * time.Minute)
	for _, m := range w.told {
		if strings.Contains(string(m.Body), "argv") {
			t.Errorf("message %s holds the plan's work: %s", m.ID, m.Body)
		}
	}
	for _, s := range w.started {
		if strings.Contains(string(s.IncidentJSON), "argv") {
			t.Errorf("the input of %s holds the plan's work", s.Ref.Name)
		}
	}
}

// A veto stands for the deployment, also when a person closes the incident while
// it still breaches.
func TestAVetoOutlivesClose(t *testing.T) {
	o := options("shop")
	s := o.Services["shop"]
	s.Triggers[0].Severity = trigger.High
	w := newWorld(t, o)
	broken(t, w, "shop")
	w.run(15 * time.Second)
	w.command("veto", "shop")
	w.command("close", "shop")
	w.run(10 * time.Minute)
	if inc := w.incident("shop"); inc.Decision.HeldBy != incident.GuardVetoed || len(w.started) != 0 {
		t.Errorf("after close: %s by %q with %d steps, want held by vetoed", inc.State, inc.Decision.HeldBy, len(w.started))
	}
}

// Before Restored nothing is decided, whatever comes in: a step begun then would
// be taken for one that an earlier process began.
func TestNothingIsDecidedBeforeRestored(t *testing.T) {
	w := newWorld(t, options("shop"))
	w.hang["flip"] = true
	broken(t, w, "shop")
	w.run(15 * time.Second)
	flip := w.started[len(w.started)-1]
	w.give(incident.StepEnded{Ref: flip.Ref, Result: incident.StepResult{State: incident.StepDone}})
	journal := w.journal
	for len(journal) > 0 && journal[len(journal)-1].Kind != incident.KindStepEnded {
		journal = journal[:len(journal)-1]
	}
	b := incident.New(w.opts)
	for _, e := range journal {
		b.Apply(e)
	}
	for _, in := range []incident.Input{
		incident.Samples{At: w.now, Kind: incident.Rebuilt},
		incident.Samples{At: w.now, Kind: incident.Grid},
		incident.Wake{},
		incident.Disk{Free: 1, MinFree: 2},
		incident.Health{Service: "shop", Check: trigger.HealthCheck{Instance: "a", Status: trigger.HealthFail}},
		incident.HealthGap{At: w.now},
		incident.VersionSeen{Service: "shop", Version: "v9", At: w.now, Source: "symlink"},
	} {
		if effects := b.Step(w.now, in); len(effects) != 0 {
			t.Errorf("%T leads to %d effects before Restored", in, len(effects))
		}
	}
	command := b.Step(w.now, incident.Command{ID: "c", Verb: "rollback", Service: "shop", Actor: "alice"})
	if reply, ok := command[0].(incident.Reply); !ok || len(command) != 1 || reply.Err == "" {
		t.Errorf("a command before Restored leads to %+v, want a refusal", command)
	}
}

// A person's wish that was written down, and its plan not any more.
func TestACrashBetweenAPersonsWishAndItsPlanIsNotSilent(t *testing.T) {
	w := newWorld(t, options("shop"))
	w.deploy("shop", "v2", "v1")
	w.command("rollback", "shop")
	for i, e := range w.journal {
		if e.Kind == incident.KindPlanned {
			w.journal = w.journal[:i]
			break
		}
	}
	w.started, w.told = nil, nil
	w.restart(time.Minute)
	w.run(time.Minute)
	if inc := w.incident("shop"); inc.State != incident.Held || len(w.told) != 1 || len(w.steps()) != 0 {
		t.Errorf("state %s, %d messages, steps %v; want held, told once, and nothing run", inc.State, len(w.told), w.steps())
	}
	w.command("rollback", "shop")
	if n := len(w.steps()); n != 2 {
		t.Errorf("%d steps ran when it was asked for again, want both", n)
	}
}

// A version that a source shows again has not run in the time between.
func TestAVersionShownAgainIsNoLongerGoodForTheTimeBetween(t *testing.T) {
	o := options("shop")
	s := o.Services["shop"]
	s.Deployment.HasSource, s.Deployment.BlameWindow = true, 10*time.Minute
	o.Services["shop"] = s
	w := newWorld(t, o)
	w.set(0.001, "shop")
	sees := func(v string, then time.Duration) {
		w.give(incident.VersionSeen{Service: "shop", Version: v, At: w.now, Source: "symlink"})
		w.run(then)
	}
	sees("v0", 20*time.Minute)
	sees("v1", time.Minute)
	sees("v2", 7*time.Minute)
	sees("v1", 4*time.Minute)
	for _, v := range w.brain.Versions("shop", w.now) {
		if v.Version == "v1" && v.Standing == "good" {
			t.Errorf("v1 is %s (%s): it ran for one minute and for four", v.Standing, v.Why)
		}
	}
}
