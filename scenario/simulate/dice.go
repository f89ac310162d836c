package simulate

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// dice is a source of seeded chance with the throws that worlds are made of.
type dice struct{ *rand.Rand }

// newDice are the dice of one world. The second word keeps them apart from those
// of anything else that is seeded with small numbers.
func newDice(seed uint64) dice {
	return dice{rand.New(rand.NewPCG(seed, 0x726f6c6c))} //nolint:gosec // worlds must come again, not be hard to guess
}

// chance is true so many times in a hundred.
func (d dice) chance(percent int) bool { return d.IntN(100) < percent }

// between is a whole number from a to b, both included.
func (d dice) between(a, b int) int { return a + d.IntN(b-a+1) }

// pick is one of several, each as likely as the others.
func pick[T any](d dice, of ...T) T { return of[d.IntN(len(of))] }

// seconds is a moment from a to b, on a whole second.
func (d dice) seconds(a, b time.Duration) time.Duration {
	if b <= a {
		return a
	}
	return a + time.Duration(d.IntN(int((b-a)/time.Second)+1))*time.Second
}

// moment is a moment from a to b, more often than not on a multiple of the grid:
// what happens right at a tick is where mistakes live.
func (d dice) moment(a, b, poll time.Duration) time.Duration {
	at := d.seconds(a, b)
	if d.chance(60) {
		at = at.Truncate(poll)
	}
	return max(a, at)
}

// span writes a duration as a configuration does.
func span(t time.Duration) string {
	switch {
	case t == 0:
		return "0s"
	case t%time.Hour == 0:
		return fmt.Sprintf("%dh", t/time.Hour)
	case t%time.Minute == 0:
		return fmt.Sprintf("%dm", t/time.Minute)
	}
	return fmt.Sprintf("%ds", t/time.Second)
}
