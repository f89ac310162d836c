package web_test

import (
	"errors"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/benbjohnson/clock"
	"github.com/google/go-cmp/cmp"

	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/trigger"
)

func TestCommandsArrive(t *testing.T) {
	tests := []struct {
		path, body string
		want       incident.Command
	}{
		{
			"services/checkout/rollback", `{"reason":"bad","to":"v1","incident_id":"INC-7","severity":"critical"}`,
			incident.Command{Verb: "rollback", Service: "checkout", Reason: "bad", To: "v1", ExternalID: "INC-7", Severity: trigger.Critical},
		},
		{
			"services/checkout/pause", `{"reason":"migration","for":"90m"}`,
			incident.Command{Verb: "pause", Service: "checkout", Reason: "migration", For: 90 * time.Minute},
		},
		{"services/_all/lock", `{"reason":"freeze"}`, incident.Command{Verb: "lock", All: true, Reason: "freeze"}},
		{"services/_all/unlock", `{"reason":"over"}`, incident.Command{Verb: "unlock", All: true, Reason: "over"}},
		{"services/checkout/pardon", `{"version":"v2"}`, incident.Command{Verb: "pardon", Service: "checkout", Version: "v2"}},
		{
			"services/checkout/rollback", `{"reason":"the cache alone","scope":"cache"}`,
			incident.Command{Verb: "rollback", Service: "checkout", Reason: "the cache alone", Scope: "cache"},
		},
		{
			"incidents/checkout/approve", `{"reason":"seen it","plan":"0a1b2c"}`,
			incident.Command{Verb: "approve", Incident: "inc-3", Reason: "seen it", PlanHash: "0a1b2c"},
		},
		{"incidents/inc-3/veto", `{"reason":"no"}`, incident.Command{Verb: "veto", Incident: "inc-3", Reason: "no"}},
		{"incidents/checkout/ack", `{"reason":"seen"}`, incident.Command{Verb: "ack", Incident: "inc-3", Reason: "seen"}},
	}
	for _, tt := range tests {
		t.Run(tt.path, func(t *testing.T) {
			w := newWorld()
			w.reply = incident.Reply{Incident: "inc-3"}
			tt.want.Actor = "alice"
			got := ask(t, w.server().Socket(), "POST", "/api/v1/"+tt.path, tt.body)
			if got.status != 200 || string(got.Data) != `{"incident":"inc-3"}` {
				t.Errorf("got %d %s, want 200 and the incident", got.status, got.body)
			}
			if diff := cmp.Diff([]incident.Command{tt.want}, w.commands); diff != "" {
				t.Errorf("command (-want +got):\n%s", diff)
			}
		})
	}
}

func TestRefusalsSayWhoRefused(t *testing.T) {
	tests := []struct {
		code   string
		status int
		typ    string
	}{
		{"refused", 409, "refused"},
		{"not_found", 404, "not_found"},
		{"bad_request", 400, "bad_request"},
	}
	for _, tt := range tests {
		w := newWorld()
		w.reply = incident.Reply{Err: "checkout is locked", Code: tt.code, Guard: incident.GuardLocked, Incident: "inc-3"}
		got := ask(t, w.server().Socket(), "POST", "/api/v1/services/checkout/rollback", `{"reason":"bad"}`)
		if got.status != tt.status || got.ErrorType != tt.typ {
			t.Errorf("%s: got %d %s, want %d %s", tt.code, got.status, got.ErrorType, tt.status, tt.typ)
		}
		if got.Guard != incident.GuardLocked || got.Incident != "inc-3" || got.Error != "checkout is locked" {
			t.Errorf("%s: got %+v, want guard, incident and text", tt.code, got.Envelope)
		}
	}
}

func TestDeploymentArrives(t *testing.T) {
	w := newWorld()
	got := ask(t, w.server().Socket(), "POST", "/api/v1/deployments",
		`{"service":"checkout","version":"v2","previous":"v1","started_at":"2026-03-01T11:58:00Z","change":"CHG-1","no_auto_rollback":true}`)
	if got.status != 200 {
		t.Fatalf("got %d %s", got.status, got.body)
	}
	want := []incident.Input{incident.Deployed{
		Service: "checkout", Version: "v2", Previous: "v1", StartedAt: noon().Add(-2 * time.Minute), At: noon(),
		By: "alice", Change: "CHG-1", Source: "api", NoAutoRollback: true,
	}}
	if diff := cmp.Diff(want, w.inputs); diff != "" {
		t.Errorf("input (-want +got):\n%s", diff)
	}
}

