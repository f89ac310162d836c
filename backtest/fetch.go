package backtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/rollbackd/rollbackd/source"
	"github.com/rollbackd/rollbackd/source/prom"
)

// page is what is known of one stretch of the period: one history for each wanted
// metric, one list of changes for each wanted version query.
type page struct {
	stretch
	metrics []*prom.History
	census  [][]prom.CensusAt
}

// fetcher reads pages from the cache, and from Prometheus what is not there.
type fetcher struct {
	o     Options
	need  *demand
	cache cache
	// unfinished is the time from which on Prometheus may still take in samples:
	// what reaches into it is not kept.
	unfinished time.Time

	mu     sync.Mutex
	asked  int
	cached int
	// answered is true once anything was answered; down while nothing of the newest
	// page was.
	answered, down bool
	warned         bool
}

const (
	// late is how long samples may come in after their time.
	late = 5 * time.Minute
	// tries is how often a page is asked for, pause how long before the second time;
	// it doubles each time.
	tries = 4
	pause = time.Second
	// halvings is how often a page that Prometheus finds too much is cut in two.
	halvings = 3
	// atATime is how many metrics are asked for at a time; the source allows fewer
	// queries than that anyhow.
	atATime = 4
)

func newFetcher(o Options, need *demand) *fetcher {
	return &fetcher{o: o, need: need, cache: cache{dir: o.CacheDir}, unfinished: o.Clock.Now().Add(-late)}
}

func (f *fetcher) counts() (asked, cached int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.asked, f.cached
}

// affordable refuses a backtest that would ask too much, before it asks anything.
func (f *fetcher) affordable() error {
	total := 0
	for _, p := range f.need.pages {
		for _, m := range f.need.metrics {
			if !f.cache.has(key("metric", m.identity, p)) {
				total += m.queries
			}
		}
		for _, c := range f.need.census {
			if !f.cache.has(f.censusKey(c, p)) {
				total++
			}
		}
	}
	if total > f.o.MaxQueries {
		return fmt.Errorf("this would send %d queries, more than --max-queries %d (%d pages of %d metrics and %d version queries); shorten the period, play fewer variants of a query, or raise --max-queries",
			total, f.o.MaxQueries, len(f.need.pages), len(f.need.metrics), len(f.need.census))
	}
	return nil
}

func (f *fetcher) censusKey(c wantedCensus, p stretch) string {
	return key("census", fmt.Sprintf("%q %q %q %v", f.urls(), c.Query.Query, c.Label, f.o.step()), p)
}

func (f *fetcher) urls() []string {
	if f.o.Prometheus != "" {
		return []string{f.o.Prometheus}
	}
	return f.o.Variants[0].Config.Prometheus.URLs
}

// fetch reads one page. Its error is the context's, or that nothing ever answered.
func (f *fetcher) fetch(ctx context.Context, p stretch) (*page, error) {
	got := &page{stretch: p, metrics: make([]*prom.History, len(f.need.metrics)), census: make([][]prom.CensusAt, len(f.need.census))}
	var failed fault
	places := make(chan struct{}, atATime)
	var wg sync.WaitGroup
	do := func(work func() string) {
		places <- struct{}{}
		wg.Go(func() {
			defer func() { <-places }()
			failed.note(work())
		})
	}
	for i, m := range f.need.metrics {
		do(func() (reason string) { got.metrics[i], reason = f.metric(ctx, m, p); return reason })
	}
	for i, c := range f.need.census {
		do(func() (reason string) { got.census[i], reason = f.versions(ctx, c, p); return reason })
	}
	wg.Wait()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	f.down = failed.ok == 0
	f.answered = f.answered || !f.down
	if !f.answered {
		return nil, fmt.Errorf("prometheus at %v does not answer: %s", f.urls(), failed.reason)
	}
	return got, nil
}

// fault counts what came of the parts of a page.
type fault struct {
	mu     sync.Mutex
	ok     int
	reason string
}

func (f *fault) note(reason string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if reason == "" {
		f.ok++
	} else if f.reason == "" || reason < f.reason {
		f.reason = reason
	}
}

