package backtest_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbackd/rollbackd/backtest"
)

// gapLines writes a report's gaps.
func gapLines(r *backtest.Report) []string {
	var lines []string
	for _, g := range r.Gaps {
		lines = append(lines, fmt.Sprintf("%s %s/%s %s to %s: %s", g.Kind, g.Service, g.Metric, clockAt(g.From), clockAt(g.To), g.Reason))
	}
	return lines
}

func TestGaps(t *testing.T) {
	quiet := between(0, 0, 0, 0.001)
	out := func(from, to int) func(int) float64 { return between(from, to, gone(), 0.001) }
	inf := func(from, to int) func(int) float64 { return between(from, to, math.Inf(1), 0.001) }
	tests := []struct {
		name           string
		checkout, cart func(int) float64
		want           []string
	}{
		{"nothing", quiet, quiet, nil},
		{"one service is gone for a while", out(100, 120), quiet, []string{
			"missing checkout/error_rate 25m0s to 30m0s: no series, although there was one before and after",
			"missing checkout/latency 25m0s to 30m0s: no series, although there was one before and after",
		}},
		{"it does not come back", out(100, 400), quiet, []string{
			"missing checkout/error_rate 25m0s to 1h40m0s: ends at 2026-01-05 12:25:00Z, and does not come back",
			"missing checkout/latency 25m0s to 1h40m0s: ends at 2026-01-05 12:25:00Z, and does not come back",
		}},
		{"whether it came back is not known", out(380, 400), out(390, 400), []string{
			"missing checkout/error_rate 1h35m0s to 1h37m30s: ends at 2026-01-05 13:35:00Z; from 2026-01-05 13:37:30Z on it is not known whether it came back",
			"missing checkout/latency 1h35m0s to 1h37m30s: ends at 2026-01-05 13:35:00Z; from 2026-01-05 13:37:30Z on it is not known whether it came back",
			"everything / 1h37m30s to 1h40m0s: no metric of any service had a series: Prometheus was down or restarted",
		}},
		{"it began late: it is new", out(0, 100), quiet, nil},
		{"Prometheus restarted", out(100, 120), out(100, 120), []string{"everything / 25m0s to 30m0s: no metric of any service had a series: Prometheus was down or restarted"}},
		{"at the end", out(390, 400), out(390, 400), []string{"everything / 1h37m30s to 1h40m0s: no metric of any service had a series: Prometheus was down or restarted"}},
		{"one more than all", out(100, 124), out(100, 120), []string{
			"everything / 25m0s to 30m0s: no metric of any service had a series: Prometheus was down or restarted",
			"missing checkout/error_rate 30m0s to 31m0s: no series, although there was one before and after",
			"missing checkout/latency 30m0s to 31m0s: no series, although there was one before and after",
		}},
		{"history begins late", out(0, 50), out(0, 50), []string{"before_history / 0s to 12m30s: Prometheus has nothing from before: it began later, or does not keep samples for as long"}},
		{"a value that is none", inf(100, 104), quiet, []string{"unknown checkout/error_rate 25m0s to 26m0s: infinite"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := newPrometheus()
			p.service(t, "checkout", 400, tt.checkout)
			p.service(t, "cart", 400, tt.cart)
			r := run(t, options(t, p, basic, 400))
			if diff := cmp.Diff(tt.want, gapLines(r)); diff != "" {
				t.Errorf("gaps (-want +got):\n%s", diff)
			}
			for _, c := range r.Known {
				if total := c.KnownSeconds + c.UnknownSeconds + c.MissingSeconds; total != 6000 {
					t.Errorf("%s/%s: %gs in all, want the period's 6000", c.Service, c.Metric, total)
				}
			}
		})
	}
}

// A window that is half full when the gap begins is not completed by it: what is
// not known is neither a breach nor healthy.
func TestAGapIsNeitherABreachNorHealthy(t *testing.T) {
	p := newPrometheus()
	p.service(t, "checkout", 400, func(i int) float64 {
		if i >= 44 && i < 60 {
			return gone()
		}
		return between(40, 64, 0.05, 0.001)(i)
	})
	r := run(t, options(t, p, basic, 400, deployed("checkout", "v2", "v1", 38)))
	if s := of(t, r, "checkout"); len(s.Firings) != 0 {
		t.Errorf("firings %+v, want none: a minute before the gap and one after it", s.Firings)
	}
}

func TestALongPeriodIsDrawnInFewPoints(t *testing.T) {
	p := newPrometheus()
	p.service(t, "checkout", 4000, between(2001, 2002, 0.9, 0.001))
	r := run(t, options(t, p, basic, 4000))
	for _, s := range r.Series {
		if s.Service != "checkout" || s.Metric != "error_rate" {
			continue
		}
		if len(s.Points) != 1334 || s.PointSeconds != 45 {
			t.Fatalf("%d points of %gs, want 1334 of 45", len(s.Points), s.PointSeconds)
		}
		want := backtest.Point{Min: 0.001, Max: 0.9, Known: 3}
		if diff := cmp.Diff(want, s.Points[667]); diff != "" {
			t.Errorf("the point of the spike (-want +got):\n%s", diff)
		}
		if last := s.Points[1333]; last.Known != 1 {
			t.Errorf("last point %+v, want one tick", last)
		}
	}
}
