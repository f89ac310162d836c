package web_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/benbjohnson/clock"

	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/web"
)

// keyed sends a command with a key, as alice.
func keyed(t *testing.T, s *web.Server, key, path, body string) answer {
	t.Helper()
	r := request(t, web.Peer{Name: "alice"}, "POST", path, body)
	r.Header.Set("Idempotency-Key", key)
	return send(t, s.Socket(), r)
}

const (
	rollbackPath = "/api/v1/services/checkout/rollback"
	lockPath     = "/api/v1/services/checkout/lock"
	because      = `{"reason":"bad"}`
)

func TestTheSameKeyActsOnce(t *testing.T) {
	w := newWorld()
	w.reply = incident.Reply{Incident: "inc-3"}
	s := w.server()
	if got := keyed(t, s, "k1", rollbackPath, because); got.status != 200 {
		t.Fatalf("the first: got %d %s", got.status, got.body)
	}
	for _, path := range []string{rollbackPath, lockPath} {
		got := keyed(t, s, "k1", path, because)
		if got.status != 409 || got.ErrorType != "conflict" || got.Incident != "inc-3" {
			t.Errorf("again, to %s: got %d %s %q, want 409 conflict that names the incident", path, got.status, got.ErrorType, got.Incident)
		}
		for _, want := range []string{`"k1"`, "POST " + rollbackPath, "2026-03-01T12:00:00Z", "answered 200, incident inc-3", "nothing was done now"} {
			if !strings.Contains(got.Error, want) {
				t.Errorf("again, to %s: %q lacks %q", path, got.Error, want)
			}
		}
	}
	if got := keyed(t, s, "k2", rollbackPath, because); got.status != 200 || len(w.commands) != 2 {
		t.Errorf("another key: got %d and %d commands, want 200 and two in all", got.status, len(w.commands))
	}
	if got := ask(t, s.Socket(), "POST", rollbackPath, because); got.status != 200 {
		t.Errorf("without a key: got %d, want 200", got.status)
	}
}

// TestWhatWasNotCarriedOutUsesNoKeyUp: the sender mends it and sends it again,
// but not where something may have been done.
func TestWhatWasNotCarriedOutUsesNoKeyUp(t *testing.T) {
	tests := []struct {
		name  string
		path  string
		body  string
		reply incident.Reply
		first int
		again int
	}{
		{"a bad body", rollbackPath, `{}`, incident.Reply{}, 400, 200},
		{"glass", rollbackPath, `{"reason":"x","break_glass":true}`, incident.Reply{}, 403, 200},
		{"too large", rollbackPath, `{"reason":"` + strings.Repeat("x", 65<<10) + `"}`, incident.Reply{}, 413, 200},
		{"not there", "/api/v1/incidents/inc-9/close", because, incident.Reply{}, 404, 200},
		{"the brain knows no such thing", rollbackPath, because, incident.Reply{Code: "not_found", Err: "x"}, 404, 200},
		{"refused", rollbackPath, because, incident.Reply{Code: "refused", Err: "checkout is locked"}, 409, 409},
	}
	for _, tt := range tests {
		w := newWorld()
		w.reply = tt.reply
		s := w.server()
		if got := keyed(t, s, "k", tt.path, tt.body); got.status != tt.first {
			t.Errorf("%s: got %d, want %d\n%s", tt.name, got.status, tt.first, got.body)
		}
		w.reply = incident.Reply{}
		got := keyed(t, s, "k", rollbackPath, because)
		if got.status != tt.again {
			t.Errorf("%s, mended: got %d, want %d\n%s", tt.name, got.status, tt.again, got.body)
		}
		if tt.again == 409 && !strings.Contains(got.Error, "answered 409, checkout is locked") {
			t.Errorf("%s: %q does not say how the first was answered", tt.name, got.Error)
		}
	}
}

// TestAnUncertainEndUsesTheKeyUp: a command that was not answered in time may
// have been carried out.
func TestAnUncertainEndUsesTheKeyUp(t *testing.T) {
	const approve = "/api/v1/incidents/checkout/approve"
	w := newWorld()
	w.viewErr = errors.New("stopping")
	s := w.server()
	if got := keyed(t, s, "k", approve, because); got.status != 503 {
		t.Fatalf("got %d, want 503", got.status)
	}
	w.viewErr = nil
	got := keyed(t, s, "k", approve, because)
	if got.status != 409 || got.ErrorType != "conflict" || !strings.Contains(got.Error, "answered 503") {
		t.Errorf("got %d %s %q, want 409 and that it was answered 503", got.status, got.ErrorType, got.Error)
	}
}

func TestAKeyIsForgottenAfterADay(t *testing.T) {
	w := newWorld()
	mock := clock.NewMock()
	mock.Set(noon())
	s := w.serverAt(mock)
	steps := []struct {
		after time.Duration
		want  int
	}{{0, 200}, {time.Hour, 409}, {23*time.Hour - time.Second, 409}, {time.Second, 200}, {time.Second, 409}}
	for i, step := range steps {
		mock.Add(step.after)
		if got := keyed(t, s, "daily", lockPath, because); got.status != step.want {
			t.Errorf("step %d, %v later: got %d, want %d", i, step.after, got.status, step.want)
		}
	}
}

func TestOnlyTheNewestKeysAreKept(t *testing.T) {
	w := newWorld()
	s := w.server()
	for i := range web.KeysKept + 1 {
		if got := keyed(t, s, fmt.Sprint("key-", i), lockPath, because); got.status != 200 {
			t.Fatalf("key %d: got %d", i, got.status)
		}
	}
	if got := keyed(t, s, "key-1", lockPath, because); got.status != 409 {
		t.Errorf("the oldest that is kept: got %d, want 409", got.status)
	}
	if got := keyed(t, s, "key-0", lockPath, because); got.status != 200 {
		t.Errorf("one more than are kept: got %d, want 200", got.status)
	}
}

// TestTwoAtOnce: the second comes while the first is still being carried out.
func TestTwoAtOnce(t *testing.T) {
	w := newWorld()
	s := w.server()
	var second answer
	w.meanwhile = func() { second = keyed(t, s, "k", rollbackPath, because) }
	if got := keyed(t, s, "k", rollbackPath, because); got.status != 200 {
		t.Errorf("the first: got %d", got.status)
	}
	if second.status != 409 || !strings.Contains(second.Error, "not answered yet") || len(w.commands) != 1 {
		t.Errorf("the second: got %d %q and %d commands, want 409, that the first is not answered, and one", second.status, second.Error, len(w.commands))
	}
}

func TestKeysThatWillNotDo(t *testing.T) {
	for _, key := range []string{"", " ", "a b", "a\tb", "clé", strings.Repeat("k", 129)} {
		w := newWorld()
		if got := keyed(t, w.server(), key, lockPath, because); got.status != 400 || w.done() > 0 {
			t.Errorf("%q: got %d and %d commands, want 400 and none", key, got.status, w.done())
		}
	}
	w := newWorld()
	r := request(t, web.Peer{Name: "alice"}, "POST", lockPath, because)
	r.Header["Idempotency-Key"] = []string{"a", "b"}
	if got := send(t, w.server().Socket(), r); got.status != 400 || w.done() > 0 {
		t.Errorf("two keys: got %d and %d commands, want 400 and none", got.status, w.done())
	}
	r = request(t, web.Peer{Name: "alice"}, "GET", "/api/v1/incidents", "")
	r.Header.Set("Idempotency-Key", "a b")
	if got := send(t, w.server().Socket(), r); got.status != 200 {
		t.Errorf("a read with a key: got %d, want 200", got.status)
	}
}
