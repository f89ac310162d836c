package backtest_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbackd/rollbackd/backtest"
)

// label is a labelled incident of checkout between two ticks.
func label(name string, from, to int, deployment bool, bad string) backtest.Label {
	return backtest.Label{
		Service: "checkout", Name: name, From: midday().Add(time.Duration(from) * tick), To: midday().Add(time.Duration(to) * tick),
		Deployment: deployment, BadVersion: bad,
	}
}

// labelled is a day of checkout: a bad v2 (rolled back), a fault that no deployment
// caused (held), an outage of everything with a bad v3 in it, and a bad v4 whose
// latency nobody watches closely enough.
func labelled(t *testing.T, labels ...backtest.Label) *backtest.Report {
	t.Helper()
	p := newPrometheus()
	share := func(i int) float64 {
		switch {
		case i >= 700 && i < 900:
			return gone()
		case i >= 40 && i < 100, i >= 500 && i < 540:
			return 0.05
		}
		return 0.001
	}
	p.service(t, "checkout", 1400, share)
	p.service(t, "cart", 1400, func(i int) float64 { return min(share(i), 0.001) })
	o := options(t, p, basic, 1400, deployed("checkout", "v2", "v1", 36), deployed("checkout", "v1", "v2", 100),
		deployed("checkout", "v3", "v1", 702), deployed("checkout", "v4", "v3", 1000))
	o.Labels = labels
	return run(t, o)
}

func TestWhatBecomesOfLabels(t *testing.T) {
	tests := []struct {
		name             string
		label            backtest.Label
		rollback, firing backtest.Finding
		delay            *float64
	}{
		{"rolled back", label("v2", 40, 100, true, ""), backtest.Caught, backtest.Caught, new(120.0)},
		{"noticed late by people", label("v2", 60, 100, true, "v2"), backtest.Caught, backtest.Caught, new(0.0)},
		{"another version was to blame", label("v2", 40, 100, true, "v9"), backtest.Wrong, backtest.Caught, nil},
		{"no deployment was to blame", label("v2", 40, 100, false, ""), backtest.Wrong, backtest.Caught, nil},
		{"held, as it should be", label("db", 500, 540, false, ""), backtest.LeftAlone, backtest.Caught, nil},
		{"held, and should not be", label("db", 500, 540, true, ""), backtest.Missed, backtest.Caught, nil},
		{"in an outage", label("v3", 710, 760, true, "v3"), backtest.NotSeen, backtest.NotSeen, nil},
		{"nothing was noticed", label("v4", 1010, 1100, true, "v4"), backtest.Missed, backtest.Missed, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := labelled(t, tt.label).Results[0].Score.Labels[0]
			if s.Rollback != tt.rollback || s.Firing != tt.firing {
				t.Errorf("rollback %s, firing %s, want %s and %s", s.Rollback, s.Firing, tt.rollback, tt.firing)
			}
			if diff := cmp.Diff(tt.delay, s.RollbackDelaySeconds); diff != "" {
				t.Errorf("delay (-want +got):\n%s", diff)
			}
		})
	}
}

func TestPrecisionAndRecall(t *testing.T) {
	r := labelled(t, label("v2", 40, 100, true, "v2"), label("db", 500, 540, false, ""),
		label("v3", 710, 760, true, "v3"), label("v4", 1010, 1100, true, "v4"))
	s := r.Results[0].Score
	want := backtest.Accuracy{
		Right: 1, All: 1, Found: 1, Labels: 2, NotSeen: 1,
		Precision: new(1.0), Recall: new(0.5), MedianDelaySeconds: new(120.0), P95DelaySeconds: new(120.0),
	}
	if diff := cmp.Diff(want, s.Rollbacks); diff != "" {
		t.Errorf("rollbacks (-want +got):\n%s", diff)
	}
	want = backtest.Accuracy{
		Right: 2, All: 2, Found: 2, Labels: 3, NotSeen: 1,
		Precision: new(1.0), Recall: new(2.0 / 3), MedianDelaySeconds: new(120.0), P95DelaySeconds: new(120.0),
	}
	if diff := cmp.Diff(want, s.Firings); diff != "" {
		t.Errorf("firings (-want +got):\n%s", diff)
	}
	if g := s.Labels[2].Gap; g == nil || g.Kind != backtest.GapEverything {
		t.Errorf("gap of v3 %+v, want the outage", g)
	}
	if s.Labels[1].HeldBy != "verification" { // within a day of the rollback it is the same incident again
		t.Errorf("db was held by %q, want verification", s.Labels[1].HeldBy)
	}
}

// Without any rollback there is no precision: nothing divided by nothing is not
// a hundred percent.
func TestNothingDividedByNothing(t *testing.T) {
	p := newPrometheus()
	p.service(t, "checkout", 400, between(0, 0, 0, 0.001))
	o := options(t, p, basic, 400)
	o.Labels = []backtest.Label{label("calm", 10, 20, false, "")}
	s := run(t, o).Results[0].Score.Rollbacks
	if s.Precision != nil || s.Recall != nil || s.MedianDelaySeconds != nil {
		t.Errorf("%+v, want no figures", s)
	}
}
