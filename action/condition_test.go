package action_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rollbackd/rollbackd/action"
)

func TestIf(t *testing.T) {
	skipped := action.Result{State: action.Done, Skipped: true, NothingChanged: true, Output: "it was not run"}
	for _, tt := range []struct {
		name, script string
		timeout      time.Duration
		ran          bool
		want         action.Result
	}{
		{name: "needed", script: "echo look; exit 0", ran: true, want: action.Result{State: action.Done, ExitCode: new(0)}},
		{name: "not needed", script: "exit 1", want: skipped},
		{name: "broken", script: "echo oops; exit 2", want: action.Result{State: action.Failed, Output: "oops", Error: "if: exec sh: exit status 2"}},
		{name: "busy", script: "exit 75", want: action.Result{State: action.Failed, Error: "if: exec sh: exit status 75"}},
		{name: "killed", script: "kill -9 $$", want: action.Result{State: action.Failed, Error: "if: exec sh: ended by signal 9"}},
		{name: "too slow", script: "sleep 600", timeout: 300 * time.Millisecond, want: action.Result{State: action.Failed, Error: "if: exec sh: timed out after 300ms"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, action.Options{})
			req := request(shell(t, `touch "$1"`, w.path("ran")))
			req.If = shell(t, tt.script)
			if tt.timeout > 0 {
				req.Timeout = tt.timeout
			}
			checkResult(t, w.Run(context.Background(), req), tt.want)
			if exists(w.path("ran")) != tt.ran {
				t.Errorf("the step ran: %t; want %t", !tt.ran, tt.ran)
			}
			if !tt.ran && exists(filepath.Join(w.attemptDir(), "lock")) {
				t.Error("there is a trace of the step itself")
			}
		})
	}
}

func TestIfThatCannotBeAsked(t *testing.T) {
	w := newWorld(t, action.Options{})
	req := request(shell(t, `touch "$1"`, w.path("ran")))
	req.If = mustJSON(t, execStep("no-such-tool"))
	checkResult(t, w.Run(context.Background(), req), action.Result{State: action.Failed, Error: "if: exec: no-such-tool: there is no such program"})
	req.If = json.RawMessage(`{"kind":"http","url":"http://127.0.0.1:1/"}`)
	checkResult(t, w.Run(context.Background(), req), action.Result{State: action.Failed, Error: "if: http GET http://127.0.0.1:1/: nothing was sent"})
	if exists(w.path("ran")) {
		t.Error("the step ran")
	}
}

func TestIfByHTTP(t *testing.T) {
	url := serve(t, func(rw http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Idempotency-Key") != "" {
			t.Error("it was sent the step's own key")
		}
		status := http.StatusInternalServerError
		switch r.URL.Path {
		case "/200":
			status = http.StatusOK
		case "/204":
			status = http.StatusNoContent
		case "/404":
			status = http.StatusNotFound
		case "/410":
			status = http.StatusGone
		}
		rw.WriteHeader(status)
	})
	ran := action.Result{State: action.Done, ExitCode: new(0)}
	skipped := action.Result{State: action.Done, Skipped: true, NothingChanged: true, Output: "HTTP 404"}
	for _, tt := range []struct {
		path   string
		expect []int
		want   action.Result
	}{
		{"/200", nil, ran},
		{"/204", nil, ran},
		{"/404", nil, skipped},
		{"/410", nil, action.Result{State: action.Failed, Output: "HTTP 410", Error: "if: http GET "}},
		{"/500", nil, action.Result{State: action.Failed, Output: "HTTP 500", Error: "answered 500"}},
		{"/404", []int{404}, ran},
		{"/404", []int{200}, skipped},
		{"/204", []int{200}, action.Result{State: action.Failed, Output: "HTTP 204", Error: "want 200"}},
	} {
		t.Run(fmt.Sprintf("%s %v", tt.path, tt.expect), func(t *testing.T) {
			w := newWorld(t, action.Options{})
			req := request(shell(t, `touch "$1"`, w.path("ran")))
			req.If = mustJSON(t, action.Step{Kind: action.KindHTTP, URL: url + tt.path, Expect: tt.expect})
			checkResult(t, w.Run(context.Background(), req), tt.want)
			if want := tt.want.ExitCode != nil; exists(w.path("ran")) != want {
				t.Errorf("the step ran: %t; want %t", !want, want)
			}
		})
	}
}

