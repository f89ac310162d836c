package web_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/web"
)

func TestARehearsalIsAskedForAndAnswered(t *testing.T) {
	w := newWorld()
	got := ask(t, w.server().Socket(), "POST", "/api/v1/services/checkout/rehearse", `{"to":"v1","scope":"cache","plan":"emergency","reason":"a drill"}`)
	want := []incident.RehearsalAsk{{Service: "checkout", Plan: "emergency", To: "v1", Scope: "cache", Actor: "alice"}}
	if d := cmp.Diff(want, w.rehearsals); d != "" || got.status != http.StatusOK {
		t.Fatalf("status %d, asked for (-want +got):\n%s", got.status, d)
	}
	var report incident.RehearsalReport
	if err := json.Unmarshal(got.Data, &report); err != nil {
		t.Fatal(err)
	}
	if report.OK || report.Problems != 1 || report.To != "v1" || len(report.Lines) != 1 || report.Lines[0].Found != incident.FindingProblem {
		t.Errorf("the report came as %+v", report)
	}
	if len(w.commands) > 0 {
		t.Errorf("it also sent the command %+v", w.commands[0])
	}
}

func TestARehearsalInAnotherServiceIsARollbackThere(t *testing.T) {
	w := newWorld()
	got := ask(t, w.server().Socket(), "POST", "/api/v1/services/checkout/rehearse", `{"in":"staging","to":"v1","scope":"cache","plan":"emergency","reason":"a drill"}`)
	want := []incident.Command{{
		Verb: "rollback", Service: "staging", Rehearses: "checkout", Plan: "emergency", To: "v1", Scope: "cache", Reason: "a drill", Actor: "alice",
	}}
	if d := cmp.Diff(want, w.commands); d != "" || got.status != http.StatusOK || len(w.rehearsals) > 0 {
		t.Errorf("status %d, %d rehearsals, command (-want +got):\n%s", got.status, len(w.rehearsals), d)
	}
	if got := ask(t, w.server().Socket(), "POST", "/api/v1/services/checkout/rehearse", `{"in":"staging"}`); got.status != http.StatusBadRequest {
		t.Errorf("without a reason: %d, want 400", got.status)
	}
}

func TestARehearsalToWhatIsNoVersionIsRefused(t *testing.T) {
	for _, body := range []string{`{"to":"v1; true"}`, `{"to":"-v1"}`, `{"in":"staging","reason":"a drill","to":"v 1"}`} {
		w := newWorld()
		got := ask(t, w.server().Socket(), "POST", "/api/v1/services/checkout/rehearse", body)
		if got.status != http.StatusBadRequest || !strings.Contains(got.Error, "is not a version: want ") {
			t.Errorf("%s: %d %q, want 400 and what a version is", body, got.status, got.Error)
		}
		if len(w.commands)+len(w.rehearsals) > 0 {
			t.Errorf("%s: it was asked for nevertheless", body)
		}
	}
}

func TestWhyThereIsNoReport(t *testing.T) {
	for name, c := range map[string]struct {
		err    error
		status int
	}{
		"another one goes on": {web.ErrRehearsing, http.StatusConflict},
		"it stops":            {errors.New("rollbackd is stopping"), http.StatusServiceUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			w.rehearseErr = c.err
			got := ask(t, w.server().Socket(), "POST", "/api/v1/services/checkout/rehearse", `{}`)
			if got.status != c.status || !strings.Contains(got.Error, c.err.Error()) {
				t.Errorf("%d %q, want %d with the reason", got.status, got.Error, c.status)
			}
		})
	}
	brain := incident.New(incident.Options{})
	_, unknown := brain.Rehearsing(incident.RehearsalAsk{Service: "nosuch"}, noon())
	w := newWorld()
	w.rehearseErr = unknown
	if got := ask(t, w.server().Socket(), "POST", "/api/v1/services/nosuch/rehearse", `{}`); got.status != http.StatusNotFound {
		t.Errorf("an unknown service: %d, want 404", got.status)
	}
}

// deadlines is a response that notes whether its deadlines were taken away.
type deadlines struct {
	*httptest.ResponseRecorder

	gone int
}

func (d *deadlines) SetReadDeadline(at time.Time) error  { return d.note(at) }
func (d *deadlines) SetWriteDeadline(at time.Time) error { return d.note(at) }

func (d *deadlines) note(at time.Time) error {
	if at.IsZero() {
		d.gone++
	}
	return nil
}

// The deadlines of every other request would cut a long rehearsal off: they are
// taken away, also where the request has an Idempotency-Key and is wrapped for it.
func TestARehearsalMayTakeItsTime(t *testing.T) {
	for _, key := range []string{"", "k-1"} {
		w := newWorld()
		r := request(t, web.Peer{Name: "alice"}, "POST", "/api/v1/services/checkout/rehearse", `{}`)
		if key != "" {
			r.Header.Set("Idempotency-Key", key)
		}
		d := &deadlines{ResponseRecorder: httptest.NewRecorder()}
		w.server().Socket().ServeHTTP(d, r)
		if d.Code != http.StatusOK || d.gone != 2 {
			t.Errorf("key %q: status %d, %d deadlines taken away, want both", key, d.Code, d.gone)
		}
	}
}
