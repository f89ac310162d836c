package bus

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/source"
)

// Headers of a dead letter.
const (
	headerReason  = "Rollbackd-Reason"
	headerSubject = "Rollbackd-Subject"
)

// reasonAhead counts events whose time was clamped to ours.
const reasonAhead = "future_event"

// Bounds of what is done about refused events: whoever floods the bus with them
// must not flood the dead letters and the log as well.
const (
	maxDeadLetters  = 256
	rememberedNames = 1000
	retryRoom       = 5 * time.Millisecond
)

// message is an event and how it came.
type message struct {
	subject string
	header  nats.Header
	data    []byte
	at      time.Time
	// replayed is true for what a stream had stored before we listened.
	replayed bool
	// stored is true for what comes from a stream, which can wait and loses
	// nothing meanwhile.
	stored bool
}

// intake checks messages and hands on what is good. It is safe for concurrent
// use.
type intake struct {
	opt    Options
	queue  *queue
	dead   chan *nats.Msg
	seldom *source.Seldom

	mu        sync.Mutex
	rules     Rules
	limiter   *limiter
	repeats   *repeats
	strangers map[string]bool
}

func newIntake(opt Options, q *queue) *intake {
	in := &intake{
		opt: opt, queue: q, dead: make(chan *nats.Msg, maxDeadLetters),
		seldom: source.NewSeldom(opt.Clock, time.Minute), limiter: newLimiter(), repeats: newRepeats(), strangers: map[string]bool{},
	}
	in.setServices(opt.Services, opt.Window)
	in.setSignals(opt.Signals)
	return in
}

