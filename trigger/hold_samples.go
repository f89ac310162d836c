package trigger

import (
	"math"
	"time"
)

// sample is what is kept of one tick for "in N of M samples".
type sample uint8

const (
	sampleUnknown sample = iota
	sampleOK
	sampleBreach
	// sampleMissing is a breach by no_data.
	sampleMissing
)

// samples is the last M ticks. A tick without an answer, and one that never
// came, takes its place as unknown.
type samples struct {
	// ring holds each tick at its slot modulo M.
	ring []sample
	// newest is the slot of the newest tick and at its time; there is none
	// while newest is the least integer.
	newest int64
	at     time.Time
	poll   time.Duration

	known, breach, missing int
}

func newSamples(m int, poll time.Duration) samples {
	return samples{ring: make([]sample, m), newest: math.MinInt64, poll: poll}
}

func (s *samples) clear() {
	clear(s.ring)
	s.newest, s.known, s.breach, s.missing = math.MinInt64, 0, 0, 0
}

// put writes a tick into its place and moves the ring on to it where it is new.
func (s *samples) put(slot int64, o Observation) {
	m := int64(len(s.ring))
	switch {
	case s.newest == math.MinInt64:
		s.newest = slot
	case slot <= s.newest-m:
		return
	}
	// Of a long pause only the last M ticks have a place.
	for n := max(s.newest+1, slot-m+1); n < slot; n++ {
		s.set(n, sampleUnknown)
	}
	s.set(slot, sampleOf(o))
	if slot >= s.newest {
		s.newest, s.at = slot, o.At
	}
}

func sampleOf(o Observation) sample {
	switch {
	case o.Truth == NotKnown:
		return sampleUnknown
	case o.Truth == OK:
		return sampleOK
	case o.FromNoData:
		return sampleMissing
	}
	return sampleBreach
}

// set replaces what was in a slot's place.
func (s *samples) set(slot int64, v sample) {
	m := int64(len(s.ring))
	place := &s.ring[((slot%m)+m)%m]
	s.count(*place, -1)
	*place = v
	s.count(v, 1)
}

func (s *samples) count(v sample, by int) {
	switch v {
	case sampleUnknown:
		return
	case sampleOK:
	case sampleBreach:
		s.breach += by
	case sampleMissing:
		s.missing += by
	}
	s.known += by
}

// breaching is how many of the last M ticks breach.
func (s *samples) breaching() int { return s.breach + s.missing }

// firstBreach is the time of the first breaching tick among the M; zero if
// none does.
func (s *samples) firstBreach() time.Time {
	m := int64(len(s.ring))
	for back := m - 1; back >= 0; back-- {
		v := s.ring[(((s.newest-back)%m)+m)%m]
		if v == sampleBreach || v == sampleMissing {
			return s.at.Add(-time.Duration(back) * s.poll)
		}
	}
	return time.Time{}
}

// observeSamples applies the rules of "in N of M samples". Only ticks of the
// grid have a place; what is read between them changes nothing here.
func (w *Window) observeSamples(o Observation) {
	switch o.Truth {
	case OK:
		w.rest = Inactive
	case NotKnown:
		w.rest = StateUnknown
	case Breach: // what counts is decided on the grid below
	}
	if !o.Grid {
		return
	}
	w.samples.put(w.lastSlot, o)
	if w.samples.known == 0 {
		w.empty(StateUnknown) // all M slots are unknown: nothing is held any more
		return
	}
	enough := w.samples.breaching() >= w.spec.Expr.Hold.N && w.samples.known >= w.minSamples
	switch {
	case !w.firedAt.IsZero():
		// An unknown tick pushes an old breach out, but shows nothing.
		if o.Truth != NotKnown && w.samples.breaching() < w.spec.Expr.Hold.N {
			w.firedAt, w.onset = time.Time{}, time.Time{}
		}
	case enough && o.Truth == Breach && o.Live:
		w.fire(o.At, w.samples.firstBreach())
	}
}
