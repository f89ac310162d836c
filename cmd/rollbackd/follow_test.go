package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/benbjohnson/clock"
	"github.com/google/go-cmp/cmp"

	"github.com/rollbackd/rollbackd/incident"
)

// three is when every test takes place.
func three() time.Time { return time.Date(2026, 3, 1, 3, 0, 0, 0, time.UTC) }

// running is an incident whose rollback is in the second of three() steps.
func running() *incident.Incident {
	return &incident.Incident{
		ID: "inc-1", Service: "checkout", State: incident.RollingBack,
		Rollback: &incident.Run{
			ID: "inc-1.1", State: incident.RunRunning, From: "v2", To: "v1", DecidedAt: three(), SLASeconds: 900,
			Steps: []incident.StepRun{
				{Name: "backup exists", Section: incident.SectionChecks, State: incident.StepDone},
				{Name: "drain", Section: incident.SectionSteps, State: incident.StepDone},
				{Name: "restart", Section: incident.SectionSteps, State: incident.StepRunning},
				{Name: "undrain", Section: incident.SectionSteps, State: incident.StepPending},
				{Name: "maintenance off", Section: incident.SectionFinally, State: incident.StepPending},
			},
		},
		Timeline: []incident.Moment{{At: three(), Kind: incident.KindPlanned, Text: "rolling back v2 → v1"}},
	}
}

func TestProgress(t *testing.T) {
	checking := running()
	checking.Rollback.State = incident.RunChecking
	for i := range checking.Rollback.Steps {
		checking.Rollback.Steps[i].State = incident.StepPending
	}
	checking.Rollback.Steps[0].State = incident.StepRunning
	noSLA := running()
	noSLA.Rollback.SLASeconds = 0
	verifying := running()
	verifying.Rollback.State = incident.RunVerifying
	verifying.Verification = incident.Verification{From: three(), Until: three().Add(5 * time.Minute)}
	waiting := &incident.Incident{State: incident.CountingDown, Decision: incident.Decision{Deadline: three().Add(time.Minute)}}
	tests := []struct {
		name string
		i    *incident.Incident
		want string
	}{
		{"in a step", running(), "running · restart (2/3) · 12s of 15m"},
		{"in a check", checking, "checking · backup exists (checks) · 12s of 15m"},
		{"without an SLA", noSLA, "running · restart (2/3) · 12s"},
		{"verifying has no step", verifying, "verifying until 03:05:00 UTC at the latest · 12s of 15m"},
		{"before it runs", waiting, "countdown · rolls back at 03:01:00 UTC, in 48s"},
	}
	for _, tt := range tests {
		if got := progress(tt.i, three().Add(12*time.Second)); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
}

// story serves one incident after the other, a request each; the last one stays.
func story(t *testing.T, chapters ...*incident.Incident) *client {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		body, err := json.Marshal(map[string]any{"status": "success", "data": chapters[0]})
		if err != nil {
			t.Error(err)
		}
		if len(chapters) > 1 {
			chapters = chapters[1:]
		}
		_, _ = w.Write(body)
	}))
	t.Cleanup(server.Close)
	c, err := newClient(server.URL, "")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func completed() *incident.Incident {
	i := running()
	i.State = incident.Closed
	i.Rollback.State = incident.RunCompleted
	i.Timeline = append(i.Timeline, incident.Moment{At: three().Add(time.Minute), Kind: incident.KindRunEnded, Text: "completed"})
	return i
}

func TestFollow(t *testing.T) {
	const lines = "2026-03-01T03:00:00Z  planned      rolling back v2 → v1\n"
	const last = "2026-03-01T03:01:00Z  run_ended    completed\n"
	tests := []struct {
		name string
		app  app
		want string
	}{
		{"in a pipe, a line a transition", app{}, lines + last},
		{"JSON is written once, by the caller", app{output: "json"}, ""},
		{
			"a terminal has a line that is redrawn",
			app{terminal: true, getenv: func(string) string { return "1" }},
			lines + "running · restart (2/3) · 12s of 15m\r\x1b[K" + last + "completed · restart (2/3) · 12s of 15m\r\x1b[K",
		},
		{
			"in colour",
			app{terminal: true, getenv: func(string) string { return "" }},
			lines + "\x1b[1mrunning · restart (2/3) · 12s of 15m\x1b[0m\r\x1b[K" + last + "\x1b[1mcompleted · restart (2/3) · 12s of 15m\x1b[0m\r\x1b[K",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var out bytes.Buffer
			now := &stopped{Clock: clock.New(), at: three().Add(12 * time.Second)}
			a := tt.app
			a.stdout, a.clock = &out, now
			f := a.newFollower(story(t, running(), completed()), "inc-1")
			i, _, err := f.follow(t.Context(), func(i *incident.Incident) bool { return over(i, "") })
			if err != nil || i.Rollback.State != incident.RunCompleted {
				t.Fatalf("got %+v, %v", i, err)
			}
			if diff := cmp.Diff(tt.want, out.String()); diff != "" {
				t.Errorf("output (-want +got):\n%s", diff)
			}
		})
	}
}

