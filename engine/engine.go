package engine

import (
	"errors"
	"time"

	"github.com/prometheus/common/promslog"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
)

// Options bound a query.
type Options struct {
	// Lookback is how old the newest sample of a series may be for the series to
	// have a value. Zero means five minutes, as in Prometheus.
	Lookback time.Duration
	// MaxSamples is how many samples one query may hold at a time. Zero means 50
	// million, as in Prometheus.
	MaxSamples int
}

// Engine evaluates queries. It is safe for concurrent use.
type Engine struct {
	promql *promql.Engine
	parser parser.Parser
}

// What Prometheus does where nobody said otherwise.
const (
	defaultLookback   = 5 * time.Minute
	defaultMaxSamples = 50_000_000
	queryTimeout      = 2 * time.Minute
	// subqueryStep is the step of a subquery that names none.
	subqueryStep = time.Minute
)

// New makes an engine. Its language is that of a Prometheus without feature flags.
func New(o Options) *Engine {
	e := &Engine{parser: parser.NewParser(parser.Options{})}
	if o.Lookback <= 0 {
		o.Lookback = defaultLookback
	}
	if o.MaxSamples <= 0 {
		o.MaxSamples = defaultMaxSamples
	}
	e.promql = promql.NewEngine(promql.EngineOpts{
		Logger: promslog.NewNopLogger(), Parser: e.parser,
		MaxSamples: o.MaxSamples, Timeout: queryTimeout, LookbackDelta: o.Lookback,
		NoStepSubqueryIntervalFn: func(int64) int64 { return subqueryStep.Milliseconds() },
		EnableAtModifier:         true, EnableNegativeOffset: true,
	})
	return e
}

// errNotHere is the end of what Prometheus is asked for beside queries.
var errNotHere = errors.New("only queries are answered here")

// errHistogram is said of a result that no store of ours can give.
var errHistogram = errors.New("the result is a native histogram, and the store holds plain numbers only")
