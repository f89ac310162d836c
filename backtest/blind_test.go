package backtest_test

import (
	"strings"
	"testing"
	"time"

	"github.com/rollbackd/rollbackd/backtest"
	"github.com/rollbackd/rollbackd/engine"
)

// A label in which nothing breached is a miss, unless gaps of what the acting
// trigger reads leave no two minutes of it.
func TestWhichGapsHideAMiss(t *testing.T) {
	never := func(int) bool { return false }
	in := func(from, to int) func(int) bool { return func(i int) bool { return i >= from && i < to } }
	holes := func(each, long int) func(int) bool {
		return func(i int) bool { return i >= 30 && i < 600 && i%each < long }
	}
	for _, tt := range []struct {
		name            string
		config          string
		errors, latency func(int) bool
		want            backtest.Finding
	}{
		{"no gap", basic, never, never, backtest.Missed},
		{"a tick of another metric", basic, never, in(300, 301), backtest.Missed},
		{"all of a metric that only tells people", basic, never, in(30, 600), backtest.Missed},
		{"all of a metric that acts, too", strings.Replace(basic, `"low"`, `"critical"`, 1), never, in(30, 600), backtest.NotSeen},
		{"a tick of the metric", basic, in(300, 301), never, backtest.Missed},
		{"half of the label", basic, in(30, 300), never, backtest.Missed},
		{"all of the label", basic, in(30, 600), never, backtest.NotSeen},
		{"all but two minutes and a tick", basic, in(49, 600), never, backtest.Missed},
		{"all but two minutes", basic, in(48, 600), never, backtest.NotSeen},
		{"all but a minute, again and again", basic, holes(12, 8), never, backtest.NotSeen},
		{"ticks that a window survives", basic, holes(4, 1), never, backtest.Missed},
		{"it ended", basic, in(40, 700), never, backtest.NotSeen},
		{"missing is the answer", strings.Replace(basic, `error_rate > 1% for 2m", severity = "critical"`, `error_rate > 1% for 2m", severity = "critical", no_data = "ok"`, 1), in(30, 600), never, backtest.Missed},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := newPrometheus()
			p.service(t, "cart", 700, between(0, 0, 0, 0.001))
			but := func(value float64, left func(int) bool) func(int) float64 {
				return func(i int) float64 {
					if left(i) {
						return gone()
					}
					return value
				}
			}
			p.fill(t, "all", "checkout", 700, but(10, tt.errors))
			p.fill(t, "bad", "checkout", 700, but(0.05, tt.errors))
			p.fill(t, "latency", "checkout", 700, but(0.1, tt.latency))
			o := options(t, p, tt.config, 700, deployed("checkout", "v2", "v1", 38))
			o.Labels = []backtest.Label{label("v2", 40, 520, true, "")}
			s := run(t, o).Results[0].Score
			if one := s.Labels[0]; one.Rollback != tt.want || one.Firing != tt.want || (one.Gap != nil) != (tt.want == backtest.NotSeen) {
				t.Errorf("rollback %s, firing %s, gap %+v, want %s", one.Rollback, one.Firing, one.Gap, tt.want)
			}
			if hidden := tt.want == backtest.NotSeen; hidden != (s.Rollbacks.NotSeen == 1) || hidden != (s.Rollbacks.Labels == 0) {
				t.Errorf("%+v, want that the label counts in one of both", s.Rollbacks)
			}
		})
	}
}

// Without a running version nothing can be rolled back, but much can be noticed.
func TestAVersionGapHidesRollbacksAlone(t *testing.T) {
	p := newPrometheus()
	p.service(t, "checkout", 700, between(0, 0, 0, 0.001))
	s := p.store.Series(engine.Labels{"__name__": "up", "version": "v1"})
	for i := range 10 {
		if err := s.Append(midday().Add(time.Duration(i)*tick), 2); err != nil {
			t.Fatal(err)
		}
	}
	o := options(t, p, counted, 700)
	o.Labels = []backtest.Label{label("v2", 40, 520, true, "")}
	one := run(t, o).Results[0].Score.Labels[0]
	if one.Rollback != backtest.NotSeen || one.Firing != backtest.Missed || one.Gap == nil || one.Gap.Kind != backtest.GapVersion {
		t.Errorf("rollback %s, firing %s, gap %+v, want that only the rollback was not seen", one.Rollback, one.Firing, one.Gap)
	}
}
