package prom_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/source/prom"
	"github.com/rollbackd/rollbackd/trigger"
)

// history is a Prometheus whose series are functions of time; it answers both
// kinds of query from them.
type history map[string]map[string]func(t time.Time) (value string, present bool)

func (h history) server() *server {
	return &server{reply: func(_ context.Context, a asked) (int, string) {
		services, known := h[a.form.Get("query")]
		if !known {
			return 400, `{"status":"error","errorType":"bad_data","error":"x"}`
		}
		if at := a.form.Get("time"); at != "" {
			var pairs []string
			for service, f := range services {
				if v, present := f(unix(at)); present {
					pairs = append(pairs, service, v)
				}
			}
			return 200, vector(pairs...)
		}
		start, end, step := unix(a.form.Get("start")), unix(a.form.Get("end")), unix(a.form.Get("step")).Sub(time.Unix(0, 0))
		if points := int(end.Sub(start) / step); points >= 11000 {
			return 400, `{"status":"error","errorType":"bad_data","error":"exceeded maximum resolution of 11,000 points"}`
		}
		var all []string
		for service, f := range services {
			var points []string
			for t := start; !t.After(end); t = t.Add(step) {
				if v, present := f(t); present {
					points = append(points, fmt.Sprintf(`[%d,%q]`, t.Unix(), v))
				}
			}
			if len(points) > 0 {
				all = append(all, fmt.Sprintf(`{"metric":{"service":%q},"values":[%s]}`, service, strings.Join(points, ",")))
			}
		}
		return 200, success("matrix", "["+strings.Join(all, ",")+"]")
	}}
}

func unix(s string) time.Time {
	seconds, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return time.Time{}
	}
	return time.Unix(int64(seconds), 0).UTC()
}

// random is a series with gaps and values that mean nothing.
func random(seed uint64) func(time.Time) (string, bool) {
	return func(t time.Time) (string, bool) {
		r := rand.New(rand.NewPCG(seed, uint64(t.Unix())))
		return []string{"0", "0.01", "0.5", "1", "NaN", "+Inf", "7"}[r.IntN(7)], r.IntN(4) > 0
	}
}

// What is rebuilt must be what would have been read live at each tick.
func TestRebuiltIsWhatWasLive(t *testing.T) {
	fresh := func(t time.Time) (string, bool) {
		return trimFloat(t.Add(-time.Duration(t.Unix()%90) * time.Second)), true
	}
	h := history{
		"q": {"checkout": random(1), "cart": random(2), "other": random(3)}, "f": {"checkout": fresh, "cart": fresh},
		"bad": {"checkout": random(4)}, "all": {"checkout": random(5), "cart": random(6)}, "each cart": {"cart": random(7)},
	}
	opt := options(h.server(),
		prom.Metric{Name: "plain", Query: "q", Fresh: "f", Unit: trigger.Ratio}, prom.Metric{Name: "ratio", Bad: "bad", Total: "all"},
		prom.Metric{Name: "each", Query: "each ${service}"}, prom.Metric{Name: "wrong", Query: "unknown"})
	s := open(t, opt)
	from, to := epoch().Add(-20*time.Minute+time.Second), epoch().Add(time.Second)
	rebuilt, err := s.Rebuild(t.Context(), from, to)
	for _, part := range []string{"metrics.wrong", "bad_data", "metrics.each", "(checkout)"} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("error %v, want one that says %s", err, part)
		}
	}
	if len(rebuilt) != 80 {
		t.Fatalf("%d ticks, want 80", len(rebuilt))
	}
	for i, samples := range rebuilt {
		if want := epoch().Add(time.Duration(i-79) * 15 * time.Second); !samples.At.Equal(want) || samples.Kind != incident.Rebuilt {
			t.Fatalf("tick %d at %v of kind %v, want %v", i, samples.At, samples.Kind, want)
		}
		for _, service := range []string{"checkout", "cart"} {
			live := s.Read(t.Context(), samples.At, []string{"plain", "ratio", "each", "wrong"}, service)
			for name, answer := range live {
				if diff := cmp.Diff(answer.Reading(service), samples.Answers[name].Reading(service)); diff != "" {
					t.Errorf("%v %s %s (-live +rebuilt):\n%s", samples.At, name, service, diff)
				}
			}
		}
	}
}

func TestALongHistoryIsReadInPages(t *testing.T) {
	one := func(time.Time) (string, bool) { return "1", true }
	h := history{"q": {"checkout": one}}
	srv := h.server()
	opt := options(srv, prom.Metric{Name: "m", Query: "q"})
	opt.Poll = time.Second
	rebuilt, err := open(t, opt).Rebuild(t.Context(), epoch(), epoch().Add(20000*time.Second))
	if err != nil {
		t.Fatal(err)
	}
	if len(rebuilt) != 20001 || len(srv.requests()) != 3 {
		t.Errorf("%d ticks in %d pages, want 20001 in 3", len(rebuilt), len(srv.requests()))
	}
	for i, samples := range rebuilt {
		if samples.At != epoch().Add(time.Duration(i)*time.Second) || samples.Answers["m"].Reading("checkout").Value != 1 {
			t.Fatalf("tick %d: %+v", i, samples)
		}
	}
}

