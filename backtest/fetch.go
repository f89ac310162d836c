package backtest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/rollbackd/rollbackd/config"
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

	outage *outage

	mu     sync.Mutex
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
	return &fetcher{o: o, need: need, cache: cache{dir: o.CacheDir}, outage: newOutage(), unfinished: o.Clock.Now().Add(-late)}
}

func (f *fetcher) counts() (asked, cached int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.need.budget.count(), f.cached
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
	return key("census", fmt.Sprintf("%s %q %q %v", c.source.Whom(), c.Query.Query, c.Label, f.o.step()), p)
}

func (f *fetcher) urls() []string {
	if f.o.Prometheus != "" {
		return []string{f.o.Prometheus}
	}
	return f.o.Variants[0].Config.Prometheus.URLs
}

// shown are the addresses as people may see them: a token in one is not shown.
func (f *fetcher) shown() []string {
	var list []string
	for _, u := range f.urls() {
		list = append(list, config.ShownURL(u))
	}
	return list
}

// fetch reads one page. Its error is the context's, or that nothing ever answered.
func (f *fetcher) fetch(ctx context.Context, p stretch) (*page, error) {
	got := &page{stretch: p, metrics: make([]*prom.History, len(f.need.metrics)), census: make([][]prom.CensusAt, len(f.need.census))}
	failed := fault{}
	places := make(chan struct{}, atATime)
	var wg sync.WaitGroup
	do := func(name string, work func() (string, bool)) {
		places <- struct{}{}
		wg.Go(func() {
			defer func() { <-places }()
			reason, asked := work()
			failed.note(part{name: name, reason: reason}, asked)
		})
	}
	for i, m := range f.need.metrics {
		do(f.need.title(i), func() (reason string, asked bool) {
			got.metrics[i], reason, asked = f.metric(ctx, m, p)
			return reason, asked
		})
	}
	for i, c := range f.need.census {
		do(c.title(), func() (reason string, asked bool) {
			got.census[i], reason, asked = f.versions(ctx, c, p)
			return reason, asked
		})
	}
	wg.Wait()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	f.down = failed.ok == 0
	f.answered = f.answered || !f.down
	if why := f.outage.stopped(""); !f.answered && why != "" {
		return nil, fmt.Errorf("no page could be read: %s; shorten the period, or raise --max-queries", why)
	}
	if !f.answered {
		return nil, fmt.Errorf("prometheus at %v does not answer: %s", f.shown(), failed.reason)
	}
	stops := f.outage.take(failed.asked)
	for _, name := range sortedKeys(stops) {
		f.o.Logger.Warn("the rest is not asked for and stays unknown", "of", cmp.Or(name, "everything"), "from", stamp(p.last(f.o.step()).Add(f.o.step())), "reason", stops[name])
	}
	return got, nil
}

// title names a version query in messages.
func (c wantedCensus) title() string { return "version_query of " + c.Service }

// fault counts what came of the parts of a page.
type fault struct {
	mu     sync.Mutex
	ok     int
	reason string
	// asked are the parts that were asked for.
	asked []part
}

func (f *fault) note(p part, asked bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	reason := p.reason
	if asked {
		f.asked = append(f.asked, p)
	}
	if reason == "" {
		f.ok++
	} else if f.reason == "" || reason < f.reason {
		f.reason = reason
	}
}

// metric is one metric's page, from the cache or from Prometheus. Asked is true
// where it was Prometheus.
func (f *fetcher) metric(ctx context.Context, m wantedMetric, p stretch) (h *prom.History, reason string, asked bool) {
	name := key("metric", m.identity, p)
	var kept prom.History
	if f.remembered(name, &kept) && fits(&kept, p) {
		f.hit()
		return &kept, "", false
	}
	if why := f.outage.stopped(f.titleOf(m)); why != "" {
		return m.source.Unasked(m.name, p.from, p.ticks, why), why, false
	}
	h, reason = f.ask(ctx, m, p, halvings)
	if reason == "" {
		f.remember(name, p, h)
	}
	return h, reason, true
}

