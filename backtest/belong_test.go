package backtest_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbackd/rollbackd/backtest"
)

// What was done counts once, for one label, however many are near: a rollback at
// tick 48 here.
func TestAFindingBelongsToOneLabel(t *testing.T) {
	for _, tt := range []struct {
		name   string
		labels []backtest.Label
		want   []backtest.Finding
	}{
		{"the one that holds it", []backtest.Label{label("over", 20, 40, true, ""), label("now", 42, 60, true, "")}, []backtest.Finding{backtest.Missed, backtest.Caught}},
		{"the nearest that it follows", []backtest.Label{label("over", 10, 38, true, ""), label("just over", 20, 45, true, ""), label("next", 49, 60, true, "")}, []backtest.Finding{backtest.Missed, backtest.Caught, backtest.Missed}},
		{"the nearest to come", []backtest.Label{label("later", 55, 70, true, ""), label("next", 50, 60, true, "")}, []backtest.Finding{backtest.Missed, backtest.Caught}},
		{"the one that began last", []backtest.Label{label("long", 10, 100, false, ""), label("in it", 40, 60, true, "")}, []backtest.Finding{backtest.LeftAlone, backtest.Caught}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := newPrometheus()
			p.service(t, "checkout", 400, between(40, 200, 0.05, 0.001))
			o := options(t, p, basic, 400, deployed("checkout", "v2", "v1", 38))
			o.Labels = tt.labels
			r := run(t, o).Results[0]
			var got []backtest.Finding
			for i, l := range r.Score.Labels {
				got = append(got, l.Rollback)
				if named := r.Services[1].Rollbacks[0].Label == l.Name; named != (l.Rollback == backtest.Caught) {
					t.Errorf("the rollback is of %q, and %s is %s", r.Services[1].Rollbacks[0].Label, tt.labels[i].Name, l.Rollback)
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("rollbacks (-want +got):\n%s", diff)
			}
			for _, a := range []backtest.Accuracy{r.Score.Rollbacks, r.Score.Firings} {
				if counts := fmt.Sprint(a.Right, a.All, a.Found, *a.Precision); counts != "1 1 1 1" {
					t.Errorf("right, all, found and precision %s, want one of one", counts)
				}
			}
		})
	}
}
