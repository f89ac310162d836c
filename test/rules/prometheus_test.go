package rules_test

import (
	"context"
	"math"
	"testing"
	"time"

	"github.com/prometheus/common/promslog"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	prules "github.com/prometheus/prometheus/rules"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/prometheus/prometheus/tsdb/chunks"
	"github.com/prometheus/prometheus/util/annotations"
)

// point is one float sample, as Prometheus stores it.
type point struct {
	at    int64
	value float64
}

func (p point) T() int64                      { return p.at }
func (p point) ST() int64                     { return 0 }
func (p point) F() float64                    { return p.value }
func (p point) H() *histogram.Histogram       { return nil }
func (p point) FH() *histogram.FloatHistogram { return nil }
func (p point) Type() chunkenc.ValueType      { return chunkenc.ValFloat }
func (p point) Copy() chunks.Sample           { return p }

// stored is the series of two metrics, error_rate and latency, one sample a tick.
// A nil value is a scrape that failed, which Prometheus marks as stale.
type stored map[string][]chunks.Sample

func (s stored) add(metric string, at time.Time, v *float64) {
	p := point{at: at.UnixMilli()}
	if v == nil {
		p.value = math.Float64frombits(value.StaleNaN)
	} else {
		p.value = *v
	}
	s[metric] = append(s[metric], p)
}

// single is a set of one series.
type single struct {
	series storage.Series
	given  bool
}

func (s *single) Next() bool {
	more := !s.given
	s.given = true
	return more
}
func (s *single) At() storage.Series                { return s.series }
func (s *single) Err() error                        { return nil }
func (s *single) Warnings() annotations.Annotations { return nil }

// queryable answers selections of one metric by name.
func (s stored) queryable() storage.Queryable {
	selected := func(_ bool, _ *storage.SelectHints, matchers ...*labels.Matcher) storage.SeriesSet {
		for _, m := range matchers {
			if samples, ok := s[m.Value]; ok && m.Name == labels.MetricName {
				series := storage.NewListSeries(labels.FromStrings(labels.MetricName, m.Value, "service", "checkout"), samples)
				return &single{series: series}
			}
		}
		return storage.EmptySeriesSet()
	}
	return &storage.MockQueryable{MockQuerier: &storage.MockQuerier{SelectMockFunction: selected}}
}

// rule is an alerting rule of Prometheus over a set of series.
type rule struct {
	*prules.AlertingRule
	query prules.QueryFunc
}

func newRule(t *testing.T, engine *promql.Engine, expr string, hold time.Duration, s stored) rule {
	t.Helper()
	parsed, err := parser.NewParser(parser.Options{}).ParseExpr(expr)
	if err != nil {
		t.Fatalf("%s: %v", expr, err)
	}
	none := labels.EmptyLabels()
	return rule{
		AlertingRule: prules.NewAlertingRule("test", parsed, hold, 0, none, none, none, "", true, promslog.NewNopLogger()),
		query:        prules.EngineQueryFunc(engine, s.queryable()),
	}
}

// eval evaluates the rule at a tick, and gives its state and since when it has
// been pending or firing.
func (r rule) eval(ctx context.Context, t *testing.T, at time.Time) (state string, since time.Time) {
	t.Helper()
	if _, err := r.Eval(ctx, 0, at, r.query, nil, 0); err != nil {
		t.Fatalf("prometheus: %v", err)
	}
	r.SetEvaluationTimestamp(at) // its group does that; without it there is no state
	for _, alert := range r.ActiveAlerts() {
		since = alert.ActiveAt
	}
	return r.State().String(), since
}

func newEngine() *promql.Engine {
	return promql.NewEngine(promql.EngineOpts{Logger: promslog.NewNopLogger(), MaxSamples: 1e6, Timeout: time.Minute})
}
