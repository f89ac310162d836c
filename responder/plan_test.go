package responder_test

import (
	"context"
	"encoding/json"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbackd/rollbackd/action"
	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/responder"
)

// opens gives every run a token of its own.
func opens(o *responder.Options) { o.GateToken = func(run string) string { return "token of " + run } }

// TestUnitIsRunAsAsked: what belongs to one unit of a step reaches the runner,
// with the run's own way through the gate, which the brain never sees.
func TestUnitIsRunAsAsked(t *testing.T) {
	ref := undo()
	ref.Unit = "web1"
	given := map[string]string{"service": "checkout"}
	start := incident.Start{
		Ref: ref, Do: json.RawMessage(`{"exec":["undo"]}`), If: json.RawMessage(`{"exec":["needed"]}`), Values: given, Timeout: time.Minute,
	}
	w := &world{step: on[incident.VersionSeen](start)}
	w.run = func(context.Context, action.Request) action.Result {
		return action.Result{State: action.Done, Skipped: true, Output: "not needed"}
	}
	inBubble(t, w, opens, func(in bubble) {
		t, r := in.T, in.r
		now := time.Now().UTC()
		r.Submit(seen("v1"))
		synctest.Wait()
		want := action.Request{
			Incident: "inc-1", Service: "checkout", Run: "inc-1/1", Section: "steps", Name: "undo", Unit: "web1", Attempt: 1, Fence: 7,
			Do: start.Do, If: start.If, Timeout: time.Minute,
			Values: map[string]string{"service": "checkout", "each": "web1", "gate_token": "token of inc-1/1"},
		}
		if diff := cmp.Diff([]action.Request{want}, w.requests); diff != "" {
			t.Errorf("asked (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(map[string]string{"service": "checkout"}, given); diff != "" {
			t.Errorf("the brain's own values were changed (-want +got):\n%s", diff)
		}
		skipped := incident.StepResult{State: incident.StepSkipped, Output: "not needed", StartedAt: now, EndedAt: now}
		if diff := cmp.Diff([]incident.StepEnded{{Ref: ref, Result: skipped}}, w.results()); diff != "" {
			t.Errorf("answered (-want +got):\n%s", diff)
		}
	})
}

// TestPrepareLooksAtEveryUnit: the units of a step, and what is asked before it,
// are looked at like steps.
func TestPrepareLooksAtEveryUnit(t *testing.T) {
	ref := incident.StepRef{Incident: "inc-1", Run: "inc-1/1", Section: incident.SectionPrepare, Name: "plan can run", Attempt: 1}
	const plan = `[{"name":"reversible","do":{"exec":["r"]}},
		{"name":"each","do":{"exec":["e","${each}"]},"probe":{"exec":["p"]},"if":{"exec":["i"]},"each":["web1","web2"]},
		{"name":"forward","do":{"exec":["f"]}}]`
	w := &world{step: on[incident.VersionSeen](incident.Start{Ref: ref, Do: json.RawMessage(plan), Values: map[string]string{"x": "y"}})}
	inBubble(t, w, opens, func(in bubble) {
		in.r.Submit(seen("v1"))
		synctest.Wait()
		var got []string
		for _, r := range w.requests {
			got = append(got, r.Name+" "+r.Unit+" "+string(r.Do)+string(r.Probe)+string(r.If)+" "+r.Values["each"]+" "+r.Values["x"]+" "+r.Values["gate_token"])
		}
		want := []string{
			`reversible  {"exec":["r"]}  y token of inc-1/1`,
			`each web1 {"exec":["e","${each}"]}{"exec":["p"]}{"exec":["i"]} web1 y token of inc-1/1`,
			`each web2 {"exec":["e","${each}"]}{"exec":["p"]}{"exec":["i"]} web2 y token of inc-1/1`,
			`forward  {"exec":["f"]}  y token of inc-1/1`,
		}
		if diff := cmp.Diff(want, got); diff != "" {
			in.Errorf("(-want +got):\n%s", diff)
		}
	})
}

// TestStoppingDoesNotWaitForAQuery: a query changes nothing, and the next daemon
// asks it again.
func TestStoppingDoesNotWaitForAQuery(t *testing.T) {
	w := &world{step: sequel(`{"kind":"query","expr":"up","hold":"2m0s"}`)}
	w.run = func(ctx context.Context, _ action.Request) action.Result {
		<-ctx.Done()
		return action.Result{State: action.Uncertain, Interrupted: true, NothingChanged: true}
	}
	inBubble(t, w, nil, func(in bubble) {
		in.r.Submit(seen("v1"))
		synctest.Wait()
		begun := time.Now()
		in.stop()
		synctest.Wait()
		if got := time.Since(begun); got != 0 {
			in.Errorf("stopped after %s, want at once", got)
		}
	})
}

// TestRoomIsMadeForWhatIsInFlight: before each step of a rollback that has begun
// to change something, its intent on record already, and for no other.
func TestRoomIsMadeForWhatIsInFlight(t *testing.T) {
	check, first, second := attempt(incident.SectionChecks, 0, "", false), attempt(incident.SectionSteps, 0, "", true), attempt(incident.SectionSteps, 1, "", true)
	start := func(r incident.Record) incident.Start { return incident.Start{Ref: r.Entry.Step.Ref} }
	w := &world{step: on[incident.VersionSeen](check, start(check), first, start(first), second, start(second))}
	var before []int
	change := func(o *responder.Options) {
		o.MakeRoom = func() { before = append(before, len(w.entries)) }
	}
	inBubble(t, w, change, func(in bubble) {
		in.r.Submit(seen("v1"))
		synctest.Wait()
		if diff := cmp.Diff([]int{2, 3}, before); diff != "" {
			in.Errorf("made after so many entries (-want +got):\n%s", diff)
		}
	})
}

// TestAnAttemptEndsNoSoonerThanItBegan: one that an earlier daemon began has only
// the wall clock to go by, and that may have been set back meanwhile.
func TestAnAttemptEndsNoSoonerThanItBegan(t *testing.T) {
	w := &world{step: on[incident.VersionSeen](incident.Start{Ref: undo(), Resume: true})}
	w.run = func(context.Context, action.Request) action.Result {
		now := time.Now()
		return action.Result{State: action.Done, StartedAt: now.Round(0).Add(time.Hour), EndedAt: now}
	}
	inBubble(t, w, nil, func(in bubble) {
		now := time.Now().UTC()
		in.r.Submit(seen("v1"))
		synctest.Wait()
		want := incident.StepResult{State: incident.StepDone, StartedAt: now, EndedAt: now}
		if diff := cmp.Diff(want, w.results()[0].Result); diff != "" {
			in.Errorf("(-want +got):\n%s", diff)
		}
	})
}
