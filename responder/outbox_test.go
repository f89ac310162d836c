package responder_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbackd/rollbackd/action"
	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/journal"
	"github.com/rollbackd/rollbackd/notify"
	"github.com/rollbackd/rollbackd/responder"
)

// patience bounds what ought to happen at once, on the slowest machine.
const patience = 2 * time.Minute

func receive[T any](t *testing.T, what string, from <-chan T) T {
	t.Helper()
	select {
	case v := <-from:
		return v
	case <-time.After(patience):
		t.Fatalf("no %s within %s", what, patience)
		panic("unreachable")
	}
}

// inbox is a webhook receiver that takes everything.
func inbox(t *testing.T) notify.Notifier {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(s.Close)
	return hook(t, s.URL)
}

// watched is a store that shows which deliveries have been recorded.
type watched struct {
	notify.Store
	delivered chan string // "id to receiver"
}

func (s watched) Delivered(ctx context.Context, d notify.Delivery, at time.Time) error {
	err := s.Store.Delivered(ctx, d, at)
	s.delivered <- d.ID + " to " + d.Receiver
	return err
}

// blackHole is one that accepts connections and never answers.
func blackHole(t *testing.T) notify.Notifier {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return hook(t, "http://"+l.Addr().String())
}

func hook(t *testing.T, url string) notify.Notifier {
	t.Helper()
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	w, err := notify.NewWebhook(notify.WebhookOptions{URL: url, Transport: transport})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// outbox runs an outbox on a store until stop is called.
func outbox(t *testing.T, store notify.Store, receivers map[string]notify.Notifier) (box *notify.Outbox, stop func()) {
	t.Helper()
	box = notify.New(notify.Options{Store: store, Receivers: receivers, Metrics: notify.NewMetrics(nil)})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- box.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	return box, stop
}

// TestDeadReceiverDelaysNeitherTheStepNorTheOthers uses a real journal and real
// sockets. The step starts, and the living receiver hears of it, while the dead
// one has not answered; and what the dead one missed it gets after a restart.
func TestDeadReceiverDelaysNeitherTheStepNorTheOthers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.db")
	j, err := journal.Open(t.Context(), path, journal.Options{})
	if err != nil {
		t.Fatal(err)
	}
	store := watched{responder.Outbox(j), make(chan string, 10)}
	box, stopBox := outbox(t, store, map[string]notify.Notifier{"dead": blackHole(t), "ops": inbox(t)})

	began := make(chan struct{})
	acting := intent(undo())
	acting.Entry.At = time.Now().UTC()
	acting.Message = message(incident.Acting, "dead", "ops")
	acting.Message.At = acting.Entry.At
	w := &world{step: on[incident.VersionSeen](acting, incident.Start{Ref: undo()})}
	w.run = func(context.Context, action.Request) action.Result {
		close(began)
		return action.Result{State: action.Done}
	}
	o := w.options(t)
	o.Journal, o.Poke = j, box.Poke
	r, stop := begin(t, o)
	r.Submit(seen("v1"))
	receive(t, "start of the step", began)
	if got := receive(t, "message to ops", store.delivered); got != "inc-1/opened to ops" {
		t.Errorf("delivered: %s", got)
	}
	stop()
	stopBox()
	if diff := cmp.Diff(map[string]string{"dead": "waiting", "ops": "delivered"}, fates(t, j, "inc-1/opened", "dead", "ops")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}

	j, err = journal.Open(t.Context(), path, journal.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = j.Close() }()
	store.Store = responder.Outbox(j)
	_, stopBox = outbox(t, store, map[string]notify.Notifier{"dead": inbox(t)})
	if got := receive(t, "message after the restart", store.delivered); got != "inc-1/opened to dead" {
		t.Errorf("delivered: %s", got)
	}
	stopBox()
	if diff := cmp.Diff(map[string]string{"dead": "delivered"}, fates(t, j, "inc-1/opened", "dead")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func fates(t *testing.T, j *journal.Journal, id string, receivers ...string) map[string]string {
	t.Helper()
	got := map[string]string{}
	for _, receiver := range receivers {
		state, _, err := j.Fate(t.Context(), id, receiver)
		if err != nil {
			t.Fatal(err)
		}
		got[receiver] = state
	}
	return got
}

func TestOutboxKeepsFailuresAndGivesUp(t *testing.T) {
	j, err := journal.Open(t.Context(), filepath.Join(t.TempDir(), "journal.db"), journal.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = j.Close() }()
	at := time.Now().UTC()
	out := []journal.Outgoing{{ID: "m", Receiver: "ops", At: at, Payload: []byte("payload")}}
	if _, err := j.Append(t.Context(), []byte("entry"), journal.Meta{At: at, Incident: "inc-1"}, out); err != nil {
		t.Fatal(err)
	}
	store := responder.Outbox(j)
	want := notify.Delivery{ID: "m", Receiver: "ops", Incident: "inc-1", At: at, Due: at.Add(time.Hour), Payload: []byte("payload"), Attempts: 2, LastError: "answered 500"}
	if err := store.Postpone(t.Context(), want); err != nil {
		t.Fatal(err)
	}
	got, ok, err := store.Next(t.Context(), "ops", at)
	if err != nil || !ok {
		t.Fatalf("got %v, %v", ok, err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if err := store.GiveUp(t.Context(), got, at); err != nil {
		t.Fatal(err)
	}
	if _, ok, err := store.Next(t.Context(), "ops", at.Add(2*time.Hour)); ok || err != nil {
		t.Errorf("given up, and waiting still: %v, %v", ok, err)
	}
	if diff := cmp.Diff(map[string]string{"ops": "given_up"}, fates(t, j, "m", "ops")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestTheOutboxCountsOverRestarts: who has had enough of an incident is known from
// the journal, and so is where a receiver has put it.
func TestTheOutboxCountsOverRestarts(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.db")
	at := time.Now().UTC()
	var all []notify.Delivery
	for i, id := range []string{"m1", "m2", "m3"} {
		all = append(all, notify.Delivery{ID: id, Receiver: "ops", Incident: "inc-1", At: at.Add(time.Duration(i) * time.Minute)})
	}
	for i := range all {
		j, err := journal.Open(t.Context(), path, journal.Options{})
		if err != nil {
			t.Fatal(err)
		}
		var keeper notify.Keeper = j
		tally := responder.Tally(j)
		if i == 0 {
			var out []journal.Outgoing
			for _, d := range all {
				out = append(out, journal.Outgoing{ID: d.ID, Receiver: d.Receiver, At: d.At, Payload: []byte("x")})
			}
			if _, err := j.Append(t.Context(), []byte("entry"), journal.Meta{At: at, Incident: "inc-1"}, out); err != nil {
				t.Fatal(err)
			}
			if err := keeper.Keep(t.Context(), "ops", "inc-1", "thread"); err != nil {
				t.Fatal(err)
			}
		}
		passed, withheld, err := tally.Earlier(t.Context(), all[i], at.Add(-time.Hour))
		if want := [][2]int{{0, 0}, {1, 0}, {1, 1}}[i]; err != nil || [2]int{passed, withheld} != want {
			t.Errorf("before %s: %d passed and %d withheld (%v), want %v", all[i].ID, passed, withheld, err, want)
		}
		if value, err := keeper.Kept(t.Context(), "ops", "inc-1"); value != "thread" || err != nil {
			t.Errorf("kept: %q, %v", value, err)
		}
		if i == 1 {
			if err := tally.Withhold(t.Context(), all[i], at); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(map[string]string{"ops": "withheld"}, fates(t, j, "m2", "ops")); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		}
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
