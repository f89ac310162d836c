package e2e_test

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rollbackd/rollbackd/test/world"
)

// TestPrometheusStopsInsideAWindow takes Prometheus away in the middle of a
// window, for longer than a window survives. Nothing is done meanwhile, nothing
// is lost, and people are told once that rollbackd cannot see.
func TestPrometheusStopsInsideAWindow(t *testing.T) {
	t.Parallel()
	t.Run("hangs", func(t *testing.T) {
		t.Parallel()
		blinded(t, 0,
			func(w *world.World) { w.Prometheus.Signal(t, syscall.SIGSTOP) },
			func(w *world.World) { w.Prometheus.Signal(t, syscall.SIGCONT) })
	})
	t.Run("is gone for a minute", func(t *testing.T) {
		t.Parallel()
		blinded(t, time.Minute,
			func(w *world.World) { w.Prometheus.Terminate(t, soon) },
			func(w *world.World) { w.Prometheus.Restart(t) })
	})
}

// blinded takes Prometheus away until people were told, and for at least so long.
func blinded(t *testing.T, atLeast time.Duration, stop, goOn func(w *world.World)) {
	t.Helper()
	const window = 20 * time.Second
	w := world.New(t, world.Options{Program: program, For: window.String()})
	w.Start()
	w.AwaitWell("errors", "slow")
	w.Behave("v2", world.Behaviour{Errors: 0.08})
	w.Deploy(t, "v2")
	before := w.Daemon.AwaitTrigger(t, w.Name, "errors", soon, func(tr world.Trigger) bool {
		return tr.State == "pending" && time.Since(tr.Since) > 4*time.Second
	})
	stop(w)
	stopped := time.Now()
	w.Daemon.AwaitTrigger(t, w.Name, "errors", soon, world.InTruth("unknown"))
	told := w.Inbox.Await(t, "blind", 2*soon)
	if !strings.HasPrefix(told.FirstLine, "HELD all services: blind") {
		t.Errorf("people were told %q, want HELD all services: blind …", told.FirstLine)
	}
	if late := time.Since(before.Since.Add(window)); late < 10*time.Second {
		t.Fatalf("the window would have been full %s ago: this test proves nothing", late)
	}
	world.Await(t, "the outage to be long enough", 2*soon, func() (bool, string) { return time.Since(stopped) >= atLeast, "" })
	// The window is long over: unknown has not completed it.
	if list := w.Daemon.Incidents(t, w.Name); len(list) != 0 || len(w.Steps()) != 0 {
		t.Errorf("while nothing could be seen: incidents %+v, steps %q, want none", list, w.Steps())
	}
	again := time.Now() // before this nothing was scraped, and so nothing known
	goOn(w)
	fired := w.Daemon.AwaitTrigger(t, w.Name, "errors", soon, func(tr world.Trigger) bool { return tr.State == "firing" })
	if fired.Since.Before(again) {
		t.Errorf("the window that fired began at %s, before Prometheus was back at %s: the gap was longer than it survives", fired.Since, again)
	}
	closed := w.Daemon.AwaitIncident(t, w.Name, soon, world.InState("closed"))
	checkRolledBack(t, closed, "errors", "v2", "v1")
	checkOnce(t, w)
	if n := len(w.Inbox.Messages("blind")); n != 1 {
		t.Errorf("people were told in %d messages that it is blind, want one", n)
	}
}
