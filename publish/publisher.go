package publish

import (
	"context"
	"errors"
	"time"

	"github.com/benbjohnson/clock"
	"github.com/hashicorp/go-hclog"
	"github.com/nats-io/nats.go"

	"github.com/rollbackd/rollbackd/journal"
	"github.com/rollbackd/rollbackd/source"
	"github.com/rollbackd/rollbackd/source/bus"
)

// Bus takes messages; a *bus.Out is one. Publish returns once a server has the
// message; bus.ErrRefused says that none ever will.
type Bus interface {
	Publish(ctx context.Context, msg *nats.Msg) (duplicate bool, err error)
}

// Journal is read; a *journal.Journal is one.
type Journal interface {
	After(ctx context.Context, seq uint64, limit int) ([]journal.Numbered, error)
	Entries(ctx context.Context, incident string) ([][]byte, error)
}

// Links lead to an incident; each may be empty.
type Links struct{ Page, Report string }

// Options make a Publisher. Bus, Journal, Head and Path must be set.
type Options struct {
	Bus     Bus
	Journal Journal
	// Head is the newest entry of the journal.
	Head func() (seq uint64, hash string)
	// Path is the file that keeps how far the journal was published.
	Path string
	// Prefix begins every subject; empty means "rollbackd.v1".
	Prefix string
	// Host names this daemon among others; empty means "localhost".
	Host string
	// Environment is where a service runs, as CDEvents call it; nil, or an empty
	// answer, means "unknown".
	Environment func(service string) string
	// Links lead to an incident; nil gives none.
	Links func(incident string) Links
	// MaxAge and MaxWaiting bound what is published after an outage; what is older,
	// or more, is dropped and counted. Zero means 24 hours, and 10,000 entries.
	MaxAge     time.Duration
	MaxWaiting uint64
	// Metrics may be nil; so may Clock and Logger: the real clock, no log.
	Metrics *Metrics
	Clock   clock.Clock
	Logger  hclog.Logger
}

// Bounds and paces.
const (
	defaultMaxAge     = 24 * time.Hour
	defaultMaxWaiting = 10_000
	batch             = 100
	headEvery         = time.Hour
	retryAtMost       = 10 * time.Second
	lastWords         = 2 * time.Second
)

// Publisher publishes a journal. Poke may be called by any goroutine at any time.
type Publisher struct {
	o      Options
	log    hclog.Logger
	clock  clock.Clock
	seldom *source.Seldom
	poked  chan struct{}

	// What follows belongs to Run.

	at      place // up to where all is published
	folds   *folds
	headDue bool
}

// New makes a publisher that does nothing until Run. Where the file of Path is
// not there yet, or tells of another journal, it begins with what is written to
// the journal from now on; so New must come before whoever writes. Trouble with
// that file or the journal is logged: nothing that decides may fail for it.
func New(ctx context.Context, o Options) *Publisher {
	o.defaults()
	p := &Publisher{
		o: o, log: o.Logger, clock: o.Clock, seldom: source.NewSeldom(o.Clock, time.Minute),
		poked: make(chan struct{}, 1), folds: newFolds(o.Journal),
	}
	at, found, err := readPlace(o.Path)
	if err != nil {
		p.log.Warn("how far events were published is not known: they go on with new ones", "err", err)
	}
	if found && err == nil && p.knows(ctx, at) {
		p.at = at
		return p
	}
	at.Seq, at.Hash = o.Head()
	p.moveTo(at)
	return p
}

// knows tells whether a place is one of this journal. It is not where an older
// copy of the journal was put back, or a new one begun.
func (p *Publisher) knows(ctx context.Context, at place) bool {
	if at.Seq == 0 {
		return true
	}
	found, err := p.o.Journal.After(ctx, at.Seq-1, 1)
	if err != nil {
		p.log.Warn("the journal could not be looked at: events go on from where they were", "err", err)
		return true
	}
	known := len(found) == 1 && found[0].Seq == at.Seq && found[0].Hash == at.Hash
	if !known {
		p.log.Warn("the journal is another one than that whose events were published: they go on with new ones", "entry", at.Seq)
	}
	return known
}

