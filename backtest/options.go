package backtest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/benbjohnson/clock"
	"github.com/hashicorp/go-hclog"

	"github.com/rollbackd/rollbackd/config"
	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/source"
)

// Variant is one configuration to play.
type Variant struct {
	Config *config.Config
	// Set are the keys that were given another value, as `key = value`.
	Set []string
}

// Options say what to play.
type Options struct {
	// Variants are played side by side over one history; at least one. They must
	// share the poll interval.
	Variants []Variant
	// From and To bound the period. Ticks of the grid in it are played.
	From, To time.Time
	// Prometheus, when not empty, is asked instead of the configuration's.
	Prometheus string
	// Services are those to show; empty means all. All are played.
	Services []string
	// Deployments are those of a file, in any order. A service that has none here
	// is asked for with its version_query, where it has one.
	Deployments []incident.Deployed
	// Labels are known incidents to compare with.
	Labels []Label
	// CacheDir is where pages of history are kept; empty means nowhere.
	CacheDir string
	// MaxQueries is how many queries may be sent; zero means DefaultMaxQueries.
	MaxQueries int
	// Transport, when not nil, is used to reach Prometheus.
	Transport http.RoundTripper
	// Clock and Logger may be nil: the real clock, no log.
	Clock  clock.Clock
	Logger hclog.Logger
	// Progress, when not nil, is called after each page, from one goroutine.
	Progress func(Progress)

	// everyTick tells the brain of every tick of every service, for the test that
	// holds what is left out against it.
	everyTick bool
}

// Progress is how far a backtest has come.
type Progress struct {
	// Pages are stretches of the period: Done of them were fetched and played.
	Done, Pages int
	// Queries were sent so far, FromCache pages of a metric needed none.
	Queries, FromCache int
	// Until is the tick up to which everything was played.
	Until time.Time
}

const (
	// DefaultMaxQueries is how many queries a backtest may send unless it is told.
	DefaultMaxQueries = 2000
	// MaxVariants is how many variants may be played side by side.
	MaxVariants = 100
)

func (o Options) withDefaults() (Options, error) {
	var problems []error
	if len(o.Variants) == 0 {
		problems = append(problems, errors.New("no configuration to play"))
	}
	if len(o.Variants) > MaxVariants {
		problems = append(problems, fmt.Errorf("%d variants are more than the %d that may be played side by side", len(o.Variants), MaxVariants))
	}
	for _, v := range o.Variants {
		if v.Config.Prometheus.PollInterval != o.Variants[0].Config.Prometheus.PollInterval {
			problems = append(problems, errors.New("prometheus.poll_interval: all variants must look at the same ticks: play them one by one"))
			break
		}
	}
	if len(problems) > 0 {
		return o, errors.Join(problems...)
	}
	if o.Prometheus == "" && !o.Variants[0].Config.Prometheus.Configured() {
		problems = append(problems, errors.New("there is no Prometheus to ask: the configuration has no [prometheus] (give --prometheus URL)"))
	}
	step := o.step()
	o.From, o.To = source.Ceil(o.From.UTC(), step), source.Floor(o.To.UTC(), step)
	if !o.From.Before(o.To) {
		problems = append(problems, fmt.Errorf("the period from %s to %s is empty (want at least two ticks of %s)", stamp(o.From), stamp(o.To), step))
	}
	if o.MaxQueries <= 0 {
		o.MaxQueries = DefaultMaxQueries
	}
	if o.Clock == nil {
		o.Clock = clock.New()
	}
	if o.Logger == nil {
		o.Logger = hclog.NewNullLogger()
	}
	return o, errors.Join(problems...)
}

func (o Options) step() time.Duration { return o.Variants[0].Config.Prometheus.PollInterval }

// ticks is how many ticks the period has.
func (o Options) ticks() int { return int(o.To.Sub(o.From)/o.step()) + 1 }

// stamp writes a time as people read it in messages.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05Z") }

// Run fetches the period page by page and plays every variant over it. Its error
// is the context's, or says why nothing could be played; what merely could not be
// known is in the report.
func Run(ctx context.Context, o Options) (*Report, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	need, err := newDemand(o)
	if err != nil {
		return nil, err
	}
	f := newFetcher(o, need)
	if err := f.affordable(); err != nil {
		return nil, err
	}
	stage := newStage(o, need)
	for i, p := range need.pages {
		page, err := f.fetch(ctx, p)
		if err != nil {
			return nil, err
		}
		if err := stage.play(ctx, page); err != nil {
			return nil, err
		}
		if o.Progress != nil {
			asked, cached := f.counts()
			o.Progress(Progress{Done: i + 1, Pages: len(need.pages), Queries: asked, FromCache: cached, Until: p.last(o.step())})
		}
	}
	return stage.report(), nil
}
