package trigger

import "time"

// NoData says what a Missing reading counts as. The zero value is NoDataHold.
type NoData int

// The values of `no_data`.
const (
	// NoDataHold treats missing as unknown.
	NoDataHold NoData = iota
	// NoDataOK treats missing as healthy.
	NoDataOK
	// NoDataBreach treats missing as a breach that reaches at most approve.
	NoDataBreach
)

// Spec is one trigger of one service, as the configuration has it. It is a
// value: two equal specs mean the same, which is how a reload knows that a
// window may go on.
type Spec struct {
	Name     string
	Severity Severity
	Expr     Expr
	NoData   NoData
	// MinSamples is how many known grid samples the window must hold before
	// the trigger can fire. Zero means the default: 2 with a hold, else 1.
	MinSamples int
	// MinRequests is how many requests must have been seen since the
	// deployment's start. Zero asks for none.
	MinRequests float64
	// WarmUp is how long after a deployment's start the trigger may not fire;
	// its window runs all the same.
	WarmUp time.Duration
	// Poll is the grid's interval, and MaxGap the longest stretch of unknown
	// that a window survives.
	Poll   time.Duration
	MaxGap time.Duration
	// Receivers are the names of those told about this trigger; empty means all.
	Receivers []string
}

// SameMeaning tells whether two specs judge alike, so that a window may go on
// over a reload. Who is told, and how grave it is, does not matter to a window.
func (s Spec) SameMeaning(other Spec) bool {
	return s.Name == other.Name && s.Expr.Text == other.Expr.Text && s.Expr.sameConditions(other.Expr) &&
		s.NoData == other.NoData && s.MinSamples == other.MinSamples && s.MinRequests == other.MinRequests &&
		s.WarmUp == other.WarmUp && s.Poll == other.Poll && s.MaxGap == other.MaxGap
}

func (e Expr) sameConditions(other Expr) bool {
	if e.Hold != other.Hold || len(e.Conditions) != len(other.Conditions) {
		return false
	}
	for i, c := range e.Conditions {
		if c != other.Conditions[i] {
			return false
		}
	}
	return true
}