// titleOf names a metric in messages.
func (f *fetcher) titleOf(m wantedMetric) string {
	return f.need.title(slices.IndexFunc(f.need.metrics, func(o wantedMetric) bool { return o.name == m.name && o.identity == m.identity }))
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
	mayHalve := halve > 0 && p.ticks >= 2*minHalf
	f.again(ctx, f.titleOf(m), p, mayHalve, func() (_, why string) {
		with, done, enough := f.need.budget.allow(ctx, m.queries)
		if !enough {
			reason = f.spent(p)
			h = m.source.Unasked(m.name, p.from, p.ticks, reason)
			return reason, ""
		}
		defer done()
		h, reason = m.source.History(with, m.name, p.from, p.ticks)
		return reason, h.Why
	})
	if reason == "" || !mayHalve || !prom.TooMuch(reason) || f.down || ctx.Err() != nil {
		return h, reason
	}
	first := stretch{from: p.from, ticks: p.ticks / 2}
	second := stretch{from: first.last(f.o.step()).Add(f.o.step()), ticks: p.ticks - first.ticks}
	a, reasonA := f.ask(ctx, m, first, halve-1)
	b, reasonB := f.ask(ctx, m, second, halve-1)
	return prom.Join(a, b), cmp.Or(reasonA, reasonB)
}

// spent ends the asking because no more queries may be sent, and is the reason.
func (f *fetcher) spent(p stretch) string {
	reason := fmt.Sprintf("not asked for: --max-queries %d were sent", f.o.MaxQueries)
	if f.outage.stop(reason) {
		f.o.Logger.Warn("no more queries may be sent: the rest is not asked for and stays unknown", "from", stamp(p.from), "max_queries", f.o.MaxQueries)
	}
	return reason
}

// minHalf is the least number of ticks that it is worth asking for by themselves.
const minHalf = 60

// again tries a few times, as long as the failure may pass; what is too much is not
// tried again where it may be halved. While Prometheus is down it is asked once a
// page: the gap is there anyhow.
func (f *fetcher) again(ctx context.Context, of string, p stretch, mayHalve bool, try func() (reason, why string)) {
	wait := pause
	for n := 1; ; n++ {
		reason, why := try()
		if reason == "" || ctx.Err() != nil {
			return
		}
		halved := mayHalve && prom.TooMuch(reason)
		f.failed(of, p, reason, why, halved)
		if n == tries || !prom.MayPass(reason) || f.down || halved || source.Sleep(ctx, f.o.Clock, wait) != nil {
			return
		}
		wait *= 2
	}
}

// failed warns of a page that failed, of each failure once; of a query that is wrong
// once for all pages.
func (f *fetcher) failed(of string, p stretch, reason, why string, halved bool) {
	page := stamp(p.from) + " to " + stamp(p.last(f.o.step()))
	once, then := page, "it is asked for again where that may help"
	switch {
	case halved:
		then = "it is asked for in halves"
	case !prom.MayPass(reason):
		once = ""
	}
	if why != "" && f.outage.once(of+once+reason+why) {
		f.o.Logger.Warn("a page of history could not be read; "+then, "of", of, "page", page, "reason", reason, "err", why)
	}
}

// versions is one version query's page, from the cache or from Prometheus. Asked is
// true where it was Prometheus.
func (f *fetcher) versions(ctx context.Context, c wantedCensus, p stretch) (changes []prom.CensusAt, reason string, asked bool) {
	name := f.censusKey(c, p)
	if f.remembered(name, &changes) && len(changes) > 0 {
		f.hit()
		return changes, "", false
	}
	if why := f.outage.stopped(c.title()); why != "" {
		return []prom.CensusAt{{Reason: why}}, why, false
	}
	f.again(ctx, c.title(), p, false, func() (_, why string) {
		with, done, enough := f.need.budget.allow(ctx, 1)
		if !enough {
			reason = f.spent(p)
			changes = []prom.CensusAt{{Reason: reason}}
			return reason, ""
		}
		defer done()
		changes = c.source.CensusHistory(with, c.Query.Query, c.Label, p.from, p.ticks)
		reason = changes[0].Reason
		return reason, changes[0].Why
	})
	if reason == "" {
		f.remember(name, p, changes)
	}
	return changes, reason, true
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
