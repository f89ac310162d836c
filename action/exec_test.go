package action_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbackd/rollbackd/action"
)

func TestExecEnds(t *testing.T) {
	for _, tt := range []struct {
		name, script string
		want         action.Result
	}{
		{"well", "echo fine; echo too >&2", action.Result{State: action.Done, ExitCode: new(0), Output: "fine\ntoo"}},
		{"badly", "echo no; exit 3", action.Result{State: action.Failed, ExitCode: new(3), Output: "no", Error: "exit status 3"}},
		{"to be tried again", "exit 75", action.Result{State: action.Failed, ExitCode: new(75), NothingChanged: true, Error: "may be tried again"}},
		{"by a signal", "kill -9 $$", action.Result{State: action.Uncertain, Error: "signal 9"}},
		{"by a signal that a person sent", "kill -TERM $$", action.Result{State: action.Uncertain, Error: "signal 15"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, action.Options{})
			checkResult(t, w.Run(context.Background(), request(shell(t, tt.script))), tt.want)
		})
	}
}

func TestExecThatCannotStart(t *testing.T) {
	w := newWorld(t, action.Options{})
	write(t, w.path("plain"), "#!/bin/sh\n")
	write(t, w.path("garbage"), "no program")
	if err := os.Chmod(w.path("garbage"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ name, tool, want string }{
		{"no such tool", "no-such-tool", "no such program on the PATH"},
		{"no such file", w.path("nothing"), "no such file"},
		{"not executable", w.path("plain"), "not a program"},
		{"a directory", w.scratch, "not a program"},
		{"not a program", w.path("garbage"), "cannot be started"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			req := request(mustJSON(t, execStep(tt.tool)))
			checkResult(t, w.Run(context.Background(), req), action.Result{State: action.Failed, NothingChanged: true, Error: tt.want})
		})
	}
}

