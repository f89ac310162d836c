package bus

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/benbjohnson/clock"
	"github.com/hashicorp/go-hclog"
	"github.com/nats-io/nats.go"

	"github.com/rollbackd/rollbackd/source"
)

// ErrClosed is the end of a connection that was to last for ever.
var ErrClosed = errors.New("nats: the connection was closed and will not come back")

// Source listens on one NATS account.
type Source struct {
	opt    Options
	clock  clock.Clock
	log    hclog.Logger
	seldom *source.Seldom
	routes []route
	dial   func(Options, events) (connection, error)

	conn   connection
	link   *link
	queue  *queue
	intake *intake
	// lossy counts the subscriptions that lose health checks while we are not
	// connected; what a stream holds is not lost.
	lossy atomic.Int32
}

// How often the housekeeping runs.
const houseInterval = time.Second

// New makes a source. It connects to nothing yet. Its error lists every mistake
// of the options.
func New(opt Options) (*Source, error) {
	opt, err := opt.withDefaults()
	routes, wrong := opt.routes()
	if err := errors.Join(err, wrong); err != nil {
		return nil, err
	}
	q := newQueue(queueLength)
	return &Source{
		opt: opt, clock: opt.Clock, log: opt.Logger, seldom: source.NewSeldom(opt.Clock, time.Minute),
		routes: routes, dial: dial, queue: q, intake: newIntake(opt, q), link: newLink(wall(opt.Clock)),
	}, nil
}

// SetServices replaces the services whose events are taken in, and the longest
// window, without a gap. It is safe to call at any time.
func (s *Source) SetServices(services []string, window time.Duration) {
	if window <= 0 {
		window = defaultWindow
	}
	s.intake.setServices(services, window)
}

// SetSignals replaces the names of the signals that each service's triggers wait for.
// It is safe to call at any time.
func (s *Source) SetSignals(byService map[string][]string) { s.intake.setSignals(byService) }

// Connected tells whether there is a connection right now.
func (s *Source) Connected() bool {
	up, _, _ := s.link.state()
	return up
}

// Run connects and listens until the context ends; it then returns nil. It goes
// on trying for ever where no server answers, and returns an error only when
// that is impossible: an nkey that cannot be read, or a connection that was
// closed for good (ErrClosed). It is to be called once.
func (s *Source) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	s.opt.Observer.SetDown(sourceName)
	conn, err := s.dial(s.opt, s.events(ctx, cancel))
	if err != nil {
		return fmt.Errorf("connect to %s: %w", s.opt.URL, err)
	}
	s.conn = conn
	var wg sync.WaitGroup
	wg.Go(func() { s.queue.drain(ctx, s.opt.Sink) })
	wg.Go(func() { s.bury(ctx) })
	wg.Go(func() { s.keepHouse(ctx) })
	var listeners sync.WaitGroup
	for _, r := range s.routes {
		listeners.Go(func() { (&listener{s: s, route: r}).run(ctx) })
	}
	<-ctx.Done()
	listeners.Wait()
	wg.Wait()
	conn.close()
	if errors.Is(context.Cause(ctx), ErrClosed) {
		return ErrClosed
	}
	return nil
}

// events are what is done about what the connection tells.
func (s *Source) events(ctx context.Context, cancel context.CancelCauseFunc) events {
	return events{
		connected: func() {
			now := wall(s.clock)
			s.log.Info("connected", "after", s.link.raise(now))
			s.opt.Observer.SetUp(sourceName)
			s.queue.mend(now)
		},
		disconnected: func(err error) {
			if ctx.Err() != nil {
				return
			}
			if s.lossy.Load() > 0 {
				s.queue.lost()
			}
			s.link.drop(wall(s.clock))
			s.opt.Observer.SetDown(sourceName)
			s.fail("disconnected", "the connection was lost", s.opt.Prefix, err)
		},
		failed: func(err error) {
			reason := errorReason(err)
			if errors.Is(err, nats.ErrSlowConsumer) {
				s.queue.lost()
			}
			s.fail(reason, "the bus reports an error", s.opt.Prefix, err)
		},
		closed: func() { cancel(ErrClosed) },
	}
}

// fail counts an error and logs it, each kind once a minute.
func (s *Source) fail(reason, what, subject string, err error) {
	s.opt.Observer.Failed(sourceName, reason)
	if s.seldom.Allow(reason + subject) {
		s.log.Warn(what, "reason", reason, "subject", subject, "err", err)
	}
}

// bury publishes dead letters, apart from where events are taken in: a slow
// server must not hold those up.
func (s *Source) bury(ctx context.Context) {
	for {
		select {
		case letter := <-s.intake.dead:
			if err := s.conn.publish(letter); err != nil {
				s.fail("deadletter", "a dead letter was not published", letter.Subject, err)
			}
		case <-ctx.Done():
			return
		}
	}
}

// keepHouse passes on what was held back for its rate, and counts the time in
// which nothing is heard.
func (s *Source) keepHouse(ctx context.Context) {
	last := s.clock.Now()
	for source.Sleep(ctx, s.clock, houseInterval) == nil {
		now := s.clock.Now()
		s.intake.flush(ctx, now)
		if !s.Connected() {
			s.opt.Observer.Blind(sourceName, now.Sub(last))
		}
		last = now
	}
}
