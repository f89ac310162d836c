package backtest_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbackd/rollbackd/backtest"
	"github.com/rollbackd/rollbackd/engine"
	"github.com/rollbackd/rollbackd/incident"
)

// of is one service of a report's first variant.
func of(tb testing.TB, r *backtest.Report, service string) backtest.ServiceResult {
	tb.Helper()
	for _, s := range r.Results[0].Services {
		if s.Service == service {
			return s
		}
	}
	tb.Fatalf("no service %s in the report", service)
	return backtest.ServiceResult{}
}

// summary tells a service's firings, incidents and rollbacks in lines.
func summary(s backtest.ServiceResult) []string {
	var lines []string
	for _, f := range s.Firings {
		lines = append(lines, fmt.Sprintf("%s fired at %s since %s after %gs, %gs late, %s %s",
			f.Trigger, clockAt(f.FiredAt), clockAt(f.Onset), f.WindowSeconds, f.OvershootSeconds, f.ValueText, f.Threshold))
	}
	for _, i := range s.Incidents {
		lines = append(lines, fmt.Sprintf("%s at %s, closed at %s: %s, held by %q, blames %q, %s", i.State, clockAt(i.OpenedAt), clockAt(i.ClosedAt), i.Response, i.HeldBy, i.Deployment, i.Outcome))
	}
	for _, r := range s.Rollbacks {
		lines = append(lines, fmt.Sprintf("rollback %s → %s at %s: %s at %s", r.From, r.To, clockAt(r.DecidedAt), r.State, clockAt(r.EndedAt)))
	}
	return lines
}

func TestWhatWouldHaveBeenDone(t *testing.T) {
	p := newPrometheus()
	p.service(t, "checkout", 400, between(40, 200, 0.05, 0.001))
	p.service(t, "cart", 400, between(100, 140, 0.05, 0.001))
	r := run(t, options(t, p, basic, 400, deployed("checkout", "v2", "v1", 38)))
	want := []string{
		"errors fired at 12m0s since 10m0s after 120s, 0s late, 5% > 1%",
		`closed at 12m0s, closed at 14m30s: rollback, held by "", blames "v2", rolled_back`,
		"rollback v2 → v1 at 12m0s: completed at 14m30s",
	}
	if diff := cmp.Diff(want, summary(of(t, r, "checkout"))); diff != "" {
		t.Errorf("checkout (-want +got):\n%s", diff)
	}
	// Nobody deployed cart: it is held, and closes when it was well for long enough.
	want = []string{
		"errors fired at 27m0s since 25m0s after 120s, 0s late, 5% > 1%",
		`closed at 27m0s, closed at 40m0s: rollback, held by "no_deployment", blames "", recovered`,
	}
	if diff := cmp.Diff(want, summary(of(t, r, "cart"))); diff != "" {
		t.Errorf("cart (-want +got):\n%s", diff)
	}
	totals := backtest.Totals{Firings: 2, Incidents: 2, Rollbacks: 1, Held: 1, HeldBy: map[incident.Guard]int{incident.GuardNoDeployment: 1}}
	if diff := cmp.Diff(totals, r.Results[0].Totals); diff != "" {
		t.Errorf("totals (-want +got):\n%s", diff)
	}
	not := r.Results[0].NotJudged
	if len(not) != 1 || not[0].Trigger != "health" || !strings.Contains(not[0].Reason, "no health checks") {
		t.Errorf("not judged: %+v, want the trigger on health", not)
	}
}

// The record goes on with the bad version; what is assumed instead ends with the
// blame window, and no earlier.
func TestAfterARollbackTheRecordIsSetAside(t *testing.T) {
	p := newPrometheus()
	// The version stays bad for good. With the record believed, verification would fail.
	p.service(t, "checkout", 400, between(40, 400, 0.05, 0.001))
	r := run(t, options(t, p, basic, 400, deployed("checkout", "v2", "v1", 38)))
	a := r.Results[0].Assumed
	if len(a) != 1 {
		t.Fatalf("assumed: %+v, want one stretch", a)
	}
	if got := clockAt(a[0].From) + " to " + clockAt(a[0].To); got != "12m0s to 1h12m0s" {
		t.Errorf("assumed from %s, want from the rollback on for the blame window of an hour", got)
	}
	if diff := cmp.Diff(map[string]float64{"error_rate": 0.001, "latency": 0.1}, a[0].Values); diff != "" {
		t.Errorf("assumed values (-want +got):\n%s", diff)
	}
	s := of(t, r, "checkout")
	if len(s.Rollbacks) != 1 || s.Rollbacks[0].State != incident.RunCompleted {
		t.Errorf("rollbacks %+v, want one that is completed", s.Rollbacks)
	}
	// From there the record counts again: the service is bad, and nothing explains it.
	if n := len(s.Incidents); n != 2 || s.Incidents[1].HeldBy != incident.GuardVerification || clockAt(s.Incidents[1].OpenedAt) != "1h14m0s" {
		t.Errorf("incidents %+v, want a second one that is held", s.Incidents)
	}
}

func TestTheNextDeploymentEndsWhatIsAssumed(t *testing.T) {
	p := newPrometheus()
	p.service(t, "checkout", 400, between(40, 100, 0.05, 0.001))
	o := options(t, p, basic, 400, deployed("checkout", "v2", "v1", 38), deployed("checkout", "v3", "v2", 100))
	a := run(t, o).Results[0].Assumed
	if len(a) != 1 || clockAt(a[0].From) != "12m0s" || clockAt(a[0].To) != "25m0s" {
		t.Errorf("assumed %+v, want from 12m0s to the deployment of v3 at 25m0s", a)
	}
}

