package responder

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/rollbackd/rollbackd/incident"
)

// metrics are what rollbackd shows of its own work. All but the timings follow
// from entries alone. Only the loop changes them.
type metrics struct {
	evaluation, overshoot, toAction, duration, writeDuration prometheus.Histogram
	open, lastWrite                                          prometheus.Gauge
	incidents, decisions, rollbacks                          *prometheus.CounterVec
	slaMet, writeFailures, dropped                           prometheus.Counter

	// openIDs are the incidents behind open, true for those that have closed before
	// and were counted then. decidedAt are the runs that have not ended.
	openIDs   map[string]bool
	decidedAt map[string]time.Time
}

func newMetrics(reg prometheus.Registerer) *metrics {
	counter := func(name, help string) prometheus.CounterOpts {
		return prometheus.CounterOpts{Namespace: "rollbackd", Name: name, Help: help}
	}
	gauge := func(name, help string) prometheus.Gauge {
		return prometheus.NewGauge(prometheus.GaugeOpts{Namespace: "rollbackd", Name: name, Help: help})
	}
	histogram := func(name, help string, buckets ...float64) prometheus.Histogram {
		return prometheus.NewHistogram(prometheus.HistogramOpts{Namespace: "rollbackd", Name: name, Help: help, Buckets: buckets})
	}
	m := &metrics{
		evaluation: histogram("evaluation_duration_seconds", "Time to evaluate the readings of one tick, and to record what followed.",
			.0001, .0005, .001, .005, .01, .05, .1, .5, 1),
		overshoot: histogram("detection_overshoot_seconds", "Time from a trigger's window being full to its firing being on record.",
			.01, .05, .1, .25, .5, 1, 2, 5, 10, 15, 30, 60),
		toAction: histogram("decision_to_action_seconds", "Time from the answer that confirmed a rollback to the start of its first step.",
			.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 5),
		duration: histogram("rollback_duration_seconds", "Time from the decision to roll back to the end of the run, its verification included.",
			1, 5, 15, 30, 60, 120, 300, 600, 900, 1800, 3600),
		writeDuration: histogram("journal_write_duration_seconds", "Time to make one journal entry durable.",
			.0001, .00025, .0005, .001, .0025, .005, .01, .05, .1, .5, 1, 5),
		open:          gauge("incidents_open", "Incidents that are not closed."),
		lastWrite:     gauge("journal_last_write_timestamp_seconds", "When the last journal entry was made durable."),
		incidents:     prometheus.NewCounterVec(counter("incidents_total", "Incidents closed, by outcome."), []string{"service", "outcome"}),
		decisions:     prometheus.NewCounterVec(counter("decisions_total", "Decisions, by response and by the guard that held it."), []string{"response", "held_by"}),
		rollbacks:     prometheus.NewCounterVec(counter("rollbacks_total", "Rollbacks that ended, by exit state."), []string{"service", "state"}),
		slaMet:        prometheus.NewCounter(counter("rollback_sla_met_total", "Rollbacks that ended within their SLA.")),
		writeFailures: prometheus.NewCounter(counter("journal_write_failures_total", "Entries that could not be made durable.")),
		dropped:       prometheus.NewCounter(counter("health_events_dropped_total", "Health checks dropped because more came than could be taken in.")),
		openIDs:       map[string]bool{}, decidedAt: map[string]time.Time{},
	}
	if reg != nil {
		reg.MustRegister(m.evaluation, m.overshoot, m.toAction, m.duration, m.writeDuration, m.open, m.lastWrite,
			m.incidents, m.decisions, m.rollbacks, m.slaMet, m.writeFailures, m.dropped)
	}
	return m
}

// begin takes up what a restart left open.
func (m *metrics) begin(incidents []*incident.Incident) {
	for _, in := range incidents {
		if in.State != incident.Closed {
			m.openIDs[in.ID] = in.Reopened()
			m.announce(in.Service)
		}
		if run := in.Rollback; run != nil && !run.State.Ended() && run.VerifiedAt.IsZero() {
			m.decidedAt[run.ID] = run.DecidedAt
		}
	}
	m.open.Set(float64(len(m.openIDs)))
}

// recorded counts a durable entry.
func (m *metrics) recorded(e incident.Entry) {
	if e.Opened != nil {
		m.openIDs[e.Incident] = false
		m.announce(e.Service)
		for _, evidence := range e.Opened.Triggers {
			m.fired(e.At, evidence)
		}
	}
	if e.Reopened != nil {
		m.openIDs[e.Incident] = true
		for _, evidence := range e.Reopened.Triggers {
			m.fired(e.At, evidence)
		}
	}
	if e.Kind == incident.KindFired && e.Trigger != nil && !e.Trigger.Again {
		m.fired(e.At, *e.Trigger)
	}
	if e.Decided != nil {
		m.decisions.WithLabelValues(e.Decided.Response.Directness.String(), string(e.Decided.HeldBy)).Inc()
	}
	if e.Planned != nil {
		m.decidedAt[e.Planned.ID] = e.Planned.DecidedAt
	}
	if e.Verified != nil {
		m.took(e.Verified.Run, e.At) // what follows up is no part of going back
	}
	if e.RunEnded != nil {
		m.runEnded(e)
	}
	if e.Closed != nil {
		if again := m.openIDs[e.Incident]; !again {
			m.incidents.WithLabelValues(e.Service, string(e.Closed.Outcome)).Inc()
		}
		delete(m.openIDs, e.Incident)
	}
	m.open.Set(float64(len(m.openIDs)))
}

func (m *metrics) runEnded(e incident.Entry) {
	m.rollbacks.WithLabelValues(e.Service, string(e.RunEnded.State)).Inc()
	if e.RunEnded.SLAMet {
		m.slaMet.Inc()
	}
	m.took(e.RunEnded.Run, e.At)
}

// took measures a run at its end, once.
func (m *metrics) took(run string, end time.Time) {
	if at, ok := m.decidedAt[run]; ok {
		delete(m.decidedAt, run)
		m.duration.Observe(end.Sub(at).Seconds())
	}
}

// clockSet moves what is measured from, so that what is measured stays true.
func (m *metrics) clockSet(by time.Duration) {
	for run, at := range m.decidedAt {
		m.decidedAt[run] = at.Add(by)
	}
}

// fired measures how much later than its window a trigger fired. The entry's
// own time counts, not the tick's: a slow answer is part of being late. "N of
// M" can fire before M ticks are over; there is nothing to measure then.
func (m *metrics) fired(at time.Time, evidence incident.Evidence) {
	if evidence.Since.IsZero() || evidence.FiredAt.IsZero() {
		return
	}
	if late := at.Sub(evidence.Since.Add(evidence.Length)); late >= 0 {
		m.overshoot.Observe(late.Seconds())
	}
}
