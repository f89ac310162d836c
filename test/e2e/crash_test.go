package e2e_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbackd/rollbackd/test/world"
)

// announce is a step after the restart, to see whether a run goes on.
const announce = `
[[services.checkout.rollback.steps]]
name = "announce"
exec = ["/bin/sh", "-c", "echo \"announce $ROLLBACKD_ATTEMPT\" >>\"$1/steps.log\"", "sh", "%DIR"]
`

// inStep makes a world whose rollback of a bad v2 is inside its restart step,
// which waits to be let go.
func inStep(t *testing.T, o world.Options) *world.World {
	t.Helper()
	o.Program = program
	w := world.New(t, o)
	w.Start()
	w.AwaitWell("errors", "slow")
	w.Shut(t)
	w.Behave("v2", world.Behaviour{Errors: 0.08})
	w.Deploy(t, "v2")
	w.AwaitStep(t, "begin restart 1 v1", soon)
	return w
}

// TestKillInsideAStep kills the daemon inside a step and starts it again while
// the step's process lives. The step is waited for and never run twice; what
// comes after depends on whether anything can say that it is done.
func TestKillInsideAStep(t *testing.T) {
	t.Parallel()
	t.Run("a probe says done", func(t *testing.T) {
		t.Parallel()
		w := inStep(t, world.Options{
			Restart: `probe = { exec = ["/bin/sh", "%DIR/probe.sh", "%DIR"] }`,
			Steps:   announce,
		})
		killAndFinish(t, w)
		closed := w.Daemon.AwaitIncident(t, w.Name, soon, world.InState("closed"))
		checkRolledBack(t, closed, "errors", "v2", "v1")
		want := []string{"begin restart 1 v1", "end restart 1 v1", "announce 1"}
		if diff := cmp.Diff(want, w.Steps()); diff != "" {
			t.Errorf("steps (-want +got):\n%s", diff)
		}
		if n := len(w.Inbox.Messages("acting")); n != 1 {
			t.Errorf("people were told of acting in %d messages, want one", n)
		}
	})
	t.Run("nothing says done", func(t *testing.T) {
		t.Parallel()
		w := inStep(t, world.Options{Steps: announce})
		killAndFinish(t, w)
		held := w.Daemon.AwaitIncident(t, w.Name, soon, world.InState("held"))
		if held.Decision.HeldBy != "blocked" || held.Decision.Reason == "" {
			t.Errorf("held by %q because %q, want blocked and a reason", held.Decision.HeldBy, held.Decision.Reason)
		}
		if held.Rollback.State != "partial" || held.Rollback.Step("restart").State != "uncertain" {
			t.Errorf("the rollback is %+v, want it partial and the restart uncertain", held.Rollback)
		}
		told := w.Inbox.Await(t, "failed", soon)
		if !strings.HasPrefix(told.FirstLine, "FAILED checkout") {
			t.Errorf("people were told %q, want FAILED checkout …", told.FirstLine)
		}
		w.AwaitTicks(3)
		if diff := cmp.Diff([]string{"begin restart 1 v1", "end restart 1 v1"}, w.Steps()); diff != "" {
			t.Errorf("steps (-want +got):\n%s", diff)
		}
	})
}

// killAndFinish kills the daemon, starts it again, sees that it waits for the
// step, and lets the step end.
func killAndFinish(t *testing.T, w *world.World) {
	t.Helper()
	w.Daemon.Kill(t)
	w.Start()
	w.AwaitTicks(3)
	waiting := w.Daemon.Incidents(t, w.Name)[0]
	if restart := waiting.Rollback.Step("restart"); waiting.State != "rolling_back" || restart.State != "running" || restart.Attempts != 1 {
		t.Errorf("after the restart the incident is %s and the step %+v, want rolling_back and running", waiting.State, restart)
	}
	if diff := cmp.Diff([]string{"begin restart 1 v1"}, w.Steps()); diff != "" {
		t.Errorf("steps while the first one lives (-want +got):\n%s", diff)
	}
	w.Open(t)
}

// TestKillInsideAWindow kills the daemon in the middle of a window: the window is
// rebuilt, and fires when it would have.
func TestKillInsideAWindow(t *testing.T) {
	t.Parallel()
	const window = 30 * time.Second
	w := world.New(t, world.Options{Program: program, For: window.String()})
	w.Start()
	w.AwaitWell("errors", "slow")
	w.Behave("v2", world.Behaviour{Errors: 0.08})
	w.Deploy(t, "v2")
	before := w.Daemon.AwaitTrigger(t, w.Name, "errors", soon, func(tr world.Trigger) bool {
		return tr.State == "pending" && time.Since(tr.Since) > window*2/3
	})
	w.Daemon.Kill(t)
	killed := time.Now()
	w.Start()
	after := w.Daemon.AwaitTrigger(t, w.Name, "errors", soon, func(tr world.Trigger) bool { return tr.State == "firing" })
	if !after.Since.Equal(before.Since) {
		t.Errorf("the breach is said to have begun at %s, before the crash it was %s", after.Since, before.Since)
	}
	if took := after.FiredAt.Sub(before.Since); took < window {
		t.Errorf("it fired %s after the breach began, want %s", took, window)
	}
	// A window that the crash had emptied could not be full before this.
	if !after.FiredAt.Before(killed.Add(window)) {
		t.Errorf("it fired %s after the crash, want sooner than after another window of %s", after.FiredAt.Sub(killed), window)
	}
	closed := w.Daemon.AwaitIncident(t, w.Name, soon, world.InState("closed"))
	checkRolledBack(t, closed, "errors", "v2", "v1")
	checkOnce(t, w)
}

// TestTerminateInsideAStep stops the daemon as systemd does. The step is finished
// and its end is on record; the next start goes on with what follows.
func TestTerminateInsideAStep(t *testing.T) {
	t.Parallel()
	w := inStep(t, world.Options{Steps: announce})
	ended := make(chan int, 1)
	stopping := w.Daemon
	go func() { ended <- stopping.Terminate(t, soon) }()
	world.Await(t, "the daemon to be stopping", soon, func() (bool, string) {
		return strings.Contains(stopping.Log(), "stopping: a step that runs is finished first"), "it does not say so"
	})
	if slices.Contains(w.Steps(), "end restart 1 v1") {
		t.Fatal("the step ended before it was let go: this test proves nothing")
	}
	w.Open(t)
	if code := <-ended; code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
	if diff := cmp.Diff([]string{"begin restart 1 v1", "end restart 1 v1"}, w.Steps()); diff != "" {
		t.Errorf("steps when it had stopped (-want +got):\n%s", diff)
	}
	w.Start()
	closed := w.Daemon.AwaitIncident(t, w.Name, soon, world.InState("closed"))
	checkRolledBack(t, closed, "errors", "v2", "v1")
	// Without a probe only the journal can know how the step ended.
	if code := closed.Rollback.Step("restart").ExitCode; code == nil || *code != 0 {
		t.Errorf("the exit code of the restart is %v, want 0: its end was not journalled", code)
	}
	if diff := cmp.Diff([]string{"begin restart 1 v1", "end restart 1 v1", "announce 1"}, w.Steps()); diff != "" {
		t.Errorf("steps (-want +got):\n%s", diff)
	}
}
