package responder

import (
	"time"

	"github.com/benbjohnson/clock"
)

// maxDrift is how far the wall clock may run from time itself between two looks
// before it counts as set. A clock that is being corrected slowly stays far below.
const maxDrift = 5 * time.Second

// timekeeper gives the loop its time: that of the wall clock, because this is
// what people, Prometheus and the journal go by, held against time itself. It
// tells a clock that was set from time that passed, and never goes back on its
// own. Only the loop uses it.
type timekeeper struct {
	wall   func() time.Time
	steady func() time.Duration
	// told is the time given out last, and toldAt the steady time at that moment.
	told   time.Time
	toldAt time.Duration
}

// newTimekeeper begins now. Without a steady time it is the clock's own, which
// stands still while the machine sleeps.
func newTimekeeper(c clock.Clock, steady func() time.Duration) *timekeeper {
	if steady == nil {
		start := c.Now()
		steady = func() time.Duration { return c.Since(start) }
	}
	k := &timekeeper{wall: func() time.Time { return c.Now().Round(0).UTC() }, steady: steady}
	k.told, k.toldAt = k.wall(), k.steady()
	return k
}

// now is the present moment, and by how much the clock was set since the last
// look: zero for a drift small enough to be followed. A clock that runs a little
// behind is waited for, so without a step the time given never goes back.
//
// It has no monotonic part: a time that went through the journal has none
// either, and the two are compared.
func (k *timekeeper) now() (now time.Time, by time.Duration) {
	wall, steady := k.wall(), k.steady()
	by = wall.Sub(k.told.Add(steady - k.toldAt))
	k.toldAt = steady
	if by.Abs() > maxDrift {
		k.told = wall
		return wall, by
	}
	if wall.After(k.told) {
		k.told = wall
	}
	return k.told, 0
}
