package action_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/benbjohnson/clock"

	"github.com/rollbackd/rollbackd/action"
)

// daemonOrder is what a daemon of the tests is to do.
type daemonOrder struct {
	Dir     string
	Request action.Request
}

// runAsDaemon is the test binary as a daemon that runs one attempt.
func runAsDaemon(path string) {
	raw, err := os.ReadFile(path)
	if err != nil {
		panic(err)
	}
	var order daemonOrder
	if err := json.Unmarshal(raw, &order); err != nil {
		panic(err)
	}
	action.NewRunner(action.Options{Dir: order.Dir}).Run(context.Background(), order.Request)
}

// killDaemonInside starts an attempt in a daemon of its own and kills that daemon
// with SIGKILL once the step runs and its pid file is there. The step gets the
// paths "started" and "release" as $1 and $2.
func killDaemonInside(t *testing.T, w world, script string) action.Request {
	t.Helper()
	req := request(shell(t, script, w.path("started"), w.path("release"), w.path("finished")))
	req.StartedAt = time.Now()
	order := w.path("order.json")
	write(t, order, string(mustJSON(t, daemonOrder{Dir: w.dir, Request: req})))
	daemon := exec.Command(os.Args[0])
	daemon.Env = append(os.Environ(), daemonRequest+"="+order)
	if err := daemon.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the step's start", func() bool {
		return exists(w.path("started")) && exists(filepath.Join(w.attemptDir(), "pid"))
	})
	if err := daemon.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := daemon.Wait(); err == nil {
		t.Fatal("the daemon ended before it was killed")
	}
	req.Resume = true
	return req
}

// untilReleased says something, counts its starts, and works until it is released.
const untilReleased = `echo before; echo x >> "$1"; while [ ! -e "$2" ]; do sleep 0.05; done; echo after; touch "$3"`

func TestResumeWaitsForTheLivingStep(t *testing.T) {
	for _, tt := range []struct {
		name    string
		probe   string
		noPid   bool
		badPid  bool
		release bool
		want    action.Result
	}{
		{name: "probe says done", probe: `test -e "$3"`, release: true, want: action.Result{State: action.Done, Output: "after"}},
		{name: "probe says not done", probe: "exit 1", release: true, want: action.Result{State: action.Uncertain, Interrupted: true, Output: "after", Error: "the probe says it is not done"}},
		{name: "probe cannot be run", probe: "kill -9 $$", release: true, want: action.Result{State: action.Uncertain, Interrupted: true, Error: "the probe gave no answer"}},
		{name: "no probe", release: true, want: action.Result{State: action.Uncertain, Interrupted: true, Output: "after", Error: "exit status cannot be known"}},
		{name: "killed between fork and pid file", noPid: true, probe: `test -e "$3"`, release: true, want: action.Result{State: action.Done, Output: "after"}},
		{name: "torn pid file", badPid: true, probe: `test -e "$3"`, release: true, want: action.Result{State: action.Done, Output: "after"}},
		{name: "out of time", want: action.Result{State: action.Uncertain, Output: "before", Error: "timed out"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			watching := make(chan struct{}, 1)
			w := newWorld(t, action.Options{Grace: time.Second, Clock: watchedClock{clock.New(), watching}})
			req := killDaemonInside(t, w, untilReleased)
			pidFile := filepath.Join(w.attemptDir(), "pid")
			var rec struct{ PID int }
			if err := json.Unmarshal([]byte(read(t, pidFile)), &rec); err != nil {
				t.Fatal(err)
			}
			if tt.noPid {
				if err := os.Remove(pidFile); err != nil {
					t.Fatal(err)
				}
			}
			if tt.badPid {
				write(t, pidFile, `{"pid":`)
			}
			if tt.probe != "" {
				req.Probe = shell(t, tt.probe, w.path("started"), w.path("release"), w.path("finished"))
			}
			if !tt.release {
				req.Timeout = time.Since(req.StartedAt) + 300*time.Millisecond
			}
			done := make(chan action.Result)
			go func() { done <- w.Run(context.Background(), req) }()
			if tt.release {
				<-watching // only a Run that found the process alive looks at it again and again
				write(t, w.path("release"), "")
			}
			checkResult(t, <-done, tt.want)
			if got := read(t, w.path("started")); got != "x" {
				t.Errorf("the step was started again: %q", got)
			}
			eventually(t, "the step's end", func() bool { return !runs(strconv.Itoa(rec.PID)) })
		})
	}
}

