package responder_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/rollbackd/rollbackd/action"
	"github.com/rollbackd/rollbackd/incident"
)

// captures are the ends of captures that the brain was told of, without their times.
func (w *world) captures() []incident.Captured {
	var all []incident.Captured
	for _, in := range w.took() {
		if c, ok := in.(incident.Captured); ok {
			all = append(all, c)
		}
	}
	return all
}

func captured(name string, result incident.StepResult) incident.Captured {
	return incident.Captured{Service: "checkout", Incident: "inc-1", Name: name, Result: result}
}

func noTime(name string) incident.Captured {
	return captured(name, incident.StepResult{State: incident.StepFailed, Error: "no time was left", NothingChanged: true})
}

var timeless = cmpopts.IgnoreFields(incident.StepResult{}, "StartedAt", "EndedAt")

// capturing scripts a brain that asks for captures within 20 s.
func capturing(steps ...incident.PlanStep) func(time.Time, incident.Input) []incident.Effect {
	return func(now time.Time, in incident.Input) []incident.Effect {
		if _, ok := in.(incident.Disk); !ok {
			return nil
		}
		return []incident.Effect{incident.Capture{
			Service: "checkout", Incident: "inc-1", Steps: steps, Values: map[string]string{"service": "checkout"},
			IncidentJSON: json.RawMessage(`{}`), Deadline: now.Add(20 * time.Second),
		}}
	}
}

func look(name string, timeout time.Duration) incident.PlanStep {
	return incident.PlanStep{Name: name, Timeout: timeout, Do: json.RawMessage(`{"exec":["` + name + `"]}`)}
}