func (in *intake) setServices(names []string, window time.Duration) {
	services := make(map[string]bool, len(names))
	for _, name := range names {
		services[name] = true
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	in.rules.Services, in.rules.Window = services, window
}

func (in *intake) setSignals(byService map[string][]string) {
	signals := make(map[string]map[string]bool, len(byService))
	for service, names := range byService {
		signals[service] = make(map[string]bool, len(names))
		for _, name := range names {
			signals[service][name] = true
		}
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	in.rules.Signals = signals
}

func (in *intake) currentRules() Rules {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.rules
}

// receive takes one message in. It blocks only for stored messages, while the
// queue is full.
func (in *intake) receive(ctx context.Context, r route, m message) {
	if header(m.header, headerReason) != "" {
		return // one of our own dead letters, on a subject that is mapped to us
	}
	in.opt.Observer.Received(r.kind)
	if err := in.handle(ctx, r, m); err != nil {
		in.refuse(r, m, err)
	}
}

func (in *intake) handle(ctx context.Context, r route, m message) error {
	service, instance, ok := r.names(m.subject)
	if !ok {
		return reject(reasonBadSubject, "a token that cannot be read")
	}
	e := Event{Service: service, Instance: instance, ContentType: header(m.header, "Content-Type"), Data: m.data, At: m.at}
	if header(m.header, "ce-specversion") != "" {
		return reject(reasonUnsupported, "a CloudEvent in binary form")
	}
	switch r.kind {
	case kindDeploy:
		return in.deploy(ctx, e, m)
	case kindSignal:
		return in.signal(ctx, e, m)
	default:
		return in.health(ctx, e, m)
	}
}

func (in *intake) deploy(ctx context.Context, e Event, m message) error {
	d, ahead, err := ParseDeploy(e, in.currentRules())
	if err != nil {
		return err
	}
	in.noteAhead(ahead)
	in.pass(ctx, d, m)
	return nil
}

func (in *intake) signal(ctx context.Context, e Event, m message) error {
	s, id, ahead, err := ParseSignal(e, in.currentRules())
	if err != nil {
		return err
	}
	in.noteAhead(ahead)
	in.mu.Lock()
	fresh := in.repeats.take(s.Service, id, e.At)
	in.mu.Unlock()
	if !fresh {
		return reject(reasonRepeated, printable(id))
	}
	in.pass(ctx, s, m)
	return nil
}

// noteAhead counts an event whose time was clamped to ours.
func (in *intake) noteAhead(ahead bool) {
	if ahead {
		in.opt.Observer.Failed(sourceName, reasonAhead)
	}
}

func (in *intake) health(ctx context.Context, e Event, m message) error {
	h, ahead, err := ParseHealth(e, in.currentRules())
	if err != nil {
		return err
	}
	in.noteAhead(ahead)
	h.Replayed = m.replayed
	return in.limit(ctx, h, m)
}

// limit passes a check on at the rate that one instance may have.
func (in *intake) limit(ctx context.Context, h incident.Health, m message) error {
	var due [2]incident.Health // at most one that was held back, and this one
	n := 0
	in.mu.Lock()
	known := in.limiter.take(h, func(h incident.Health) { due[n], n = h, n+1 })
	in.mu.Unlock()
	if !known {
		return reject(reasonTooManyInstances, printable(h.Check.Instance))
	}
	for _, h := range due[:n] {
		in.pass(ctx, h, m)
	}
	return nil
}

// pass puts an input into the queue.
func (in *intake) pass(ctx context.Context, input incident.Input, m message) {
	now := wall(in.opt.Clock)
	if m.stored {
		_ = in.queue.put(ctx, input, now, func(ctx context.Context) error {
			return source.Sleep(ctx, in.opt.Clock, retryRoom)
		})
		return
	}
	if !in.queue.offer(input, now) {
		in.opt.Observer.Failed(sourceName, "queue_full")
		if in.seldom.Allow("queue_full") {
			in.opt.Logger.Warn("events are dropped: they arrive faster than they can be judged", "waiting", queueLength)
		}
	}
}

// flush passes on checks that were held back for their rate.
func (in *intake) flush(ctx context.Context, now time.Time) {
	var due []incident.Health
	in.mu.Lock()
	in.limiter.flush(now, func(h incident.Health) { due = append(due, h) })
	in.mu.Unlock()
	for _, h := range due {
		in.pass(ctx, h, message{})
	}
}

// refuse counts, logs and keeps a copy of an event that is not as it should be.
func (in *intake) refuse(r route, m message, err error) {
	var why *RejectedError
	if !errors.As(err, &why) {
		why = &RejectedError{Reason: reasonMalformed, Detail: err.Error()}
	}
	in.opt.Observer.Rejected(why.Reason)
	if in.newsworthy(why) {
		in.opt.Logger.Warn("an event was refused", "kind", r.kind, "subject", printable(m.subject), "reason", why.Reason, "detail", why.Detail)
	}
	if m.replayed {
		return // it was dead-lettered when it first came
	}
	letter := nats.NewMsg(in.opt.Prefix + ".deadletter." + why.Reason)
	letter.Header.Set(headerReason, why.Reason)
	letter.Header.Set(headerSubject, m.subject)
	if ct := header(m.header, "Content-Type"); ct != "" {
		letter.Header.Set("Content-Type", ct)
	}
	letter.Data = m.data[:min(len(m.data), maxEvent)]
	select {
	case in.dead <- letter:
	default:
		in.opt.Observer.Failed(sourceName, "deadletter_dropped")
	}
}

// newsworthy limits the log: each reason once a minute, each unknown service
// once, as far as they can be remembered.
func (in *intake) newsworthy(why *RejectedError) bool {
	if why.Reason != reasonUnknownService {
		return in.seldom.Allow(why.Reason)
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.strangers[why.Detail] || len(in.strangers) >= rememberedNames {
		return false
	}
	in.strangers[why.Detail] = true
	return true
}

// header reads a header whatever the case of its name: nats.Header keeps the
// sender's, and senders differ.
func header(h nats.Header, name string) string {
	for key, values := range h {
		if len(values) > 0 && strings.EqualFold(key, name) {
			return values[0]
		}
	}
	return ""
}
