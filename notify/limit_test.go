package notify_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/rollbackd/rollbackd/notify"
)

// page is one message in the books, and what became of it.
type page struct {
	notify.Delivery
	state string
}

// books are a store that forgets nothing and counts, as the journal does.
type books struct {
	mu     sync.Mutex
	pages  []*page
	broken error // of counting
	lost   error // of looking for elders
}

func (b *books) add(d notify.Delivery) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.pages = append(b.pages, &page{d, "waiting"})
}

func (b *books) Next(_ context.Context, receiver string, now time.Time) (best notify.Delivery, found bool, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	ahead := map[string]bool{}
	for _, p := range b.pages {
		if p.Receiver != receiver || p.state != "waiting" || p.Incident != "" && ahead[p.Incident] {
			continue
		}
		ahead[p.Incident] = !p.Refused && p.Attempts < 3
		if !found || best.Due.After(now) && p.Due.Before(best.Due) {
			best, found = p.Delivery, true
		}
	}
	return best, found, nil
}

// Elder implements notify.Elders.
func (b *books) Elder(_ context.Context, d notify.Delivery) (notify.Delivery, bool, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, p := range b.pages {
		switch {
		case p.Receiver != d.Receiver || p.Incident != d.Incident || p.state != "waiting":
		case p.ID == d.ID:
			return notify.Delivery{}, false, b.lost
		default:
			return p.Delivery, true, b.lost
		}
	}
	return notify.Delivery{}, false, b.lost
}

// end changes a page.
func (b *books) end(d notify.Delivery, state string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, p := range b.pages {
		if p.ID == d.ID && p.Receiver == d.Receiver && p.state == "waiting" {
			payload := p.Payload
			p.Delivery, p.state = d, state
			p.Payload = payload
		}
	}
	return nil
}

func (b *books) Delivered(_ context.Context, d notify.Delivery, _ time.Time) error {
	return b.end(d, "delivered")
}

func (b *books) Withhold(_ context.Context, d notify.Delivery, _ time.Time) error {
	return b.end(d, "withheld")
}

func (b *books) GiveUp(_ context.Context, d notify.Delivery, _ time.Time) error {
	return b.end(d, "given up")
}

func (b *books) Postpone(_ context.Context, d notify.Delivery) error { return b.end(d, "waiting") }

func (b *books) Earlier(_ context.Context, d notify.Delivery, since time.Time) (passed, withheld int, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, p := range b.pages {
		switch {
		case p.Receiver != d.Receiver || p.Incident != d.Incident:
		case p.ID == d.ID:
			return passed, withheld, b.broken
		case p.state == "withheld":
			withheld++
		default:
			withheld = 0
			if p.At.After(since) {
				passed++
			}
		}
	}
	return passed, withheld, b.broken
}

// states are what became of a receiver's messages, in order.
func (b *books) states(receiver string) []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var all []string
	for _, p := range b.pages {
		if p.Receiver == receiver {
			all = append(all, p.ID+" "+p.state)
		}
	}
	return all
}

// reader is a receiver that remembers what it was told and, where it is an editor,
// what it was shown. It answers once up.
type reader struct {
	up    func() bool
	mu    sync.Mutex
	told  []string // id, and what was said of those withheld
	shown []string
}

func (r *reader) Deliver(_ context.Context, d notify.Delivery) error {
	if r.up != nil && !r.up() {
		return errors.New("not there")
	}
	m, err := notify.ParseMessage(d.Payload)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	line := d.ID
	if m.Withheld > 0 {
		line += ": " + m.Text[strings.LastIndex(m.Text, "\n")+1:]
	}
	r.told = append(r.told, line)
	return nil
}

func (r *reader) lines() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.told)
}

// editor is a reader that shows incidents in one place.
type editor struct{ reader }

