//go:build unix

package notify_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbackd/rollbackd/notify"
)

// program writes a shell script and makes a channel to it, with a few arguments.
func program(t *testing.T, timeout time.Duration, script string) (channel *notify.Exec, dir string) {
	t.Helper()
	dir = t.TempDir()
	path := filepath.Join(dir, "tell")
	if err := os.WriteFile(path, []byte("#!/bin/sh\ncd "+dir+"\n"+script+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	channel, err := notify.NewExec(notify.ExecOptions{Command: []string{path, "a b", "$(touch hacked)"}, Timeout: timeout, Home: "/nowhere"})
	if err != nil {
		t.Fatal(err)
	}
	return channel, dir
}

func read(t *testing.T, dir, name string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func TestExecHandsOverTheMessage(t *testing.T) {
	t.Setenv("HUNTER2", "the daemon's own")
	channel, dir := program(t, time.Minute, `cat >stdin; env >env; printf '%s|' "$@" >args; pwd >where`)
	m := incidentMessage("HELD", "held", "held", func(m *notify.Message) { m.FirstLine = "() { :; }; touch hacked\nsecond\x1b[31m" })
	d := carry(t, m)
	if err := channel.Deliver(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	if got := read(t, dir, "stdin"); got != string(d.Payload) {
		t.Errorf("standard input was %q, want the message %q", got, d.Payload)
	}
	var back notify.Message
	if err := json.Unmarshal([]byte(read(t, dir, "stdin")), &back); err != nil || back.About.State != "held" {
		t.Errorf("the incident on standard input is %+v (%v), want it to be held", back.About, err)
	}
	if diff := cmp.Diff("a b|$(touch hacked)|", read(t, dir, "args")); diff != "" {
		t.Errorf("arguments (-want +got):\n%s", diff)
	}
	want := []string{
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/nowhere", "ROLLBACKD_MESSAGE_ID=" + m.ID, "ROLLBACKD_INCIDENT=" + incident,
		"ROLLBACKD_SERVICE=checkout", "ROLLBACKD_SEVERITY=critical", "ROLLBACKD_EVENT=held", "ROLLBACKD_HEADLINE=HELD",
		"ROLLBACKD_FIRST_LINE= () { :; }; touch hacked second[31m",
	}
	env := read(t, dir, "env")
	for _, line := range want {
		if !strings.Contains("\n"+env, "\n"+line+"\n") {
			t.Errorf("the environment misses %q:\n%s", line, env)
		}
	}
	if strings.Contains(env, "HUNTER2") {
		t.Errorf("the environment holds the daemon's:\n%s", env)
	}
	if _, err := os.Stat(filepath.Join(dir, "hacked")); err == nil {
		t.Error("a part of the message or an argument was executed")
	}
}

func TestExecAnswers(t *testing.T) {
	tests := []struct {
		name, script, want string
		refused            bool
	}{
		{"taken", "exit 0", "", false},
		{"taken, and the message not read", "exec <&-; exit 0", "", false},
		{"later", "echo busy; exit 75", "exit status 75: try again later: busy", false},
		{"refused", "echo first; printf 'no\\033[31m such\\000 room\\n' >&2; exit 3", "exit status 3: no[31m such room", true},
		{"refused in silence", "exit 1", "exit status 1", true},
		{"a long word", "head -c 100000 /dev/zero | tr '\\0' x; exit 1", "exit status 1: " + strings.Repeat("x", 120) + "…", true},
		{"a signal", "kill -9 $$", "ended by a signal (signal: killed)", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			channel, dir := program(t, time.Minute, tt.script)
			// More than fits into a pipe, so that one who does not read it is noticed.
			d := carry(t, incidentMessage("HELD", "held", "held", func(m *notify.Message) { m.Text = strings.Repeat("x", 1<<20) }))
			err := channel.Deliver(t.Context(), d)
			if tt.want == "" {
				if err != nil {
					t.Errorf("got %v, want none", err)
				}
				return
			}
			got, ok := errors.AsType[*notify.DeliveryError](err)
			want := &notify.DeliveryError{Problem: "exec " + filepath.Join(dir, "tell") + ": " + tt.want, Refused: tt.refused}
			if diff := cmp.Diff(want, got); !ok || diff != "" {
				t.Errorf("%v (-want +got):\n%s", err, diff)
			}
		})
	}
}

// gone waits until a process is, or is only a remainder that nobody has collected.
func gone(t *testing.T, dir, pidFile string) {
	t.Helper()
	pid, err := strconv.Atoi(strings.TrimSpace(read(t, dir, pidFile)))
	if err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(2 * time.Minute); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
		if errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) || err == nil && strings.Contains(string(stat), ") Z ") {
			return
		}
	}
	t.Errorf("process %d of %s still lives", pid, pidFile)
}

// TestExecEndsWithItsAttempt has programs that would go on for ever.
func TestExecEndsWithItsAttempt(t *testing.T) {
	for name, script := range map[string]string{
		"asked":           "sleep 1000 & echo $! >child; wait",
		"does not care":   "trap '' TERM; sleep 1000 & echo $! >child; wait; wait; sleep 1000",
		"says it is done": "trap 'exit 0' TERM; sleep 1000 & echo $! >child; wait",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			// How long a program takes until it has begun is the machine's to say: where it
			// was not there yet when its time was over, it is given more.
			for limit := 500 * time.Millisecond; ; limit *= 3 {
				channel, dir := program(t, limit, script)
				err := channel.Deliver(t.Context(), carry(t, incidentMessage("HELD", "held", "held")))
				if failure, ok := errors.AsType[*notify.DeliveryError](err); !ok || failure.Refused || !strings.Contains(failure.Problem, "not done in time") {
					t.Fatalf("got %v, want that it was not done in time", err)
				}
				if pid, err := os.ReadFile(filepath.Join(dir, "child")); err == nil && len(pid) > 0 || limit > time.Minute {
					gone(t, dir, "child")
					return
				}
			}
		})
	}
}

// TestExecLeavesNothingBehind has a program that says it is done and leaves another
// running.
func TestExecLeavesNothingBehind(t *testing.T) {
	channel, dir := program(t, time.Minute, "sleep 1000 & echo $! >child; exit 0")
	if err := channel.Deliver(t.Context(), carry(t, incidentMessage("HELD", "held", "held"))); err != nil {
		t.Fatalf("got %v, want none: it said 0", err)
	}
	gone(t, dir, "child")
}

func TestExecProgramThatIsNotThere(t *testing.T) {
	for _, name := range []string{"/no/such/program", "no-such-program"} {
		channel, err := notify.NewExec(notify.ExecOptions{Command: []string{name}})
		if err != nil {
			t.Fatal(err)
		}
		err = channel.Deliver(t.Context(), carry(t, incidentMessage("HELD", "held", "held")))
		if failure, ok := errors.AsType[*notify.DeliveryError](err); !ok || !failure.Refused || !strings.Contains(failure.Problem, name) {
			t.Errorf("%s: got %v, want a refusal that names it", name, err)
		}
	}
	for _, command := range [][]string{nil, {""}, {"./tell"}} {
		if _, err := notify.NewExec(notify.ExecOptions{Command: command}); err == nil {
			t.Errorf("%q: made, want an error", command)
		}
	}
	channel, err := notify.NewExec(notify.ExecOptions{Command: []string{"true"}})
	if err != nil {
		t.Fatal(err)
	}
	if err := channel.Deliver(t.Context(), carry(t, incidentMessage("HELD", "held", "held"))); err != nil {
		t.Errorf("a program on the PATH: %v", err)
	}
}