// Where only the lock tells that something lives, it may be a server that the step
// left behind: it is waited for until the attempt's time is over, and never ended.
func TestResumeNeverEndsWhatOnlyTheLockTellsOf(t *testing.T) {
	for _, tt := range []struct {
		name, section, probe string
		cut                  bool
		want                 action.Result
	}{
		{name: "out of time", section: "steps", want: action.Result{State: action.Uncertain, Interrupted: true, Output: "before", Error: "lock is held by process "}},
		{name: "out of time, and the probe says done", section: "steps", probe: "exit 0", want: action.Result{State: action.Done}},
		{name: "a check", section: "checks", want: action.Result{State: action.Uncertain, Interrupted: true, NothingChanged: true, Error: "lock is held by process "}},
		{name: "a check that is cut", section: "checks", cut: true, want: action.Result{State: action.Failed, NothingChanged: true, Error: "cut short"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			watching := make(chan struct{}, 1)
			w := newWorld(t, action.Options{Grace: 100 * time.Millisecond, Clock: watchedClock{clock.New(), watching}})
			req := killDaemonInside(t, w, untilReleased)
			req.Section = tt.section
			dir := filepath.Join(w.dir, "run-1", tt.section+"-0-1")
			if dir != w.attemptDir() {
				if err := os.Rename(w.attemptDir(), dir); err != nil {
					t.Fatal(err)
				}
			}
			pidFile := filepath.Join(dir, "pid")
			var rec struct{ PID int }
			if err := json.Unmarshal([]byte(read(t, pidFile)), &rec); err != nil {
				t.Fatal(err)
			}
			if err := os.Remove(pidFile); err != nil {
				t.Fatal(err)
			}
			if tt.probe != "" {
				req.Probe = shell(t, tt.probe)
			}
			if !tt.cut {
				req.Timeout = time.Since(req.StartedAt) + 300*time.Millisecond
			}
			done := make(chan action.Result)
			go func() { done <- w.Run(context.Background(), req) }()
			if tt.cut {
				<-watching
				if !w.Cut("run-1") {
					t.Error("there was nothing to cut")
				}
			}
			got := <-done
			checkResult(t, got, tt.want)
			if holder := fmt.Sprintf("process %d (sh)", rec.PID); tt.want.Interrupted && !strings.Contains(got.Error, holder) {
				t.Errorf("error %q; want it to name %s", got.Error, holder)
			}
			if !runs(strconv.Itoa(rec.PID)) || exists(w.path("finished")) {
				t.Error("the process was ended")
			}
			write(t, w.path("release"), "")
			eventually(t, "the step's end", func() bool { return exists(w.path("finished")) && !runs(strconv.Itoa(rec.PID)) })
		})
	}
}

// watchedClock tells when somebody begins to look at something regularly.
type watchedClock struct {
	clock.Clock
	ticks chan struct{}
}

func (c watchedClock) Ticker(d time.Duration) *clock.Ticker {
	select {
	case c.ticks <- struct{}{}:
	default:
	}
	return c.Clock.Ticker(d)
}

// A server that the step left behind holds the lock, but the step has ended.
func TestResumeDoesNotWaitForAServerLeftBehind(t *testing.T) {
	w := newWorld(t, action.Options{})
	req := killDaemonInside(t, w, `(while [ ! -e "$2" ]; do sleep 0.05; done) & echo $! > "$3"; touch "$1"; while [ ! -e "$3.go" ]; do sleep 0.05; done`)
	write(t, w.path("finished.go"), "")
	var rec struct{ PID int }
	if err := json.Unmarshal([]byte(read(t, filepath.Join(w.attemptDir(), "pid"))), &rec); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the step's end", func() bool { return !runs(strconv.Itoa(rec.PID)) })
	checkResult(t, w.Run(context.Background(), req), action.Result{State: action.Uncertain, Interrupted: true, Error: "exit status cannot be known"})
	server := read(t, w.path("finished"))
	if !runs(server) {
		t.Error("the server was ended")
	}
	// The attempt is not started a second time while anything of it lives.
	req.Resume = false
	checkResult(t, w.Run(context.Background(), req), action.Result{State: action.Uncertain, Interrupted: true, Error: "not started a second time"})
	write(t, w.path("release"), "")
	eventually(t, "the server's end", func() bool { return !runs(server) })
}

