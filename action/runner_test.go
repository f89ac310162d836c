package action_test

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.uber.org/goleak"

	"github.com/rollbackd/rollbackd/action"
)

// daemonRequest is the variable that makes the test binary a daemon: it holds the
// path of the request to run.
const daemonRequest = "ACTION_TEST_DAEMON_REQUEST"

func TestMain(m *testing.M) {
	if path := os.Getenv(daemonRequest); path != "" {
		runAsDaemon(path)
		return
	}
	goleak.VerifyTestMain(m)
}

// world is a Runner with its directory, and a scratch directory for steps.
type world struct {
	*action.Runner
	dir, scratch string
}

func newWorld(t *testing.T, o action.Options) world {
	t.Helper()
	if o.Dir == "" {
		o.Dir = t.TempDir()
	}
	return world{Runner: action.NewRunner(o), dir: o.Dir, scratch: t.TempDir()}
}

// attemptDir is where the files of the first step's first attempt are.
func (w world) attemptDir() string { return filepath.Join(w.dir, "run-1", "steps-0-1") }

func (w world) path(name string) string { return filepath.Join(w.scratch, name) }

// request is the first attempt of the first step of run-1.
func request(do json.RawMessage) action.Request {
	return action.Request{
		Incident: "inc-1", Service: "checkout", Run: "run-1", Section: "steps", Name: "restart", Attempt: 1,
		Do: do, Timeout: 30 * time.Second,
	}
}

func mustJSON(tb testing.TB, v any) json.RawMessage {
	tb.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		tb.Fatal(err)
	}
	return raw
}

// shell is an exec step; the shell belongs to the test, not to the product.
func shell(tb testing.TB, script string, args ...string) json.RawMessage {
	tb.Helper()
	return mustJSON(tb, action.Step{Kind: action.KindExec, Argv: append([]string{"sh", "-c", script, "sh"}, args...)})
}

// patience is how long a test waits for something that is to happen.
const patience = 2 * time.Minute

// eventually waits for something that other processes do.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatalf("waited %s for: %s", patience, what)
		}
	}
}

// inTime plays a case in which a limit of time ends what was begun, with more and
// more time until it had come as far as it must: how long that takes is the
// machine's to say. play tells whether it had, and judges only then.
func inTime(t *testing.T, play func(limit time.Duration) (begun bool)) {
	t.Helper()
	limit := 500 * time.Millisecond
	for ; !play(limit); limit *= 3 {
		if limit > time.Minute {
			t.Fatalf("within %s it had not come as far as it must", limit)
		}
	}
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

func read(t *testing.T, path string) string {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(raw))
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// checkResult compares what is known about a result; Output and Error by what
// they must hold.
func checkResult(t *testing.T, got, want action.Result) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(action.Result{}, "Output", "Error", "StartedAt", "EndedAt")); diff != "" {
		t.Errorf("result (-want +got):\n%s\noutput: %s\nerror: %s", diff, got.Output, got.Error)
	}
	if !strings.Contains(got.Output, want.Output) {
		t.Errorf("output %q; want it to hold %q", got.Output, want.Output)
	}
	if !strings.Contains(got.Error, want.Error) || want.Error == "" && got.Error != "" {
		t.Errorf("error %q; want it to hold %q", got.Error, want.Error)
	}
	if got.StartedAt.IsZero() || got.EndedAt.Before(got.StartedAt) {
		t.Errorf("began %s, ended %s", got.StartedAt, got.EndedAt)
	}
}

func TestRunRefusesWhatItCannotDo(t *testing.T) {
	for _, tt := range []struct {
		name string
		edit func(*action.Request)
		want string
	}{
		{"a step of another kind", func(r *action.Request) { r.Do = json.RawMessage(`{"kind":"kubernetes"}`) }, "not implemented"},
		{"a run that leaves the directory", func(r *action.Request) { r.Run = "../run" }, "name of a directory"},
		{"a section that leaves the directory", func(r *action.Request) { r.Section = "a/b" }, "name of a directory"},
		{"a probe that only waits", func(r *action.Request) { r.Probe = json.RawMessage(`{"kind":"wait","for":"1s"}`) }, "probe: wait cannot tell"},
		{"a probe that asks people", func(r *action.Request) { r.Probe = json.RawMessage(`{"kind":"approval"}`) }, "probe: approval cannot tell"},
		{"an if that switches", func(r *action.Request) { r.If = json.RawMessage(`{"kind":"symlink","link":"/a","to":"b"}`) }, "if: symlink cannot tell"},
		{"an if of another kind", func(r *action.Request) { r.If = json.RawMessage(`{"kind":"nomad"}`) }, "if: step: kind"},
		{"an if with an unset value", func(r *action.Request) { r.If = json.RawMessage(`{"kind":"exec","argv":["${each}"]}`) }, "if: exec step: argv[0]: ${each}: is not set"},
		{"a unit that leaves the directory", func(r *action.Request) { r.Unit = "../web1" }, "unit: the value"},
		{"a unit that is not the one of its values", func(r *action.Request) { r.Unit, r.Values = "web1", map[string]string{"each": "web2"} }, `unit: ${each} is "web2"; want the unit itself, web1`},
		{"an approval", func(r *action.Request) { r.Do = json.RawMessage(`{"kind":"approval","text":"sure?"}`) }, "a wait for people"},
		{"a query of nobody", func(r *action.Request) { r.Do = json.RawMessage(`{"kind":"query","expr":"up"}`) }, "Prometheus is not configured"},
		{"a probe with an unset value", func(r *action.Request) { r.Probe = json.RawMessage(`{"kind":"exec","argv":["${each}"]}`) }, "${each}: is not set"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, action.Options{})
			req := request(shell(t, `touch "$1"`, w.path("ran")))
			tt.edit(&req)
			checkResult(t, w.Run(context.Background(), req), action.Result{State: action.Failed, NothingChanged: true, Error: tt.want})
			if exists(w.path("ran")) {
				t.Error("the step ran")
			}
		})
	}
}