func TestNothingToRebuild(t *testing.T) {
	s := open(t, options(always(500, ""), prom.Metric{Name: "m", Query: "q"}))
	rebuilt, err := s.Rebuild(t.Context(), epoch().Add(time.Second), epoch().Add(2*time.Second))
	if len(rebuilt) != 0 || err != nil {
		t.Errorf("%d ticks, %v, want none between two ticks", len(rebuilt), err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if rebuilt, err = s.Rebuild(ctx, epoch(), epoch().Add(time.Hour)); len(rebuilt) != 0 || err == nil {
		t.Errorf("%d ticks, %v after the context ended, want none and its error", len(rebuilt), err)
	}
}

// What the start could not read is read later, and only that: some metrics, and
// those that are asked once a service for some services.
func TestPastIsOnlyWhatIsMissing(t *testing.T) {
	one := func(time.Time) (string, bool) { return "1", true }
	h := history{
		"q": {"checkout": one, "cart": one}, "each checkout": {"checkout": one}, "each cart": {"cart": one}, "known": {"checkout": one},
	}
	srv := h.server()
	opt := options(srv, prom.Metric{Name: "plain", Query: "q"}, prom.Metric{Name: "each", Query: "each ${service}"}, prom.Metric{Name: "known", Query: "known"})
	s := open(t, opt)
	ticks := s.Past(t.Context(), epoch().Add(-time.Minute), epoch(), []string{"plain", "each", "gone"}, []string{"cart"})
	var queries []string
	for _, a := range srv.requests() {
		queries = append(queries, a.form.Get("query"))
	}
	slices.Sort(queries)
	if diff := cmp.Diff([]string{"each cart", "q"}, queries); diff != "" {
		t.Errorf("queries (-want +got):\n%s", diff)
	}
	if len(ticks) != 5 {
		t.Fatalf("%d ticks, want 5", len(ticks))
	}
	for _, tick := range ticks {
		for _, name := range []string{"plain", "each"} {
			if r := tick.Answers[name].Reading("cart"); r.Presence != trigger.Known {
				t.Errorf("%v %s: %+v, want it known", tick.At, name, r)
			}
		}
		if r := tick.Answers["each"].Reading("checkout"); r.Presence != trigger.Unknown {
			t.Errorf("%v: checkout, which was not asked, reads %+v, want unknown", tick.At, r)
		}
	}
}

// A start whose time is over knows what it does not know.
func TestRebuildWithoutTimeIsUnknown(t *testing.T) {
	s := open(t, options(always(500, ""), prom.Metric{Name: "m", Query: "q"}))
	ctx, cancel := context.WithDeadline(t.Context(), time.Unix(0, 0))
	defer cancel()
	rebuilt, err := s.Rebuild(ctx, epoch(), epoch().Add(time.Minute))
	if len(rebuilt) != 5 || err == nil {
		t.Fatalf("%d ticks, %v, want 5 and an error", len(rebuilt), err)
	}
	for _, tick := range rebuilt {
		if a := tick.Answers["m"]; a.Err != "timeout" {
			t.Errorf("%v: %+v, want a timeout", tick.At, a)
		}
	}
}

// A poll never waits for the past: that takes one place, however many questions
// it has.
func TestThePastTakesOnePlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stuck := make(chan struct{})
		srv := &server{reply: func(ctx context.Context, a asked) (int, string) {
			if a.form.Get("start") != "" {
				select {
				case <-stuck:
				case <-ctx.Done():
				}
			}
			return 200, vector("checkout", "1")
		}}
		s := open(t, options(srv, prom.Metric{Name: "a", Query: "a"}, prom.Metric{Name: "b", Query: "b"}, prom.Metric{Name: "c", Query: "c"}))
		done := make(chan struct{})
		go func() {
			defer close(done)
			s.Past(t.Context(), epoch().Add(-time.Minute), epoch(), []string{"a", "b", "c"}, []string{"checkout"})
		}()
		synctest.Wait()
		if n := len(srv.requests()); n != 1 {
			t.Errorf("%d questions about the past are under way, want 1", n)
		}
		for _, a := range s.Read(t.Context(), epoch(), []string{"a", "b", "c"}, "checkout") {
			if r := a.Reading("checkout"); r.Presence != trigger.Known {
				t.Errorf("a read beside the past gives %+v, want it known", r)
			}
		}
		close(stuck)
		<-done
	})
}
