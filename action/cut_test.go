package action_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rollbackd/rollbackd/action"
)

// A cut may overtake the attempt that it was meant for.
func TestCutBeforeItsAttempt(t *testing.T) {
	cut := action.Result{State: action.Failed, NothingChanged: true, Error: "cut short"}
	waited := action.Result{State: action.Done, Output: "waited 30s"}
	for _, tt := range []struct {
		name, cut, section string
		later              time.Duration
		want               action.Result
	}{
		{name: "a wait", cut: "run-1", section: "steps", want: cut},
		{name: "a check", cut: "run-1", section: "checks", want: cut},
		{name: "just in time", cut: "run-1", section: "steps", later: 10 * time.Second, want: cut},
		{name: "too late", cut: "run-1", section: "steps", later: 11 * time.Second, want: waited},
		{name: "another run", cut: "run-2", section: "steps", want: waited},
		{name: "what is begun because of the stop", cut: "run-1", section: "finally", want: waited},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, action.Options{})
				if w.Cut(tt.cut) {
					t.Error("something was cut that was not there yet")
				}
				time.Sleep(tt.later)
				req := request(mustJSON(t, action.Step{Kind: action.KindWait, For: 30 * time.Second}))
				req.Section = tt.section
				checkResult(t, w.Run(context.Background(), req), tt.want)
				// It counts once.
				checkResult(t, w.Run(context.Background(), req), waited)
			})
		})
	}
}

func TestCutBeforeACheckStartsNoProgram(t *testing.T) {
	w := newWorld(t, action.Options{})
	w.Cut("run-1")
	req := request(shell(t, `touch "$1"`, w.path("ran")))
	req.Section, req.Probe, req.ProbeFirst = "checks", shell(t, `touch "$1"`, w.path("ran")), true
	checkResult(t, w.Run(context.Background(), req), action.Result{State: action.Failed, NothingChanged: true, Error: "cut short"})
	if exists(w.path("ran")) {
		t.Error("a program was started")
	}
}

// A step that changes something is not cut, and neither is what comes after it.
func TestCutBeforeAChangingStep(t *testing.T) {
	w := newWorld(t, action.Options{})
	w.Cut("run-1")
	done := action.Result{State: action.Done, ExitCode: new(0)}
	req := request(shell(t, "exit 0"))
	checkResult(t, w.Run(context.Background(), req), done)
	req.Section = "checks"
	checkResult(t, w.Run(context.Background(), req), done)
}

// Cuts of runs that never come do not pile up, and do not keep out a later one.
func TestCutsThatNothingComesOf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, action.Options{})
		for i := range 1000 {
			w.Cut(fmt.Sprintf("run-of-nobody-%d", i))
		}
		req := request(mustJSON(t, action.Step{Kind: action.KindWait, For: time.Second}))
		req.Run = "run-of-nobody-999"
		checkResult(t, w.Run(context.Background(), req), action.Result{State: action.Done})
		time.Sleep(10 * time.Second)
		w.Cut("run-1")
		req.Run = "run-1"
		checkResult(t, w.Run(context.Background(), req), action.Result{State: action.Failed, NothingChanged: true, Error: "cut short"})
	})
}