func TestProbeFirst(t *testing.T) {
	for _, tt := range []struct {
		name, probe string
		ran         bool
	}{
		{"done already", "exit 0", false},
		{"not done", "exit 1", true},
		{"not to be had", "kill -9 $$", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, action.Options{})
			req := request(shell(t, `touch "$1"`, w.path("ran")))
			req.Probe, req.ProbeFirst = shell(t, tt.probe), true
			want := action.Result{State: action.Done, Output: "already done"}
			if tt.ran {
				want = action.Result{State: action.Done, ExitCode: new(0)}
			}
			checkResult(t, w.Run(context.Background(), req), want)
			if exists(w.path("ran")) != tt.ran {
				t.Errorf("the step ran: %t; want %t", !tt.ran, tt.ran)
			}
		})
	}
}

// An attempt that is being carried out is not begun a second time, whoever asks.
func TestRunRefusesAnAttemptThatItIsCarryingOut(t *testing.T) {
	w := newWorld(t, action.Options{})
	release, arrived := make(chan struct{}), make(chan struct{}, 8)
	url := serve(t, func(http.ResponseWriter, *http.Request) {
		arrived <- struct{}{}
		<-release
	})
	req := post(t, url)
	req.Probe = shell(t, `touch "$1"`, w.path("probed"))
	done := make(chan action.Result)
	go func() { done <- w.Run(context.Background(), req) }()
	<-arrived
	again := req
	again.ProbeFirst = true
	refused := action.Result{State: action.Uncertain, Interrupted: true, Error: "attempt 1 of run run-1 already; nothing was started"}
	checkResult(t, w.Run(context.Background(), again), refused)
	again.Resume = true
	checkResult(t, w.Run(context.Background(), again), refused)
	again.Do = json.RawMessage(`{"kind":"nomad"}`)
	checkResult(t, w.Run(context.Background(), again), refused)
	if exists(w.path("probed")) {
		t.Error("the probe was asked")
	}
	close(release)
	checkResult(t, <-done, action.Result{State: action.Done, Output: "200"})
	if n := len(arrived); n != 0 {
		t.Errorf("%d more requests were sent", n)
	}
	// What has ended is not being carried out.
	checkResult(t, w.Run(context.Background(), req), action.Result{State: action.Done, Output: "200"})
}

// A run's name as the brain makes it: the incident's and a number.
func TestRunByTheBrainsName(t *testing.T) {
	const run = "checkout-20261121-021543.1"
	w := newWorld(t, action.Options{})
	req := request(shell(t, "echo fine"))
	req.Incident, req.Run = "checkout-20261121-021543", run
	checkResult(t, w.Run(context.Background(), req), action.Result{State: action.Done, ExitCode: new(0), Output: "fine"})
	if got := w.Tail(req); got != "fine\n" {
		t.Errorf("tail %q; want what the step wrote", got)
	}
	if err := w.Forget(run); err != nil || exists(filepath.Join(w.dir, run)) {
		t.Errorf("it was not forgotten: %v", err)
	}
}

// Without its directory a step would run unseen, so it does not run.
func TestRunWithoutAPlaceForItsFiles(t *testing.T) {
	w := newWorld(t, action.Options{})
	write(t, filepath.Join(w.dir, "run-1"), "a file where the directory is to be")
	req := request(shell(t, `touch "$1"`, w.path("ran")))
	checkResult(t, w.Run(context.Background(), req), action.Result{State: action.Failed, NothingChanged: true, Error: "making its files"})
	if exists(w.path("ran")) {
		t.Error("the step ran")
	}
}
