package prom

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/benbjohnson/clock"
	"github.com/hashicorp/go-hclog"
	"github.com/prometheus/client_golang/api"

	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/source"
	"github.com/rollbackd/rollbackd/trigger"
)

// sourceName is the source's name in metrics and logs.
const sourceName = "prometheus"

// At most four queries are in flight at a Prometheus. Polling takes at most
// three of the places: a read before acting never waits behind slow polls.
const (
	maxInFlight        = 4
	maxPollingInFlight = 3
)

// sayAgainAfter is how long a fault is not logged again.
const sayAgainAfter = 10 * time.Minute

// Source asks one Prometheus, or the first of several that answers. It is safe
// for concurrent use; Run is to be called once.
type Source struct {
	opt     Options
	clock   clock.Clock
	log     hclog.Logger
	seldom  *source.Seldom
	http    *http.Client
	plans   map[string]plan
	names   []string
	match   map[string]string // service → value of the By label
	matches map[string]bool

	inFlight chan struct{}
	polling  chan struct{}
	past     chan struct{}

	mu      sync.Mutex
	servers []server
	slow    map[question]bool
	told    map[question]told

	slowHold atomic.Bool // hold_when did not answer its last tick in time
}

// New makes a source. Its error lists every mistake of the options.
func New(opt Options) (*Source, error) {
	opt, err := opt.withDefaults()
	problems := []error{err}
	client, err := opt.httpClient()
	problems = append(problems, err)
	s := &Source{
		opt: opt, clock: opt.Clock, log: opt.Logger, http: client,
		plans: map[string]plan{}, match: map[string]string{}, matches: map[string]bool{},
		inFlight: make(chan struct{}, maxInFlight), polling: make(chan struct{}, maxPollingInFlight),
		past: make(chan struct{}, 1),
		slow: map[question]bool{}, told: map[question]told{},
	}
	if opt.Clock != nil {
		s.seldom = source.NewSeldom(opt.Clock, sayAgainAfter)
	}
	for _, u := range opt.URLs {
		c, err := api.NewClient(api.Config{Address: u, Client: client})
		problems = append(problems, err)
		s.servers = append(s.servers, server{client: c, url: u})
	}
	for _, service := range opt.Services {
		s.match[service.Name] = service.match()
		s.matches[service.match()] = true
	}
	for _, m := range opt.Metrics {
		p, err := newPlan(m, opt.Services)
		if _, twice := s.plans[m.Name]; twice {
			err = fmt.Errorf("metrics.%s: defined twice", m.Name)
		}
		problems = append(problems, err)
		s.plans[m.Name] = p
		s.names = append(s.names, m.Name)
	}
	if err := errors.Join(problems...); err != nil {
		return nil, err
	}
	return s, nil
}

// order is the servers' numbers in the order to try them.
func (s *Source) order() []int {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.clock.Now()
	var good, bad []int
	for i, server := range s.servers {
		if now.Before(server.badUntil) {
			bad = append(bad, i)
		} else {
			good = append(good, i)
		}
	}
	return append(good, bad...)
}

func (s *Source) avoid(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.servers[n].badUntil = s.clock.Now().Add(avoidFor)
}

// Read asks the metrics now as of at, for one service; a metric that is asked
// for all services at once answers for the others too. It is meant for the read
// before acting, and waits behind no poll. The context bounds it: what has not
// been answered when it ends is unknown. The answer of hold_when is asked for by
// its name, incident.HoldWhenMetric.
func (s *Source) Read(ctx context.Context, at time.Time, metrics []string, service string) map[string]trigger.Answer {
	var hold *holding
	if s.opt.HoldWhen != "" && slices.Contains(metrics, incident.HoldWhenMetric) {
		hold = s.beginHold(ctx, at)
	}
	var only map[string]bool
	if service != "" {
		only = map[string]bool{service: true}
	}
	answers := s.measure(ctx, request{metrics: metrics, services: only, span: instant(at), lane: laneUrgent})[0]
	for _, name := range metrics {
		if _, known := s.plans[name]; !known {
			answers[name] = trigger.Answer{Err: reasonUnknownMetric}
		}
	}
	if hold != nil {
		answers[incident.HoldWhenMetric] = hold.answer()
	}
	return answers
}
