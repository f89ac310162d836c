package bus

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/source"
)

// fakeBus is a NATS server in memory, as far as connection shows one.
type fakeBus struct {
	mu         sync.Mutex
	tell       events
	subs       map[string]*fakeSub
	held       map[string]*fakeStream // by subject
	findErr    error
	consumeErr error
	attempts   []time.Time // of consume
	letters    []*nats.Msg
	closed     bool
}

type fakeSub struct {
	bus     *fakeBus
	subject string
	handle  func(message)
	dropped int
}

type fakeStream struct {
	stream
	data   []string
	reader *fakeReader
}

type fakeReader struct {
	c      consumption
	closed chan struct{}
	once   sync.Once
}

func (b *fakeBus) subscribe(subject string, handle func(message)) (subscription, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.subs[subject] != nil {
		return nil, errors.New("listened to twice: " + subject)
	}
	b.subs[subject] = &fakeSub{bus: b, subject: subject, handle: handle}
	return b.subs[subject], nil
}

func (s *fakeSub) Unsubscribe() error {
	s.bus.mu.Lock()
	defer s.bus.mu.Unlock()
	delete(s.bus.subs, s.subject)
	return nil
}

func (s *fakeSub) Dropped() (int, error) {
	s.bus.mu.Lock()
	defer s.bus.mu.Unlock()
	return s.dropped, nil
}

func (b *fakeBus) findStream(_ context.Context, subject string) (stream, bool, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if st := b.held[subject]; st != nil && b.findErr == nil {
		return st.stream, true, nil
	}
	return stream{}, false, b.findErr
}

func (b *fakeBus) consume(_ context.Context, c consumption) (reader, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.attempts = append(b.attempts, time.Now())
	if b.consumeErr != nil {
		return nil, b.consumeErr
	}
	st := b.held[c.subject]
	r := &fakeReader{c: c, closed: make(chan struct{})}
	st.reader = r
	// What is stored is delivered at once, as if since lay before all of it.
	go func(data []string) {
		for i, body := range data {
			if seq := uint64(i + 1); seq >= c.from {
				c.handle(message{subject: subjectOf(c.subject), data: []byte(body), at: time.Now(), stored: true}, seq)
			}
		}
	}(append([]string(nil), st.data...))
	return r, nil
}

func (r *fakeReader) Stop()                   { r.once.Do(func() { close(r.closed) }) }
func (r *fakeReader) Closed() <-chan struct{} { return r.closed }

func (b *fakeBus) publish(m *nats.Msg) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.letters = append(b.letters, m)
	return nil
}

func (b *fakeBus) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
}

// subjectOf fills the wildcards of a subject.
func subjectOf(pattern string) string {
	return strings.Replace(strings.Replace(pattern, "*", "checkout", 1), "*", "web1", 1)
}

const (
	healthSubject = "rollbackd.v1.health.*.*"
	deploySubject = "rollbackd.v1.deploy.*"
	signalSubject = "rollbackd.v1.signal.*"
)

// world is a running source on a fake bus.
type world struct {
	t        *testing.T
	bus      *fakeBus
	source   *Source
	registry *prometheus.Registry
	stop     context.CancelFunc
	done     chan error

	mu  sync.Mutex
	got []string
	at  []time.Time
}

// Submit is source.Sink's. It writes inputs down in a word or two.
func (w *world) Submit(in incident.Input) {
	w.mu.Lock()
	defer w.mu.Unlock()
	text := fmt.Sprintf("%T", in)
	switch v := in.(type) {
	case incident.Health:
		text = v.Service + "/" + v.Check.Instance + " " + v.Check.Status.String()
		if v.Check.Seq > 0 {
			text += fmt.Sprint(" ", v.Check.Seq)
		}
		if v.Replayed {
			text += " replayed"
		}
	case incident.HealthGap:
		text = "gap"
	case incident.Deployed:
		text = v.Service + " deployed " + v.Version
	case incident.Signal:
		text = v.Service + " signal " + v.Name
	}
	w.got, w.at = append(w.got, text), append(w.at, time.Now())
}