// An attempt after one whose If said that the step runs does not ask again: the
// step may have changed what its If looks at. One whose If failed does.
func TestIfOfALaterAttempt(t *testing.T) {
	for _, tt := range []struct {
		name, script string
		asked        string
		ran          bool
	}{
		{"it said run", "exit 0", "1", true},
		{"it said skip", "exit 1", "12", false},
		{"it failed", "exit 9", "12", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, action.Options{})
			req := request(shell(t, `echo x >> "$1"; exit 3`, w.path("ran")))
			req.If = shell(t, `printf $ROLLBACKD_ATTEMPT >> "$1"; `+tt.script, w.path("asked"))
			for req.Attempt = 1; req.Attempt <= 2; req.Attempt++ {
				w.Run(context.Background(), req)
			}
			if got := read(t, w.path("asked")); got != tt.asked {
				t.Errorf("asked at attempts %q; want %q", got, tt.asked)
			}
			if tt.ran != exists(w.path("ran")) || tt.ran && read(t, w.path("ran")) != "x\nx" {
				t.Errorf("the step ran otherwise than wanted (%t)", tt.ran)
			}
		})
	}
}

// A unit's If is its own: what it said for web1 says nothing about web2.
func TestIfOfEachUnit(t *testing.T) {
	w := newWorld(t, action.Options{})
	req := request(shell(t, `echo "$2" >> "$1"`, w.path("ran"), "${each}"))
	req.If = shell(t, `test "$1" != web2`, "${each}")
	for _, unit := range []string{"web1", "web2", "web3"} {
		req.Unit, req.Attempt = unit, 1
		w.Run(context.Background(), req)
		req.Attempt = 2
		if got := w.Run(context.Background(), req); got.Skipped != (unit == "web2") {
			t.Errorf("%s: %+v", unit, got)
		}
	}
	if got := read(t, w.path("ran")); got != "web1\nweb1\nweb3\nweb3" {
		t.Errorf("the step ran for %q", got)
	}
}

// killDaemonWith runs a request in a daemon of its own and kills that daemon with
// SIGKILL once the file is there.
func killDaemonWith(t *testing.T, w world, req action.Request, file string) {
	t.Helper()
	order := w.path("order.json")
	write(t, order, string(mustJSON(t, daemonOrder{Dir: w.dir, Request: req})))
	daemon := exec.Command(os.Args[0])
	daemon.Env = append(os.Environ(), daemonRequest+"="+order)
	if err := daemon.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the file "+file, func() bool { return exists(file) })
	if err := daemon.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := daemon.Wait(); err == nil {
		t.Fatal("the daemon ended before it was killed")
	}
}

// A crash while the If is asked leaves a step that was not begun: the next daemon
// asks again, and runs it. A crash while the step runs is none of the If's business.
func TestIfAndACrash(t *testing.T) {
	const counted = `echo x >> "$1"; touch "$2"; while [ ! -e "$3" ]; do sleep 0.05; done; exit "$4"`
	for _, tt := range []struct {
		name, exit string
		during     string // what runs when the daemon is killed
		asked, ran int
		want       action.Result
	}{
		{"while asked, needed", "0", "if", 2, 1, action.Result{State: action.Done, ExitCode: new(0)}},
		{"while asked, not needed", "1", "if", 2, 0, action.Result{State: action.Done, Skipped: true, NothingChanged: true, Output: "it was not run"}},
		{"while asked, broken", "5", "if", 2, 0, action.Result{State: action.Failed, Error: "if: exec sh: exit status 5"}},
		{"while the step runs", "0", "step", 1, 1, action.Result{State: action.Uncertain, Interrupted: true, Error: "its exit status cannot be known"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, action.Options{})
			req := request(shell(t, counted, w.path("ran"), w.path("step started"), w.path("release"), "0"))
			release := w.path("release")
			if tt.during == "step" {
				release = w.path("order.json") // which is there: the If does not wait
			}
			req.If = shell(t, counted, w.path("asked"), w.path("if started"), release, tt.exit)
			req.StartedAt = time.Now()
			file := w.path("if started")
			if tt.during == "step" {
				file = filepath.Join(w.attemptDir(), "pid")
			}
			killDaemonWith(t, w, req, file)
			if tt.during == "step" {
				eventually(t, "the step's start", func() bool { return exists(w.path("step started")) })
			}
			write(t, w.path("release"), "")
			req.Resume = true
			checkResult(t, w.Run(context.Background(), req), tt.want)
			for file, want := range map[string]int{"asked": tt.asked, "ran": tt.ran} {
				raw, err := os.ReadFile(w.path(file))
				if err != nil && !os.IsNotExist(err) {
					t.Fatal(err)
				}
				if got := strings.Count(string(raw), "x"); got != want {
					t.Errorf("%s %d times; want %d", file, got, want)
				}
			}
		})
	}
}

