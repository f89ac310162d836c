package trigger

import (
	"slices"
	"time"
)

// Kind is the form of a condition.
type Kind int

// The forms a condition can have. The zero value is invalid.
const (
	// Compare is METRIC OP QUANTITY.
	Compare Kind = iota + 1
	// Absent is METRIC "absent": the source answered, the series existed for
	// this service before, and is gone.
	Absent
	// ConsecutiveFailures is N "consecutive health failures".
	ConsecutiveFailures
	// HealthFailing is "health failing".
	HealthFailing
	// Event is "event" NAME: a signal of that name stands for the service.
	Event
)

// Op is a comparison.
type Op string

// The comparisons of `when`.
const (
	Greater        Op = ">"
	GreaterOrEqual Op = ">="
	Less           Op = "<"
	LessOrEqual    Op = "<="
	Equal          Op = "=="
	NotEqual       Op = "!="
)

// Condition is one part of a `when`, between its "and"s.
type Condition struct {
	Kind Kind
	// Text is the condition as written, variables filled in.
	Text string
	// Metric is the metric's name for Compare and Absent.
	Metric string
	Op     Op
	// Threshold is in the metric's own unit: 1% of a ratio is 0.01.
	Threshold float64
	// ThresholdText is the quantity as written: "1%".
	ThresholdText string
	// Count is N of ConsecutiveFailures.
	Count int
	// Event is the signal's name for Event.
	Event string
}

// Hold is how long or how often a condition must breach. The zero value is
// "at once": no hold.
type Hold struct {
	// For is the duration of `for D`.
	For time.Duration
	// N and M are those of `in N of M samples`.
	N, M int
}

// None tells whether there is no hold.
func (h Hold) None() bool { return h.For == 0 && h.M == 0 }

// Expr is a parsed `when`.
type Expr struct {
	// Text is the whole `when` as written, variables filled in.
	Text       string
	Conditions []Condition
	Hold       Hold
}

// EventDriven tells whether no condition reads a metric, so that health checks and
// signals drive it, and not ticks.
func (e Expr) EventDriven() bool {
	for _, c := range e.Conditions {
		if c.Kind == Compare || c.Kind == Absent {
			return false
		}
	}
	return true
}

// HealthOnly tells whether every condition is about health.
func (e Expr) HealthOnly() bool { return e.EventDriven() && len(e.Signals()) == 0 }

// Signals are the names of the signals the expression waits for, each once, in the
// order of first use; nil where it waits for none.
func (e Expr) Signals() []string {
	var names []string
	for _, c := range e.Conditions {
		if c.Kind == Event && !slices.Contains(names, c.Event) {
			names = append(names, c.Event)
		}
	}
	return names
}

// UsesHealth tells whether any condition is about health.
func (e Expr) UsesHealth() bool {
	for _, c := range e.Conditions {
		if c.Kind == ConsecutiveFailures || c.Kind == HealthFailing {
			return true
		}
	}
	return false
}

// Metrics are the names of the metrics the expression reads, each once, in the
// order of first use.
func (e Expr) Metrics() []string {
	var names []string
	seen := map[string]bool{}
	for _, c := range e.Conditions {
		if c.Metric != "" && !seen[c.Metric] {
			seen[c.Metric] = true
			names = append(names, c.Metric)
		}
	}
	return names
}
