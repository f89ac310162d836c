package responder_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbackd/rollbackd/action"
	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/responder"
)

// results are the ends of steps that the brain was told of.
func (w *world) results() []incident.StepEnded {
	var all []incident.StepEnded
	for _, in := range w.took() {
		if ended, ok := in.(incident.StepEnded); ok {
			all = append(all, ended)
		}
	}
	return all
}

func TestStepIsRunAsAskedAndItsEndComesBack(t *testing.T) {
	seven := 7
	tests := []struct {
		name string
		give action.Result
		want incident.StepResult
	}{
		{"done", action.Result{State: action.Done, Output: "ok"}, incident.StepResult{State: incident.StepDone, Output: "ok"}},
		{
			"failed",
			action.Result{State: action.Failed, ExitCode: &seven, Error: "exit 7", NothingChanged: true},
			incident.StepResult{State: incident.StepFailed, ExitCode: &seven, Error: "exit 7", NothingChanged: true},
		},
		{"uncertain", action.Result{State: action.Uncertain, Interrupted: true}, incident.StepResult{State: incident.StepUncertain, Interrupted: true}},
		{
			"a word nobody knows is uncertain",
			action.Result{State: "fine", Error: "?"},
			incident.StepResult{State: incident.StepUncertain, Error: `the step ended as "fine", which nobody knows (?)`},
		},
		{"nothing at all is uncertain", action.Result{}, incident.StepResult{State: incident.StepUncertain, Error: `the step ended as "", which nobody knows ()`}},
	}
	start := incident.Start{
		Ref: undo(), Do: json.RawMessage(`{"kind":"exec","argv":["true"]}`), Probe: json.RawMessage(`{"kind":"exec","argv":["false"]}`),
		Values: map[string]string{"service": "checkout"}, IncidentJSON: json.RawMessage(`{"id":"inc-1"}`), Reason: "errors",
		Timeout: time.Minute, Resume: true, ProbeFirst: true, StartedAt: time.Unix(1, 0).UTC(),
	}
	request := action.Request{
		Incident: "inc-1", Service: "checkout", Run: "inc-1/1", Section: "steps", Name: "undo", Attempt: 1, Fence: 7,
		Do: start.Do, Probe: start.Probe, Values: start.Values, Stdin: start.IncidentJSON, Reason: "errors",
		Timeout: time.Minute, Resume: true, ProbeFirst: true, StartedAt: start.StartedAt,
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := &world{step: on[incident.VersionSeen](start)}
			w.run = func(context.Context, action.Request) action.Result {
				time.Sleep(3 * time.Second)
				return tt.give
			}
			inBubble(t, w, nil, func(in bubble) {
				t, r := in.T, in.r
				tt.want.StartedAt, tt.want.EndedAt = time.Now().UTC(), time.Now().UTC().Add(3*time.Second)
				r.Submit(seen("v1"))
				time.Sleep(5 * time.Second)
				synctest.Wait()
				if diff := cmp.Diff([]action.Request{request}, w.requests); diff != "" {
					t.Errorf("asked (-want +got):\n%s", diff)
				}
				if diff := cmp.Diff([]incident.StepEnded{{Ref: undo(), Result: tt.want}}, w.results()); diff != "" {
					t.Errorf("answered (-want +got):\n%s", diff)
				}
			})
		})
	}
}

