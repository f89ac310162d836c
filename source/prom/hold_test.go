package prom_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/source/prom"
	"github.com/rollbackd/rollbackd/trigger"
)

// bare are series without labels, of these values.
func bare(values ...string) string {
	var elements []string
	for _, v := range values {
		elements = append(elements, `{"metric":{},"value":[1,"`+v+`"]}`)
	}
	return success("vector", "["+strings.Join(elements, ",")+"]")
}

func partial(body string) string {
	return strings.TrimSuffix(body, "}") + `,"warnings":["store down"]}`
}

// holdBody is an answer to a question about no service.
type holdBody struct {
	name   string
	status int
	body   string
	value  float64
	holds  bool
	detail string // with a reason: what the error says
	reason string // not empty: it cannot be known
}

func holdBodies() []holdBody {
	return []holdBody{
		{"nothing", 200, bare(), 0, false, "nothing returned", ""},
		{"one series", 200, bare("0.25"), 0.25, true, "returned 0.25", ""},
		{"zero is something", 200, bare("0"), 0, true, "returned 0", ""},
		{"of services that are not ours", 200, vector("else", "2", "where", "3"), 2, true, "returned 2 series, the first 2", ""},
		{"series that are alike", 200, bare("2", "2"), 2, true, "returned 2 series, the first 2", ""},
		{"a scalar", 200, success("scalar", `[1,"7"]`), 7, true, "returned 7", ""},
		{"a scalar of zero", 200, success("scalar", `[1,"0"]`), 0, false, "nothing returned", ""},
		{"a scalar that is none", 200, success("scalar", `[1,"NaN"]`), 0, false, "", "nan"},
		{"nan", 200, bare("NaN"), 0, false, "", "nan"},
		{"infinite", 200, bare("+Inf"), 0, false, "", "infinite"},
		{"a string", 200, success("string", `[1,"x"]`), 0, false, "", "wrong_type"},
		{"a matrix", 200, success("matrix", `[{"metric":{},"values":[[1,"0.5"]]}]`), 0, false, "", "wrong_type"},
		{"a histogram", 200, success("vector", `[{"metric":{},"histogram":[1,{"count":"1","sum":"2","buckets":[]}]}]`), 0, false, "", "wrong_type"},
		{"partial", 200, partial(bare("1")), 0, false, "store down", "partial"},
		{"nothing, but partial", 200, partial(bare()), 0, false, "store down", "partial"},
		{"a PromQL warning", 200, strings.Replace(partial(bare("1")), "store", "PromQL warning: store", 1), 1, true, "returned 1", ""},
		{"refused", 400, `{"status":"error","errorType":"bad_data","error":"parse error: here"}`, 0, false, "parse error: here", "bad_data"},
		{"broken", 502, "<html>", 0, false, "", "http_5xx"},
		{"nobody there", 0, "connection refused", 0, false, "connection refused", "connection"},
	}
}

func TestHolds(t *testing.T) {
	for _, tt := range holdBodies() {
		t.Run(tt.name, func(t *testing.T) {
			srv := always(tt.status, tt.body)
			holds, detail, err := open(t, options(srv)).Holds(t.Context(), "up < 1")
			if holds != tt.holds {
				t.Errorf("holds: %v, want %v", holds, tt.holds)
			}
			if tt.reason == "" {
				if err != nil || detail != tt.detail {
					t.Errorf("%q, %v, want %q", detail, err, tt.detail)
				}
			} else if err == nil || !strings.Contains(err.Error(), "query up < 1: "+tt.reason) || !strings.Contains(err.Error(), tt.detail) {
				t.Errorf("error %v, want one that says %s and %q", err, tt.reason, tt.detail)
			}
			if got := srv.requests()[0].form.Get("query"); got != "up < 1" {
				t.Errorf("asked %q", got)
			}
		})
	}
}

func TestHoldsIsAskedAsOfNowAndBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(5 * time.Second)
		srv := &server{reply: func(ctx context.Context, _ asked) (int, string) {
			<-ctx.Done()
			return 200, bare("1")
		}}
		s, before := open(t, options(srv)), time.Now()
		_, _, err := s.Holds(t.Context(), "q")
		if took := time.Since(before); took != 7500*time.Millisecond || err == nil || !strings.Contains(err.Error(), "timeout") {
			t.Errorf("%v after %v, want a timeout after half a poll", err, took)
		}
		if got := srv.requests()[0].form.Get("time"); got != trimFloat(before) {
			t.Errorf("asked for time %s, want now, %s", got, trimFloat(before))
		}
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		if _, _, err := s.Holds(ended, "q"); err == nil || len(srv.requests()) != 1 {
			t.Errorf("error %v, want one, and nothing asked", err)
		}
	})
}

