package responder

import (
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/rollbackd/rollbackd/incident"
)

// TestAReopenedIncidentIsOpen has incidents_open count one that broke again, and its
// triggers as fired.
func TestAReopenedIncidentIsOpen(t *testing.T) {
	reg := prometheus.NewRegistry()
	m := newMetrics(reg)
	at := time.Date(2026, 1, 5, 10, 0, 0, 0, time.UTC)
	fired := incident.Evidence{Name: "errors", Since: at, FiredAt: at.Add(2 * time.Minute), Length: 2 * time.Minute}
	for _, tt := range []struct {
		entry incident.Entry
		open  float64
	}{
		{incident.Entry{Opened: &incident.OpenedEntry{}}, 1},
		{incident.Entry{Closed: &incident.ClosedEntry{Outcome: incident.RolledBack}}, 0},
		{incident.Entry{Kind: incident.KindReopened, Reopened: &incident.ReopenedEntry{Triggers: []incident.Evidence{fired}}}, 1},
		{incident.Entry{Closed: &incident.ClosedEntry{Outcome: incident.Unresolved}}, 0},
	} {
		e := tt.entry
		e.Service, e.Incident, e.At = "checkout", "i1", at.Add(2*time.Minute)
		m.recorded(e)
		if open := testutil.ToFloat64(m.open); open != tt.open {
			t.Errorf("%+v: %v open, want %v", tt.entry, open, tt.open)
		}
	}
	if n, _ := histogram(t, reg, "rollbackd_detection_overshoot_seconds"); n != 1 {
		t.Errorf("%d firings measured, want one", n)
	}
}

// TestAnIncidentThatClosesTwiceIsCountedOnce by its first close, also where the
// daemon was started anew while it was open again.
func TestAnIncidentThatClosesTwiceIsCountedOnce(t *testing.T) {
	closing := func(as incident.Outcome) incident.Entry {
		return incident.Entry{Service: "checkout", Incident: "i1", Closed: &incident.ClosedEntry{Outcome: as}}
	}
	counted := func(m *metrics, as incident.Outcome) float64 {
		return testutil.ToFloat64(m.incidents.WithLabelValues("checkout", string(as)))
	}
	m := newMetrics(nil)
	m.recorded(incident.Entry{Service: "checkout", Incident: "i1", Opened: &incident.OpenedEntry{}})
	m.recorded(closing(incident.RolledBack))
	m.recorded(incident.Entry{Service: "checkout", Incident: "i1", Kind: incident.KindReopened, Reopened: &incident.ReopenedEntry{}})
	m.recorded(closing(incident.Unresolved))
	if once, twice := counted(m, incident.RolledBack), counted(m, incident.Unresolved); once != 1 || twice != 0 {
		t.Errorf("%v as rolled_back and %v as unresolved, want 1 and 0", once, twice)
	}

	again := &incident.Incident{ID: "i1", Service: "checkout", State: incident.Held}
	again.Verification.Horizons = []incident.Horizon{{Name: "short", State: incident.VerificationFailed}}
	m = newMetrics(nil)
	m.begin([]*incident.Incident{again})
	m.recorded(closing(incident.Unresolved))
	if twice := counted(m, incident.Unresolved); twice != 0 {
		t.Errorf("after a restart %v as unresolved, want 0", twice)
	}

	m = newMetrics(nil)
	m.begin([]*incident.Incident{{ID: "i1", Service: "checkout", State: incident.Held}})
	m.recorded(closing(incident.Unresolved))
	if n := counted(m, incident.Unresolved); n != 1 {
		t.Errorf("one that closes for the first time after a restart is counted %v times, want once", n)
	}
}

// TestWhatFollowsUpIsNoPartOfTheDuration has the duration of a rollback end where its
// verification does.
func TestWhatFollowsUpIsNoPartOfTheDuration(t *testing.T) {
	reg := prometheus.NewRegistry()
	m := newMetrics(reg)
	at := time.Date(2026, 1, 5, 10, 0, 0, 0, time.UTC)
	m.recorded(incident.Entry{At: at, Service: "checkout", Planned: &incident.Run{ID: "r1", DecidedAt: at}})
	m.recorded(incident.Entry{At: at.Add(time.Minute), Service: "checkout", Verified: &incident.VerifiedEntry{Run: "r1"}})
	m.recorded(incident.Entry{At: at.Add(time.Hour), Service: "checkout", RunEnded: &incident.RunEndedEntry{Run: "r1", State: incident.RunCompleted}})
	if n, sum := histogram(t, reg, "rollbackd_rollback_duration_seconds"); n != 1 || sum != 60 {
		t.Errorf("%d durations, %v s in all; want one of 60 s", n, sum)
	}
}

// histogram is how many values one has, and their sum.
func histogram(t *testing.T, reg *prometheus.Registry, name string) (n uint64, sum float64) {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			h := f.GetMetric()[0].GetHistogram()
			return h.GetSampleCount(), h.GetSampleSum()
		}
	}
	t.Fatalf("there is no %s", name)
	return 0, 0
}