// Without its record nobody knows whether the step was begun, so it is not.
func TestIfWithoutItsRecord(t *testing.T) {
	for name, record := range map[string]string{"none": "", "said run": "run", "garbage": "ask"} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, action.Options{})
			req := request(shell(t, `touch "$1"`, w.path("ran")))
			req.If, req.Resume, req.StartedAt = shell(t, `touch "$1"`, w.path("asked")), true, time.Now()
			if record != "" {
				if err := os.MkdirAll(w.attemptDir(), 0o700); err != nil {
					t.Fatal(err)
				}
				write(t, filepath.Join(w.attemptDir(), "if"), record)
			}
			checkResult(t, w.Run(context.Background(), req), action.Result{State: action.Uncertain, Interrupted: true, Error: "no trace of it"})
			if exists(w.path("ran")) || exists(w.path("asked")) {
				t.Error("something was started")
			}
		})
	}
}

// A record that cannot be kept would leave a doubt, so nothing is started.
func TestIfWhoseRecordCannotBeKept(t *testing.T) {
	w := newWorld(t, action.Options{})
	write(t, filepath.Join(w.dir, "run-1"), "a file where the directory is to be")
	req := request(shell(t, `touch "$1"`, w.path("ran")))
	req.If = shell(t, `touch "$1"`, w.path("ran"))
	checkResult(t, w.Run(context.Background(), req), action.Result{State: action.Failed, NothingChanged: true, Error: "if: keeping a record of it"})
	if exists(w.path("ran")) {
		t.Error("something was started")
	}
}

// A hard stop ends the If, which changes nothing; the step is asked for again.
func TestIfIsInterrupted(t *testing.T) {
	w := newWorld(t, action.Options{})
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	req := request(shell(t, `touch "$1"`, w.path("ran")))
	req.If = shell(t, `echo $$ > "$1.new"; mv "$1.new" "$1"; sleep 60`, w.path("pid"))
	done := make(chan action.Result)
	go func() { done <- w.Run(ctx, req) }()
	eventually(t, "the if's start", func() bool { return exists(w.path("pid")) })
	if w.Cut("run-1") {
		t.Error("a changing step was cut")
	}
	cancel()
	checkResult(t, <-done, action.Result{State: action.Uncertain, Interrupted: true, NothingChanged: true, Error: "while the step's if was asked"})
	eventually(t, "the if's end", func() bool { return !runs(read(t, w.path("pid"))) })

	req.Attempt, req.If = 2, shell(t, "exit 0")
	checkResult(t, w.Run(context.Background(), req), action.Result{State: action.Done, ExitCode: new(0)})
	if !exists(w.path("ran")) {
		t.Error("the next attempt did not run the step")
	}
}

// What is beside a wait is not taken off the wait.
func TestIfBeforeAWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := transport(func(*http.Request) (*http.Response, error) {
			time.Sleep(20 * time.Second)
			return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody}, nil
		})
		w := newWorld(t, action.Options{HTTP: slow})
		req := request(mustJSON(t, action.Step{Kind: action.KindWait, For: time.Minute}))
		req.If = json.RawMessage(`{"kind":"http","url":"http://lb.invalid/"}`)
		got := w.Run(context.Background(), req)
		checkResult(t, got, action.Result{State: action.Done, Output: "waited 1m0s"})
		if took := got.EndedAt.Sub(got.StartedAt); took != 80*time.Second {
			t.Errorf("it took %s; want 20s and 1m", took)
		}
		// Thirty seconds at most, however long the step may take.
		req.Attempt, req.Run, req.Timeout = 1, "run-2", time.Hour
		stuck := newWorld(t, action.Options{HTTP: transport(func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		})})
		got = stuck.Run(context.Background(), req)
		checkResult(t, got, action.Result{State: action.Failed, Error: "no answer within 30s"})
		if took := got.EndedAt.Sub(got.StartedAt); took != 30*time.Second {
			t.Errorf("it took %s; want 30s", took)
		}
	})
}

// transport is an http.RoundTripper by a function.
type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
