package scenario

import (
	"context"
	"reflect"
	"slices"
	"time"

	"github.com/rollbackd/rollbackd/engine"
	"github.com/rollbackd/rollbackd/source/prom"
	"github.com/rollbackd/rollbackd/source/version"
	"github.com/rollbackd/rollbackd/wiring"
)

// hasRaw tells whether a case has raw series, from its beginning or later.
func (c *Case) hasRaw() bool {
	if len(c.raw) > 0 {
		return true
	}
	for _, does := range c.steps {
		if len(does.thenRaw) > 0 {
			return true
		}
	}
	return false
}

// scrapes is the Prometheus of a world with raw series: what it has stored, and
// the daemon's own sources, which ask it.
//
// Prometheus has a clock of its own, which nobody sets: a sample has the time
// since the start at which it was scraped. What is asked is asked for a time of
// the daemon's clock.
type scrapes struct {
	engine *engine.Engine
	store  *engine.Store
	series []*scraped

	setting  setting
	asks     prom.Options
	looks    version.Options
	source   *prom.Source
	versions *version.Watcher
	// shown are the services whose version source shows what their version_query
	// says of the raw series.
	shown map[string]bool
	seen  *sights
	ahead lookahead
}

// scraped is one raw series, and what of it is stored.
type scraped struct {
	rawSeries
	from   time.Duration // of the first sample
	next   int           // the first sample that is not stored
	stored *engine.Series
}

// newScrapes makes the Prometheus of a case; nil without raw series.
func newScrapes(c *Case) *scrapes {
	if !c.hasRaw() {
		return nil
	}
	p := &scrapes{engine: engine.New(engine.Options{}), store: engine.NewStore(), seen: &sights{}}
	for _, s := range c.raw {
		p.series = append(p.series, &scraped{rawSeries: s, stored: p.store.Series(s.labels)})
	}
	return p
}

// configure makes the sources of a configuration, unless they would be the same.
// A daemon that starts makes them anew.
func (w *world) configure(s setting, starts bool) {
	p := w.scrapes
	if p == nil {
		return
	}
	asks, looks := wiring.Prometheus(s.config), wiring.Versions(s.config)
	//nolint:govet // deepequalerrors: the options have room for what returns errors, and none of it is set here
	if same := reflect.DeepEqual(asks, p.asks) && reflect.DeepEqual(looks, p.looks); same && !starts {
		return
	}
	p.setting, p.asks, p.looks = s, asks, looks
	still := newStillClock(w.clock)
	asks.URLs, asks.HTTP, asks.Transport = []string{"http://prometheus"}, nil, engine.Transport(p.engine, p.store)
	asks.Sink, asks.Clock = p.seen, still
	var err error
	if p.source, err = prom.New(asks); err != nil {
		w.fault("Prometheus cannot be asked: %v", err)
		return
	}
	looks.Symlinks = nil
	looks.Queries, p.shown = p.shows(w.c, looks.Queries)
	looks.Asker, looks.Sink, looks.Clock = p.source, p.seen, still
	if p.versions, err = version.New(looks); err != nil {
		w.fault("Prometheus cannot be asked for versions: %v", err)
	}
	w.forget()
	p.ahead = newLookahead(s)
}

// shows are those of the version queries that read any raw series of the case.
func (p *scrapes) shows(c *Case, all []version.Query) ([]version.Query, map[string]bool) {
	raw := slices.Clone(c.raw)
	for _, does := range c.steps {
		raw = append(raw, does.thenRaw...)
	}
	shown := map[string]bool{}
	kept := slices.DeleteFunc(slices.Clone(all), func(v version.Query) bool {
		q, err := engine.ParseQuery(v.Query)
		return err != nil || !slices.ContainsFunc(raw, func(s rawSeries) bool { return q.Selects(s.labels) })
	})
	for _, q := range kept {
		shown[q.Service] = true
	}
	return kept, shown
}

// scrape stores all samples up to a time.
func (w *world) scrape(until time.Duration) {
	for _, s := range w.scrapes.series {
		end := s.length()
		for ; ; s.next++ {
			since := time.Duration(s.next) * s.interval
			if since >= end || s.from+since > until {
				break
			}
			at := w.start.Add(s.from + since)
			var err error
			switch one := s.at(since); one.kind {
			case present:
				err = s.stored.Append(at, one.value)
			case stale:
				err = s.stored.Stale(at)
			case absent:
			}
			if err != nil {
				w.fault("%v", err) // they are stored in the order of time
				return
			}
		}
	}
}

// forget drops what was stored, and asked, ahead of time.
func (w *world) forget() {
	if w.scrapes == nil {
		return
	}
	w.scrape(w.now)
	for _, s := range w.scrapes.series {
		s.stored.Cut(w.start.Add(w.now + time.Millisecond))
		s.next = 0
		if gone := w.now - s.from; gone >= 0 {
			s.next = int(gone/s.interval) + 1
		}
	}
	w.scrapes.ahead.clear()
}

// replace puts raw series in the place of those of the same name, from now on.
func (w *world) replace(all []rawSeries) {
	if len(all) == 0 {
		return
	}
	w.forget()
	for _, s := range all {
		stored := w.scrapes.store.Series(s.labels)
		stored.Cut(w.start.Add(w.now))
		old := slices.IndexFunc(w.scrapes.series, func(o *scraped) bool { return o.stored == stored })
		now := &scraped{rawSeries: s, from: w.now, stored: stored}
		if old < 0 {
			w.scrapes.series = append(w.scrapes.series, now)
		} else {
			w.scrapes.series[old] = now
		}
	}
}

// lookForVersions lets the version sources ask their queries, and tells the brain
// what is news in the order of the services.
func (w *world) lookForVersions(tick time.Time) {
	p := w.scrapes
	if p == nil || len(p.shown) == 0 || w.asleep() || w.brain == nil {
		return
	}
	if broken, is := w.holds(faultPrometheus, w.now); is && (broken.how != "partial" || !w.metrics.acceptPartial) {
		return // what cannot be seen is not told
	}
	w.scrape(w.now)
	p.versions.LookAtQueries(context.Background(), tick)
	for _, in := range p.seen.take() {
		w.input(in)
	}
}