// A pid file that names a process of today with yesterday's start is not ours.
func TestResumeIsNotTakenInByAReusedPid(t *testing.T) {
	boot := read(t, "/proc/sys/kernel/random/boot_id")
	for name, rec := range map[string]string{
		"another start": fmt.Sprintf(`{"pid":%d,"start":"1","boot":%q}`, os.Getpid(), boot),
		"another boot":  fmt.Sprintf(`{"pid":%d,"start":%q,"boot":"old"}`, os.Getpid(), ownStart(t)),
		"no process":    `{"pid":0,"start":"1","boot":"b"}`,
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, action.Options{})
			if err := os.MkdirAll(w.attemptDir(), 0o700); err != nil {
				t.Fatal(err)
			}
			write(t, filepath.Join(w.attemptDir(), "pid"), rec)
			write(t, filepath.Join(w.attemptDir(), "lock"), "")
			req := request(shell(t, `touch "$1"`, w.path("ran")))
			// Long out of time: had it been taken for ours, it would be killed.
			req.Resume, req.StartedAt = true, time.Now().Add(-time.Hour)
			checkResult(t, w.Run(context.Background(), req), action.Result{State: action.Uncertain, Interrupted: true, Error: "exit status cannot be known"})
			if exists(w.path("ran")) {
				t.Error("the step was started")
			}
		})
	}
}

func TestResumeOfAnAttemptThatNeverStarted(t *testing.T) {
	w := newWorld(t, action.Options{})
	req := request(shell(t, `touch "$1"`, w.path("ran")))
	req.Resume, req.StartedAt = true, time.Now()
	checkResult(t, w.Run(context.Background(), req), action.Result{State: action.Uncertain, Interrupted: true, Error: "no trace of it"})
	req.Probe = shell(t, "exit 1")
	checkResult(t, w.Run(context.Background(), req), action.Result{State: action.Uncertain, Interrupted: true, Error: "no trace of it; the probe says it is not done"})
	req.Probe = shell(t, "exit 0")
	checkResult(t, w.Run(context.Background(), req), action.Result{State: action.Done})
	if exists(w.path("ran")) {
		t.Error("the step was started")
	}
}

// A check changes nothing, so one whose end was lost may be asked again.
func TestResumeOfACheckSaysThatNothingChanged(t *testing.T) {
	for name, do := range map[string]json.RawMessage{
		"exec":           shell(t, "exit 0"),
		"http":           mustJSON(t, action.Step{Kind: action.KindHTTP, URL: "http://127.0.0.1:1/"}),
		"cannot be read": json.RawMessage(`{"kind":"nomad"}`),
	} {
		for section, nothing := range map[string]bool{"checks": true, "prepare": true, "steps": false, "finally": false} {
			t.Run(name+" in "+section, func(t *testing.T) {
				w := newWorld(t, action.Options{})
				req := request(do)
				req.Section, req.Resume, req.StartedAt = section, true, time.Now()
				got := w.Run(context.Background(), req)
				if got.State != action.Uncertain || !got.Interrupted || got.NothingChanged != nothing {
					t.Errorf("%+v; want it uncertain, interrupted and nothing changed: %t", got, nothing)
				}
			})
		}
	}
}

func TestResumeOfAStepThatCannotBeRead(t *testing.T) {
	w := newWorld(t, action.Options{})
	req := request(json.RawMessage(`{"kind":"nomad"}`))
	req.Resume = true
	checkResult(t, w.Run(context.Background(), req), action.Result{State: action.Uncertain, Interrupted: true, Error: "cannot be resumed"})
}

func TestResumeOfARequestAsksTheProbeOnly(t *testing.T) {
	var steps, probes atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/step" {
			steps.Add(1)
			return
		}
		probes.Add(1)
		if r.Header.Get("Idempotency-Key") != "" {
			t.Error("the probe carried the step's idempotency key")
		}
		if r.URL.Path != "/off" {
			rw.WriteHeader(http.StatusNotFound)
		}
	}))
	defer server.Close()
	w := newWorld(t, action.Options{})
	req := request(mustJSON(t, action.Step{Kind: action.KindHTTP, Method: "POST", URL: server.URL + "/step"}))
	req.Resume = true
	checkResult(t, w.Run(context.Background(), req), action.Result{State: action.Uncertain, Interrupted: true, Error: "may have been sent"})
	req.Probe = mustJSON(t, action.Step{Kind: action.KindHTTP, URL: server.URL + "/on"})
	checkResult(t, w.Run(context.Background(), req), action.Result{State: action.Uncertain, Interrupted: true, Error: "the probe says it is not done"})
	req.Probe = mustJSON(t, action.Step{Kind: action.KindHTTP, URL: server.URL + "/off"})
	checkResult(t, w.Run(context.Background(), req), action.Result{State: action.Done})
	if steps.Load() != 0 || probes.Load() != 2 {
		t.Errorf("%d requests of the step and %d of the probe; want 0 and 2", steps.Load(), probes.Load())
	}
}

// ownStart is when this process began, in clock ticks since the boot.
func ownStart(t *testing.T) string {
	t.Helper()
	_, rest, _ := strings.Cut(read(t, "/proc/self/stat"), ") ")
	return strings.Fields(rest)[19]
}
