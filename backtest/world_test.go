package backtest_test

import (
	"context"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rollbackd/rollbackd/backtest"
	"github.com/rollbackd/rollbackd/engine"
	"github.com/rollbackd/rollbackd/incident"
)

const tick = 15 * time.Second

// midday is a tick of the grid, and where every test's period begins.
func midday() time.Time { return time.Date(2026, 1, 5, 12, 0, 0, 0, time.UTC) }

// basic watches two services by a gauge and a ratio; the queries look at one tick
// alone, so that a series that ends is gone at once.
const basic = `
[prometheus]
url = "http://prometheus:9090"

[nats]
url = "nats://127.0.0.1:4222"

[metrics]
error_rate = { bad = 'sum by (service) (last_over_time(bad[15s]))', total = 'sum by (service) (last_over_time(all[15s]))' }
latency = { query = 'max by (service) (last_over_time(latency[15s]))', unit = "seconds" }

[guards]
never_ok = false

[services.checkout]
triggers.errors = { when = "error_rate > 1% for 2m", severity = "critical" }
triggers.slow = { when = "latency > 500ms for 2m", severity = "low", warm_up = "0s" }
triggers.health = { when = "3 consecutive health failures", severity = "critical" }
deployment = { required = true, blame_window = "1h" }
rollback.steps = [{ name = "undo", exec = ["/bin/true", "${target_version}"] }]
rollback.verify = { settle = "30s", hold = "2m", within = "10m" }

[services.cart]
triggers.errors = { when = "error_rate > 1% for 2m", severity = "critical" }
deployment = { required = true }
rollback.steps = [{ name = "undo", exec = ["/bin/true", "${target_version}"] }]
`

// prometheus is one over samples in memory that counts what it is asked.
type prometheus struct {
	store *engine.Store
	inner http.RoundTripper

	mu      sync.Mutex
	queries int
	// fails, when not nil, answers instead of the engine; status 0 lets it pass.
	fails func(n int, form url.Values) (status int, body string)
}

func newPrometheus() *prometheus {
	p := &prometheus{store: engine.NewStore()}
	p.inner = engine.Transport(engine.New(engine.Options{}), p.store)
	return p
}

// RoundTrip is http.RoundTripper's.
func (p *prometheus) RoundTrip(r *http.Request) (*http.Response, error) {
	raw := r.URL.RawQuery
	if r.Body != nil {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		raw, r.Body = string(body), io.NopCloser(strings.NewReader(string(body)))
	}
	form, err := url.ParseQuery(raw)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	p.queries++
	n, fails := p.queries, p.fails
	p.mu.Unlock()
	if fails != nil {
		if status, body := fails(n, form); status != 0 {
			return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), ContentLength: -1}, nil
		}
	}
	return p.inner.RoundTrip(r)
}

func (p *prometheus) asked() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.queries
}

// fill gives a series a value at every tick of the period; NaN leaves it out.
func (p *prometheus) fill(tb testing.TB, name, service string, ticks int, value func(i int) float64) {
	tb.Helper()
	values := make([]float64, ticks)
	for i := range values {
		values[i] = value(i)
	}
	p.fillFrom(tb, midday(), name, service, values)
}

// fillFrom gives a series values from a time on.
func (p *prometheus) fillFrom(tb testing.TB, from time.Time, name, service string, values []float64) {
	tb.Helper()
	s := p.store.Series(engine.Labels{"__name__": name, "service": service})
	for i, v := range values {
		if math.IsNaN(v) {
			continue
		}
		if err := s.Append(from.Add(time.Duration(i)*tick), v); err != nil {
			tb.Fatal(err)
		}
	}
}

// service gives a service a share of errors in ten requests a second, and a
// latency of 100 ms.
func (p *prometheus) service(tb testing.TB, name string, ticks int, share func(i int) float64) {
	tb.Helper()
	always := func(value float64) func(int) float64 {
		return func(i int) float64 {
			if math.IsNaN(share(i)) {
				return gone()
			}
			return value
		}
	}
	p.fill(tb, "all", name, ticks, always(10))
	p.fill(tb, "bad", name, ticks, func(i int) float64 { return share(i) * 10 })
	p.fill(tb, "latency", name, ticks, always(0.1))
}

// between is one value from a tick up to another, and otherwise another.
func between(from, to int, value, otherwise float64) func(int) float64 {
	return func(i int) float64 {
		if i >= from && i < to {
			return value
		}
		return otherwise
	}
}

func gone() float64 { return math.NaN() }

// write puts a text into a file of the test.
func write(tb testing.TB, text string) string {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "rollbackd.toml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		tb.Fatal(err)
	}
	return path
}

func variants(tb testing.TB, config string, sweep ...string) []backtest.Variant {
	tb.Helper()
	v, err := backtest.Variants(write(tb, config), nil, sweep)
	if err != nil {
		tb.Fatal(err)
	}
	return v
}

// deployed is a deployment at a tick.
func deployed(service, version, previous string, at int) incident.Deployed {
	t := midday().Add(time.Duration(at) * tick)
	return incident.Deployed{Service: service, Version: version, Previous: previous, At: t, StartedAt: t}
}

// options play so many ticks of a configuration.
func options(tb testing.TB, p *prometheus, config string, ticks int, deployments ...incident.Deployed) backtest.Options {
	tb.Helper()
	return backtest.Options{
		Variants: variants(tb, config), From: midday(), To: midday().Add(time.Duration(ticks-1) * tick),
		Deployments: deployments, Transport: p,
	}
}

func run(tb testing.TB, o backtest.Options) *backtest.Report {
	tb.Helper()
	r, err := backtest.Run(context.Background(), o)
	if err != nil {
		tb.Fatal(err)
	}
	return r
}

// clockAt writes a time as the offset from the beginning.
func clockAt(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return fmt.Sprint(t.Sub(midday()))
}
