package evaluator

import (
	"time"

	"github.com/rollbackd/rollbackd/trigger"
)

// Sight is how long a trigger has shown nothing known at the ticks, or something. A
// tick at which the source answered nothing at all counts as neither.
type Sight struct {
	// BlindSince is the first of the ticks without a known answer up to now; zero
	// while it is known. Reason is what the newest of them said.
	BlindSince time.Time
	Reason     string
	// KnownSince is the first of the known ones up to now, zero while it is not known.
	KnownSince time.Time
	// Ever is true once it was known, also in what was rebuilt from history.
	Ever bool
	// Asked is false where the source answered nothing at the newest tick.
	Asked bool
}

// Sight is how long a trigger has shown nothing; the zero value where there is no
// such trigger, or no live tick yet.
func (w *Watch) Sight(name string) Sight {
	if x, ok := w.windows[name]; ok {
		return x.sight
	}
	return Sight{}
}

// AnyBlind tells whether any trigger showed nothing known at the newest tick.
func (w *Watch) AnyBlind() bool {
	for _, x := range w.windows {
		if !x.sight.BlindSince.IsZero() {
			return true
		}
	}
	return false
}

// look takes in what a tick showed.
func (s *Sight) look(o trigger.Observation, asked bool) {
	known := o.Truth != trigger.NotKnown
	s.Ever = s.Ever || known
	if !o.Live {
		return
	}
	s.Asked = asked
	switch {
	case !asked:
	case known:
		s.BlindSince, s.Reason = time.Time{}, ""
		if s.KnownSince.IsZero() {
			s.KnownSince = o.At
		}
	default:
		s.KnownSince, s.Reason = time.Time{}, o.Reason
		if s.BlindSince.IsZero() {
			s.BlindSince = o.At
		}
	}
}

// anyAnswered tells whether a source answered anything at a tick.
func anyAnswered(answers map[string]trigger.Answer) bool {
	for _, a := range answers {
		if a.Err == "" {
			return true
		}
	}
	return false
}
