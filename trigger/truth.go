package trigger

// Truth is the three-valued answer of a condition.
type Truth int

// The zero Truth is NotKnown. The order carries no meaning.
const (
	NotKnown Truth = iota
	OK
	Breach
)

// String names the truth as the timeline shows it.
func (t Truth) String() string {
	switch t {
	case NotKnown:
		return "unknown"
	case OK:
		return "ok"
	case Breach:
		return "breach"
	}
	return "invalid truth"
}

// And joins two truths: ok beats unknown beats breach. One healthy condition
// settles that the whole is not breached, whatever cannot be seen of the others.
func (t Truth) And(other Truth) Truth {
	switch {
	case t == OK || other == OK:
		return OK
	case t == NotKnown || other == NotKnown:
		return NotKnown
	}
	return Breach
}

// State is a trigger's state in Prometheus's words, with unknown beside them.
type State int

// The zero State is StateUnknown: before the first sample nothing is known.
const (
	StateUnknown State = iota
	Inactive
	Pending
	Firing
)

// String is the word used in test files, metrics and the API.
func (s State) String() string {
	switch s {
	case StateUnknown:
		return "unknown"
	case Inactive:
		return "inactive"
	case Pending:
		return "pending"
	case Firing:
		return "firing"
	}
	return "invalid state"
}

// MarshalText writes the word.
func (s State) MarshalText() ([]byte, error) { return []byte(s.String()), nil }
