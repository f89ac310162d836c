package engine_test

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/rollbackd/rollbackd/engine"
	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/source/prom"
)

// epoch is when every series of these tests begins.
var epoch = time.Date(2026, 1, 5, 10, 0, 0, 0, time.UTC)

// step is the interval of their samples.
const step = 15 * time.Second

func after(steps int) time.Time { return epoch.Add(time.Duration(steps) * step) }

// nowhere takes what a source submits by itself, which is nothing in these tests.
type nowhere struct{}

// Submit implements source.Sink.
func (nowhere) Submit(incident.Input) {}

// add stores a series: one value a step.
func add(tb testing.TB, s *engine.Store, name string, values ...any) *engine.Series {
	tb.Helper()
	labels, err := engine.ParseSeries(name)
	if err != nil {
		tb.Fatal(err)
	}
	series := s.Series(labels)
	for i, v := range values {
		switch v := v.(type) {
		case int:
			err = series.Append(after(i), float64(v))
		case float64:
			err = series.Append(after(i), v)
		case string:
			if v == "stale" {
				err = series.Stale(after(i))
			}
		default:
			tb.Fatalf("%v is no sample", v)
		}
		if err != nil {
			tb.Fatal(err)
		}
	}
	return series
}

// counting is a counter that grows by so much a step.
func counting(first, by float64, samples int) []any {
	all := make([]any, samples)
	for i := range all {
		all[i] = first + by*float64(i)
	}
	return all
}

// ask sends one request in process, and gives what came back.
func ask(tb testing.TB, t http.RoundTripper, method, path string, form url.Values) (status int, body string) {
	tb.Helper()
	target, posted := "http://store"+path, ""
	if method == http.MethodPost {
		posted = form.Encode()
	} else {
		target += "?" + form.Encode()
	}
	r, err := http.NewRequestWithContext(tb.Context(), method, target, strings.NewReader(posted))
	if err != nil {
		tb.Fatal(err)
	}
	resp, err := t.RoundTrip(r)
	if err != nil {
		tb.Fatal(err)
	}
	defer resp.Body.Close()
	all, err := io.ReadAll(resp.Body)
	if err != nil {
		tb.Fatal(err)
	}
	return resp.StatusCode, string(all)
}

func unix(t time.Time) string { return fmt.Sprint(t.Unix()) }

// source is our own way of asking a Prometheus, over a store.
func source(tb testing.TB, e *engine.Engine, s *engine.Store, o prom.Options) *prom.Source {
	tb.Helper()
	o.URLs, o.Transport, o.Poll, o.Sink = []string{"http://store"}, engine.Transport(e, s), step, nowhere{}
	o.Services = append(o.Services, prom.Service{Name: "checkout"})
	src, err := prom.New(o)
	if err != nil {
		tb.Fatal(err)
	}
	return src
}
