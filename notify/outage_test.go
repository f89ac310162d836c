package notify_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbackd/rollbackd/notify"
)

// trouble carries requests until it is over as its kind does, and then as they
// should be carried.
type trouble struct {
	kind string
	over time.Time
	next http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (f trouble) RoundTrip(r *http.Request) (*http.Response, error) {
	if !time.Now().Before(f.over) {
		return f.next.RoundTrip(r)
	}
	answer := func(code int, body string) (*http.Response, error) {
		return &http.Response{StatusCode: code, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
	}
	switch f.kind {
	case "black hole":
		<-r.Context().Done()
		return nil, r.Context().Err()
	case "slow": // it takes the message, and says so when nobody listens any more
		_, err := f.next.RoundTrip(r)
		<-r.Context().Done()
		return nil, errors.Join(r.Context().Err(), err)
	case "nonsense":
		return nil, errors.New(`malformed HTTP response "\x15\x03\x01"`)
	case "nonsense in HTTP":
		return answer(http.StatusTeapot, "<html><body>It works!")
	case "500":
		return answer(http.StatusInternalServerError, "")
	}
	return answer(http.StatusTooManyRequests, "")
}

// mailbox is a webhook's other side: it remembers the ids of what came.
type mailbox struct {
	mu  sync.Mutex
	ids map[string]int
}

// ServeHTTP implements http.Handler.
func (m *mailbox) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.ids[r.Header.Get("webhook-id")]++
}

func (m *mailbox) have() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Sorted(maps.Keys(m.ids))
}

// have are the ids of the posts in the channel.
func (p *slackPeer) have() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	ids := map[string]bool{}
	for _, post := range p.posts {
		ids[post.ID] = true
	}
	return slices.Sorted(maps.Keys(ids))
}

// TestAnHourOfTrouble: whatever receivers do for an hour, each message has arrived
// at least once soon after, under its own id; and the one that works hears of all
// at once. The daemon is started anew in the middle of it.
func TestAnHourOfTrouble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		b, receivers := &books{}, map[string]notify.Notifier{"well": &reader{}}
		have := map[string]func() []string{}
		for _, kind := range []string{"black hole", "slow", "nonsense", "nonsense in HTTP", "500", "429"} {
			box, peer := &mailbox{ids: map[string]int{}}, quietSlackPeer()
			hook, err := notify.NewWebhook(notify.WebhookOptions{
				URL: "http://hooks.example.com/", Transport: trouble{kind, begin.Add(time.Hour), direct{box}},
			})
			if err != nil {
				t.Fatal(err)
			}
			receivers[kind+"/webhook"], have[kind+"/webhook"] = hook, box.have
			receivers[kind+"/slack"], have[kind+"/slack"] = peer.by(t, &drawer{}, trouble{kind, begin.Add(time.Hour), direct{peer}}), peer.have
		}
		run := func() (*notify.Outbox, func()) {
			box := notify.New(notify.Options{Store: b, Tally: b, Receivers: receivers, Metrics: notify.NewMetrics(nil)})
			ctx, stop := context.WithCancel(context.Background())
			done := make(chan error, 1)
			go func() { done <- box.Run(ctx) }()
			return box, func() {
				stop()
				if err := <-done; err != nil {
					t.Error(err)
				}
			}
		}
		box, stop := run()
		var want []string
		for n := range 12 { // of three incidents, over the hour
			id := fmt.Sprintf("m%02d", n)
			want = append(want, id)
			for name := range receivers {
				d := told(t, id, held+" held", time.Now(), ofIncident(fmt.Sprint("inc-", n%3)))
				d.Receiver = name
				b.add(d)
			}
			box.Poke()
			synctest.Wait()
			if got := receivers["well"].(*reader).lines(); len(got) != n+1 {
				t.Errorf("after message %d the receiver that works has %q", n+1, got)
			}
			time.Sleep(5 * time.Minute)
			if n == 6 {
				stop()
				box, stop = run()
			}
		}
		time.Sleep(15 * time.Minute) // the longest wait is 5 minutes
		synctest.Wait()
		for name, ids := range have {
			if diff := cmp.Diff(want, ids()); diff != "" {
				t.Errorf("%s (-want +got):\n%s", name, diff)
			}
		}
		for name := range receivers {
			for _, state := range b.states(name) {
				if !strings.HasSuffix(state, " delivered") {
					t.Errorf("%s: %s", name, state)
				}
			}
		}
		stop()
	})
}

// TestRetriesAreSpread: two receivers that failed at once are not tried again at
// once.
func TestRetriesAreSpread(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &memory{}
		s.add("ops", time.Now(), "m")
		ops := &channel{answer: func(n int) error {
			if n <= 3 {
				return errors.New("not there")
			}
			return nil
		}}
		jitter := []float64{0.5, 0, 0.75}
		box := notify.New(notify.Options{
			Store: s, Receivers: map[string]notify.Notifier{"ops": ops}, Metrics: notify.NewMetrics(nil),
			Jitter: func() (j float64) { j, jitter = jitter[0], jitter[1:]; return j },
		})
		ctx, stop := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { done <- box.Run(ctx) }()
		time.Sleep(time.Minute)
		synctest.Wait()
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
		want := []time.Duration{0, 750 * time.Millisecond, 2750 * time.Millisecond, 5250 * time.Millisecond}
		if diff := cmp.Diff(want, ops.attempts()); diff != "" {
			t.Errorf("attempts (-want +got):\n%s", diff)
		}
	})
}

// leisurely is a receiver that takes its time, and says so.
type leisurely struct{ takes time.Duration }

func (l leisurely) Patience() time.Duration { return 2 * l.takes }

func (l leisurely) Deliver(ctx context.Context, _ notify.Delivery) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(l.takes):
		return nil
	}
}

func TestAReceiverMayHaveAPatienceOfItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &memory{}
		s.add("slow", time.Now(), "m")
		box(t, s, map[string]notify.Notifier{"slow": leisurely{30 * time.Second}})
		time.Sleep(31 * time.Second)
		synctest.Wait()
		if diff := cmp.Diff([]string{"m delivered"}, s.ends()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}
