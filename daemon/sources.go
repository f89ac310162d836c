package daemon

import (
	"context"
	"errors"
	"reflect"
	"sync/atomic"
	"time"

	"github.com/rollbackd/rollbackd/config"
	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/source"
	"github.com/rollbackd/rollbackd/source/bus"
	"github.com/rollbackd/rollbackd/source/prom"
	"github.com/rollbackd/rollbackd/source/version"
	"github.com/rollbackd/rollbackd/trigger"
	"github.com/rollbackd/rollbackd/wiring"
)

// rebuildWithin bounds how long a start waits for the past. Windows that begin
// empty are better than a daemon that does not watch.
const rebuildWithin = 30 * time.Second

// polling is what the sources that are asked were made from. Two that are equal
// make the same sources.
type polling struct {
	prom     prom.Options
	versions version.Options
}

func (p polling) same(q polling) bool {
	//nolint:govet // deepequalerrors: the options have room for what returns errors, and none of it is set here
	return reflect.DeepEqual(p, q)
}

// generation is the sources of one configuration.
type generation struct {
	polling  polling
	prom     *prom.Source // nil without a Prometheus
	versions *version.Watcher
	nats     config.NATS
	bus      *bus.Source // nil without a NATS
	services []string
	window   time.Duration
	signals  map[string][]string
}

// sources are the sources in force. It also reads metrics live, from whichever
// Prometheus is configured at the moment.
type sources struct {
	h       *house
	current atomic.Pointer[generation]
	// asked and told are stopped and started apart: a new query is no reason to
	// miss an event.
	asked, told *parts
}

func newSources(h *house) *sources {
	s := &sources{h: h, asked: newParts(h.log), told: newParts(h.log)}
	s.asked.failed, s.told.failed = h.parts.failed, h.parts.failed
	return s
}

// make makes the sources of a configuration, and takes over those that would be
// the same. Nothing is connected or started: a source that does not answer is
// no reason not to start. Deployments before since are known.
func (s *sources) make(c *config.Config, since time.Time) (*generation, error) {
	g := &generation{polling: pollingOf(c), nats: c.NATS}
	g.services, g.window = watched(c)
	g.signals = waitedFor(c)
	var problems []error
	old := s.current.Load()
	if old != nil && old.polling.same(g.polling) {
		g.prom, g.versions = old.prom, old.versions
	} else {
		problems = append(problems, s.makePolling(g, c))
	}
	if old != nil && reflect.DeepEqual(old.nats, g.nats) {
		g.bus = old.bus
	} else if c.NATS.Configured() {
		problems = append(problems, s.makeBus(g, c, since))
	}
	if err := errors.Join(problems...); err != nil {
		return nil, err
	}
	return g, nil
}

func (s *sources) makePolling(g *generation, c *config.Config) (err error) {
	if c.Prometheus.Configured() {
		o := g.polling.prom
		o.Sink, o.Clock, o.Logger, o.Observer = s.h.responder, s.h.o.Clock, s.h.log.Named("prometheus"), s.h.observer
		if g.prom, err = prom.New(o); err != nil {
			return err
		}
	}
	o := g.polling.versions
	o.Sink, o.Clock, o.Logger, o.Observer = s.h.responder, s.h.o.Clock, s.h.log.Named("version"), s.h.observer
	if g.prom != nil {
		o.Asker = g.prom
	}
	g.versions, err = version.New(o)
	return err
}

func (s *sources) makeBus(g *generation, c *config.Config, since time.Time) error {
	o := busOptions(c)
	o.Services, o.Window, o.DeploysSince = g.services, g.window, since
	o.Signals = g.signals
	o.Sink, o.Clock, o.Logger, o.Observer = s.h.responder, s.h.o.Clock, s.h.log.Named("nats"), s.h.observer
	var err error
	g.bus, err = bus.New(o)
	return err
}

func pollingOf(c *config.Config) polling {
	return polling{prom: wiring.Prometheus(c), versions: wiring.Versions(c)}
}

