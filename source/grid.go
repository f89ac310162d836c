package source

import (
	"context"
	"time"

	"github.com/benbjohnson/clock"
)

// Grid gives the ticks of polling: the multiples of an interval since the Unix
// epoch, so that a restart, a second daemon and a backtest all look at the same
// instants. It is for one goroutine.
type Grid struct {
	clock clock.Clock
	step  time.Duration
	last  time.Time
}

// NewGrid makes a grid of the given step, which must be positive.
func NewGrid(c clock.Clock, step time.Duration) *Grid {
	return &Grid{clock: c, step: step}
}

// Next waits for the next tick. It gives the tick's nominal time, and how many
// ticks since the one before were missed. Its error is the context's.
func (g *Grid) Next(ctx context.Context) (tick time.Time, skipped int, err error) {
	for {
		now := g.clock.Now()
		tick = Ceil(now, g.step)
		// The last tick itself, when little time passed since. A clock that was
		// set back by more than a step begins anew instead of waiting for the
		// old time to return.
		if !tick.After(g.last) && g.last.Sub(tick) <= g.step {
			tick = g.last.Add(g.step)
		}
		if err := Sleep(ctx, g.clock, tick.Sub(now)); err != nil {
			return time.Time{}, 0, err
		}
		// Timers stand still while a machine sleeps; a tick long past is one of
		// those that were skipped.
		if g.clock.Now().Sub(tick) < g.step {
			break
		}
	}
	if !g.last.IsZero() && tick.After(g.last) {
		skipped = int(tick.Sub(g.last)/g.step) - 1
	}
	g.last = tick
	return tick, skipped, nil
}

// Floor is the last tick at or before t.
func Floor(t time.Time, step time.Duration) time.Time {
	ns := t.UnixNano()
	return time.Unix(0, ns-mod(ns, int64(step))).UTC()
}

// Ceil is the first tick at or after t.
func Ceil(t time.Time, step time.Duration) time.Time {
	if floor := Floor(t, step); floor.Before(t) {
		return floor.Add(step)
	}
	return Floor(t, step)
}

func mod(a, b int64) int64 {
	if m := a % b; m < 0 {
		return m + b
	}
	return a % b
}

// Sleep waits for d, or until the context ends and then gives its error.
func Sleep(ctx context.Context, c clock.Clock, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	timer := c.Timer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err()
	case <-ctx.Done():
		return ctx.Err()
	}
}