func (e *editor) Edit(_ context.Context, d notify.Delivery) error {
	if e.up != nil && !e.up() {
		return errors.New("not there")
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.shown = append(e.shown, d.ID)
	return nil
}

// limited runs an outbox with a limit for every receiver until the end of the test.
func limited(t *testing.T, b *books, limit notify.Limit, receivers map[string]notify.Notifier) (*notify.Outbox, *prometheus.Registry) {
	t.Helper()
	registry := prometheus.NewRegistry()
	o := notify.Options{
		Store: b, Tally: b, Receivers: receivers, Metrics: notify.NewMetrics(registry), Limits: map[string]notify.Limit{},
		Jitter: func() float64 { return 0 },
	}
	for name := range receivers {
		o.Limits[name] = limit
	}
	box := notify.New(o)
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- box.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return box, registry
}

// moment is one message of a story: its headline and event, minutes after the
// story's beginning.
type moment struct {
	minute          int
	headline, event string
}

// story is what happens in an incident, as a delivery each.
func story(t *testing.T, receiver string, begin time.Time, moments []moment) []notify.Delivery {
	t.Helper()
	var all []notify.Delivery
	for i, m := range moments {
		id := fmt.Sprintf("%d %s", i+1, m.event)
		d := told(t, id, m.headline+" "+m.event, begin.Add(time.Duration(m.minute)*time.Minute))
		d.Receiver = receiver
		all = append(all, d)
	}
	return all
}

const acting, waiting, held, failed = "ACTING", "WAITING FOR YOU", "HELD", "FAILED"

func TestLimit(t *testing.T) {
	six := notify.Limit{Count: 6, Within: 4 * time.Hour}
	tests := []struct {
		name    string
		limit   notify.Limit
		moments []moment
		want    []string
	}{
		{
			"an ordinary incident is told whole", six,
			[]moment{{0, waiting, "approval_needed"}, {5, waiting, "overdue"}, {5, waiting, "escalation"}, {8, acting, "acting"}, {20, "RECOVERED", "closed"}},
			[]string{"1 approval_needed", "2 overdue", "3 escalation", "4 acting", "5 closed"},
		},
		{
			"a long one says six things", six,
			[]moment{
				{0, waiting, "approval_needed"},
				{5, waiting, "overdue"},
				{5, waiting, "escalation"},
				{15, waiting, "escalation"},
				{30, waiting, "escalation"},
				{60, waiting, "escalation"},
				{90, acting, "acting"},
				{105, acting, "sla_missed"},
				{235, held, "closed"},
			},
			[]string{
				"1 approval_needed", "2 overdue", "3 escalation", "4 escalation", "7 acting: 2 earlier messages were withheld (rate_limit).",
				"9 closed: 1 earlier message was withheld (rate_limit).",
			},
		},
		{
			"one that flaps says six things", six,
			[]moment{
				{0, acting, "countdown"},
				{1, "RECOVERED", "stood_down"},
				{2, acting, "countdown"},
				{3, "RECOVERED", "stood_down"},
				{4, acting, "countdown"},
				{5, held, "held"},
				{6, acting, "countdown"},
				{7, "RECOVERED", "closed"},
			},
			[]string{"1 countdown", "2 stood_down", "3 countdown", "4 stood_down", "5 countdown", "8 closed: 2 earlier messages were withheld (rate_limit)."},
		},
		{
			"one that flaps, and then is acted on", six,
			[]moment{
				{0, acting, "countdown"},
				{1, "RECOVERED", "stood_down"},
				{2, acting, "countdown"},
				{3, "RECOVERED", "stood_down"},
				{4, acting, "countdown"},
				{6, acting, "acting"},
				{7, "RECOVERED", "closed"},
			},
			[]string{"1 countdown", "2 stood_down", "3 countdown", "4 stood_down", "5 countdown", "6 acting", "7 closed"},
		},
		{
			"what must be heard is heard",
			notify.Limit{Count: 1, Within: time.Hour},
			[]moment{
				{0, acting, "acting"},
				{1, failed, "step_failed"},
				{2, failed, "failed"},
				{3, waiting, "approval_needed"},
				{4, acting, "break_glass"},
				{5, acting, "acting"},
				{6, waiting, "escalation"},
				{7, "RECOVERED", "closed"},
			},
			[]string{
				"1 acting", "2 step_failed", "3 failed", "4 approval_needed", "5 break_glass", "6 acting", "8 closed: 1 earlier message was withheld (rate_limit).",
			},
		},
		{
			"after the time there is room again",
			notify.Limit{Count: 3, Within: time.Hour},
			[]moment{{0, held, "held"}, {1, acting, "countdown"}, {2, held, "held"}, {61, acting, "countdown"}, {62, held, "held"}, {63, held, "held"}},
			[]string{"1 held", "2 countdown", "4 countdown: 1 earlier message was withheld (rate_limit).", "5 held"},
		},
		{
			"no limit",
			notify.Limit{},
			[]moment{{0, held, "held"}, {1, held, "held"}, {2, held, "held"}, {3, held, "held"}, {4, held, "held"}, {5, held, "held"}, {6, held, "held"}},
			[]string{"1 held", "2 held", "3 held", "4 held", "5 held", "6 held", "7 held"},
		},
	}
	for _, tt := range tests {
		// An outage of the receiver changes nothing about what it gets.
		for _, outage := range []time.Duration{0, 5 * time.Hour} {
			t.Run(fmt.Sprint(tt.name, ", outage of ", outage), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					begin := time.Now()
					b, r := &books{}, &reader{up: func() bool { return time.Since(begin) >= outage }}
					o, _ := limited(t, b, tt.limit, map[string]notify.Notifier{"ops": r})
					for _, d := range story(t, "ops", begin, tt.moments) {
						time.Sleep(time.Until(d.At))
						b.add(d)
						o.Poke()
					}
					time.Sleep(6 * time.Hour)
					synctest.Wait()
					if diff := cmp.Diff(tt.want, r.lines()); diff != "" {
						t.Errorf("(-want +got):\n%s", diff)
					}
				})
			})
		}
	}
}

