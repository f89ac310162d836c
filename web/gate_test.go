package web_test

import (
	"errors"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/web"
)

// runOf gives inc-3 a rollback in a state.
func runOf(state incident.RunState, members ...incident.Member) []*incident.Incident {
	return []*incident.Incident{{
		ID: "inc-3", Service: "checkout", State: incident.RollingBack, OpenedAt: noon().Add(-time.Hour),
		Rollback: &incident.Run{ID: "inc-3.1", State: state, From: "v2", To: "v1", Members: members},
	}}
}

func TestGate(t *testing.T) {
	lock := []incident.BrakeView{{Kind: incident.Lock, All: true, By: "ann", Why: "network work", Until: noon().Add(time.Hour)}}
	pause := []incident.BrakeView{{Kind: incident.Pause, By: "ann"}}
	others := runOf(incident.RunRunning, incident.Member{Service: "checkout"}, incident.Member{Service: "search"})
	others[0].Service = "search"
	tests := []struct {
		name, target string
		world        func(w *world)
		status       int
		says         string
		guard        incident.Guard
	}{
		{"nothing speaks against it", "checkout?version=v3", func(*world) {}, 200, "", ""},
		{"without a version", "checkout", func(*world) {}, 200, "", ""},
		{"a pause is for what is automatic", "checkout", func(w *world) { w.brakes = pause }, 200, "", ""},
		{"a lock", "checkout?version=v3", func(w *world) { w.brakes = lock }, 423, "locked by ann until 2026-03-01T13:00:00Z: network work", "locked"},
		{"quarantined", "checkout?version=v2.1", func(w *world) { w.bad = "v2.1" }, 423, "v2.1 is quarantined (rolled back from by inc-2)", "quarantined"},
		{"another version is", "checkout?version=v3", func(w *world) { w.bad = "v2.1" }, 200, "", ""},
		{"planned", "checkout", func(w *world) { w.incidents = runOf(incident.RunPlanned) }, 423, `from "v2" to "v1" is planned`, "concurrency"},
		{"checking", "checkout", func(w *world) { w.incidents = runOf(incident.RunChecking) }, 423, "is checking", "concurrency"},
		{"running", "checkout?version=v3", func(w *world) { w.incidents = runOf(incident.RunRunning) }, 423, "is running (incident inc-3)", "concurrency"},
		{"verifying", "checkout", func(w *world) { w.incidents = runOf(incident.RunVerifying) }, 423, "is verifying", "concurrency"},
		{"its group's", "checkout", func(w *world) { w.incidents = others }, 423, "is running (incident inc-3)", "concurrency"},
		{"completed", "checkout", func(w *world) { w.incidents = runOf(incident.RunCompleted) }, 200, "", ""},
		{"partial", "checkout", func(w *world) { w.incidents = runOf(incident.RunPartial) }, 200, "", ""},
		{"unknown service", "nosuch?version=v3", func(*world) {}, 404, "service \"nosuch\" is not configured", ""},
		{"the brain does not answer", "checkout", func(w *world) { w.viewErr = errors.New("starting") }, 503, "starting", ""},
		{"a misspelled parameter", "checkout?ver=v2.1", func(*world) {}, 400, `"ver"`, ""},
		{"a variable that is not set", "checkout?version=", func(*world) {}, 400, "version: is empty", ""},
		{"two versions", "checkout?version=v3&version=v2.1", func(*world) {}, 400, "version: want one", ""},
		{"no version at all", "checkout?version=-rf", func(*world) {}, 400, "version: want", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld()
			tt.world(w)
			got := ask(t, w.server().TCP(), "GET", "/api/v1/gate/"+tt.target, "")
			if got.status != tt.status || !strings.Contains(got.Error, tt.says) || got.Guard != tt.guard {
				t.Errorf("got %d %q by %q, want %d, %q in it, by %q", got.status, got.Error, got.Guard, tt.status, tt.says, tt.guard)
			}
			if tt.status == 423 && got.ErrorType != "locked" {
				t.Errorf("error_type: got %q, want locked", got.ErrorType)
			}
			if tt.guard == "concurrency" && got.Incident != "inc-3" {
				t.Errorf("incident: got %q", got.Incident)
			}
		})
	}
}

func TestAnOpenGateSaysForWhat(t *testing.T) {
	got := ask(t, newWorld().server().TCP(), "GET", "/api/v1/gate/checkout?version=v3", "")
	if want := `{"service":"checkout","version":"v3","open":true}`; string(got.Data) != want {
		t.Errorf("got %s, want %s", got.Data, want)
	}
}

func TestAStepsOwnTokenOpensTheGate(t *testing.T) {
	token := func(run string) string { return "token of " + run }
	none := func(string) string { return "" }
	running, over, search := runOf(incident.RunRunning), runOf(incident.RunPartial), runOf(incident.RunRunning)
	search[0].Service, search[0].Rollback.ID = "search", "inc-4.1"
	tests := []struct {
		name      string
		incidents []*incident.Incident
		tokens    func(string) string
		token     string
		locked    bool
		want      int
	}{
		{"its own", running, token, "token of inc-3.1", false, 200},
		{"its own, though it is locked by now", running, token, "token of inc-3.1", true, 200},
		{"none", running, token, "", false, 423},
		{"of another run", running, token, "token of inc-3.0", false, 423},
		{"the beginning of it", running, token, "token of inc-3.", false, 423},
		{"more than it", running, token, "token of inc-3.11", false, 423},
		{"the run is over", over, token, "token of inc-3.1", true, 423},
		{"another service's run", search, token, "token of inc-4.1", true, 423},
		{"there are no tokens", running, nil, "token of inc-3.1", false, 423},
		{"an empty token is none", running, none, "", false, 423},
	}
	for _, tt := range tests {
		for _, way := range []string{"header", "query"} {
			w := newWorld()
			w.incidents, w.gateToken = tt.incidents, tt.tokens
			if tt.locked {
				w.brakes = []incident.BrakeView{{Kind: incident.Lock, By: "ann"}}
			}
			r := request(t, web.Peer{}, "GET", "/api/v1/gate/checkout", "")
			if way == "header" {
				r.Header.Set("X-Rollbackd-Gate-Token", tt.token)
			} else if tt.token != "" {
				q := r.URL.Query()
				q.Set("token", tt.token)
				r.URL.RawQuery = q.Encode()
			}
			if got := send(t, w.server().TCP(), r); got.status != tt.want {
				t.Errorf("%s, by %s: got %d %s, want %d", tt.name, way, got.status, got.Error, tt.want)
			}
		}
	}
}

// FuzzGate: while a rollback runs nothing but its token opens the gate.
func FuzzGate(f *testing.F) {
	for _, seed := range []string{"", "version=v3", "version=", "token=x", "token=secret&token=secret", "%zz", ";", "version=v3&token=%00"} {
		f.Add(seed, "")
		f.Add("version=v3", seed)
	}
	f.Fuzz(func(t *testing.T, query, header string) {
		w := newWorld()
		w.incidents = runOf(incident.RunRunning)
		w.gateToken = func(string) string { return "a secret that is in no seed" }
		r := httptest.NewRequestWithContext(t.Context(), "GET", "/api/v1/gate/checkout", nil)
		r.URL.RawQuery, r.Host = query, "localhost"
		r.Header.Set("X-Rollbackd-Gate-Token", header)
		if got := send(t, w.server().TCP(), r); got.status != 423 && got.status != 400 {
			t.Errorf("%q, %q: got %d, want 423 or 400", query, header, got.status)
		}
	})
}