// impatient is a clock on which every wait has been too long.
type impatient struct{ clock.Clock }

func (impatient) Since(time.Time) time.Duration { return patience + time.Second }

func TestFollowingADaemonThatGoes(t *testing.T) {
	tests := []struct {
		name   string
		answer http.HandlerFunc
	}{
		{"it is stopping", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = w.Write([]byte(`{"status":"error","error_type":"unavailable","error":"rollbackd is stopping"}`))
		}},
		{"it is gone", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			server := httptest.NewServer(tt.answer)
			defer server.Close()
			c, err := newClient(server.URL, "")
			if err != nil {
				t.Fatal(err)
			}
			a := &app{clock: impatient{clock.New()}}
			_, _, err = a.newFollower(c, "inc-1").follow(t.Context(), func(*incident.Incident) bool { return false })
			const want = "the daemon is stopping or gone; the rollback goes on at its next start (then: rollbackd show inc-1): "
			if err == nil || !strings.HasPrefix(err.Error(), want) {
				t.Errorf("got %v, want %s…", err, want)
			}
			if code := rollbackCode(err, exitProblem); code != 69 {
				t.Errorf("rollback exits with %d, want 69", code)
			}
		})
	}
}

func TestAnOutageIsSaidOnce(t *testing.T) {
	asked := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if asked++; asked < 3 {
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = w.Write([]byte(`{"status":"error","error":"rollbackd is not ready"}`))
			return
		}
		body, err := json.Marshal(map[string]any{"status": "success", "data": completed()})
		if err != nil {
			t.Error(err)
		}
		_, _ = w.Write(body)
	}))
	defer server.Close()
	c, err := newClient(server.URL, "")
	if err != nil {
		t.Fatal(err)
	}
	var out, said bytes.Buffer
	a := &app{stdout: &out, stderr: &said, clock: &stopped{Clock: clock.New(), at: three()}}
	i, _, err := a.newFollower(c, "inc-1").follow(t.Context(), func(i *incident.Incident) bool { return over(i, "") })
	if err != nil || i.Rollback.State != incident.RunCompleted {
		t.Fatalf("got %+v, %v", i, err)
	}
	if want := "rollbackd is not ready; it is asked again for 1m0s\n"; said.String() != want {
		t.Errorf("stderr: got %q, want %q", said.String(), want)
	}
}

// stopped is a clock that ticks and whose time stands still.
type stopped struct {
	clock.Clock
	at time.Time
}

func (s *stopped) Now() time.Time                  { return s.at }
func (s *stopped) Since(t time.Time) time.Duration { return s.at.Sub(t) }

func TestOver(t *testing.T) {
	held := &incident.Incident{State: incident.Held, Rollback: &incident.Run{ID: "old", State: incident.RunPartial}}
	begun := &incident.Incident{State: incident.RollingBack, Rollback: &incident.Run{ID: "new", State: incident.RunRunning}}
	firing := &incident.Incident{State: incident.Firing, Rollback: &incident.Run{ID: "old", State: incident.RunPartial}}
	for name, tt := range map[string]struct {
		i    *incident.Incident
		want bool
	}{
		"an earlier run is not ours": {firing, false},
		"ours runs":                  {begun, false},
		"ours has ended":             {completed(), true},
		"held before it began":       {held, true},
	} {
		if got := over(tt.i, "old"); got != tt.want {
			t.Errorf("%s: got %v, want %v", name, got, tt.want)
		}
	}
}

func TestRunCode(t *testing.T) {
	for state, want := range map[incident.RunState]int{
		incident.RunCompleted: 0, incident.RunBlocked: 2, incident.RunAborted: 3, incident.RunPartial: 4, incident.RunRunning: 1,
	} {
		if got := runCode(state); got != want {
			t.Errorf("%s: got %d, want %d", state, got, want)
		}
	}
}

func TestRollbackCode(t *testing.T) {
	for status, want := range map[int]int{400: 64, 403: 64, 404: 64, 409: 2, 500: 1, 503: 69} {
		if got := rollbackCode(&refusalError{status: status}, exitProblem); got != want {
			t.Errorf("status %d: got %d, want %d", status, got, want)
		}
	}
	if got := rollbackCode(&unreachableError{}, exitProblem); got != 69 {
		t.Errorf("unreachable: got %d, want 69", got)
	}
	if got := rollbackCode(context.Canceled, exitPartial); got != exitPartial {
		t.Errorf("another error: got %d, want what it was", got)
	}
}

func TestPlainKeepsATerminalSafe(t *testing.T) {
	if got := plain("a\x1b[31mb\tc\nd\u009be"); strings.ContainsAny(got, "\x1b\t\n\u009b") {
		t.Errorf("got %q", got)
	}
}
