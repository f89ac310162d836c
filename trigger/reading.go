package trigger

// Presence tells what kind of answer a source gave for one metric of one service.
type Presence int

// The zero Presence is Unknown, so that a value nobody filled in can never be
// taken for an answer.
const (
	// Unknown is no usable answer: an error, a timeout, NaN, an infinity, a
	// partial answer, a value outside its unit.
	Unknown Presence = iota
	// Missing is an answer without a series for the service. Only here does a
	// trigger's no_data apply.
	Missing
	// Known is a finite value within the metric's unit.
	Known
)

// String names the presence as logs and the timeline show it.
func (p Presence) String() string {
	switch p {
	case Unknown:
		return "unknown"
	case Missing:
		return "missing"
	case Known:
		return "known"
	}
	return "invalid presence"
}

// Reading is one metric's value for one service at one instant. Its zero value
// is unknown without a reason.
type Reading struct {
	Presence Presence
	// Value is in the metric's own unit; it means something only when Known.
	Value float64
	// Total is the denominator of a bad + total metric in events a second, and
	// HasTotal whether there is one. It feeds min_requests.
	Total    float64
	HasTotal bool
	// Reason says in a word or two why a reading is not known, for example
	// "timeout", "nan", "unit_mismatch".
	Reason string
}

// KnownValue is a known reading of v.
func KnownValue(v float64) Reading { return Reading{Presence: Known, Value: v} }

// UnknownBecause is an unknown reading with its reason.
func UnknownBecause(reason string) Reading { return Reading{Presence: Unknown, Reason: reason} }

// Answer is what a source said of one metric for all services at one instant.
type Answer struct {
	// Err, when not empty, is why the whole answer is unusable; every service
	// then reads as unknown for this reason.
	Err string
	// Services holds a reading for each service that had a series. A service
	// that is not in it, while Err is empty, is Missing.
	Services map[string]Reading
	// Failed holds a reason for each service whose own query failed, for
	// metrics that are asked once a service. It wins over Services.
	Failed map[string]string
}

// Reading is what the answer says of one service.
func (a Answer) Reading(service string) Reading {
	if a.Err != "" {
		return UnknownBecause(a.Err)
	}
	if reason, failed := a.Failed[service]; failed {
		return UnknownBecause(reason)
	}
	if r, ok := a.Services[service]; ok {
		return r
	}
	return Reading{Presence: Missing, Reason: "no series"}
}