func TestADeploymentIsAnsweredOnceItIsOnRecord(t *testing.T) {
	const report = `{"service":"checkout","version":"v2"}`
	post := func(t *testing.T, w *world) (got answer, took time.Duration) {
		t.Helper()
		began := time.Now()
		got = ask(t, w.serverAt(clock.New()).Socket(), "POST", "/api/v1/deployments", report)
		return got, time.Since(began)
	}
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.full = true
		got, took := post(t, w)
		if got.status != 503 || !strings.Contains(got.Error, "kept in memory") || took != 5*time.Second {
			t.Errorf("not on record: got %d %q after %v, want 503 after 5s", got.status, got.Error, took)
		}
		w.room = time.Now().Add(2 * time.Second) // the disk has room again
		if got, took := post(t, w); got.status != 200 || took > 2100*time.Millisecond {
			t.Errorf("on record after a while: got %d after %v, want 200 after 2s", got.status, took)
		}
		if got, took := post(t, w); got.status != 200 || took != 0 {
			t.Errorf("running already: got %d after %v, want 200 at once", got.status, took)
		}
		w.viewErr = errors.New("stopping")
		if got, _ := post(t, w); got.status != 503 {
			t.Errorf("stopping: got %d, want 503", got.status)
		}
	})
}

// TestRollingAndRolledOut: "deploying" is answered once its version is on record,
// "deployed" once it is on record that it has finished.
func TestRollingAndRolledOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		s := w.serverAt(clock.New())
		if got := ask(t, s.Socket(), "POST", "/api/v1/deployments", `{"service":"checkout","version":"v2","rolling":true}`); got.status != 200 || !w.rolling {
			t.Errorf("deploying: got %d %s, rolling %v", got.status, got.body, w.rolling)
		}
		if d, is := w.inputs[0].(incident.Deployed); !is || !d.Rolling {
			t.Errorf("input: got %+v, want one that is rolling", w.inputs[0])
		}
		w.full = true
		began := time.Now()
		w.rollsUntil = began.Add(2 * time.Second)
		got := ask(t, s.Socket(), "POST", "/api/v1/deployments", `{"service":"checkout","version":"v2"}`)
		if took := time.Since(began); got.status != 200 || took < 2*time.Second || took > 2100*time.Millisecond {
			t.Errorf("deployed: got %d after %v, want 200 after 2s", got.status, took)
		}
	})
}

func TestVersionsThatCanBeReported(t *testing.T) {
	long := strings.Repeat("v", 128)
	for version, status := range map[string]int{
		"v2": 200, "2": 200, "v2~rc1": 200, "1:2.3-4+deb12u1": 200, "sha256:0a": 200, long: 200,
		long + "v": 400, "-rf": 400, " v2": 400, "v 2": 400, "v2\u0007": 400, "v²": 400, "~v": 400, "v2\n": 400,
	} {
		for _, body := range []string{`{"service":"checkout","version":"` + version + `"}`, `{"service":"checkout","version":"v1","previous":"` + version + `"}`} {
			if got := ask(t, newWorld().server().Socket(), "POST", "/api/v1/deployments", body); got.status != status {
				t.Errorf("%s: got %d %s, want %d", body, got.status, got.Error, status)
			}
		}
	}
}

