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