// heard is what was submitted since the last call, after all is quiet.
func (w *world) heard() []string {
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	got := w.got
	w.got, w.at = nil, nil
	return got
}

// say publishes a message to the subscriptions.
func (w *world) say(subject, body string) { w.sayWith(subject, body, nil) }

func (w *world) sayWith(subject, body string, header nats.Header) {
	w.t.Helper()
	w.bus.mu.Lock()
	var handle func(message)
	for pattern, sub := range w.bus.subs {
		if covers(pattern, subject) {
			handle = sub.handle
		}
	}
	w.bus.mu.Unlock()
	if handle == nil {
		w.t.Fatalf("nobody listens to %s", subject)
	}
	handle(message{subject: subject, header: header, data: []byte(body), at: time.Now()})
}

func (w *world) connect() {
	w.bus.tell.connected()
	synctest.Wait()
}

func (w *world) disconnect() {
	w.bus.tell.disconnected(nats.ErrStaleConnection)
	synctest.Wait()
}

// store puts messages into a stream that holds a subject, which may be new.
func (w *world) store(subject string, created time.Time, bodies ...string) {
	w.bus.mu.Lock()
	st := w.bus.held[subject]
	if st == nil || !st.created.Equal(created) {
		st = &fakeStream{stream: stream{name: "EVENTS", created: created, first: 1}}
		w.bus.held[subject] = st
	}
	var live []func()
	for _, body := range bodies {
		st.data = append(st.data, body)
		st.last++
		if st.reader != nil {
			select {
			case <-st.reader.closed:
			default:
				c, seq := st.reader.c, st.last
				live = append(live, func() {
					c.handle(message{subject: subjectOf(subject), data: []byte(body), at: time.Now(), stored: true}, seq)
				})
			}
		}
	}
	w.bus.mu.Unlock()
	for _, deliver := range live {
		deliver()
	}
}

// inWorld runs a test on a fake bus in simulated time.
func inWorld(t *testing.T, change func(*Options), test func(w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t, bus: &fakeBus{subs: map[string]*fakeSub{}, held: map[string]*fakeStream{}}, done: make(chan error, 1), registry: prometheus.NewRegistry()}
		observer, err := source.NewObserver(w.registry)
		if err != nil {
			t.Fatal(err)
		}
		opt := Options{URL: "nats://nowhere", Services: []string{"checkout", "cart"}, Sink: w, Observer: observer}
		if change != nil {
			change(&opt)
		}
		if w.source, err = New(opt); err != nil {
			t.Fatal(err)
		}
		w.source.dial = func(_ Options, e events) (connection, error) {
			w.bus.tell = e
			return w.bus, nil
		}
		ctx, stop := context.WithCancel(t.Context())
		w.stop = stop
		go func() { w.done <- w.source.Run(ctx) }()
		synctest.Wait()
		test(w)
		stop()
		if err := <-w.done; err != nil && !errors.Is(err, ErrClosed) {
			t.Error(err)
		}
		if !w.bus.closed || len(w.bus.subs) > 0 {
			t.Errorf("closed %v with subscriptions %v, want all put away", w.bus.closed, w.bus.subs)
		}
	})
}

// metric compares one metric's lines, comments aside.
func (w *world) metric(name, want string) {
	w.t.Helper()
	got, err := testutil.GatherAndCount(w.registry, name)
	if err != nil || got == 0 && want != "" {
		w.t.Fatalf("%s: %d series, %v", name, got, err)
	}
	families, err := w.registry.Gather()
	if err != nil {
		w.t.Fatal(err)
	}
	var lines []string
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
		for _, m := range f.GetMetric() {
			var labels []string
			for _, l := range m.GetLabel() {
				labels = append(labels, l.GetValue())
			}
			lines = append(lines, fmt.Sprint(strings.Join(labels, " "), " ", m.GetCounter().GetValue()+m.GetGauge().GetValue()))
		}
	}
	if text := strings.Join(lines, ", "); text != want {
		w.t.Errorf("%s: %s, want %s", name, text, want)
	}
}
