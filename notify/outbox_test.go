package notify_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/goleak"

	"github.com/rollbackd/rollbackd/notify"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// memory is a store that keeps messages in the order in which they came.
type memory struct {
	mu      sync.Mutex
	waiting []notify.Delivery
	ended   []string // "id delivered", "id given up: why"
	broken  error
}

func (s *memory) add(receiver string, at time.Time, ids ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range ids {
		s.waiting = append(s.waiting, notify.Delivery{ID: id, Receiver: receiver, At: at, Payload: []byte(id)})
	}
}

func (s *memory) Next(_ context.Context, receiver string, now time.Time) (best notify.Delivery, found bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, d := range s.waiting {
		if d.Receiver != receiver {
			continue
		}
		if !found || best.Due.After(now) && d.Due.Before(best.Due) {
			best, found = d, true
		}
	}
	return best, found, s.broken
}

func (s *memory) end(d notify.Delivery, how string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waiting = slices.DeleteFunc(s.waiting, func(w notify.Delivery) bool { return w.ID == d.ID && w.Receiver == d.Receiver })
	s.ended = append(s.ended, d.ID+" "+how)
	return s.broken
}

func (s *memory) Delivered(_ context.Context, d notify.Delivery, _ time.Time) error {
	return s.end(d, "delivered")
}

func (s *memory) GiveUp(_ context.Context, d notify.Delivery, _ time.Time) error {
	return s.end(d, "given up: "+d.LastError)
}

func (s *memory) Postpone(_ context.Context, d notify.Delivery) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, w := range s.waiting {
		if w.ID == d.ID && w.Receiver == d.Receiver {
			s.waiting[i] = d
		}
	}
	return s.broken
}

func (s *memory) ends() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.ended)
}

// channel is a receiver that answers as its function does, and remembers when
// it was asked.
type channel struct {
	answer func(attempt int) error
	mu     sync.Mutex
	at     []time.Duration // since the first attempt
	first  time.Time
}

func (c *channel) Deliver(context.Context, notify.Delivery) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.first.IsZero() {
		c.first = time.Now()
	}
	c.at = append(c.at, time.Since(c.first))
	return c.answer(len(c.at))
}

func (c *channel) attempts() []time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.at)
}

// hole takes every message and never answers.
type hole struct{}

func (hole) Deliver(ctx context.Context, _ notify.Delivery) error {
	<-ctx.Done()
	return ctx.Err()
}

func willing(int) error { return nil }

// box runs an outbox until the end of the test.
func box(t *testing.T, s *memory, receivers map[string]notify.Notifier) (*notify.Outbox, *prometheus.Registry) {
	t.Helper()
	registry := prometheus.NewRegistry()
	o := notify.New(notify.Options{
		Store: s, Receivers: receivers, Metrics: notify.NewMetrics(registry), Jitter: func() float64 { return 0 },
	})
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- o.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return o, registry
}

func count(t *testing.T, registry *prometheus.Registry, want string) {
	t.Helper()
	const name = "rollbackd_notifications_total"
	header := "# HELP " + name + " Attempts to deliver a message, by what became of it: " +
		"delivered, retried (it failed and will be tried again), gave_up, withheld (the receiver's rate_limit).\n# TYPE " + name + " counter\n"
	if err := testutil.GatherAndCompare(registry, strings.NewReader(header+want), name); err != nil {
		t.Error(err)
	}
}