// Nothing that is not known is made known by an assumption: while Prometheus does
// not answer, the assumed values do not count either.
func TestWhatIsAssumedDoesNotFillGaps(t *testing.T) {
	p := newPrometheus()
	down := func(f func(int) float64) func(int) float64 {
		return func(i int) float64 {
			if i >= 51 && i < 110 {
				return gone()
			}
			return f(i)
		}
	}
	p.service(t, "checkout", 400, down(between(40, 200, 0.05, 0.001)))
	p.service(t, "cart", 400, down(between(0, 0, 0, 0.001)))
	r := run(t, options(t, p, basic, 400, deployed("checkout", "v2", "v1", 38)))
	s := of(t, r, "checkout")
	if len(s.Rollbacks) != 1 || s.Rollbacks[0].State != incident.RunPartial {
		t.Errorf("rollbacks %+v, want one whose verification saw too little", s.Rollbacks)
	}
	if len(r.Gaps) != 1 || r.Gaps[0].Kind != backtest.GapEverything || clockAt(r.Gaps[0].From) != "12m45s" || clockAt(r.Gaps[0].To) != "27m30s" {
		t.Errorf("gaps %+v, want one of everything", r.Gaps)
	}
}

// counted is a configuration whose versions come from a census.
var counted = strings.ReplaceAll(basic, `deployment = { required = true, blame_window = "1h" }`,
	`deployment = { version_query = 'sum by (version) (last_over_time(up[15s]))' }`)

// A version query shows deployments as the live source would. What it goes on
// showing after a rollback that did not happen is no news.
func TestDeploymentsOfAVersionQuery(t *testing.T) {
	p := newPrometheus()
	p.service(t, "checkout", 300, between(40, 100, 0.05, 0.001))
	units := func(version string, from, to int, n float64) {
		s := p.store.Series(engine.Labels{"__name__": "up", "version": version})
		for i := from; i < to; i++ {
			if err := s.Append(midday().Add(time.Duration(i)*tick), n); err != nil {
				t.Fatal(err)
			}
		}
	}
	units("v1", 0, 36, 4)
	units("v1", 36, 38, 1)
	units("v2", 36, 38, 3)
	units("v2", 38, 60, 4)
	units("v2", 70, 150, 5) // one more of what the played world has left
	units("v3", 150, 300, 4)
	r := run(t, options(t, p, counted, 300))
	s := of(t, r, "checkout")
	var got []string
	for _, d := range s.Deployments {
		got = append(got, fmt.Sprintf("%s after %q at %s, first %v, ignored %v", d.Version, d.Previous, clockAt(d.At), d.FirstLook, d.Ignored))
	}
	want := []string{
		`v1 after "" at 0s, first true, ignored false`,
		`v2 after "v1" at 9m0s, first false, ignored false`,
		`v3 after "v2" at 37m30s, first false, ignored false`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("deployments (-want +got):\n%s", diff)
	}
	if len(s.Rollbacks) != 1 || s.Rollbacks[0].From != "v2" || s.Rollbacks[0].To != "v1" || s.Rollbacks[0].State != incident.RunCompleted {
		t.Errorf("rollbacks %+v, want v2 → v1, completed", s.Rollbacks)
	}
	if len(r.Gaps) != 1 || r.Gaps[0].Kind != backtest.GapVersion || clockAt(r.Gaps[0].From) != "15m0s" || clockAt(r.Gaps[0].To) != "17m30s" {
		t.Errorf("gaps %+v, want one in which no version could be seen", r.Gaps)
	}
	if a := r.Results[0].Assumed; len(a) != 1 || clockAt(a[0].To) != "37m30s" {
		t.Errorf("assumed %+v, want until v3", a)
	}
}

// The same history gives the same bytes, whatever the order of maps, the cache and
// the number of variants that are played beside it.
func TestTheSameBytes(t *testing.T) {
	p := newPrometheus()
	p.service(t, "checkout", 400, between(40, 200, 0.05, 0.001))
	p.service(t, "cart", 400, between(250, 340, 0.05, 0.001))
	play := func(sweep ...string) backtest.Report {
		o := options(t, p, basic, 400, deployed("checkout", "v2", "v1", 38), deployed("cart", "v8", "v7", 248))
		o.Labels = []backtest.Label{{Service: "cart", Name: "x", From: midday(), To: midday().Add(time.Hour), Deployment: true}}
		if len(sweep) > 0 {
			o.Variants = variants(t, basic, sweep...)
		}
		return *run(t, o)
	}
	text := func(r backtest.Report) string {
		var b bytes.Buffer
		for _, write := range []func() error{func() error { return r.WriteJSON(&b) }, func() error { return r.WriteTable(&b) }, func() error { return r.WriteHTML(&b) }} {
			if err := write(); err != nil {
				t.Fatal(err)
			}
		}
		return b.String()
	}
	first := text(play())
	for range 3 {
		if diff := cmp.Diff(first, text(play())); diff != "" {
			t.Fatalf("another run (-first +second):\n%s", diff)
		}
	}
	sweep := "services.checkout.triggers.errors.when=error_rate > {1%,2%,9%} for 2m"
	side := play(sweep)
	if got := len(side.Results); got != 3 {
		t.Fatalf("%d results, want 3", got)
	}
	if diff := cmp.Diff(text(side), text(play(sweep))); diff != "" {
		t.Fatalf("another sweep (-first +second):\n%s", diff)
	}
	for i, want := range []int{1, 1, 0} {
		rollbacks := 0
		for _, s := range side.Results[i].Services {
			if s.Service == "checkout" {
				rollbacks = len(s.Rollbacks)
			}
		}
		if rollbacks != want {
			t.Errorf("%v: %d rollbacks of checkout, want %d", side.Results[i].Set, rollbacks, want)
		}
	}
}
