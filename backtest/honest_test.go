package backtest_test

import (
	"net/url"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/benbjohnson/clock"
	"github.com/google/go-cmp/cmp"

	"github.com/rollbackd/rollbackd/backtest"
	"github.com/rollbackd/rollbackd/engine"
)

// What lies outside the period is no miss, and what was done just beside it is not
// held against anybody.
func TestLabelsOutsideThePeriod(t *testing.T) {
	s := labelled(t, label("last month", -5000, -4000, true, "v0"), label("v2", 40, 100, true, "v2"), label("later", 1500, 1600, false, "")).Results[0].Score
	for _, i := range []int{0, 2} {
		if l := s.Labels[i]; l.Rollback != backtest.NotInPeriod || l.Firing != backtest.NotInPeriod || l.Gap != nil {
			t.Errorf("%s: %+v, want that it is not in the period", l.Name, l)
		}
	}
	if diff := cmp.Diff([]int{1, 1, 1, 1}, []int{s.Rollbacks.Labels, s.Rollbacks.Found, s.Firings.Labels, s.Firings.Found}); diff != "" {
		t.Errorf("labels and found (-want +got):\n%s", diff)
	}
	// A label that ended just before the period has the rollback within its slack.
	p := newPrometheus()
	p.service(t, "checkout", 400, between(2, 40, 0.05, 0.001))
	o := options(t, p, basic, 400, deployed("checkout", "v2", "v1", 1))
	o.Labels = []backtest.Label{label("just before", -40, -1, true, "v2")}
	if s := run(t, o).Results[0].Score; s.Firings.All != 0 || s.Rollbacks.All != 0 {
		t.Errorf("%+v and %+v: want nothing to judge", s.Rollbacks, s.Firings)
	}
	// One that overlaps counts.
	o.Labels = []backtest.Label{label("overlaps", -40, 30, true, "v2")}
	if s := run(t, o).Results[0].Score; s.Firings.Found != 1 || s.Rollbacks.Found != 1 {
		t.Errorf("%+v and %+v: want the one label found", s.Rollbacks, s.Firings)
	}
}

func TestLabelsOfServicesNotShown(t *testing.T) {
	p := newPrometheus()
	p.service(t, "checkout", 400, between(0, 0, 0, 0.001))
	p.service(t, "cart", 400, between(0, 0, 0, 0.001))
	o := options(t, p, basic, 400)
	o.Services, o.Labels = []string{"cart"}, []backtest.Label{label("calm", 10, 20, true, "")}
	if r := run(t, o); len(r.Labels) != 0 || r.Results[0].Score != nil {
		t.Errorf("labels %+v, want none of a service that is not shown", r.Labels)
	}
}

// A miss says what happened instead.
func TestNotesOfALabel(t *testing.T) {
	for _, tt := range []struct {
		label backtest.Label
		want  []string
	}{
		{label("v2", 40, 100, true, "v2"), nil},
		{label("v4", 1010, 1100, true, "v4"), []string{"nothing fired"}},
		{label("db", 500, 540, true, "v9"), []string{"bad_version v9 never ran in the period"}},
		{label("v2", 40, 100, true, "v9"), []string{"bad_version v9 never ran in the period", "rolled back v2 → v1"}},
	} {
		if diff := cmp.Diff(tt.want, labelled(t, tt.label).Results[0].Score.Labels[0].Notes); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.label.Name, diff)
		}
	}
	p := newPrometheus()
	p.service(t, "checkout", 400, between(40, 100, 0.05, 0.001))
	o := options(t, p, strings.Replace(basic, `severity = "critical"`, `severity = "medium"`, 1), 400, deployed("checkout", "v2", "v1", 38))
	o.Labels = []backtest.Label{label("asked", 40, 100, true, "v2")}
	one := run(t, o).Results[0].Score.Labels[0]
	if want := []string{"a person was asked, and nobody answers here (severity medium)"}; one.Rollback != backtest.Missed || !cmp.Equal(want, one.Notes) {
		t.Errorf("%+v, want %q", one, want)
	}
}

// Of what had no sample nothing is said: neither that all was well, nor that the
// history had not begun.
func TestNothingKnown(t *testing.T) {
	p := newPrometheus()
	p.service(t, "checkout", 400, between(0, 0, 0, 0.001))
	p.service(t, "cart", 400, between(0, 0, 0, 0.001))
	o := options(t, p, strings.Replace(basic, "latency[15s]", "latncy[15s]", 1), 400)
	r := run(t, o)
	nothing := r.NothingKnown()
	if len(nothing) != 1 || !strings.HasPrefix(nothing[0].Text(), "nothing was known of checkout/slow: latency: it had no series in the whole period;") {
		t.Fatalf("%+v, want checkout/slow", nothing)
	}
	table, page := written(t, *r, (*backtest.Report).WriteTable), written(t, *r, (*backtest.Report).WriteHTML)
	for _, text := range []string{table, page} {
		if strings.Contains(text, "Nothing would have fired") || !strings.Contains(text, "nothing was known of checkout/slow") {
			t.Errorf("want that nothing was known, and no good news:\n%.2000s", text)
		}
	}
	p.fails = func(_ int, form url.Values) (int, string) {
		if strings.Contains(form.Get("query"), "bad") {
			return 400, `{"status":"error","errorType":"bad_data","error":"x"}`
		}
		return 0, ""
	}
	r = run(t, o)
	if n := r.NothingKnown(); len(n) != 3 || n[0].Service != "cart" || n[0].Reason != "it was unknown in the whole period: bad_data" {
		t.Errorf("%+v, want all three triggers", n)
	}
	o.Labels = []backtest.Label{label("v2", 40, 100, true, "")}
	if l := run(t, o).Results[0].Score.Labels[0]; l.Rollback != backtest.NotSeen {
		t.Errorf("%+v, want that it was not seen", l)
	}
}