// use puts a generation into force: what it does not take over is stopped, then
// between is called, then what is new starts.
func (s *sources) use(ctx context.Context, g *generation, between func()) error {
	old := s.current.Load()
	newPolling := old == nil || old.versions != g.versions
	newBus := old == nil || old.bus != g.bus
	var errs []error
	if newPolling {
		errs = append(errs, s.asked.stop())
		if g.prom == nil {
			s.h.observer.Forget("prometheus")
		}
	}
	if newBus {
		errs = append(errs, s.told.stop())
		if g.bus == nil {
			s.h.observer.Forget("nats")
		}
	} else if g.bus != nil {
		g.bus.SetServices(g.services, g.window)
		g.bus.SetSignals(g.signals)
	}
	between()
	s.current.Store(g)
	if newPolling {
		s.startPolling(ctx, g)
	}
	if newBus && g.bus != nil {
		s.told.start(ctx, "nats", func(ctx context.Context) error { return s.listen(ctx, g.bus) })
	}
	return errors.Join(errs...)
}

func (s *sources) startPolling(ctx context.Context, g *generation) {
	if g.prom != nil {
		s.asked.start(ctx, "prometheus", g.prom.Run)
	} else {
		s.asked.start(ctx, "ticks", s.ticks)
	}
	s.asked.start(ctx, "versions", g.versions.Run)
}

// listen runs the subscriber. Its end is loud, but the daemon goes on with what
// it still sees.
func (s *sources) listen(ctx context.Context, b *bus.Source) error {
	if err := b.Run(ctx); err != nil {
		s.h.log.Error("NATS is not listened to any more until rollbackd is restarted", "err", err)
		<-ctx.Done()
	}
	return nil
}

func (s *sources) stop() error { return errors.Join(s.told.stop(), s.asked.stop()) }

// ticks gives the brain the grid where no Prometheus does: closing and verifying
// go by ticks, on health alone, too.
func (s *sources) ticks(ctx context.Context) error {
	grid := source.NewGrid(s.h.o.Clock, s.current.Load().polling.prom.Poll)
	for {
		tick, _, err := grid.Next(ctx)
		if err != nil {
			return nil //nolint:nilerr // the context's end is how a run ends well
		}
		s.h.responder.Submit(incident.Samples{At: tick, Kind: incident.Grid})
	}
}

// Read reads metrics live.
func (s *sources) Read(ctx context.Context, at time.Time, metrics []string, service string) map[string]trigger.Answer {
	g := s.current.Load()
	if g == nil || g.prom == nil {
		answers := map[string]trigger.Answer{}
		for _, m := range metrics {
			answers[m] = trigger.Answer{Err: "no_prometheus"}
		}
		return answers
	}
	return g.prom.Read(ctx, at, metrics, service)
}

// Holds asks whether a PromQL condition holds: for query steps.
func (s *sources) Holds(ctx context.Context, promql string) (holds bool, detail string, err error) {
	g := s.current.Load()
	if g == nil || g.prom == nil {
		return false, "", errors.New("no Prometheus is configured")
	}
	return g.prom.Holds(ctx, promql)
}

// Past reads what was at the ticks of a stretch of time.
func (s *sources) Past(ctx context.Context, from, to time.Time, metrics, services []string) []incident.Samples {
	g := s.current.Load()
	if g == nil || g.prom == nil {
		return nil
	}
	return g.prom.Past(ctx, from, to, metrics, services)
}

// rebuild gives the brain the past of its windows. Where that fails it goes on:
// the windows begin empty, and the brain asks for what is missing later on.
func (h *house) rebuild(ctx context.Context, c *config.Config, g *generation) {
	var longest time.Duration
	for name := range c.Services {
		longest = max(longest, c.LongestHold(name))
	}
	if g.prom == nil || longest == 0 {
		return
	}
	bounded, cancel := h.o.Clock.WithTimeout(ctx, rebuildWithin)
	defer cancel()
	now := h.o.Clock.Now()
	samples, err := g.prom.Rebuild(bounded, now.Add(-longest-c.Prometheus.MaxGap), now)
	if err != nil {
		h.log.Warn("the windows could not be rebuilt in full: what is not known begins empty, and is asked for again", "err", err)
	}
	for _, s := range samples {
		h.responder.Submit(s)
	}
	h.log.Debug("windows rebuilt", "ticks", len(samples), "from", longest)
}