func TestBackoffDoublesUpToFiveMinutes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &memory{}
		s.add("ops", time.Now(), "m")
		ops := &channel{answer: func(n int) error {
			if n <= 12 {
				return errors.New("refused")
			}
			return nil
		}}
		_, registry := box(t, s, map[string]notify.Notifier{"ops": ops})
		time.Sleep(time.Hour)
		synctest.Wait()
		var want []time.Duration
		var at time.Duration
		for _, wait := range []int{0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300} {
			at += time.Duration(wait) * time.Second
			want = append(want, at)
		}
		if diff := cmp.Diff(want, ops.attempts()); diff != "" {
			t.Errorf("attempts (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]string{"m delivered"}, s.ends()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		count(t, registry, `rollbackd_notifications_total{receiver="ops",result="delivered"} 1
rollbackd_notifications_total{receiver="ops",result="gave_up"} 0
rollbackd_notifications_total{receiver="ops",result="retried"} 12
rollbackd_notifications_total{receiver="ops",result="withheld"} 0
`)
	})
}

func TestBlackHoleDelaysNobodyElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &memory{}
		ops := &channel{answer: willing}
		o, _ := box(t, s, map[string]notify.Notifier{"hole": hole{}, "ops": ops})
		synctest.Wait()
		start := time.Now()
		for i := range 3 {
			s.add("hole", start, fmt.Sprint("hole ", i))
			s.add("ops", start, fmt.Sprint("ops ", i))
		}
		o.Poke()
		synctest.Wait()
		if got := time.Since(start); got != 0 {
			t.Errorf("the caller was delayed by %s", got)
		}
		if diff := cmp.Diff([]string{"ops 0 delivered", "ops 1 delivered", "ops 2 delivered"}, s.ends()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

func TestUnansweredMessageIsGivenUpAfterADay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &memory{}
		s.add("hole", time.Now(), "m")
		_, registry := box(t, s, map[string]notify.Notifier{"hole": hole{}})
		time.Sleep(24*time.Hour - time.Second)
		synctest.Wait()
		if got := s.ends(); got != nil {
			t.Errorf("ended early: %q", got)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if diff := cmp.Diff([]string{"m given up: no answer within 5s"}, s.ends()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if got := testutil.CollectAndCount(registry, "rollbackd_notifications_total"); got != 4 {
			t.Errorf("got %d series, want 4", got)
		}
	})
}

func TestRetryAfterQuietsTheWholeReceiver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &memory{}
		s.add("ops", time.Now(), "first", "second")
		ops := &channel{answer: func(n int) error {
			if n == 1 {
				return &notify.DeliveryError{Problem: "answered 429", RetryAfter: 90 * time.Second}
			}
			return nil
		}}
		o, _ := box(t, s, map[string]notify.Notifier{"ops": ops})
		time.Sleep(30 * time.Second)
		o.Poke()
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		if diff := cmp.Diff([]time.Duration{0, 90 * time.Second, 90 * time.Second}, ops.attempts()); diff != "" {
			t.Errorf("attempts (-want +got):\n%s", diff)
		}
	})
}

func TestARefusalIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &memory{}
		s.add("ops", time.Now(), "m")
		var refused atomic.Bool
		ops := &channel{answer: func(int) error { return &notify.DeliveryError{Problem: "answered 400", Refused: refused.Load()} }}
		box(t, s, map[string]notify.Notifier{"ops": ops})
		for _, want := range []bool{true, false} {
			refused.Store(want)
			time.Sleep(time.Hour)
			synctest.Wait()
			s.mu.Lock()
			if got := s.waiting[0]; got.Refused != want {
				t.Errorf("got %+v, want refused %v: what the last attempt says", got, want)
			}
			s.mu.Unlock()
		}
	})
}

func TestMessageOfADeadStoreIsNotRepeatedInALoop(t *testing.T) {
	for name, broken := range map[string]bool{"reading": true, "recording": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &memory{}
				s.add("ops", time.Now(), "a", "b", "c")
				ops := &channel{answer: func(int) error {
					s.mu.Lock()
					defer s.mu.Unlock()
					s.broken = errors.New("disk full")
					return nil
				}}
				if broken {
					s.broken = errors.New("disk full")
				}
				box(t, s, map[string]notify.Notifier{"ops": ops})
				time.Sleep(time.Minute)
				synctest.Wait()
				if got, most := len(ops.attempts()), 1; got > most {
					t.Errorf("%d attempts within a minute, want at most %d", got, most)
				}
			})
		})
	}
}

func TestStoppingLeavesWhatWasCutShort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &memory{}
		s.add("hole", time.Now(), "m")
		o := notify.New(notify.Options{Store: s, Receivers: map[string]notify.Notifier{"hole": hole{}}, Metrics: notify.NewMetrics(nil)})
		ctx, stop := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { done <- o.Run(ctx) }()
		time.Sleep(time.Second)
		synctest.Wait()
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if len(s.waiting) != 1 || s.waiting[0].Attempts != 0 {
			t.Errorf("got %+v, want the message waiting as if it had not been tried", s.waiting)
		}
	})
}

// The loop that decides pokes after each entry: it must not wait for a receiver that
// does not answer.
func TestPokeWaitsForNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &memory{waiting: []notify.Delivery{{ID: "m", Receiver: "dead", At: time.Now()}}}
		box := notify.New(notify.Options{Store: store, Receivers: map[string]notify.Notifier{"dead": hole{}}, Metrics: notify.NewMetrics(nil)})
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- box.Run(ctx) }()
		synctest.Wait()
		begin := time.Now()
		for range 100 {
			box.Poke()
			box.Tell([]string{"dead"}, notify.Delivery{ID: "urgent", At: begin})
		}
		if took := time.Since(begin); took != 0 {
			t.Errorf("it took %s", took)
		}
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}
