package daemon

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/benbjohnson/clock"
	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/go-hclog"

	"github.com/rollbackd/rollbackd/incident"
)

// delivered is what a receiver got.
type delivered struct {
	id, first string
	signed    bool
}

// TestTellNeedsNoJournal also signs with a secret from the environment.
func TestTellNeedsNoJournal(t *testing.T) {
	t.Setenv("HOOK_SECRET", "a signing secret")
	got := make(chan delivered, 10)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		var m incident.Message
		if err := json.Unmarshal(body, &m); err != nil {
			t.Error(err)
		}
		got <- delivered{r.Header.Get("webhook-id"), m.FirstLine, r.Header.Get("webhook-signature") != ""}
	}))
	defer server.Close()
	c := parse(t, shop+`
[receivers.ops]
webhook = { url = "`+server.URL+`", secret_env = "HOOK_SECRET" }
[receivers.dead]
webhook = { url = "http://127.0.0.1:1" }
`)
	h := newHouse(Options{Clock: clock.New(), Logger: hclog.NewNullLogger()}, c)
	h.journal = written(t)
	h.tellers = newTellers(h)
	notifiers, err := h.tellers.make(c)
	if err != nil {
		t.Fatal(err)
	}
	m := incident.Message{ID: "journal_failed/1", Event: "journal_failed", FirstLine: "WAITING FOR YOU all services: the journal cannot be written"}
	h.tellers.tell(m) // before anybody listens: not told, and no harm
	h.tellers.start(t.Context(), notifiers)
	h.tellers.tell(m)
	select {
	case one := <-got:
		if diff := cmp.Diff(delivered{m.ID, m.FirstLine, true}, one, cmp.AllowUnexported(delivered{})); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	case <-time.After(2 * time.Minute):
		t.Error("nobody was told")
	}
	if err := h.tellers.stop(); err != nil {
		t.Error(err)
	}
	server.CloseClientConnections()
}