// TestANoPassesWhileStopping: the memory cannot be asked any more, but a person
// can still stop what runs.
func TestANoPassesWhileStopping(t *testing.T) {
	for verb, want := range map[string]int{"abort": 200, "veto": 200, "approve": 503, "ack": 503, "close": 503} {
		w := newWorld()
		w.viewErr = errors.New("rollbackd is stopping")
		got := ask(t, w.server().Socket(), "POST", "/api/v1/incidents/checkout/"+verb, `{"reason":"bad"}`)
		if got.status != want || len(w.commands) != btoi(want == 200) {
			t.Errorf("%s: got %d %s and %d commands, want %d", verb, got.status, got.Error, len(w.commands), want)
		}
	}
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

func TestBadBodies(t *testing.T) {
	const rollback, pause, pardon, deployments = "services/checkout/rollback", "services/checkout/pause", "services/checkout/pardon", "deployments"
	tests := []struct {
		name, path, body string
		status           int
		says             string
	}{
		{"empty", rollback, "", 400, "empty"},
		{"not JSON", rollback, "reason=bad", 400, "invalid character"},
		{"an array", rollback, `["bad"]`, 400, "array"},
		{"unknown field", rollback, `{"reason":"bad","force":true}`, 400, `unknown field "force"`},
		{"something after", rollback, `{"reason":"bad"} {}`, 400, "after the object"},
		{"cut off", rollback, `{"reason":"bad"`, 400, "it ends before the object does"},
		{"no reason", rollback, `{}`, 400, "reason"},
		{"a plan for a rollback", rollback, `{"reason":"bad","plan":"0a1b"}`, 400, `unknown field "plan"`},
		{"a plan for a veto", "incidents/inc-3/veto", `{"reason":"bad","plan":"0a1b"}`, 400, `unknown field "plan"`},
		{"glass in a veto", "incidents/inc-3/veto", `{"reason":"bad","break_glass":true}`, 400, `unknown field "break_glass"`},
		{"severity", rollback, `{"reason":"bad","severity":"awful"}`, 400, "unknown severity"},
		{"too large", rollback, `{"reason":"` + strings.Repeat("x", 65<<10) + `"}`, 413, "larger than"},
		{"duration", pause, `{"reason":"x","for":"soon"}`, 400, "not a duration"},
		{"duration as a number", pause, `{"reason":"x","for":4}`, 400, "string such as"},
		{"no time at all", pause, `{"reason":"x","for":"0s"}`, 400, "not a duration"},
		{"resume for", "services/checkout/resume", `{"reason":"x","for":"1h"}`, 400, "takes no duration"},
		{"no version", pardon, `{"reason":"x"}`, 400, "version"},
		{"no service", deployments, `{"version":"v2"}`, 400, "service"},
		{"no deployed version", deployments, `{"service":"checkout"}`, 400, "version"},
		{"from the future", deployments, `{"service":"checkout","version":"v2","started_at":"2026-03-01T13:00:00Z"}`, 400, "future"},
		{"a long note", deployments, `{"service":"checkout","version":"v2","by":"` + strings.Repeat("é", 257) + `"}`, 400, "by: want at most 256"},
		{"a note that rings", deployments, `{"service":"checkout","version":"v2","url":"\u0007"}`, 400, "url: want"},
		{"a note of two lines", deployments, `{"service":"checkout","version":"v2","change":"a\nb"}`, 400, "change: want"},
		{"no time", deployments, `{"service":"checkout","version":"v2","started_at":"noon"}`, 400, "noon"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld()
			got := ask(t, w.server().Socket(), "POST", "/api/v1/"+tt.path, tt.body)
			if got.status != tt.status || !strings.Contains(got.Error, tt.says) {
				t.Errorf("got %d %q, want %d and %q in it", got.status, got.Error, tt.status, tt.says)
			}
			if len(w.commands)+len(w.inputs) > 0 {
				t.Errorf("it was carried out: %+v %+v", w.commands, w.inputs)
			}
		})
	}
}

func TestReload(t *testing.T) {
	w := newWorld()
	if got := ask(t, w.server().Socket(), "POST", "/-/reload", ""); got.status != 200 || w.reloads != 1 || w.reloadedBy != "alice" {
		t.Errorf("got %d and %d reloads by %q, want 200 and one by alice", got.status, w.reloads, w.reloadedBy)
	}
	w.reloadErr = errors.New("rollbackd.toml:3: unknown key")
	got := ask(t, w.server().Socket(), "POST", "/-/reload", "")
	if got.status != 500 || !strings.Contains(got.Error, "rollbackd.toml:3") || !strings.Contains(got.Error, "old one stays") {
		t.Errorf("got %d %q, want 500, the mistake and that the old one stays", got.status, got.Error)
	}
}

func TestNothingIsReloadedBeforeItIsReady(t *testing.T) {
	w := newWorld()
	w.notReady = errors.New("the journal is being read")
	got := ask(t, w.server().Socket(), "POST", "/-/reload", "")
	if got.status != 503 || w.reloads != 0 || !strings.Contains(got.Error, "being read") {
		t.Errorf("got %d %q and %d reloads, want 503, why, and none", got.status, got.Error, w.reloads)
	}
}

// FuzzCommandBody: whatever is sent, the answer is JSON with a status of ours,
// and nothing without a reason is carried out.
func FuzzCommandBody(f *testing.F) {
	for _, seed := range []string{`{"reason":"bad"}`, `{"reason":""}`, `{"reason":1}`, `{"Reason":"x","to":null}`, "", "{", "\xff"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		w := newWorld()
		r := httptest.NewRequestWithContext(t.Context(), "POST", "/api/v1/services/checkout/rollback", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		got := send(t, w.server().Socket(), r)
		switch got.status {
		case 200:
			if len(w.commands) != 1 || w.commands[0].Reason == "" {
				t.Errorf("200 for %q, but the commands are %+v", body, w.commands)
			}
		case 400, 413:
			if len(w.commands) != 0 || got.Status != "error" {
				t.Errorf("%d for %q, but the commands are %+v", got.status, body, w.commands)
			}
		default:
			t.Errorf("%d for %q", got.status, body)
		}
	})
}
