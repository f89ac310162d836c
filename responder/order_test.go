package responder_test

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbackd/rollbackd/journal"
	"github.com/rollbackd/rollbackd/notify"
	"github.com/rollbackd/rollbackd/responder"
)

// hub is a webhook's other side, without a socket: it answers 503 until it is up,
// always 422 to the messages that it refuses, and keeps the ids of what it took.
type hub struct {
	up      time.Time
	refuses map[string]bool
	after   string // what it says with a 503 in Retry-After

	mu    sync.Mutex
	took  []string
	asked []time.Time
}

// RoundTrip implements http.RoundTripper.
func (h *hub) RoundTrip(r *http.Request) (*http.Response, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.asked = append(h.asked, time.Now())
	answer := &http.Response{StatusCode: http.StatusNoContent, Header: http.Header{}, Body: http.NoBody, Request: r}
	id := r.Header.Get("webhook-id")
	switch {
	case time.Now().Before(h.up):
		answer.StatusCode = http.StatusServiceUnavailable
		if h.after != "" {
			answer.Header.Set("Retry-After", h.after)
		}
	case h.refuses[id]:
		answer.StatusCode = http.StatusUnprocessableEntity
	default:
		h.took = append(h.took, id)
	}
	return answer, nil
}

func (h *hub) got() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]string(nil), h.took...)
}

// tellAll runs an outbox on a journal of its own and gives it messages of one
// incident, each so long after the beginning. It returns a while after the last.
func tellAll(t *testing.T, h *hub, at []time.Duration) {
	t.Helper()
	j, err := journal.Open(t.Context(), filepath.Join(t.TempDir(), "journal.db"), journal.Options{})
	if err != nil {
		t.Fatal(err)
	}
	hook, err := notify.NewWebhook(notify.WebhookOptions{URL: "http://hooks.example.com/", Transport: h})
	if err != nil {
		t.Fatal(err)
	}
	box, stop := outbox(t, responder.Outbox(j), map[string]notify.Notifier{"ops": hook})
	begin := time.Now()
	for n, after := range at {
		time.Sleep(time.Until(begin.Add(after)))
		m := journal.Outgoing{ID: fmt.Sprint("m", n+1), Receiver: "ops", At: time.Now(), Payload: []byte("{}")}
		if _, err := j.Append(context.Background(), []byte("entry"), journal.Meta{At: m.At, Incident: "inc-1"}, []journal.Outgoing{m}); err != nil {
			t.Fatal(err)
		}
		box.Poke()
	}
	time.Sleep(6 * time.Minute) // the longest wait is 5
	synctest.Wait()
	stop()
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
}

// longAgo are times so far apart that each message has another wait after an hour.
func longAgo() []time.Duration {
	return []time.Duration{0, time.Minute, 9 * time.Minute, 31 * time.Minute, 52 * time.Minute, 59*time.Minute + 40*time.Second}
}

// TestTheLastWordIsTheNewest: after an outage the messages of an incident arrive in
// order, each once, however often each of them had failed.
func TestTheLastWordIsTheNewest(t *testing.T) {
	for _, after := range []string{"", "90"} {
		t.Run("Retry-After "+after, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := &hub{up: time.Now().Add(time.Hour), after: after}
				tellAll(t, h, longAgo())
				if diff := cmp.Diff([]string{"m1", "m2", "m3", "m4", "m5", "m6"}, h.got()); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
				for i := 1; after != "" && i < len(h.asked) && h.asked[i-1].Before(h.up); i++ {
					if wait := h.asked[i].Sub(h.asked[i-1]); wait < 90*time.Second {
						t.Errorf("asked again after %s, and it had asked for 90s", wait)
					}
				}
			})
		})
	}
}

// TestAMessageThatIsRefusedHoldsBackNoOther: the others come at once and in order.
func TestAMessageThatIsRefusedHoldsBackNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &hub{refuses: map[string]bool{"m2": true}}
		tellAll(t, h, longAgo()[:4])
		if diff := cmp.Diff([]string{"m1", "m3", "m4"}, h.got()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}
