package prom_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/source"
	"github.com/rollbackd/rollbackd/source/prom"
	"github.com/rollbackd/rollbackd/trigger"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// epoch is a tick of every grid used here.
func epoch() time.Time { return time.Date(2026, 1, 2, 3, 4, 0, 0, time.UTC) }

// asked is one request as the server saw it.
type asked struct {
	host, path, method string
	form               url.Values
}

// server is a Prometheus in memory: it answers with what reply returns.
type server struct {
	mu    sync.Mutex
	asked []asked
	reply func(ctx context.Context, a asked) (status int, body string)
}

// RoundTrip is http.RoundTripper's.
func (s *server) RoundTrip(r *http.Request) (*http.Response, error) {
	raw := r.URL.RawQuery
	if r.Body != nil {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		raw = string(body)
	}
	form, err := url.ParseQuery(raw)
	if err != nil {
		return nil, err
	}
	a := asked{host: r.URL.Host, path: r.URL.Path, method: r.Method, form: form}
	s.mu.Lock()
	s.asked = append(s.asked, a)
	s.mu.Unlock()
	status, body := s.reply(r.Context(), a)
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	if status == 0 {
		return nil, fmt.Errorf("dial %s: %s", r.URL.Host, body)
	}
	return response(status, strings.NewReader(body)), nil
}

func (s *server) requests() []asked {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]asked(nil), s.asked...)
}

func response(status int, body io.Reader) *http.Response {
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(body), ContentLength: -1}
}

// always answers every query alike.
func always(status int, body string) *server {
	return &server{reply: func(context.Context, asked) (int, string) { return status, body }}
}

// byQuery answers each query with a body of its own.
func byQuery(bodies map[string]string) *server {
	return &server{reply: func(_ context.Context, a asked) (int, string) {
		body, known := bodies[a.form.Get("query")]
		if !known {
			return 400, `{"status":"error","errorType":"bad_data","error":"no such query in this test"}`
		}
		return 200, body
	}}
}

// vector is the answer to an instant query: label value, value, and so on.
func vector(pairs ...string) string {
	var elements []string
	for i := 0; i+1 < len(pairs); i += 2 {
		elements = append(elements, fmt.Sprintf(`{"metric":{"service":%q,"pod":"p"},"value":[1,%q]}`, pairs[i], pairs[i+1]))
	}
	return success("vector", "["+strings.Join(elements, ",")+"]")
}

func success(kind, result string) string {
	return fmt.Sprintf(`{"status":"success","data":{"resultType":%q,"result":%s}}`, kind, result)
}

// inbox keeps what a source submits.
type inbox struct {
	mu     sync.Mutex
	inputs []incident.Input
}

// Submit is source.Sink's.
func (b *inbox) Submit(in incident.Input) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.inputs = append(b.inputs, in)
}

func (b *inbox) samples() []incident.Samples {
	b.mu.Lock()
	defer b.mu.Unlock()
	var all []incident.Samples
	for _, in := range b.inputs {
		if s, ok := in.(incident.Samples); ok {
			all = append(all, s)
		}
	}
	return all
}

func options(rt http.RoundTripper, metrics ...prom.Metric) prom.Options {
	return prom.Options{
		URLs: []string{"http://a:9090/base"}, Transport: rt, Poll: 15 * time.Second,
		Metrics: metrics, Services: []prom.Service{{Name: "checkout"}, {Name: "cart"}}, Sink: &inbox{},
	}
}

func open(tb testing.TB, opt prom.Options) *prom.Source {
	tb.Helper()
	s, err := prom.New(opt)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// reading asks the first metric once and gives what is known of checkout.
func reading(tb testing.TB, opt prom.Options) trigger.Reading {
	tb.Helper()
	name := opt.Metrics[0].Name
	answers := open(tb, opt).Read(tb.Context(), epoch(), []string{name}, "checkout")
	return answers[name].Reading("checkout")
}

func observer(tb testing.TB) (*source.Observer, *prometheus.Registry) {
	tb.Helper()
	registry := prometheus.NewRegistry()
	o, err := source.NewObserver(registry)
	if err != nil {
		tb.Fatal(err)
	}
	return o, registry
}