func TestPrepareLooksAtTheWholePlan(t *testing.T) {
	ref := incident.StepRef{Incident: "inc-1", Run: "inc-1/1", Section: incident.SectionPrepare, Name: "plan can run", Attempt: 1}
	const plan = `[{"name":"a","do":{"kind":"exec","argv":["a"]}},{"name":"b","do":{"kind":"exec","argv":["b"]},"probe":{"kind":"exec","argv":["c"]}}]`
	tests := []struct {
		name, do string
		prepare  func(context.Context, []action.Request) error
		want     incident.StepResult
	}{
		{name: "possible", do: plan, want: incident.StepResult{State: incident.StepDone}},
		{
			name: "impossible", do: plan, prepare: func(context.Context, []action.Request) error { return errors.New("a: not found") },
			want: incident.StepResult{State: incident.StepFailed, Error: "a: not found", NothingChanged: true},
		},
		{
			name: "too slow", do: plan, prepare: func(ctx context.Context, _ []action.Request) error { <-ctx.Done(); return ctx.Err() },
			want: incident.StepResult{State: incident.StepFailed, Error: "context deadline exceeded", NothingChanged: true},
		},
		{
			name: "unreadable", do: `{}`,
			want: incident.StepResult{State: incident.StepFailed, Error: "the plan cannot be read: ", NothingChanged: true},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			start := incident.Start{Ref: ref, Do: json.RawMessage(tt.do), Values: map[string]string{"x": "y"}, Timeout: 10 * time.Second}
			w := &world{step: on[incident.VersionSeen](start), prepare: tt.prepare}
			inBubble(t, w, nil, func(in bubble) {
				t, r := in.T, in.r
				r.Submit(seen("v1"))
				time.Sleep(time.Minute)
				synctest.Wait()
				got := w.results()
				if len(got) != 1 {
					t.Fatalf("%d ends, want one", len(got))
				}
				result := got[0].Result
				if !strings.HasPrefix(result.Error, tt.want.Error) {
					t.Errorf("error %q, want %q", result.Error, tt.want.Error)
				}
				result.Error, result.StartedAt, result.EndedAt = tt.want.Error, time.Time{}, time.Time{}
				if diff := cmp.Diff(tt.want, result); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
				var asked []string
				for _, r := range w.requests {
					asked = append(asked, r.Name+string(r.Do)+string(r.Probe)+r.Values["x"])
				}
				if tt.do == plan {
					want := []string{`a{"kind":"exec","argv":["a"]}y`, `b{"kind":"exec","argv":["b"]}{"kind":"exec","argv":["c"]}y`}
					if diff := cmp.Diff(want, asked); diff != "" {
						t.Errorf("asked (-want +got):\n%s", diff)
					}
				}
			})
		})
	}
}

