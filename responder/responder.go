// Package responder carries out what the brain asks for: it records, runs
// steps, reads again, tells people and wakes.
//
// One goroutine owns the brain and gives all its inputs one order. What takes
// time runs beside it and comes back as an input: a step, a live reading.
// Only the journal is waited for, because nothing may happen before it is
// written down. Messages leave through the journal's outbox; nothing here ever
// waits for a receiver.
package responder

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/benbjohnson/clock"
	"github.com/hashicorp/go-hclog"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/rollbackd/rollbackd/action"
	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/journal"
	"github.com/rollbackd/rollbackd/trigger"
)

// ErrStopping is the answer to a question that came while the daemon stops.
var ErrStopping = errors.New("rollbackd is stopping")

// Recorder makes entries durable; a *journal.Journal is one. Append returns
// only once the entry and its messages are on disk.
type Recorder interface {
	Append(ctx context.Context, entry []byte, m journal.Meta, out []journal.Outgoing) (seq uint64, err error)
}

// StepRunner carries out steps; an *action.Runner is one.
type StepRunner interface {
	// Run blocks until the attempt has ended. Where ctx ends first it leaves a
	// running program alone, for a later daemon to find.
	Run(ctx context.Context, r action.Request) action.Result
	// Prepare checks all steps of a plan and changes nothing.
	Prepare(ctx context.Context, steps []action.Request) error
	// Cut ends waits and checks of a run early. It does not block.
	Cut(run string) bool
}

// Reader reads metrics live, as they are at a time, and returns by the end of
// ctx. A metric that it leaves out counts as unknown.
type Reader interface {
	Read(ctx context.Context, at time.Time, metrics []string, service string) map[string]trigger.Answer
}

// PastReader reads back what metrics were at the ticks from one time to another, for
// some services, and returns by the end of ctx.
type PastReader interface {
	Past(ctx context.Context, from, to time.Time, metrics, services []string) []incident.Samples
}

// Drive gives the brain one input and has all that follows carried out.
type Drive func(now time.Time, in incident.Input, c incident.Carrier)

// Options makes a Responder. Journal, Runner, Reader and Receivers are needed,
// and Brain or Drive.
type Options struct {
	// Brain is owned by Run: nobody else may touch it from then on.
	Brain *incident.Brain
	// Drive replaces incident.Drive on Brain; for tests of the loop alone.
	Drive   Drive
	Journal Recorder
	Runner  StepRunner
	Reader  Reader
	// Past reads what the start could not read; nil never can.
	Past PastReader
	// Receivers names those to whom a message goes; none is possible.
	Receivers func(incident.Message) []string
	// Poke wakes the outbox. It must not block. Nil wakes nobody.
	Poke func()
	// Tell tells people at once what the journal cannot take. It must not block,
	// and it need not succeed. Nil tells nobody; it is logged in any case.
	Tell func(incident.Message)
	// Clock is real time if nil, and Logger logs nothing if nil.
	Clock  clock.Clock
	Logger hclog.Logger
	// Steady is the time since some moment in the past, by a clock that nobody can
	// set and that goes on while the machine sleeps: see BootTime. By it a wall
	// clock that was set is told from time that passed. Nil is that of Clock, for
	// which a sleep looks like a clock that was set forward.
	Steady func() time.Duration
	// GateToken is what lets the steps of a run through the gate that is closed
	// while it runs; nil gives them none. It must be quick.
	GateToken func(run string) string
	// MakeRoom sees to it that a rollback in flight has room on the disk for the
	// files of its next step. It must be quick. Nil does nothing.
	MakeRoom func()
	// Registerer takes the metrics; nil registers none.
	Registerer prometheus.Registerer
	// StepGrace is how long Run waits, when it is to stop, for a step that is
	// running. Zero means DefaultStepGrace. systemd must wait longer than that.
	StepGrace time.Duration
	// QueueSize is how many inputs may wait; zero means DefaultQueueSize.
	QueueSize int
}

