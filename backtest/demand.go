package backtest

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/rollbackd/rollbackd/config"
	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/source/prom"
	"github.com/rollbackd/rollbackd/source/version"
	"github.com/rollbackd/rollbackd/wiring"
)

// demand is all that has to be known to play the variants: which metrics and
// version queries, over which pages. What two variants need alike is in it once.
type demand struct {
	metrics []wantedMetric
	census  []wantedCensus
	pages   []stretch
	// of holds, for each variant, its metrics' places in metrics, by name.
	of []map[string]int
	// whom says of each variant who is asked.
	whom []string
	// budget is what all sources together may send.
	budget *budget
}

// wantedMetric is a metric to read back. The source is of a variant that has it.
type wantedMetric struct {
	name     string
	identity string
	queries  int
	source   *prom.Source
	unit     string
	// used are the services that look at it.
	used map[string]bool
}

// wantedCensus is a version query to read back.
type wantedCensus struct {
	version.Query
	source *prom.Source
}

// stretch is a page of the period: so many ticks of the grid.
type stretch struct {
	from  time.Time
	ticks int
}

// last is the page's last tick.
func (s stretch) last(step time.Duration) time.Time {
	return s.from.Add(time.Duration(s.ticks-1) * step)
}

// queryTimeout is that of one query of history: it reads far more than a poll.
const queryTimeout = 2 * time.Minute

// nowhere takes the inputs of a source that is only asked.
type nowhere struct{}

// Submit drops an input.
func (nowhere) Submit(incident.Input) {}

func newDemand(o Options) (*demand, error) {
	d := &demand{budget: &budget{left: o.MaxQueries}}
	fromFile := map[string]bool{}
	for _, dep := range o.Deployments {
		fromFile[dep.Service] = true
	}
	var problems []error
	ticks := 0
	for i, v := range o.Variants {
		options, err := metered(promOptions(o, v.Config), d.budget)
		if err != nil {
			problems = append(problems, err)
			continue
		}
		src, err := prom.New(options)
		if err != nil {
			problems = append(problems, err)
			continue
		}
		if ticks == 0 || src.PageTicks() < ticks {
			ticks = src.PageTicks()
		}
		d.of, d.whom = append(d.of, map[string]int{}), append(d.whom, src.Whom())
		d.addMetrics(i, v.Config, src)
		d.addCensus(i, v.Config, src, fromFile)
	}
	if err := errors.Join(problems...); err != nil {
		return nil, err
	}
	if len(d.metrics) == 0 {
		return nil, errors.New("nothing to play: no trigger looks at a metric")
	}
	d.pages = pagesOf(o, ticks)
	return d, nil
}

// promOptions are the live source's, for the metrics that anything looks at, and
// with time enough for history.
func promOptions(o Options, c *config.Config) prom.Options {
	p := wiring.Prometheus(c)
	used := usedMetrics(c)
	p.Metrics = slices.DeleteFunc(p.Metrics, func(m prom.Metric) bool { return used[m.Name] == nil })
	if o.Prometheus != "" {
		p.URLs = []string{o.Prometheus}
	}
	// What fails is logged here, with its page; the source would say it once more.
	p.Transport, p.Clock, p.Logger, p.Sink = o.Transport, o.Clock, hclog.NewNullLogger(), nowhere{}
	p.Timeout = queryTimeout
	// The live default goes by the poll interval; that of the configuration counts.
	p.MaxGap = c.Prometheus.MaxGap
	return p
}

// usedMetrics are the metrics that triggers and verifications look at, with the
// services that do.
func usedMetrics(c *config.Config) map[string]map[string]bool {
	used := map[string]map[string]bool{}
	for name, s := range c.Services {
		for _, m := range s.Metrics() {
			if used[m.Name] == nil {
				used[m.Name] = map[string]bool{}
			}
			used[m.Name][name] = true
		}
	}
	return used
}

func (d *demand) addMetrics(variant int, c *config.Config, src *prom.Source) {
	used := usedMetrics(c)
	names := slices.Sorted(maps.Keys(used))
	if c.Guards.HoldWhen != "" {
		names = append(names, incident.HoldWhenMetric)
	}
	for _, name := range names {
		id, queries := src.Describe(name)
		i := slices.IndexFunc(d.metrics, func(m wantedMetric) bool { return m.identity == id && m.name == name })
		if i < 0 {
			i = len(d.metrics)
			d.metrics = append(d.metrics, wantedMetric{
				name: name, identity: id, queries: queries, source: src, unit: string(c.Metrics[name].Unit), used: map[string]bool{},
			})
		}
		maps.Copy(d.metrics[i].used, used[name])
		d.of[variant][name] = i
	}
}

func (d *demand) addCensus(variant int, c *config.Config, src *prom.Source, fromFile map[string]bool) {
	for _, q := range wiring.Versions(c).Queries {
		if !fromFile[q.Service] && d.censusOf(variant, q) < 0 {
			d.census = append(d.census, wantedCensus{Query: q, source: src})
		}
	}
}

// censusOf is the place of a variant's version query in census; -1 where it is not
// wanted.
func (d *demand) censusOf(variant int, q version.Query) int {
	return slices.IndexFunc(d.census, func(w wantedCensus) bool { return w.Query == q && w.source.Whom() == d.whom[variant] })
}

// pagesOf cuts the period where pages of so many ticks end since the epoch, so
// that another run over a part of it asks for the same pages.
func pagesOf(o Options, ticks int) []stretch {
	step := o.step()
	page := time.Duration(ticks) * step
	var pages []stretch
	for from := o.From; !from.After(o.To); {
		end := time.Unix(0, (from.UnixNano()/int64(page)+1)*int64(page)).UTC()
		if end.After(o.To) {
			end = o.To.Add(step)
		}
		pages = append(pages, stretch{from: from, ticks: int(end.Sub(from) / step)})
		from = end
	}
	return pages
}

// title names a metric in a report: by its name, and where variants define it
// differently by its number too.
func (d *demand) title(i int) string {
	n := 1
	for _, m := range d.metrics[:i] {
		if m.name == d.metrics[i].name {
			n++
		}
	}
	if n == 1 {
		return d.metrics[i].name
	}
	return fmt.Sprintf("%s (%d)", d.metrics[i].name, n)
}
