package trigger

import "time"

// Evaluation is what a trigger's condition says at one instant, hold aside.
type Evaluation struct {
	Truth Truth
	// Value is the reading of the condition that decided (for health, the
	// longest run of failures or the share failing); HasValue tells whether
	// there is one.
	Value    float64
	HasValue bool
	// Reason says why, most of all why it is not known.
	Reason string
	// FromNoData tells that the answer rests on no_data: a breach then reaches at
	// most approve, and an ok verifies nothing.
	FromNoData bool
	// Building tells that nothing speaks against a breach but the number of
	// consecutive failures, which is not yet reached. Truth is then NotKnown.
	Building bool
	// Since is the first failing check of the run, for health conditions that
	// breach or are building, and when the signal came, for events that breach;
	// zero otherwise.
	Since time.Time
}

// View is what an evaluation may look at. It is filled by the evaluator for
// one service at one instant.
type View interface {
	// Reading is the metric's reading at this instant.
	Reading(metric string) Reading
	// Existed tells whether the metric ever had a series for this service.
	Existed(metric string) bool
	// Health is the service's health streams, nil where there are none.
	Health() *Health
	// Signal is the signal of a name that stands at this instant; false where none
	// does.
	Signal(name string) (Signal, bool)
	// Now is the instant of the evaluation.
	Now() time.Time
}

// Observation is an evaluation as a window takes it in.
type Observation struct {
	At time.Time
	Evaluation
	// Grid is true for a sample of the grid: only those open windows or count
	// in "N of M". A health event counts as one that opens but takes no grid slot
	// (Event true, Grid false).
	Grid  bool
	Event bool
	// Live is true for a sample read now, false for one rebuilt from history.
	// Only a live sample completes a window.
	Live bool
}

// withoutNoData is the observation as no_data = "hold" has it.
func (o Observation) withoutNoData() Observation {
	if o.FromNoData {
		o.Evaluation = Evaluation{Reason: o.Reason}
	}
	return o
}

// Status is a window's present state, for people, metrics and the brain.
type Status struct {
	State State
	// Truth is the condition's latest answer, hold aside.
	Truth    Truth
	Value    float64
	HasValue bool
	Reason   string
	// Since is the onset of the breach: t0, the first breaching tick among the
	// M, the first failing check of the run, or the signal. Zero when not pending or firing.
	Since time.Time
	// FiredAt is when it fired; zero when not firing.
	FiredAt time.Time
	// Filled is how full the window is, 0 to 1.
	Filled float64
	// FromNoData tells that the breach rests on no_data: that it would not fire without
	// it or, while it is pending, that some of its samples are none.
	FromNoData bool
	// Unseen tells that the latest answer is ok only by no_data = "ok": nothing was
	// there to be seen.
	Unseen bool
}