func TestEnvironmentIsExactlyTheContracts(t *testing.T) {
	t.Setenv("LEAKED_FROM_THE_DAEMON", "1")
	w := newWorld(t, action.Options{Home: "/root", Path: "/usr/bin:/bin"})
	req := request(mustJSON(t, execStep("env")))
	req.Values = map[string]string{
		"running_version": "v2", "target_version": "v1", "severity": "critical", "trigger": "error rate", "vars.x": "not here",
	}
	req.Reason, req.Fence, req.Attempt = "() { :;}; bad\nline\x1b[31m", 7, 2
	want := []string{
		"PATH=/usr/bin:/bin", "HOME=/root", "ROLLBACKD_SERVICE=checkout", "ROLLBACKD_INCIDENT=inc-1", "ROLLBACKD_RUNNING_VERSION=v2",
		"ROLLBACKD_TARGET_VERSION=v1", "ROLLBACKD_SEVERITY=critical", "ROLLBACKD_TRIGGER=error rate",
		"ROLLBACKD_REASON= () { :;}; bad line", "ROLLBACKD_FENCE=7", "ROLLBACKD_ATTEMPT=2", "ROLLBACKD_STEP=restart", "ROLLBACKD_GATE_TOKEN=",
	}
	got := w.Run(context.Background(), req)
	if diff := cmp.Diff(want, strings.Split(strings.TrimSuffix(got.Output, "\n"), "\n")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// A version with a strange name must not stand in the way of leaving it.
func TestEnvironmentOfAStrangeVersion(t *testing.T) {
	for version, want := range map[string]string{
		"v2~rc1":                 "v2~rc1",
		"1:2.0-1+b1":             "1:2.0-1+b1",
		"a..b":                   "a..b",
		"v2$(id)":                "v2$(id)",
		strings.Repeat("a", 128): strings.Repeat("a", 128),
		strings.Repeat("a", 129): "",
		"() { :;}; touch x":      "",
		"v2 rc1":                 "",
		"v2\n":                   "",
		"v2\nPATH=/evil":         "",
		"-rf":                    "",
		"v\xc3\xbc":              "",
		"v2\x1b[31m":             "",
		"":                       "",
	} {
		w := newWorld(t, action.Options{})
		req := request(shell(t, `printf '%s|%s' "$ROLLBACKD_RUNNING_VERSION" "$ROLLBACKD_TARGET_VERSION"`))
		req.Values = map[string]string{"running_version": version, "target_version": version}
		got := w.Run(context.Background(), req)
		checkResult(t, got, action.Result{State: action.Done, ExitCode: new(0)})
		if got.Output != want+"|"+want {
			t.Errorf("%q: the environment holds %q; want %q twice", version, got.Output, want)
		}
		if err := w.Prepare(context.Background(), []action.Request{req}); err != nil {
			t.Errorf("%q: the plan's check refused it: %v", version, err)
		}
	}
}

func TestExecReadsTheIncidentAndKeepsItsArguments(t *testing.T) {
	w := newWorld(t, action.Options{})
	req := request(shell(t, `cat; printf '[%s]' "$@"; pwd`, "a b", "$HOME", ";exit 1", "*"))
	req.Stdin = []byte(`{"id":"inc-1"}`)
	checkResult(t, w.Run(context.Background(), req), action.Result{State: action.Done, ExitCode: new(0), Output: `{"id":"inc-1"}[a b][$HOME][;exit 1][*]/`})
}

func TestSecretsAreHidden(t *testing.T) {
	w := newWorld(t, action.Options{Mask: func(s string) string { return strings.ReplaceAll(s, "canary", "<masked>") }})
	req := request(shell(t, `echo $ROLLBACKD_GATE_TOKEN; printf %s $ROLLBACKD_GATE_TOKEN | base64; printf 'can\033[1mary\n'; exit 1`))
	req.Values = map[string]string{"gate_token": "s3cr3t-token"}
	got := w.Run(context.Background(), req)
	checkResult(t, got, action.Result{State: action.Failed, ExitCode: new(1), Output: "<secret>\n<secret>\n<masked>", Error: "exit status 1"})
}

// pidOfChild notes the process that was started last, in $1, which is there once it
// is whole.
const pidOfChild = `echo $! > "$1.new"; mv "$1.new" "$1"`

// The program ignores SIGTERM, and so does what it started.
func TestTimeoutKillsTheGroup(t *testing.T) {
	inTime(t, func(limit time.Duration) bool {
		w := newWorld(t, action.Options{Grace: 300 * time.Millisecond})
		req := request(shell(t, `trap '' TERM; (trap '' TERM; while :; do sleep 1; done) & `+pidOfChild+`; while :; do sleep 1; done`, w.path("pid")))
		req.Timeout = limit
		began := time.Now()
		got := w.Run(context.Background(), req)
		if !exists(w.path("pid")) {
			return false
		}
		checkResult(t, got, action.Result{State: action.Uncertain, Error: "timed out after " + limit.String() + "; ended by SIGKILL"})
		if took := time.Since(began); took > limit+10*time.Second {
			t.Errorf("it took %s", took)
		}
		checkEnded(t, read(t, w.path("pid")))
		return true
	})
}

// What the program leaves behind when it obeys SIGTERM is killed too.
func TestTimeoutKillsWhatIsLeftBehind(t *testing.T) {
	inTime(t, func(limit time.Duration) bool {
		w := newWorld(t, action.Options{Grace: 300 * time.Millisecond})
		req := request(shell(t, `(trap '' TERM; while :; do sleep 1; done) & `+pidOfChild+`; wait`, w.path("pid")))
		req.Timeout = limit
		got := w.Run(context.Background(), req)
		if !exists(w.path("pid")) {
			return false
		}
		checkResult(t, got, action.Result{State: action.Uncertain, Error: "timed out"})
		checkEnded(t, read(t, w.path("pid")))
		return true
	})
}

// What has left the group is not ended, but people are told of it.
func TestTimeoutNamesWhatHasLeftTheGroup(t *testing.T) {
	inTime(t, func(limit time.Duration) bool {
		w := newWorld(t, action.Options{Grace: 300 * time.Millisecond})
		script := `setsid sh -c 'echo $$ > "$1.new"; mv "$1.new" "$1"; while [ ! -e "$2" ]; do sleep 0.05; done' sh "$1" "$2" & sleep 600`
		req := request(shell(t, script, w.path("pid"), w.path("stop")))
		req.Timeout = limit
		got := w.Run(context.Background(), req)
		defer write(t, w.path("stop"), "")
		if !exists(w.path("pid")) {
			return false
		}
		pid := read(t, w.path("pid"))
		checkResult(t, got, action.Result{State: action.Uncertain, Error: "outside the step's process group: process " + pid + " (sh)"})
		if !runs(pid) {
			t.Error("it was ended")
		}
		write(t, w.path("stop"), "")
		eventually(t, "its end", func() bool { return !runs(pid) })
		return true
	})
}

func TestTimeoutAsksTheProbe(t *testing.T) {
	for _, tt := range []struct {
		probe string
		want  action.Result
	}{
		{"exit 0", action.Result{State: action.Done, Output: "the probe says that the step is done"}},
		{"exit 1", action.Result{State: action.Uncertain, Error: "the probe says it is not done"}},
		{"kill -9 $$", action.Result{State: action.Uncertain, Error: "the probe gave no answer"}},
	} {
		t.Run(tt.probe, func(t *testing.T) {
			w := newWorld(t, action.Options{})
			req := request(shell(t, "sleep 600"))
			req.Probe, req.Timeout = shell(t, tt.probe), 300*time.Millisecond
			checkResult(t, w.Run(context.Background(), req), tt.want)
		})
	}
}

// A restart step may start a server: it is neither waited for nor killed.
func TestServerLeftBehindLives(t *testing.T) {
	w := newWorld(t, action.Options{})
	req := request(shell(t, `while [ ! -e "$2" ]; do sleep 0.05; done & echo $! > "$1"`, w.path("pid"), w.path("stop")))
	checkResult(t, w.Run(context.Background(), req), action.Result{State: action.Done, ExitCode: new(0)})
	pid := read(t, w.path("pid"))
	if !runs(pid) {
		t.Error("the server was ended")
	}
	write(t, w.path("stop"), "")
	eventually(t, "the server's end", func() bool { return !runs(pid) })
}

// A hard stop of the daemon leaves the program alone.
func TestCancelLeavesTheProgramAlive(t *testing.T) {
	w := newWorld(t, action.Options{})
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	req := request(shell(t, `echo $$ > "$1"; echo working; while [ ! -e "$2" ]; do sleep 0.05; done`, w.path("pid"), w.path("stop")))
	done := make(chan action.Result)
	go func() { done <- w.Run(ctx, req) }()
	eventually(t, "the program's start", func() bool { return w.Tail(request(nil)) == "working\n" })
	cancel()
	checkResult(t, <-done, action.Result{State: action.Uncertain, Interrupted: true, Error: "the process goes on"})
	pid := read(t, w.path("pid"))
	if !runs(pid) {
		t.Error("the program was ended")
	}
	write(t, w.path("stop"), "")
	eventually(t, "the program's end", func() bool { return !runs(pid) })

	checkResult(t, w.Run(ctx, req), action.Result{State: action.Uncertain, Interrupted: true, NothingChanged: true, Error: "before the step was started"})
}

func TestCutEndsAChecksProgram(t *testing.T) {
	w := newWorld(t, action.Options{Grace: 100 * time.Millisecond})
	req := request(shell(t, `trap '' TERM; echo $$ > "$1"; while :; do sleep 1; done`, w.path("pid")))
	req.Section = "checks"
	done := make(chan action.Result)
	go func() { done <- w.Run(context.Background(), req) }()
	eventually(t, "the check's start", func() bool { return exists(w.path("pid")) && read(t, w.path("pid")) != "" })
	if w.Cut("run-2") {
		t.Error("another run's check was cut")
	}
	if !w.Cut("run-1") {
		t.Error("there was nothing to cut")
	}
	checkResult(t, <-done, action.Result{State: action.Failed, NothingChanged: true, Error: "cut short"})
	checkEnded(t, read(t, w.path("pid")))
}

func TestCutLeavesAChangingStepAlone(t *testing.T) {
	w := newWorld(t, action.Options{})
	done := make(chan action.Result)
	req := request(shell(t, `touch "$1"; while [ ! -e "$2" ]; do sleep 0.05; done`, w.path("started"), w.path("stop")))
	go func() { done <- w.Run(context.Background(), req) }()
	eventually(t, "the step's start", func() bool { return exists(w.path("started")) })
	if w.Cut("run-1") {
		t.Error("a changing step was cut")
	}
	write(t, w.path("stop"), "")
	checkResult(t, <-done, action.Result{State: action.Done, ExitCode: new(0)})
}

// A flood of output costs neither memory nor disk: on a file system that can cut
// off a file's beginning, and on one that can only make a hole.
func TestFloodOfOutput(t *testing.T) {
	shm, err := os.MkdirTemp("/dev/shm", "action") //nolint:usetesting // another file system is the point
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(shm) })
	for name, dir := range map[string]string{"disk": t.TempDir(), "memory": shm} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, action.Options{Dir: dir})
			const flood = 200 << 20
			req := request(shell(t, fmt.Sprintf("yes 'line of output' | head -c %d; echo; echo the last line", flood)))
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			checkResult(t, w.Run(context.Background(), req), action.Result{State: action.Done, ExitCode: new(0), Output: "line of output\nline of output"})
			runtime.ReadMemStats(&after)
			if grown := after.TotalAlloc - before.TotalAlloc; grown > 16<<20 {
				t.Errorf("%d bytes were allocated", grown)
			}
			if tail := w.Tail(request(nil)); len(tail) > 4096 || !strings.HasSuffix(tail, "\nthe last line\n") {
				t.Errorf("the tail has %d bytes and ends in %q", len(tail), tail[max(0, len(tail)-40):])
			}
			if onDisk := space(t, filepath.Join(w.attemptDir(), "output")); onDisk > 1<<20+64<<10 {
				t.Errorf("the output takes %d bytes", onDisk)
			}
		})
	}
}