func (o *Options) defaults() {
	if o.Prefix == "" {
		o.Prefix = "rollbackd.v1"
	}
	if o.Host == "" {
		o.Host = "localhost"
	}
	environment := o.Environment
	o.Environment = func(service string) string {
		if environment != nil {
			if name := environment(service); name != "" {
				return name
			}
		}
		return "unknown"
	}
	if o.Links == nil {
		o.Links = func(string) Links { return Links{} }
	}
	if o.MaxAge <= 0 {
		o.MaxAge = defaultMaxAge
	}
	if o.MaxWaiting == 0 {
		o.MaxWaiting = defaultMaxWaiting
	}
	if o.Metrics == nil {
		o.Metrics = NewMetrics(nil)
	}
	if o.Clock == nil {
		o.Clock = clock.New()
	}
	if o.Logger == nil {
		o.Logger = hclog.NewNullLogger()
	}
}

// Poke says that there are new entries. It never blocks.
func (p *Publisher) Poke() {
	select {
	case p.poked <- struct{}{}:
	default: // it will look anyway
	}
}

// Run publishes until the context ends, then what is left and the journal's head
// for at most two seconds, and returns nil. It is to be called once.
func (p *Publisher) Run(ctx context.Context) error {
	p.headDue = true
	hourly := p.clock.Ticker(headEvery)
	defer hourly.Stop()
	for failures := 0; ctx.Err() == nil; {
		if err := p.publishAll(ctx); err == nil {
			failures = 0
		} else {
			failures++
			p.complain(ctx, err)
		}
		p.await(ctx, failures, hourly.C)
	}
	p.sayGoodbye()
	return nil
}

// await waits for a reason to publish again: new entries or the hour where all is
// well, and after a failure some time, so that a server in trouble is not asked
// at each entry.
func (p *Publisher) await(ctx context.Context, failures int, hourly <-chan time.Time) {
	poked, hour := p.poked, hourly
	var again <-chan time.Time
	if failures > 0 {
		timer := p.clock.Timer(min(retryAtMost, time.Second<<min(failures-1, 10)))
		defer timer.Stop()
		poked, hour, again = nil, nil, timer.C
	}
	select {
	case <-poked:
	case <-hour:
		p.headDue = true
	case <-again:
	case <-ctx.Done():
	}
}

// sayGoodbye publishes what came while the daemon stopped.
func (p *Publisher) sayGoodbye() {
	ctx, cancel := p.clock.WithTimeout(context.Background(), lastWords)
	defer cancel()
	p.headDue = true
	if err := p.publishAll(ctx); err != nil && !errors.Is(err, bus.ErrDown) {
		p.log.Warn("not all events were published: the rest follows after the next start", "err", err)
	}
}

// complain logs a failure, seldom. That there is no connection has been said by
// whoever keeps it.
func (p *Publisher) complain(ctx context.Context, err error) {
	if ctx.Err() == nil && !errors.Is(err, bus.ErrDown) && p.seldom.Allow("publish") {
		p.log.Warn("events cannot be published: they wait in the journal", "entry", p.at.Seq+1, "err", err)
	}
}

// moveTo remembers that everything up to a place was published.
func (p *Publisher) moveTo(at place) {
	p.at = at
	p.measure()
	if err := at.write(p.o.Path); err != nil && p.seldom.Allow("place") {
		p.log.Warn("how far events were published could not be kept: after a restart some go out again", "file", p.o.Path, "err", err)
	}
}

// measure shows how much is waiting.
func (p *Publisher) measure() {
	head, _ := p.o.Head()
	p.o.Metrics.waiting.Set(float64(head - min(head, p.at.Seq)))
}

// decoded is an entry read from the journal.
func decoded(n journal.Numbered) (fact, error) {
	e, err := decode(n.Entry)
	return fact{Entry: e, seq: n.Seq, hash: n.Hash}, err
}

// about tells whether an entry goes out: it must belong to a service.
func (f fact) about() bool { return f.Service != "" && f.Kind != "" }
