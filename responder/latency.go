package responder

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/rollbackd/rollbackd/incident"
)

// latency measures the time from the answer that confirmed a rollback to the
// start of its first step. A rollback that a person asked for is not confirmed
// and not measured.
type latency struct {
	observer prometheus.Observer
	// input is when the input came that the brain is deciding on; zero where it
	// is not an answer to a confirming read.
	input time.Time
	// confirmed is that time of each run that has not begun a step of its plan.
	confirmed map[string]time.Time
	// first are the first steps that are running.
	first map[incident.StepRef]firstStep
}

// firstStep is when a run was confirmed and when its first step was handed over.
type firstStep struct{ confirmed, started time.Time }

func newLatency(observer prometheus.Observer) *latency {
	return &latency{observer: observer, confirmed: map[string]time.Time{}, first: map[incident.StepRef]firstStep{}}
}

// deciding says that the brain is about to decide on an input that came at a time.
func (m *latency) deciding(in incident.Input, at time.Time) {
	m.input = time.Time{}
	if samples, ok := in.(incident.Samples); ok && samples.Kind == incident.Confirm {
		m.input = at
	}
}

// recorded takes note of a run that the present input led to.
func (m *latency) recorded(e incident.Entry) {
	if e.Planned != nil && !m.input.IsZero() {
		m.confirmed[e.Planned.ID] = m.input
	}
	if e.RunEnded != nil {
		delete(m.confirmed, e.RunEnded.Run)
	}
}

// started looks for the first attempt that belongs to the plan itself.
func (m *latency) started(ref incident.StepRef, now time.Time) {
	at, ok := m.confirmed[ref.Run]
	if !ok || ref.Section == incident.SectionPrepare {
		return
	}
	delete(m.confirmed, ref.Run)
	m.first[ref] = firstStep{confirmed: at, started: now}
}

// ended adds what the runner needed until the step had begun.
func (m *latency) ended(e incident.StepEnded) {
	first, ok := m.first[e.Ref]
	if !ok {
		return
	}
	delete(m.first, e.Ref)
	took := first.started.Sub(first.confirmed) + max(0, e.Result.StartedAt.Sub(first.started.Round(0)))
	m.observer.Observe(took.Seconds())
}