// TestCapturesShareTheTimeInOrder: the second is given what the first has left,
// the third had no time and says so; and the loop is free all the while.
func TestCapturesShareTheTimeInOrder(t *testing.T) {
	w := &world{step: capturing(look("logs", 5*time.Second), look("heap", time.Minute), look("table", time.Second))}
	w.run = func(_ context.Context, r action.Request) action.Result {
		time.Sleep(r.Timeout)
		if r.Name == "logs" {
			return action.Result{State: action.Done, Output: "two lines"}
		}
		return action.Result{State: action.Uncertain, Error: "timed out", Output: "half of it"}
	}
	inBubble(t, w, nil, func(in bubble) {
		t, r := in.T, in.r
		r.Submit(incident.Disk{})
		for range 4 { // nothing waits for a capture
			time.Sleep(time.Second)
			begun := time.Now()
			r.Submit(seen("v1"))
			synctest.Wait()
			if len(w.captures()) != 0 || time.Since(begun) != 0 {
				t.Fatalf("after %s: %+v", time.Since(begun), w.captures())
			}
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		want := []incident.Captured{
			captured("logs", incident.StepResult{State: incident.StepDone, Output: "two lines"}),
			captured("heap", incident.StepResult{State: incident.StepFailed, Error: "timed out", Output: "half of it"}),
			noTime("table"),
		}
		if diff := cmp.Diff(want, w.captures(), timeless); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		asked := action.Request{
			Incident: "inc-1", Service: "checkout", Run: "inc-1.capture", Section: "capture", Name: "heap", Index: 1, Attempt: 1,
			Do: look("heap", 0).Do, Values: map[string]string{"service": "checkout"}, Stdin: json.RawMessage(`{}`), Timeout: 15 * time.Second,
		}
		if len(w.requests) != 2 {
			t.Fatalf("%d were run, want two", len(w.requests))
		}
		if diff := cmp.Diff(asked, w.requests[1]); diff != "" {
			t.Errorf("the second was asked (-want +got):\n%s", diff)
		}
		if got := w.captures()[1].Result; got.EndedAt.Sub(got.StartedAt) != 15*time.Second {
			t.Errorf("the second is said to have taken %s, want 15s", got.EndedAt.Sub(got.StartedAt))
		}
	})
}

// TestCapturesWithoutTimeAreAllAnswered: the brain waits for as many ends as it
// asked for.
func TestCapturesWithoutTimeAreAllAnswered(t *testing.T) {
	late := func(now time.Time, in incident.Input) []incident.Effect {
		if _, ok := in.(incident.Disk); !ok {
			return nil
		}
		return []incident.Effect{incident.Capture{
			Service: "checkout", Incident: "inc-1", Steps: []incident.PlanStep{look("logs", 0), look("heap", 0)}, Deadline: now,
		}}
	}
	w := &world{step: late}
	inBubble(t, w, nil, func(in bubble) {
		in.r.Submit(incident.Disk{})
		synctest.Wait()
		if diff := cmp.Diff([]incident.Captured{noTime("logs"), noTime("heap")}, w.captures(), timeless); diff != "" {
			in.Errorf("(-want +got):\n%s", diff)
		}
		if len(w.requests) != 0 {
			in.Errorf("%d were run, want none", len(w.requests))
		}
	})
}

// TestStoppingCutsACaptureShort: stopping neither waits for it nor leaves its
// program running, and nothing more is captured.
func TestStoppingCutsACaptureShort(t *testing.T) {
	var cut chan string // made inside the bubble
	w := &world{step: capturing(look("logs", time.Hour), look("heap", time.Hour))}
	w.run = func(ctx context.Context, _ action.Request) action.Result {
		<-cut
		if ctx.Err() != nil {
			t.Error("the runner was told to leave the program alone")
		}
		return action.Result{State: action.Failed, Error: "cut short"}
	}
	w.cutting = func(run string) { cut <- run }
	inBubble(t, w, nil, func(in bubble) {
		t, r := in.T, in.r
		cut = make(chan string, 1)
		r.Submit(incident.Disk{})
		synctest.Wait()
		begun := time.Now()
		in.stop()
		synctest.Wait()
		if got := time.Since(begun); got != 0 {
			t.Errorf("stopped after %s, want at once", got)
		}
		if diff := cmp.Diff([]string{"inc-1.capture"}, w.cut); diff != "" || len(w.requests) != 1 || len(w.captures()) != 0 {
			t.Errorf("%d were run and %+v came back; cut (-want +got):\n%s", len(w.requests), w.captures(), diff)
		}
	})
}

// TestCapturesByTheRealRunner: one whose value is not known yet, one that hangs
// and one that fails keep no other from being made.
func TestCapturesByTheRealRunner(t *testing.T) {
	exec := func(name string, timeout time.Duration, argv ...string) incident.PlanStep {
		do, err := json.Marshal(map[string]any{"kind": action.KindExec, "argv": argv})
		if err != nil {
			t.Fatal(err)
		}
		return incident.PlanStep{Name: name, Timeout: timeout, Do: do}
	}
	dir := t.TempDir()
	pid := filepath.Join(dir, "pid")
	w := &world{step: capturing(
		exec("target", 10*time.Second, "echo", "${target_version}"),
		exec("hangs", 3*time.Second, "sh", "-c", "echo begun; echo $$ > "+pid+"; sleep 600"),
		exec("fails", 10*time.Second, "sh", "-c", "echo no; exit 3"),
		exec("logs", 10*time.Second, "echo", "${service} wrote this"),
	)}
	o := w.options(t)
	o.Runner = action.NewRunner(action.Options{Dir: filepath.Join(dir, "runs"), Grace: time.Second})
	r, stop := begin(t, o)
	defer stop()
	r.Submit(incident.Disk{})
	deadline := time.After(patience)
	for len(w.captures()) < 4 {
		select {
		case <-deadline:
			t.Fatalf("got %+v, want four ends", w.captures())
		case <-time.After(10 * time.Millisecond):
		}
	}
	got := w.captures()
	says := func(i int, state incident.StepState, output, problem string) {
		t.Helper()
		result := got[i].Result
		if result.State != state || strings.TrimSpace(result.Output) != output || !strings.Contains(result.Error, problem) {
			t.Errorf("%s: got %+v, want it %s with %q and %q", got[i].Name, result, state, output, problem)
		}
	}
	says(0, incident.StepFailed, "", "target_version")
	says(1, incident.StepFailed, "begun", "timed out")
	says(2, incident.StepFailed, "no", "exit status 3")
	says(3, incident.StepDone, "checkout wrote this", "")
	hung, err := os.ReadFile(pid)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat("/proc/" + strings.TrimSpace(string(hung))); !os.IsNotExist(err) {
		t.Errorf("the one that hung is still there: %v", err)
	}
	if slices.ContainsFunc(w.took(), func(in incident.Input) bool { _, is := in.(incident.StepEnded); return is }) {
		t.Error("a capture ended as a step")
	}
}
