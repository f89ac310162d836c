package action_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rollbackd/rollbackd/action"
)

// stubborn writes something, notes its own and its child's process, and ignores
// SIGTERM with all it has.
const stubborn = `trap '' TERM; (trap '' TERM; while :; do sleep 1; done) & echo $! > "$2"; echo partly; echo $$ > "$1.new"; mv "$1.new" "$1"; while :; do sleep 1; done`

// Past its time what only looks is ended with all its processes, and what it wrote
// is kept. A capture is never uncertain; a check's own timeout is.
func TestTheTimeOfWhatOnlyLooks(t *testing.T) {
	for _, tt := range []struct {
		name, section string
		own           bool // the timeout of its own is what is over, not the caller's time
		want          action.Result
	}{
		{"a capture past the caller's deadline", "capture", false, action.Result{State: action.Failed, Output: "partly", Error: "exec sh: its time was over; ended by SIGKILL"}},
		{"a capture past its own", "capture", true, action.Result{State: action.Failed, Output: "partly", Error: "timed out after LIMIT; ended by SIGKILL"}},
		{"a check past the caller's deadline", "checks", false, action.Result{State: action.Failed, Output: "partly", Error: "its time was over"}},
		{"a reversible past the caller's deadline", "reversible", false, action.Result{State: action.Failed, Output: "partly", Error: "its time was over"}},
		{"a check past its own", "checks", true, action.Result{State: action.Uncertain, Output: "partly", Error: "timed out after LIMIT; ended by SIGKILL"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			o := action.Options{}
			if tt.section != "capture" { // which is short of time by itself
				o.Grace = 300 * time.Millisecond
			}
			inTime(t, func(limit time.Duration) bool {
				w := newWorld(t, o)
				timeout, deadline := 10*time.Minute, limit
				if tt.own {
					timeout, deadline = limit, 10*time.Minute
				}
				ctx, cancel := context.WithTimeout(context.Background(), deadline)
				defer cancel()
				req := request(shell(t, stubborn, w.path("pid"), w.path("child")))
				req.Section, req.Timeout = tt.section, timeout
				got := w.Run(ctx, req)
				if !exists(w.path("pid")) {
					return false
				}
				tt.want.Error = strings.ReplaceAll(tt.want.Error, "LIMIT", limit.String())
				checkResult(t, got, tt.want)
				if took := got.EndedAt.Sub(got.StartedAt); took > limit+9*time.Second { // a step may have ten
					t.Errorf("it took %s", took)
				}
				checkEnded(t, read(t, w.path("pid")))
				checkEnded(t, read(t, w.path("child")))
				return true
			})
		})
	}
}

// The caller's patience does not end a step that changes something.
func TestADeadlineLeavesAChangingStepAlone(t *testing.T) {
	inTime(t, func(limit time.Duration) bool {
		w := newWorld(t, action.Options{})
		ctx, cancel := context.WithTimeout(context.Background(), limit)
		defer cancel()
		req := request(shell(t, `echo $$ > "$1.new"; mv "$1.new" "$1"; while [ ! -e "$2" ]; do sleep 0.05; done`, w.path("pid"), w.path("stop")))
		got := w.Run(ctx, req)
		defer write(t, w.path("stop"), "")
		if !exists(w.path("pid")) {
			return false
		}
		checkResult(t, got, action.Result{State: action.Uncertain, Interrupted: true, Error: "the process goes on"})
		pid := read(t, w.path("pid"))
		if !runs(pid) {
			t.Error("the program was ended")
		}
		write(t, w.path("stop"), "")
		eventually(t, "the program's end", func() bool { return !runs(pid) })
		return true
	})
}

func TestARequestPastTheCallersDeadline(t *testing.T) {
	var arrived atomic.Bool
	url := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		arrived.Store(true)
		<-r.Context().Done()
	})
	for section, want := range map[string]action.Result{
		"capture": {State: action.Failed, Error: `capture step "restart": its time was over`},
		"steps":   {State: action.Uncertain, Interrupted: true, Error: "the daemon stopped before the answer came"},
	} {
		t.Run(section, func(t *testing.T) {
			inTime(t, func(limit time.Duration) bool {
				arrived.Store(false)
				w := newWorld(t, action.Options{})
				ctx, cancel := context.WithTimeout(context.Background(), limit)
				defer cancel()
				req := post(t, url)
				req.Section = section
				got := w.Run(ctx, req)
				if !arrived.Load() {
					return false
				}
				checkResult(t, got, want)
				return true
			})
		})
	}
}

// A capture that a stop of the daemon ends has failed: nobody will look again.
func TestACaptureIsNeverUncertain(t *testing.T) {
	w := newWorld(t, action.Options{HTTP: transport(func(*http.Request) (*http.Response, error) {
		return nil, errors.New("broke under way")
	})})
	req := post(t, "http://lb.invalid/")
	req.Section = "capture"
	checkResult(t, w.Run(context.Background(), req), action.Result{State: action.Failed, Error: "broke under way"})
	req.Do = shell(t, "kill -9 $$")
	checkResult(t, w.Run(context.Background(), req), action.Result{State: action.Failed, Error: "signal 9"})
}
