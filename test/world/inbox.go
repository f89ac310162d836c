package world

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"testing"
	"time"
)

// hookKey is the receiver's signing secret: 24 bytes, as Standard Webhooks wants.
const hookKey = "rollbackd-end-to-end-key"

// Secret is hookKey as it stands in a secret file.
func Secret() string { return "whsec_" + base64.StdEncoding.EncodeToString([]byte(hookKey)) }

// Message is what a person was told.
type Message struct {
	ID, Event, Headline, Service, Incident string
	FirstLine                              string `json:"first_line"`
	Text                                   string
}

// Inbox receives webhooks. It checks each signature as Standard Webhooks says
// (standardwebhooks.com) and counts what was delivered, repeated deliveries too.
type Inbox struct {
	URL string

	mu         sync.Mutex
	deliveries []Message
	problems   []string
}

// NewInbox starts to receive; at the end of the test a bad signature fails it.
func NewInbox(t testing.TB) *Inbox {
	t.Helper()
	in := &Inbox{}
	server := httptest.NewServer(http.HandlerFunc(in.receive))
	in.URL = server.URL
	t.Cleanup(func() {
		server.Close()
		in.mu.Lock()
		defer in.mu.Unlock()
		for _, problem := range in.problems {
			t.Errorf("a webhook was not as it should be: %s", problem)
		}
	})
	return in
}

func (in *Inbox) receive(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
	var tooLarge *http.MaxBytesError
	if err != nil && !errors.As(err, &tooLarge) {
		return // whoever sent it was killed in the middle: nothing was delivered
	}
	var m Message
	problem := verify(r.Header, body, time.Now())
	if err == nil {
		err = json.Unmarshal(body, &m)
	}
	if err != nil {
		problem = err.Error()
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	if problem != "" {
		in.problems = append(in.problems, problem)
		http.Error(w, problem, http.StatusUnauthorized)
		return
	}
	in.deliveries = append(in.deliveries, m)
}

// verify says what is wrong with a delivery; empty when nothing is.
func verify(h http.Header, body []byte, now time.Time) string {
	id, timestamp := h.Get("webhook-id"), h.Get("webhook-timestamp")
	seconds, err := strconv.ParseInt(timestamp, 10, 64)
	if err != nil || now.Sub(time.Unix(seconds, 0)).Abs() > time.Minute {
		return fmt.Sprintf("webhook-timestamp is %q, want about %d", timestamp, now.Unix())
	}
	mac := hmac.New(sha256.New, []byte(hookKey))
	fmt.Fprintf(mac, "%s.%s.%s", id, timestamp, body)
	want := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
	if got := h.Get("webhook-signature"); id == "" || got != want {
		return fmt.Sprintf("webhook-signature of %q is %q, want %q", id, got, want)
	}
	return ""
}

// Deliveries are all messages of one event, or of every event where it is empty.
func (in *Inbox) Deliveries(event string) []Message {
	in.mu.Lock()
	defer in.mu.Unlock()
	var found []Message
	for _, m := range in.deliveries {
		if event == "" || m.Event == event {
			found = append(found, m)
		}
	}
	return found
}

// Messages are the different messages of one event: one that was delivered again,
// because the daemon was killed before it knew or was not answered in time, has the
// ID that it had and counts once.
func (in *Inbox) Messages(event string) []Message {
	var different []Message
	seen := map[string]bool{}
	for _, m := range in.Deliveries(event) {
		if !seen[m.ID] {
			different = append(different, m)
		}
		seen[m.ID] = true
	}
	return different
}

// Await waits for the first message of an event.
func (in *Inbox) Await(t testing.TB, event string, within time.Duration) Message {
	t.Helper()
	Await(t, "a message "+event, within, func() (bool, string) {
		return len(in.Deliveries(event)) > 0, fmt.Sprintf("%+v", in.Deliveries(""))
	})
	return in.Deliveries(event)[0]
}