func TestOutputIsHarmless(t *testing.T) {
	w := newWorld(t, action.Options{})
	req := request(shell(t, `printf 'a\033[31mred\033[0m\033]0;title\007b\r\nc\000d\377e\302\205f\342\200\256g\th'`))
	checkResult(t, w.Run(context.Background(), req), action.Result{State: action.Done, ExitCode: new(0), Output: "aredb\nc\ufffdd\ufffde\ufffdf\ufffdg\th"})
}

// checkEnded fails if a process lives.
func checkEnded(t *testing.T, pid string) {
	t.Helper()
	if runs(pid) {
		t.Errorf("process %s lives", pid)
	}
}

// runs tells whether a process lives; a zombie does not.
func runs(pid string) bool {
	raw, err := os.ReadFile(filepath.Join("/proc", pid, "stat"))
	if err != nil {
		return false
	}
	_, rest, _ := strings.Cut(string(raw), ") ")
	return !strings.HasPrefix(rest, "Z") && !strings.HasPrefix(rest, "X")
}

// space is what a file takes on disk.
func space(t *testing.T, path string) int64 {
	t.Helper()
	var st syscall.Stat_t
	if err := syscall.Stat(path, &st); err != nil {
		t.Fatal(err)
	}
	return st.Blocks * 512
}