func TestStopIsPassedOn(t *testing.T) {
	w := &world{step: on[incident.VersionSeen](incident.Stop{Run: "inc-1/1"})}
	inBubble(t, w, nil, func(in bubble) {
		t, r := in.T, in.r
		r.Submit(seen("v1"))
		synctest.Wait()
		if diff := cmp.Diff([]string{"inc-1/1"}, w.cut); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

// sequel is a brain that runs undo, then next.
func sequel(do string) func(time.Time, incident.Input) []incident.Effect {
	next := undo()
	next.Index, next.Name = 1, "next"
	return func(_ time.Time, in incident.Input) []incident.Effect {
		switch in := in.(type) {
		case incident.VersionSeen:
			return []incident.Effect{intent(undo()), incident.Start{Ref: undo(), Do: json.RawMessage(do)}}
		case incident.StepEnded:
			if in.Ref == next {
				return nil
			}
			return []incident.Effect{ended(in.Ref, in.Result), intent(next), incident.Start{Ref: next}}
		}
		return nil
	}
}

func TestStoppingFinishesTheRunningStepAndBeginsNoOther(t *testing.T) {
	w := &world{step: sequel(`{"kind":"exec","argv":["undo"]}`)}
	w.run = func(ctx context.Context, _ action.Request) action.Result {
		select {
		case <-time.After(time.Minute):
			return action.Result{State: action.Done}
		case <-ctx.Done():
			return action.Result{State: action.Uncertain, Interrupted: true}
		}
	}
	inBubble(t, w, nil, func(in bubble) {
		t, r := in.T, in.r
		r.Submit(seen("v1"))
		time.Sleep(10 * time.Second)
		begun := time.Now()
		var alive time.Duration
		time.AfterFunc(40*time.Second, func() {
			alive = time.Since(r.LastLoop())
			r.Submit(seen("too late"))
		})
		in.stop()
		if got := time.Since(begun); got != 50*time.Second {
			t.Errorf("stopped after %s, want 50s: when the step had ended", got)
		}
		if alive > time.Second {
			t.Errorf("while stopping the loop last went round %s ago", alive)
		}
		if diff := cmp.Diff([]incident.Kind{incident.KindStepBegun, incident.KindStepEnded}, w.kinds()); diff != "" {
			t.Errorf("journal (-want +got):\n%s", diff)
		}
		if len(w.requests) != 1 {
			t.Errorf("%d steps started, want one", len(w.requests))
		}
		if got := w.results(); len(got) != 1 || got[0].Result.State != incident.StepDone {
			t.Errorf("got %+v, want the step done", got)
		}
		for _, in := range w.took() {
			if saw, ok := in.(incident.VersionSeen); ok && saw.Version == "too late" {
				t.Error("an input was taken in while stopping")
			}
		}
	})
}

// TestStoppingListensToANo: what a person says to stop, while the daemon waits
// for a step, is recorded and answered, and nothing is begun for it.
func TestStoppingListensToANo(t *testing.T) {
	next := undo()
	next.Index, next.Name = 1, "next"
	run := sequel(`{"kind":"exec","argv":["undo"]}`)
	w := &world{}
	w.step = func(now time.Time, in incident.Input) []incident.Effect {
		c, ok := in.(incident.Command)
		if !ok {
			return run(now, in)
		}
		said := record(incident.KindAborted)
		said.Entry.Text = c.Verb
		return []incident.Effect{
			said, record(incident.KindStopping),
			incident.Stop{Run: undo().Run},
			incident.Reply{ID: c.ID, Incident: "inc-1"},
			incident.Tell{Message: *message(incident.WaitingForYou)},
			intent(next),
			incident.Start{Ref: next},
		}
	}
	w.run = func(context.Context, action.Request) action.Result {
		time.Sleep(time.Minute)
		return action.Result{State: action.Done}
	}
	told := 0
	change := func(o *responder.Options) { o.Tell = func(incident.Message) { told++ } }
	inBubble(t, w, change, func(in bubble) {
		t, r := in.T, in.r
		r.Submit(seen("v1"))
		time.Sleep(10 * time.Second)
		var all sync.WaitGroup
		all.Go(in.stop)
		synctest.Wait()
		for _, verb := range []string{"abort", "veto", "pause", "lock"} {
			if reply, err := r.Do(t.Context(), incident.Command{Verb: verb}); err != nil || reply.Incident != "inc-1" {
				t.Errorf("%s: got %+v, %v, want the answer", verb, reply, err)
			}
		}
		for _, verb := range []string{"rollback", "approve", "resume", "unlock"} {
			if _, err := r.Do(t.Context(), incident.Command{Verb: verb}); !errors.Is(err, responder.ErrStopping) {
				t.Errorf("%s: got %v, want ErrStopping", verb, err)
			}
		}
		all.Wait()
		want := []incident.Kind{incident.KindStepBegun}
		for range 4 {
			want = append(want, incident.KindAborted, incident.KindStopping)
		}
		if diff := cmp.Diff(append(want, incident.KindStepEnded), w.kinds()); diff != "" {
			t.Errorf("journal (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]string{"inc-1/1", "inc-1/1", "inc-1/1", "inc-1/1"}, w.cut); diff != "" {
			t.Errorf("cut (-want +got):\n%s", diff)
		}
		if len(w.requests) != 1 || told != 0 {
			t.Errorf("%d steps were started and %d messages told, want one and none", len(w.requests), told)
		}
		if _, err := r.Do(t.Context(), incident.Command{Verb: "abort"}); !errors.Is(err, responder.ErrStopping) {
			t.Errorf("after the end: got %v, want ErrStopping", err)
		}
	})
}

func TestStoppingIsBounded(t *testing.T) {
	w := &world{step: sequel(`{"kind":"exec","argv":["undo"]}`)}
	w.run = func(ctx context.Context, _ action.Request) action.Result {
		<-ctx.Done() // a step that takes for ever
		return action.Result{State: action.Uncertain, Interrupted: true}
	}
	change := func(o *responder.Options) { o.StepGrace = 30 * time.Second }
	inBubble(t, w, change, func(in bubble) {
		t, r := in.T, in.r
		r.Submit(seen("v1"))
		synctest.Wait()
		begun := time.Now()
		in.stop()
		synctest.Wait()
		if got := time.Since(begun); got != 30*time.Second {
			t.Errorf("stopped after %s, want 30s", got)
		}
		// Its end is not known: the intent alone must stand, for the next start.
		if diff := cmp.Diff([]incident.Kind{incident.KindStepBegun}, w.kinds()); diff != "" {
			t.Errorf("journal (-want +got):\n%s", diff)
		}
	})
}

func TestStoppingDoesNotWaitForAWait(t *testing.T) {
	waits, err := json.Marshal(action.Step{Kind: action.KindWait, For: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	w := &world{step: sequel(string(waits))}
	w.run = func(ctx context.Context, _ action.Request) action.Result {
		<-ctx.Done()
		return action.Result{State: action.Uncertain, Interrupted: true}
	}
	inBubble(t, w, nil, func(in bubble) {
		t, r := in.T, in.r
		r.Submit(seen("v1"))
		synctest.Wait()
		begun := time.Now()
		in.stop()
		synctest.Wait()
		if got := time.Since(begun); got != 0 {
			t.Errorf("stopped after %s, want at once", got)
		}
		if diff := cmp.Diff([]incident.Kind{incident.KindStepBegun}, w.kinds()); diff != "" {
			t.Errorf("journal (-want +got):\n%s", diff)
		}
	})
}
