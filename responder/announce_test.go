package responder

import (
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/rollbackd/rollbackd/incident"
)

// TestAFailureIsAnIncrease has every series of a service there at 0 before its
// first rollback ends.
func TestAFailureIsAnIncrease(t *testing.T) {
	for name, tell := range map[string]func(*metrics){
		"an incident opens": func(m *metrics) {
			m.recorded(incident.Entry{Kind: incident.KindOpened, Service: "checkout", Incident: "i1", Opened: &incident.OpenedEntry{}})
		},
		"a restart finds it open": func(m *metrics) { m.begin([]*incident.Incident{{ID: "i1", Service: "checkout", State: incident.Held}}) },
	} {
		m := newMetrics(prometheus.NewRegistry())
		tell(m)
		if n := testutil.CollectAndCount(m.rollbacks); n != 4 {
			t.Errorf("%s: %d series of rollbacks, want one for each exit state", name, n)
		}
		if n := testutil.CollectAndCount(m.incidents); n != 5 {
			t.Errorf("%s: %d series of incidents, want one for each outcome", name, n)
		}
		if v := testutil.ToFloat64(m.rollbacks.WithLabelValues("checkout", "partial")); v != 0 {
			t.Errorf("%s: it counts %v rollbacks already", name, v)
		}
	}
}