// A version query that has data shows that Prometheus was there, and a tie is a gap.
func TestVersionsAndGaps(t *testing.T) {
	p := newPrometheus()
	for version, ticks := range map[string][2]int{"v1": {0, 200}, "v2": {150, 380}} {
		s := p.store.Series(engine.Labels{"__name__": "up", "version": version})
		for i := ticks[0]; i < ticks[1]; i++ {
			if err := s.Append(midday().Add(time.Duration(i)*tick), 2); err != nil {
				t.Fatal(err)
			}
		}
	}
	want := []string{
		"version checkout/ 37m30s to 50m0s: version_query named no single version: v1 and v2 have as many units; v1 goes on counting as the running one",
		"everything / 1h35m0s to 1h40m0s: no metric of any service had a series: Prometheus was down or restarted",
		"version checkout/ 1h35m0s to 1h40m0s: version_query named no version",
	}
	var got []string
	for _, g := range run(t, options(t, p, counted, 400)).Gaps {
		got = append(got, string(g.Kind)+" "+g.Service+"/"+g.Metric+" "+clockAt(g.From)+" to "+clockAt(g.To)+": "+g.Reason)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("gaps (-want +got):\n%s", diff)
	}
}

// However a page is asked for, no more is sent than was allowed.
func TestMaxQueriesHolds(t *testing.T) {
	p := failing(t, 422, `{"status":"error","errorType":"execution","error":"too many samples"}`, func(_ int, form url.Values) bool { return ticksOf(form) > 3000 })
	o := options(t, p, basic, long)
	o.MaxQueries = 8
	if _, err := backtest.Run(t.Context(), o); err == nil || !strings.Contains(err.Error(), "no page could be read: not asked for: --max-queries 8 were sent") {
		t.Errorf("error %v, want that the queries were spent", err)
	}
	if n := p.asked(); n > 8 {
		t.Errorf("%d queries were sent, at most 8 were allowed", n)
	}
	o.MaxQueries = 22
	before := p.asked()
	r := run(t, o)
	if n := p.asked() - before; n > 22 {
		t.Errorf("%d queries were sent, at most 22 were allowed", n)
	}
	if !strings.Contains(strings.Join(gapReasons(r), "\n"), "not asked for: --max-queries 22 were sent") {
		t.Errorf("gaps %q, want that the rest was not asked for", gapReasons(r))
	}
}

func gapReasons(r *backtest.Report) []string {
	var all []string
	for _, g := range r.Gaps {
		all = append(all, g.Reason)
	}
	return all
}

// A busy server is not asked for halves, and after five pages not at all.
func TestAServerThatStaysDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const ticks = 100_000
		p := newPrometheus()
		p.service(t, "checkout", 2000, between(0, 0, 0, 0.001))
		first, _ := strconv.ParseInt(secondPage(), 10, 64)
		p.fails = func(_ int, form url.Values) (int, string) {
			if start, _ := strconv.ParseInt(form.Get("start"), 10, 64); start >= first {
				if start != first && (start-first)%150_000 != 0 {
					t.Errorf("a part of a page was asked for at %d", start)
				}
				return 503, "busy"
			}
			return 0, ""
		}
		o := options(t, p, basic, ticks)
		o.Clock = clock.New()
		r := run(t, o)
		// Three queries of the first page; the second is tried four times, three more once.
		if n := p.asked(); n < 3+4*2+4*2 || n > 3+4*3+4*3 {
			t.Errorf("%d queries, want no more after five pages", n)
		}
		if reasons := strings.Join(gapReasons(r), "\n"); !strings.Contains(reasons, "5 pages in a row failed (http_5xx)") {
			t.Errorf("gaps %q, want one that says so", reasons)
		}
	})
}

func TestTheSameDeploymentTwice(t *testing.T) {
	one := "[[deployment]]\nservice = \"cart\"\nversion = \"v2\"\nat = 2026-01-05T12:00:00Z\n"
	_, err := backtest.ParseDeployments("d.toml", one+one, known())
	if err == nil || err.Error() != "d.toml:5: deployment[1]: is the same as that of line 1: keep one" {
		t.Errorf("error %v, want both lines", err)
	}
}

// A version query shows a deployment late by its look-back: a miss for that says so.
func TestAQueryShowsADeploymentLate(t *testing.T) {
	p := newPrometheus()
	p.service(t, "checkout", 300, between(40, 100, 0.05, 0.001))
	for version, ticks := range map[string][2]int{"v1": {0, 56}, "v2": {56, 300}} {
		s := p.store.Series(engine.Labels{"__name__": "up", "version": version})
		for i := ticks[0]; i < ticks[1]; i++ {
			if err := s.Append(midday().Add(time.Duration(i)*tick), 2); err != nil {
				t.Fatal(err)
			}
		}
	}
	o := options(t, p, counted, 300)
	o.Labels = []backtest.Label{label("v2", 40, 100, true, "v2")}
	one := run(t, o).Results[0].Score.Labels[0]
	if one.Rollback != backtest.Missed || one.HeldBy != "before_deployment" || !strings.Contains(strings.Join(one.Notes, "\n"), "--deployments is exact") {
		t.Errorf("%+v, want a miss that names the look-back", one)
	}
}
