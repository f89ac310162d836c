package notify

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/benbjohnson/clock"
	"github.com/hashicorp/go-hclog"
)

// The outbox's times.
const (
	// DefaultTimeout is how long one attempt may take.
	DefaultTimeout = 5 * time.Second
	// Lifetime is how long a message is tried for, from when it was made.
	Lifetime    = 24 * time.Hour
	firstWait   = time.Second     // after a first failure; each further one doubles it
	longestWait = 5 * time.Minute // but no further than this
)

// Options makes an Outbox. Store, Receivers and Metrics are needed.
type Options struct {
	Store     Store
	Receivers map[string]Notifier
	Metrics   *Metrics
	// Limits bound the messages of an incident, by receiver, and Tally counts them.
	// A receiver without a limit gets all; so do all while Tally is nil.
	Limits map[string]Limit
	Tally  Tally
	// Clock is real time if nil.
	Clock clock.Clock
	// Logger logs nothing if nil.
	Logger hclog.Logger
	// Timeout bounds one attempt; zero means DefaultTimeout.
	Timeout time.Duration
	// Jitter spreads retries: it returns a number in [0, 1) and may be called
	// by several goroutines. Nil is random.
	Jitter func() float64
	// Mask hides secrets in what is kept of a failure: an answer, or a program's
	// output, may repeat one. Nil hides nothing.
	Mask func(string) string
}

// Outbox delivers what waits in the store. Make another for another set of
// receivers, once Run of this one has returned.
type Outbox struct {
	options Options
	workers []*worker
}

// New makes an outbox that does nothing until Run.
func New(o Options) *Outbox {
	if o.Clock == nil {
		o.Clock = clock.New()
	}
	if o.Logger == nil {
		o.Logger = hclog.NewNullLogger()
	}
	if o.Timeout <= 0 {
		o.Timeout = DefaultTimeout
	}
	if o.Jitter == nil {
		o.Jitter = rand.Float64
	}
	if o.Mask == nil {
		o.Mask = func(text string) string { return text }
	}
	box := &Outbox{options: o}
	for name, notifier := range o.Receivers {
		o.Metrics.announce(name)
		o := o
		if patient, ok := notifier.(Patient); ok {
			o.Timeout = patient.Patience()
		}
		box.workers = append(box.workers, &worker{
			Options: o, receiver: name, notifier: notifier,
			log: o.Logger.With("receiver", name), poke: make(chan struct{}, 1), urgent: make(chan Delivery, urgentRoom),
		})
	}
	return box
}

// Run delivers until ctx ends and all receivers' goroutines have. Messages that
// were not delivered stay in the store.
func (o *Outbox) Run(ctx context.Context) error {
	var all sync.WaitGroup
	for _, w := range o.workers {
		all.Go(func() { w.run(ctx) })
		all.Go(func() { w.runUrgent(ctx) })
	}
	all.Wait()
	<-ctx.Done() // without a receiver there was nobody to wait for
	return nil
}

// Poke says that there may be new messages. It never blocks.
func (o *Outbox) Poke() {
	for _, w := range o.workers {
		select {
		case w.poke <- struct{}{}:
		default: // it will look anyway
		}
	}
}

// worker delivers to one receiver.
type worker struct {
	Options
	receiver string
	notifier Notifier
	log      hclog.Logger
	poke     chan struct{}
	urgent   chan Delivery
	// quietUntil is when the receiver, having asked to be left alone, may be
	// spoken to again.
	quietUntil time.Time
}

func (w *worker) run(ctx context.Context) {
	for ctx.Err() == nil {
		wait := w.turn(ctx)
		if wait == 0 {
			continue
		}
		timer := w.Clock.Timer(wait)
		select {
		case <-ctx.Done():
		case <-w.poke:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// idle is how long a worker without messages sleeps. It is poked before that;
// looking anyway costs nothing and forgives a lost poke.
const idle = time.Minute

// turn tries one message and returns how long to wait before the next turn.
func (w *worker) turn(ctx context.Context) (wait time.Duration) {
	now := w.Clock.Now()
	if now.Before(w.quietUntil) {
		return w.quietUntil.Sub(now)
	}
	d, ok, err := w.Store.Next(ctx, w.receiver, now)
	switch {
	case ctx.Err() != nil:
		return 0
	case err != nil:
		w.log.Error("the outbox cannot be read", "err", err)
		return longestWait
	case !ok:
		return idle
	case d.Due.After(now):
		return min(d.Due.Sub(now), idle)
	}
	return w.tryInOrder(ctx, d)
}

// try makes one attempt and records what became of it: taken where the message
// waits no longer because the receiver has it, or need not have it. Its error is the store's.
func (w *worker) try(ctx context.Context, d Delivery) (taken bool, err error) {
	told, hold := w.ration(ctx, d)
	deliver := w.notifier.Deliver
	if hold {
		deliver = w.edit
	}
	attempt, cancel := w.Clock.WithTimeout(ctx, w.Timeout)
	failure := deliver(attempt, told)
	cancel()
	now := w.Clock.Now()
	// What was delivered must be recorded even while the daemon stops, or it
	// would be told again after every restart.
	durable := context.WithoutCancel(ctx)
	if failure == nil && hold {
		w.Metrics.count(w.receiver, withheld)
		w.log.Info("message withheld: the receiver has had enough of this incident (rate_limit)", "message", d.ID)
		return true, w.Tally.Withhold(durable, d, now)
	}
	if failure == nil {
		w.Metrics.count(w.receiver, delivered)
		w.log.Debug("message delivered", "message", d.ID, "attempts", d.Attempts+1)
		return true, w.Store.Delivered(durable, d, now)
	}
	return false, w.failed(ctx, d, failure, now)
}

// failed decides when a message is tried again, if it is.
func (w *worker) failed(ctx context.Context, d Delivery, err error, now time.Time) error {
	select {
	case <-ctx.Done():
		return nil // cut short by us: that says nothing about the receiver
	default:
	}
	d.Attempts++
	d.LastError = w.Mask(err.Error())
	if errors.Is(err, context.DeadlineExceeded) {
		d.LastError = "no answer within " + w.Timeout.String()
	}
	end := d.At.Add(Lifetime)
	if !now.Before(end) {
		w.Metrics.count(w.receiver, gaveUp)
		w.log.Error("message given up: the receiver did not take it for "+Lifetime.String(),
			"message", d.ID, "attempts", d.Attempts, "err", d.LastError)
		return w.Store.GiveUp(ctx, d, now)
	}
	wait := w.backoff(d.Attempts)
	failure, _ := errors.AsType[*DeliveryError](err)
	if failure != nil && failure.RetryAfter > 0 {
		wait = max(wait, failure.RetryAfter)
		w.quietUntil = earlier(now.Add(failure.RetryAfter), end)
	}
	d.Due = earlier(now.Add(wait), end)
	w.Metrics.count(w.receiver, retried)
	say := w.log.Warn
	d.Refused = failure != nil && failure.Refused
	if d.Refused {
		say = w.log.Error
	}
	say("message not delivered; it will be tried again", "message", d.ID, "attempts", d.Attempts, "due", d.Due.UTC(), "err", d.LastError)
	return w.Store.Postpone(ctx, d)
}

// backoff is the wait after so many failures: doubled each time, and shortened
// by up to half at random so that messages do not come back all at once.
func (w *worker) backoff(attempts int) time.Duration {
	wait := longestWait
	if shift := attempts - 1; shift < 9 { // beyond, it is the longest anyway
		wait = min(firstWait<<shift, longestWait)
	}
	return wait - time.Duration(w.Jitter()*float64(wait)/2)
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}
