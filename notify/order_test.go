package notify_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbackd/rollbackd/notify"
)

// picky is a receiver that takes what it does not refuse, and keeps the ids of all
// that it was asked to take.
type picky struct {
	refuses func(id string) error
	mu      sync.Mutex
	asked   []string
}

// Deliver implements notify.Notifier.
func (p *picky) Deliver(_ context.Context, d notify.Delivery) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked = append(p.asked, d.ID)
	return p.refuses(d.ID)
}

// forget returns the ids, and begins anew.
func (p *picky) forget() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	was := p.asked
	p.asked = nil
	return was
}

// waiting puts messages of one incident into the books that have failed several
// times, and are due long after the test.
func waitingLong(t *testing.T, b *books, ids ...string) {
	t.Helper()
	for i, id := range ids {
		d := told(t, id, held+" held", time.Now().Add(time.Duration(i)*time.Second))
		d.Receiver, d.Attempts, d.Due = "ops", 3+i, time.Now().Add(time.Hour)
		b.add(d)
	}
}

// TestTheOldestIsTriedFirst: whatever waits of an incident goes before a newer
// message; one attempt that fails is enough to let the newer one pass.
func TestTheOldestIsTriedFirst(t *testing.T) {
	no, later := errors.New("no"), &notify.DeliveryError{Problem: "busy", RetryAfter: time.Minute}
	tests := []struct {
		name    string
		refuses func(id string) error
		lost    error
		want    []string
	}{
		{"all are taken", func(string) error { return nil }, nil, []string{"m1", "m2", "m3", "new"}},
		{"the oldest is not", func(id string) error { return map[string]error{"m1": no}[id] }, nil, []string{"m1", "new"}},
		{"the second is not", func(id string) error { return map[string]error{"m2": no}[id] }, nil, []string{"m1", "m2", "new"}},
		{"the receiver asks to be left alone", func(string) error { return later }, nil, []string{"m1"}},
		{"the store cannot say", func(string) error { return nil }, errors.New("disk"), []string{"new"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b, ops := &books{lost: tt.lost}, &picky{refuses: tt.refuses}
				waitingLong(t, b, "m1", "m2", "m3")
				o, _ := limited(t, b, notify.Limit{}, map[string]notify.Notifier{"ops": ops})
				synctest.Wait()
				if got := ops.forget(); got != nil {
					t.Fatalf("nothing is due, and %q were tried", got)
				}
				d := told(t, "new", failed+" failed", time.Now())
				d.Receiver = "ops"
				b.add(d)
				o.Poke()
				synctest.Wait()
				if diff := cmp.Diff(tt.want, ops.forget()); diff != "" {
					t.Errorf("tried (-want +got):\n%s", diff)
				}
			})
		})
	}
}

// TestOtherIncidentsHaveAnOrderOfTheirOwn: and what is about the daemon has none.
func TestOtherIncidentsHaveAnOrderOfTheirOwn(t *testing.T) {
	for _, incident := range []string{"another", ""} {
		synctest.Test(t, func(t *testing.T) {
			b, ops := &books{}, &picky{refuses: func(string) error { return nil }}
			waitingLong(t, b, "m1")
			b.pages[0].Incident = incident
			d := told(t, "new", held+" held", time.Now())
			if d.Receiver = "ops"; incident == "" {
				d.Incident = ""
			}
			b.add(d)
			limited(t, b, notify.Limit{}, map[string]notify.Notifier{"ops": ops})
			synctest.Wait()
			if diff := cmp.Diff([]string{"new"}, ops.forget()); diff != "" {
				t.Errorf("tried (-want +got):\n%s", diff)
			}
		})
	}
}