func flood(n int) (moments []moment) {
	for i := range n {
		moments = append(moments, moment{i, held, "held"})
	}
	return moments
}

// TestWhatIsWithheldIsShownInPlace: an editor is brought up to date, and tried again
// where it does not answer.
func TestWhatIsWithheldIsShownInPlace(t *testing.T) {
	for _, outage := range []time.Duration{0, time.Hour} {
		t.Run(fmt.Sprint("outage of ", outage), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				begin := time.Now()
				b, e := &books{}, &editor{}
				e.up = func() bool { return time.Since(begin) < 5*time.Minute || time.Since(begin) > 5*time.Minute+outage }
				o, registry := limited(t, b, notify.Limit{Count: 6, Within: 4 * time.Hour}, map[string]notify.Notifier{"ops": e})
				for _, d := range story(t, "ops", begin, flood(7)) {
					time.Sleep(time.Until(d.At) + time.Second)
					b.add(d)
					o.Poke()
				}
				time.Sleep(2 * time.Hour)
				synctest.Wait()
				if diff := cmp.Diff([]string{"1 held", "2 held", "3 held", "4 held", "5 held"}, e.lines()); diff != "" {
					t.Errorf("told (-want +got):\n%s", diff)
				}
				slices.Sort(e.shown)
				if diff := cmp.Diff([]string{"6 held", "7 held"}, e.shown); diff != "" {
					t.Errorf("shown (-want +got):\n%s", diff)
				}
				if got := b.states("ops"); got[5] != "6 held withheld" || got[6] != "7 held withheld" {
					t.Errorf("got %q", got)
				}
				if outage > 0 {
					return
				}
				count(t, registry, `rollbackd_notifications_total{receiver="ops",result="delivered"} 5
rollbackd_notifications_total{receiver="ops",result="gave_up"} 0
rollbackd_notifications_total{receiver="ops",result="retried"} 0
rollbackd_notifications_total{receiver="ops",result="withheld"} 2
`)
			})
		})
	}
}

// TestALimitThatCannotBeCountedIsNotKept: rather too much than silence.
func TestALimitThatCannotBeCountedIsNotKept(t *testing.T) {
	tests := []struct {
		name string
		set  func(*books, *notify.Delivery)
	}{
		{"the store cannot count", func(b *books, _ *notify.Delivery) { b.broken = errors.New("disk") }},
		{"about the daemon", func(_ *books, d *notify.Delivery) { d.Incident = "" }},
		{"no message", func(_ *books, d *notify.Delivery) { d.Payload = []byte("nonsense") }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b, ops := &books{}, &channel{answer: willing}
				limited(t, b, notify.Limit{Count: 1, Within: time.Hour}, map[string]notify.Notifier{"ops": ops})
				for _, d := range story(t, "ops", time.Now(), flood(3)) {
					tt.set(b, &d)
					b.add(d)
				}
				time.Sleep(5 * time.Minute)
				synctest.Wait()
				if got := len(ops.attempts()); got != 3 {
					t.Errorf("%d messages told, want all 3: %q", got, b.states("ops"))
				}
			})
		})
	}
}

// TestAMessageWithANoticeIsTheSameOtherwise holds what receivers of JSON get.
func TestAMessageWithANoticeIsTheSameOtherwise(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, got := &books{}, make(chan []byte, 10)
		limited(t, b, notify.Limit{Count: 1, Within: time.Hour}, map[string]notify.Notifier{"ops": passer(got)})
		all := story(t, "ops", time.Now(), []moment{{0, held, "held"}, {1, held, "held"}, {2, failed, "failed"}})
		for _, d := range all {
			b.add(d)
		}
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		<-got
		want, last := map[string]any{}, map[string]any{}
		if err := errors.Join(json.Unmarshal(all[2].Payload, &want), json.Unmarshal(<-got, &last)); err != nil {
			t.Fatal(err)
		}
		want["text"] = want["text"].(string) + "\n1 earlier message was withheld (rate_limit)."
		want["withheld"] = 1.0
		if diff := cmp.Diff(want, last); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

// passer hands on the payloads it gets.
type passer chan<- []byte

func (p passer) Deliver(_ context.Context, d notify.Delivery) error {
	p <- d.Payload
	return nil
}