// Defaults of Options.
const (
	DefaultStepGrace = 6 * time.Minute
	DefaultQueueSize = 1 << 16
)

// Responder is the loop around the brain. Its methods may be called by any
// goroutine, before and while Run runs.
type Responder struct {
	options Options
	log     hclog.Logger
	clock   clock.Clock
	metrics *metrics
	queue   *queue
	// asks are functions to be run between two inputs.
	asks     chan func(now time.Time)
	stopping chan struct{} // closed once only what counts while stopping is taken in
	stopped  chan struct{} // closed once nothing is
	// interrupted is closed once stopping waits for nothing any more.
	interrupted chan struct{}
	interrupt   sync.Once
	lastLoop    atomic.Pointer[time.Time] // with its monotonic part: a clock that is set must not look like a loop that hangs

	mu          sync.Mutex
	waiters     map[string]chan incident.Reply // by command id
	commands    uint64
	subscribers map[chan Recorded]struct{}
}

// New makes a responder that does nothing until Run.
func New(o Options) *Responder {
	if o.Clock == nil {
		o.Clock = clock.New()
	}
	if o.Logger == nil {
		o.Logger = hclog.NewNullLogger()
	}
	if o.StepGrace <= 0 {
		o.StepGrace = DefaultStepGrace
	}
	if o.QueueSize <= 0 {
		o.QueueSize = DefaultQueueSize
	}
	if o.Poke == nil {
		o.Poke = func() {}
	}
	if o.Tell == nil {
		o.Tell = func(incident.Message) {}
	}
	if o.Drive == nil {
		o.Drive = func(now time.Time, in incident.Input, c incident.Carrier) { incident.Drive(o.Brain, now, in, c) }
	}
	r := &Responder{
		options: o, log: o.Logger, clock: o.Clock, metrics: newMetrics(o.Registerer), queue: newQueue(o.QueueSize),
		asks: make(chan func(time.Time)), stopping: make(chan struct{}), stopped: make(chan struct{}), interrupted: make(chan struct{}),
		waiters: map[string]chan incident.Reply{}, subscribers: map[chan Recorded]struct{}{},
	}
	r.lastLoop.Store(new(o.Clock.Now()))
	return r
}

// Submit queues an input. A health check that finds the queue full is dropped:
// it is counted, and the brain is told of a gap in its place. Everything else
// waits for room. While stopping only ends of steps are taken; for what people
// say then see Do.
func (r *Responder) Submit(in incident.Input) {
	dropped, _ := r.queue.push(context.Background(), queued{in: in, at: r.clock.Now()})
	if dropped {
		r.metrics.dropped.Inc()
	}
}

// LastLoop is when the loop last went round: at least once a second while it
// is well. It is what feeds systemd's watchdog.
func (r *Responder) LastLoop() time.Time { return *r.lastLoop.Load() }

// Run owns the brain until ctx ends. Then it takes no more inputs, except for a
// person's word to stop something, and starts no more steps, waits for a running
// one up to StepGrace, records its end, and returns nil. A step that takes longer
// is left running; its intent is in the journal, and the next daemon takes it up
// again. Run can be called once.
func (r *Responder) Run(ctx context.Context) error {
	steps, letGo := context.WithCancel(context.WithoutCancel(ctx))
	defer letGo()
	l := &loop{
		Responder: r,
		time:      newTimekeeper(r.clock, r.options.Steady),
		running:   map[incident.StepRef]bool{},
		flight:    InFlight{},
		latency:   newLatency(r.metrics.toAction),
		// A step is not cut short when the daemon is asked to stop; a reading is.
		beside:     func(fn func(context.Context)) { go fn(steps) },
		whileGoing: func(fn func(context.Context)) { go fn(ctx) },
	}
	if r.options.Brain != nil {
		incidents := r.options.Brain.Incidents()
		r.metrics.begin(incidents)
		l.flight = NewInFlight(incidents)
	}
	l.run(ctx)
	return nil
}
