package prom_test

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/source/prom"
	"github.com/rollbackd/rollbackd/trigger"
)

func trimFloat(t time.Time) string { return strconv.FormatInt(t.Unix(), 10) }

// runFor polls for a while of simulated time and gives what was submitted.
func runFor(t *testing.T, opt prom.Options, d time.Duration) []incident.Samples {
	t.Helper()
	box := &inbox{}
	opt.Sink = box
	s := open(t, opt)
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	if err := s.Run(ctx); err != nil {
		t.Fatal(err)
	}
	return box.samples()
}

func TestTicksAreOnTheGrid(t *testing.T) {
	for _, jitter := range []time.Duration{0, time.Second} {
		synctest.Test(t, func(t *testing.T) {
			time.Sleep(3700 * time.Millisecond)
			srv := always(200, vector("checkout", "1"))
			opt := options(srv, prom.Metric{Name: "m", Query: "q"})
			opt.Poll, opt.Jitter = 7*time.Second, jitter
			samples := runFor(t, opt, 71*time.Second)
			if len(samples) != 10 {
				t.Fatalf("%d samples, want 10", len(samples))
			}
			for i, s := range samples {
				if s.At.UnixNano()%int64(7*time.Second) != 0 || s.Kind != incident.Grid {
					t.Errorf("sample %d: at %v of kind %v, want a multiple of 7s since the epoch", i, s.At, s.Kind)
				}
				if i > 0 && s.At.Sub(samples[i-1].At) != 7*time.Second {
					t.Errorf("sample %d: %v after the one before, want 7s", i, s.At.Sub(samples[i-1].At))
				}
				r := srv.requests()[i]
				if got := r.form.Get("time"); got != trimFloat(s.At) {
					t.Errorf("asked for time %s, want the tick %s", got, trimFloat(s.At))
				}
				if r.method != "POST" || r.path != "/base/api/v1/query" || r.form.Get("timeout") != "3s" {
					t.Errorf("asked by %s %s with timeout %s", r.method, r.path, r.form.Get("timeout"))
				}
			}
		})
	}
}

func TestATickThatOverrunsIsSkipped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		srv := &server{reply: func(context.Context, asked) (int, string) {
			if calls++; calls == 2 {
				time.Sleep(25 * time.Second) // over one tick and into the next
			}
			return 200, vector("checkout", "1")
		}}
		o, registry := observer(t)
		opt := options(srv, prom.Metric{Name: "m", Query: "q"})
		opt.Poll, opt.Timeout, opt.Observer = 10*time.Second, time.Minute, o
		samples := runFor(t, opt, 65*time.Second)
		var gaps []time.Duration
		for i := 1; i < len(samples); i++ {
			gaps = append(gaps, samples[i].At.Sub(samples[i-1].At))
		}
		s := time.Second
		if diff := cmp.Diff([]time.Duration{10 * s, 30 * s, 10 * s, 10 * s}, gaps); diff != "" {
			t.Errorf("between the samples (-want +got):\n%s", diff)
		}
		expect(t, registry, "rollbackd_evaluations_skipped_total", `
# HELP rollbackd_evaluations_skipped_total Ticks of the grid that were skipped because the one before overran.
# TYPE rollbackd_evaluations_skipped_total counter
rollbackd_evaluations_skipped_total 2
`)
	})
}

func expect(t *testing.T, g prometheus.Gatherer, name, want string) {
	t.Helper()
	if err := testutil.GatherAndCompare(g, strings.NewReader(want), name); err != nil {
		t.Error(err)
	}
}

func TestFewQueriesAreInFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		running, most := 0, 0
		srv := &server{}
		srv.reply = func(context.Context, asked) (int, string) {
			srv.mu.Lock()
			running++
			most = max(most, running)
			srv.mu.Unlock()
			time.Sleep(time.Second)
			srv.mu.Lock()
			running--
			srv.mu.Unlock()
			return 200, vector("checkout", "1")
		}
		var metrics []prom.Metric
		for i := range 12 {
			metrics = append(metrics, prom.Metric{Name: fmt.Sprint("m", i), Query: fmt.Sprint("q", i)})
		}
		opt := options(srv, metrics...)
		box := &inbox{}
		opt.Sink = box
		s := open(t, opt)
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		done := make(chan error)
		go func() { done <- s.Run(ctx) }()
		time.Sleep(500 * time.Millisecond) // the bubble's clock starts on a tick
		before := time.Now()
		answer := s.Read(ctx, epoch(), []string{"m11"}, "checkout")["m11"]
		if took := time.Since(before); took != time.Second || answer.Err != "" {
			t.Errorf("a live read took %v (%q), want 1s: it must not wait behind polls", took, answer.Err)
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
		if most != 4 {
			t.Errorf("%d in flight at most, want 4: three polls and the read", most)
		}
		if got := len(box.samples()); got != 2 {
			t.Errorf("%d samples, want 2", got)
		}
	})
}

func TestOneBadMetricBlindsNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := &server{reply: func(ctx context.Context, a asked) (int, string) {
			switch q := a.form.Get("query"); {
			case strings.HasPrefix(q, "hang"):
				<-ctx.Done()
			case q == "wrong":
				return 400, `{"status":"error","errorType":"bad_data","error":"x"}`
			}
			return 200, vector("checkout", "1")
		}}
		metrics := []prom.Metric{{Name: "wrong", Query: "wrong"}, {Name: "good", Query: "z"}}
		for i := range 9 {
			metrics = append(metrics, prom.Metric{Name: fmt.Sprint("hang", i), Query: fmt.Sprint("hang", i)})
		}
		o, registry := observer(t)
		opt := options(srv, metrics...)
		opt.Observer = o
		samples := runFor(t, opt, 31*time.Second)
		if len(samples) < 2 {
			t.Fatalf("%d samples, want at least 2", len(samples))
		}
		// The first tick learns which queries are slow; from then on they are last.
		got := samples[1].Answers
		want := map[string]string{"wrong": "bad_data", "good": "", "hang0": "timeout", "hang8": "timeout"}
		for name, reason := range want {
			if got[name].Err != reason {
				t.Errorf("%s: %q, want %q", name, got[name].Err, reason)
			}
		}
		if diff := cmp.Diff(trigger.KnownValue(1), got["good"].Reading("checkout")); diff != "" {
			t.Errorf("good (-want +got):\n%s", diff)
		}
		expect(t, registry, "rollbackd_source_up", `
# HELP rollbackd_source_up Whether the source answered when it was last asked.
# TYPE rollbackd_source_up gauge
rollbackd_source_up{source="prometheus"} 1
`)
	})
}

func TestBlindness(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, registry := observer(t)
		opt := options(always(0, "refused"), prom.Metric{Name: "m", Query: "q"})
		opt.Observer = o
		runFor(t, opt, 31*time.Second)
		expect(t, registry, "rollbackd_blind_seconds_total", `
# HELP rollbackd_blind_seconds_total Seconds in which the source could not be seen through.
# TYPE rollbackd_blind_seconds_total counter
rollbackd_blind_seconds_total{source="prometheus"} 45
`)
		expect(t, registry, "rollbackd_source_errors_total", `
# HELP rollbackd_source_errors_total Errors of a source, by reason.
# TYPE rollbackd_source_errors_total counter
rollbackd_source_errors_total{reason="connection",source="prometheus"} 3
`)
	})
}

func TestServersAreTriedInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dead := true
		srv := &server{reply: func(ctx context.Context, a asked) (int, string) {
			if a.host == "first:1" && dead {
				<-ctx.Done()
			}
			return 200, vector("checkout", "1")
		}}
		opt := options(srv, prom.Metric{Name: "m", Query: "q"})
		opt.URLs, opt.Timeout = []string{"http://first:1", "http://second:2"}, 4*time.Second
		s := open(t, opt)
		ask := func() (host string, took time.Duration) {
			before := time.Now()
			answer := s.Read(t.Context(), epoch(), []string{"m"}, "checkout")["m"]
			if diff := cmp.Diff(trigger.KnownValue(1), answer.Reading("checkout")); diff != "" {
				t.Fatalf("reading (-want +got):\n%s", diff)
			}
			r := srv.requests()
			return r[len(r)-1].host, time.Since(before)
		}
		if host, took := ask(); host != "second:2" || took != 2*time.Second {
			t.Errorf("answered by %s after %v, want second:2 after half of the timeout", host, took)
		}
		if host, took := ask(); host != "second:2" || took != 0 {
			t.Errorf("answered by %s after %v, want second:2 at once", host, took)
		}
		dead = false
		time.Sleep(time.Minute)
		if host, _ := ask(); host != "first:1" {
			t.Errorf("answered by %s, want first:1 again", host)
		}
	})
}

func TestABadQueryIsAskedOfOneServer(t *testing.T) {
	srv := always(400, `{"status":"error","errorType":"bad_data","error":"x"}`)
	opt := options(srv, prom.Metric{Name: "m", Query: "q"})
	opt.URLs = []string{"http://first:1", "http://second:2"}
	reading(t, opt)
	if got := len(srv.requests()); got != 1 {
		t.Errorf("%d requests, want 1", got)
	}
}

func TestEqualQueriesAreAskedOnce(t *testing.T) {
	srv := always(200, vector("checkout", "1"))
	opt := options(srv, prom.Metric{Name: "a", Bad: "x", Total: "all"}, prom.Metric{Name: "b", Bad: "y", Total: "all"}, prom.Metric{Name: "c", Query: "all"})
	open(t, opt).Read(t.Context(), epoch(), []string{"a", "b", "c"}, "checkout")
	if got := len(srv.requests()); got != 3 {
		t.Errorf("%d requests, want 3: x, y and all", got)
	}
}
