package prom

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/benbjohnson/clock"
	"github.com/hashicorp/go-hclog"
	"github.com/prometheus/common/config"

	"github.com/rollbackd/rollbackd/source"
	"github.com/rollbackd/rollbackd/trigger"
)

// Metric is one named metric. Either Query is set, or both Bad and Total.
//
// A part that holds ${service} or ${vars.x} is asked once for each service; one
// that does not is asked once for all of them.
type Metric struct {
	Name  string
	Query string
	// Bad and Total are rates; the metric is their ratio.
	Bad, Total string
	// By is the label whose value names the service. Empty means "service".
	By string
	// Unit is the unit of the value. NoUnit is a plain number, for Bad and Total
	// a ratio.
	Unit trigger.Unit
	// Fresh is PromQL for the newest sample's timestamp (Unix seconds). Empty
	// means that freshness is not asked.
	Fresh string
}

// Service is one watched service.
type Service struct {
	Name string
	// Match is the value of the By label, and what ${service} stands for. Empty
	// means Name.
	Match string
	// Vars fill ${vars.x}.
	Vars map[string]string
}

func (s Service) match() string {
	if s.Match != "" {
		return s.Match
	}
	return s.Name
}

// Options say whom to ask for what, and how.
type Options struct {
	// URLs are tried in order; at least one.
	URLs []string
	// HTTP are Prometheus's own client options. Nil means their defaults.
	HTTP *config.HTTPClientConfig
	// Transport, when not nil, is used instead of one made from HTTP.
	Transport http.RoundTripper
	// UserAgent is sent with each request. Empty means "rollbackd".
	UserAgent string
	// Poll is the grid's interval; at least a second.
	Poll time.Duration
	// Timeout bounds one query. Zero means half of Poll.
	Timeout time.Duration
	// MaxGap is how old the newest sample of a metric with Fresh may be. Zero
	// means three polls.
	MaxGap time.Duration
	// Jitter is the most by which the asking, never the time asked for, is
	// delayed after a tick. Zero means not at all.
	Jitter time.Duration
	// AcceptPartial uses answers that came with a warning of the server.
	AcceptPartial bool
	// MaxBody bounds an answer in bytes (zero: 64 MiB), MaxSeries its series
	// (zero: 20,000).
	MaxBody   int64
	MaxSeries int

	Metrics  []Metric
	Services []Service
	// HoldWhen is PromQL that is asked at every tick and answers under
	// incident.HoldWhenMetric: while it returns anything, nothing is to be done.
	// Empty means that it is not asked.
	HoldWhen string

	Sink source.Sink
	// Clock, Logger and Observer may be nil: the real clock, no log, no metrics.
	Clock    clock.Clock
	Logger   hclog.Logger
	Observer *source.Observer
}

const (
	defaultMaxBody   = 64 << 20
	defaultMaxSeries = 20000
	minPoll          = time.Second
)

// withDefaults fills in what was left out, or says everything that is wrong.
func (o Options) withDefaults() (Options, error) {
	var problems []error
	if len(o.URLs) == 0 {
		problems = append(problems, errors.New("prometheus: no url (want at least one)"))
	}
	for _, u := range o.URLs {
		if parsed, err := url.Parse(u); err != nil || parsed.Host == "" {
			problems = append(problems, fmt.Errorf("prometheus: %q is not an http url (try \"http://127.0.0.1:9090\")", u))
		}
	}
	if o.Poll < minPoll {
		problems = append(problems, fmt.Errorf("prometheus: poll interval %v is too short (want at least %v)", o.Poll, minPoll))
	}
	if o.Sink == nil {
		problems = append(problems, errors.New("prometheus: no sink for the samples"))
	}
	o.Timeout = orElse(o.Timeout, o.Poll/2)
	o.MaxGap = orElse(o.MaxGap, 3*o.Poll)
	o.MaxBody = orElse(o.MaxBody, defaultMaxBody)
	o.MaxSeries = orElse(o.MaxSeries, defaultMaxSeries)
	o.UserAgent = orElse(o.UserAgent, "rollbackd")
	if o.Clock == nil {
		o.Clock = clock.New()
	}
	if o.Logger == nil {
		o.Logger = hclog.NewNullLogger()
	}
	return o, errors.Join(problems...)
}

func orElse[T comparable](v, otherwise T) T {
	var zero T
	if v == zero {
		return otherwise
	}
	return v
}

// httpClient makes the one client all queries share, so that connections are
// kept and reused.
func (o Options) httpClient() (*http.Client, error) {
	if o.Transport != nil {
		return &http.Client{Transport: o.Transport}, nil
	}
	cfg := config.DefaultHTTPClientConfig
	if o.HTTP != nil {
		cfg = *o.HTTP
	}
	// The transport made here keeps idle connections alive, far more of them
	// than are ever in flight.
	client, err := config.NewClientFromConfig(cfg, "prometheus", config.WithUserAgent(o.UserAgent))
	if err != nil {
		return nil, fmt.Errorf("prometheus: http options: %w", err)
	}
	return client, nil
}