func TestHoldWhenIsReadByName(t *testing.T) {
	for _, tt := range holdBodies() {
		t.Run(tt.name, func(t *testing.T) {
			srv := &server{reply: func(_ context.Context, a asked) (int, string) {
				if a.form.Get("query") == "freeze" {
					return tt.status, tt.body
				}
				return 200, vector("checkout", "1")
			}}
			opt := options(srv, prom.Metric{Name: "m", Query: "q"})
			opt.HoldWhen = "freeze"
			got := open(t, opt).Read(t.Context(), epoch(), []string{"m", incident.HoldWhenMetric}, "checkout")
			want := trigger.Answer{Err: tt.reason}
			if tt.reason == "" {
				want.Services = map[string]trigger.Reading{}
			}
			if tt.holds {
				want.Services[""] = trigger.KnownValue(tt.value)
			}
			if diff := cmp.Diff(want, got[incident.HoldWhenMetric]); diff != "" {
				t.Errorf("answer (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(trigger.KnownValue(1), got["m"].Reading("checkout")); diff != "" {
				t.Errorf("the metric beside it (-want +got):\n%s", diff)
			}
		})
	}
}

func TestHoldWhenIsOnlyAskedForWhereItIs(t *testing.T) {
	srv := always(200, vector("checkout", "1"))
	opt := options(srv, prom.Metric{Name: "m", Query: "q"})
	got := open(t, opt).Read(t.Context(), epoch(), []string{incident.HoldWhenMetric}, "checkout")
	if diff := cmp.Diff(map[string]trigger.Answer{incident.HoldWhenMetric: {Err: "unknown_metric"}}, got); diff != "" {
		t.Errorf("without one (-want +got):\n%s", diff)
	}
	opt.HoldWhen = "freeze"
	s := open(t, opt)
	if got := s.Read(t.Context(), epoch(), []string{"m"}, "checkout"); len(got) != 1 {
		t.Errorf("answers %v, want that of m alone", got)
	}
	if _, err := s.Rebuild(t.Context(), epoch(), epoch().Add(time.Minute)); err == nil {
		t.Error("want an error: this server answers no range")
	}
	for _, a := range srv.requests() {
		if a.form.Get("query") == "freeze" {
			t.Errorf("asked for %v, want only the metric", a.form)
		}
	}
}

// The metrics of a tick never wait long for hold_when: one that hangs delays the
// first tick by its timeout, and from then on only a little, until it answers.
func TestHoldWhenAtEveryTick(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		type tick struct {
			after time.Duration
			hold  string
		}
		var got []tick
		srv := &server{reply: func(ctx context.Context, a asked) (int, string) {
			if a.form.Get("query") != "freeze" {
				time.Sleep(time.Second)
				return 200, vector("checkout", "1")
			}
			switch n := int(time.Since(start) / (10 * time.Second)); {
			case n >= 1 && n <= 3:
				<-ctx.Done()
			case n == 4:
				time.Sleep(1200 * time.Millisecond) // in time, just
			case n == 5:
				time.Sleep(4 * time.Second) // as slow as it may be
				return 200, bare()
			}
			return 200, bare("1")
		}}
		opt := options(srv, prom.Metric{Name: "m", Query: "q"})
		opt.Poll, opt.HoldWhen = 10*time.Second, "freeze"
		opt.Sink = sink(func(in incident.Input) {
			s, _ := in.(incident.Samples)
			if diff := cmp.Diff(trigger.KnownValue(1), s.Answers["m"].Reading("checkout")); diff != "" {
				t.Errorf("the metric (-want +got):\n%s", diff)
			}
			r := s.Answers[incident.HoldWhenMetric].Reading("")
			got = append(got, tick{time.Since(s.At), strings.TrimSpace(r.Presence.String() + " " + r.Reason)})
		})
		ctx, cancel := context.WithTimeout(t.Context(), 59*time.Second)
		defer cancel()
		if err := open(t, opt).Run(ctx); err != nil {
			t.Fatal(err)
		}
		ms := time.Millisecond
		want := []tick{
			{1000 * ms, "known"},
			{5000 * ms, "unknown timeout"},
			{1500 * ms, "unknown timeout"},
			{1500 * ms, "unknown timeout"},
			{1200 * ms, "known"},
			{4000 * ms, "missing no series"},
		}
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(tick{})); diff != "" {
			t.Errorf("ticks (-want +got):\n%s", diff)
		}
	})
}

// sink is a source.Sink made of a function.
type sink func(incident.Input)

// Submit is source.Sink's.
func (f sink) Submit(in incident.Input) { f(in) }