// metric is one metric's page, from the cache or from Prometheus.
func (f *fetcher) metric(ctx context.Context, m wantedMetric, p stretch) (h *prom.History, reason string) {
	name := key("metric", m.identity, p)
	var kept prom.History
	if f.remembered(name, &kept) && fits(&kept, p) {
		f.hit()
		return &kept, ""
	}
	h, reason = f.ask(ctx, m, p, halvings)
	if reason == "" {
		f.remember(name, p, h)
	}
	return h, reason
}

// fits tells whether a history from the cache is whole.
func fits(h *prom.History, p stretch) bool {
	if !h.From.Equal(p.from) || h.Ticks != p.ticks || len(h.Columns) != len(h.Services) || h.Whole != nil && len(h.Whole) != p.ticks {
		return false
	}
	for _, c := range h.Columns {
		if len(c.Codes) != p.ticks || len(c.Values) != p.ticks || c.Totals != nil && len(c.Totals) != p.ticks {
			return false
		}
	}
	return true
}

// ask asks for a stretch, again where that may help, and in halves where it is too
// much at once.
func (f *fetcher) ask(ctx context.Context, m wantedMetric, p stretch, halve int) (h *prom.History, reason string) {
	f.again(ctx, func() string {
		f.count(m.queries)
		h, reason = m.source.History(ctx, m.name, p.from, p.ticks)
		return reason
	})
	if reason == "" || halve == 0 || p.ticks < 2*minHalf || !prom.TooMuch(reason) || f.down || ctx.Err() != nil {
		return h, reason
	}
	first := stretch{from: p.from, ticks: p.ticks / 2}
	second := stretch{from: first.last(f.o.step()).Add(f.o.step()), ticks: p.ticks - first.ticks}
	a, reasonA := f.ask(ctx, m, first, halve-1)
	b, reasonB := f.ask(ctx, m, second, halve-1)
	if reasonA == "" {
		reasonA = reasonB
	}
	return prom.Join(a, b), reasonA
}

// minHalf is the least number of ticks that it is worth asking for by themselves.
const minHalf = 60

// again tries a few times, as long as the failure may pass. While Prometheus is
// down it is asked once a page: the gap is there anyhow.
func (f *fetcher) again(ctx context.Context, try func() (reason string)) {
	wait := pause
	for n := 1; ; n++ {
		reason := try()
		if reason == "" || n == tries || !prom.MayPass(reason) || f.down || ctx.Err() != nil {
			return
		}
		f.o.Logger.Warn("a page of history could not be read; it is asked for again", "reason", reason, "in", wait)
		if source.Sleep(ctx, f.o.Clock, wait) != nil {
			return
		}
		wait *= 2
	}
}

// versions is one version query's page, from the cache or from Prometheus.
func (f *fetcher) versions(ctx context.Context, c wantedCensus, p stretch) (changes []prom.CensusAt, reason string) {
	name := f.censusKey(c, p)
	if f.remembered(name, &changes) && len(changes) > 0 {
		f.hit()
		return changes, ""
	}
	f.again(ctx, func() string {
		f.count(1)
		changes = c.source.CensusHistory(ctx, c.Query.Query, c.Label, p.from, p.ticks)
		reason = changes[0].Reason
		return reason
	})
	if reason == "" {
		f.remember(name, p, changes)
	}
	return changes, reason
}

func (f *fetcher) count(queries int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked += queries
}

func (f *fetcher) hit() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.cached++
}

// remembered reads from the cache. A file that cannot be believed is said once a
// run, and asked for again.
func (f *fetcher) remembered(name string, v any) bool {
	err := f.cache.load(name, v)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		f.warn("a page in the cache cannot be used; it is fetched again", name, err)
	}
	return err == nil
}

func (f *fetcher) remember(name string, p stretch, v any) {
	if p.last(f.o.step()).After(f.unfinished) {
		return
	}
	if err := f.cache.save(name, v); err != nil {
		f.warn("a page could not be kept in the cache; another run fetches it again", name, err)
	}
}

func (f *fetcher) warn(text, name string, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.warned {
		f.warned = true
		f.o.Logger.Warn(text, "file", f.cache.path(name), "err", err)
	}
}
