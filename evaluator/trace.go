package evaluator

import (
	"time"

	"github.com/rollbackd/rollbackd/trigger"
)

// traceLength is how many ticks of a trigger are remembered for people to look at:
// half an hour at the default poll interval, in about 2 kB. Nothing is decided by
// it.
const traceLength = 120

// Seen is what a trigger's condition said at one tick, hold aside.
type Seen struct {
	At    time.Time
	Truth trigger.Truth
	Value float64
	// Known is true where there is a value.
	Known bool
}

// trace holds the newest ticks of one trigger, as a ring.
type trace struct {
	ticks []tick
	next  int // where the next one goes, once the ring is full
}

// tick is a Seen in 16 bytes. The grid is whole seconds.
type tick struct {
	value  float64
	second uint32
	truth  uint8
	known  bool
}

func (r *trace) add(o trigger.Observation) {
	one := tick{value: o.Value, second: uint32(o.At.Unix()), truth: uint8(o.Truth), known: o.HasValue} //nolint:gosec // the year 2106 is far
	if len(r.ticks) < traceLength {
		r.ticks = append(r.ticks, one)
		return
	}
	r.ticks[r.next] = one
	r.next = (r.next + 1) % traceLength
}

// Trace is what a trigger showed at the newest ticks of the grid, the oldest
// first; those that were rebuilt from history are among them. It is nil where
// there is no such trigger.
func (w *Watch) Trace(name string) []Seen {
	x, ok := w.windows[name]
	if !ok {
		return nil
	}
	seen := make([]Seen, 0, len(x.trace.ticks))
	for i := range x.trace.ticks {
		t := x.trace.ticks[(x.trace.next+i)%len(x.trace.ticks)]
		seen = append(seen, Seen{At: time.Unix(int64(t.second), 0).UTC(), Truth: trigger.Truth(t.truth), Value: t.value, Known: t.known})
	}
	return seen
}
