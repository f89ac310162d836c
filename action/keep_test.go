package action_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/benbjohnson/clock"
	"github.com/google/go-cmp/cmp"

	"github.com/rollbackd/rollbackd/action"
)

func TestOldRunsAreRemoved(t *testing.T) {
	w := newWorld(t, action.Options{Keep: 3})
	// The oldest run has left a server running, so it stays.
	req := request(shell(t, `while [ ! -e "$2" ]; do sleep 0.05; done & echo $! > "$1"`, w.path("pid"), w.path("stop")))
	for i := range 5 {
		req.Run = fmt.Sprintf("run-%d", i)
		checkResult(t, w.Run(context.Background(), req), action.Result{State: action.Done, ExitCode: new(0)})
		old := time.Now().Add(time.Duration(i-10) * time.Hour)
		if err := os.Chtimes(filepath.Join(w.dir, req.Run), old, old); err != nil {
			t.Fatal(err)
		}
		req.Do = mustJSON(t, execStep("true"))
	}
	if diff := cmp.Diff([]string{"run-0", "run-3", "run-4"}, names(t, w.dir)); diff != "" {
		t.Errorf("runs that are kept (-want +got):\n%s", diff)
	}
	pid := read(t, w.path("pid"))
	write(t, w.path("stop"), "")
	eventually(t, "the server's end", func() bool { return !runs(pid) })

	for _, run := range []string{"run-0", "run-0", "run-3"} {
		if err := w.Forget(run); err != nil {
			t.Error(err)
		}
	}
	if diff := cmp.Diff([]string{"run-4"}, names(t, w.dir)); diff != "" {
		t.Errorf("runs after forgetting (-want +got):\n%s", diff)
	}
}

func TestForgetStaysInItsDirectory(t *testing.T) {
	parent := t.TempDir()
	w := newWorld(t, action.Options{Dir: filepath.Join(parent, "runs")})
	write(t, filepath.Join(parent, "precious"), "")
	for _, run := range []string{"..", "../precious", "", ".", "a/b"} {
		if err := w.Forget(run); err == nil {
			t.Errorf("%q was forgotten", run)
		}
	}
	if !exists(filepath.Join(parent, "precious")) {
		t.Error("a file outside was removed")
	}
}

// A server that a step left behind goes on writing into the step's output.
func TestTendKeepsOutputsSmall(t *testing.T) {
	tick := make(chan time.Time)
	w := newWorld(t, action.Options{Clock: handClock{clock.New(), tick}})
	if err := os.MkdirAll(w.attemptDir(), 0o700); err != nil {
		t.Fatal(err)
	}
	output := filepath.Join(w.attemptDir(), "output")
	big := make([]byte, 3<<20)
	for i := range big {
		big[i] = 'x'
	}
	write(t, output, string(big)+"the end\n")
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- w.Tend(ctx) }()
	tick <- time.Time{}
	tick <- time.Time{} // the first round is over once the second is begun
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if onDisk := space(t, output); onDisk > 1<<20+64<<10 {
		t.Errorf("the output takes %d bytes", onDisk)
	}
	if tail := w.Tail(request(nil)); len(tail) != 4096 || tail[4096-9:] != "xthe end\n" {
		t.Errorf("the tail has %d bytes and ends in %q", len(tail), tail[max(0, len(tail)-9):])
	}
	if got := w.Tail(action.Request{Run: "../run-1", Section: "steps", Attempt: 1}); got != "" {
		t.Errorf("a tail from elsewhere: %q", got)
	}
}

// handClock's tickers tick when the test says so.
type handClock struct {
	clock.Clock
	tick chan time.Time
}

func (c handClock) Ticker(time.Duration) *clock.Ticker {
	ticker := c.Clock.Ticker(time.Hour)
	ticker.C = c.tick
	return ticker
}
