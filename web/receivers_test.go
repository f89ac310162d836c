package web_test

import (
	"context"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rollbackd/rollbackd/web"
)

func TestWhoeverLooksLearnsOfMessagesThatWait(t *testing.T) {
	w := newWorld()
	w.receivers = []web.ReceiverView{{Name: "ops", Waiting: 2, Since: noon().Add(-time.Minute), Problem: "connection refused by 127.0.0.1:1"}}
	s := w.server()
	got := look(t, s.TCP(), "/api/v1/receivers")
	want := `[{"name":"ops","waiting":2,"since":"2026-03-01T11:59:00Z","problem":"connection refused by 127.0.0.1:1"}]`
	if got.status != http.StatusOK || !strings.Contains(got.body, want) {
		t.Errorf("got %d %s\nwant %s", got.status, got.body, want)
	}
	for _, path := range views() {
		if page := look(t, s.Socket(), path).body; !strings.Contains(page, "2 messages wait for receiver ops since 11:59:00 UTC (connection refused by 127.0.0.1:1)") {
			t.Errorf("%s says nothing of it:\n%s", path, page)
		}
	}
	w.receivers[0].Waiting = 1
	if page := look(t, w.server().Socket(), "/").body; !strings.Contains(page, "1 message waits for receiver ops") {
		t.Error("one message is not one")
	}
	if got := look(t, newWorld().server().TCP(), "/api/v1/receivers"); got.status != http.StatusServiceUnavailable {
		t.Errorf("where nobody is told: got %d %s", got.status, got.body)
	}
}

// A page is not kept waiting by who is not told: that question has an end, and the
// page is there without its answer. Nor does one page wait for another's.
func TestAPageDoesNotWaitForReceivers(t *testing.T) {
	w := newWorld()
	var bounded atomic.Bool
	w.ask = func(ctx context.Context) ([]web.ReceiverView, error) {
		_, ends := ctx.Deadline()
		bounded.Store(ends)
		return nil, context.DeadlineExceeded
	}
	got := look(t, w.server().Socket(), "/")
	if got.status != http.StatusOK || !bounded.Load() {
		t.Errorf("got %d, asked with an end: %v", got.status, bounded.Load())
	}
}
