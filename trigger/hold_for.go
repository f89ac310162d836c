package trigger

import "time"

// grid is the multiples of the poll interval since the Unix epoch, at which
// every metric is asked.
type grid struct{ poll time.Duration }

// slot is the number of the last tick at or before t.
func (g grid) slot(t time.Time) int64 {
	n, p := t.UnixNano(), int64(g.poll)
	s := n / p
	if n%p < 0 {
		s--
	}
	return s
}

// ticks is how many ticks lie in [from, to], those that never came included.
func (g grid) ticks(from, to time.Time) int64 {
	first := g.slot(from.Add(-1)) + 1
	return g.slot(to) - first + 1
}

// stretch is a breach that goes on: the window of `for D`, and with a duration
// of zero that of a trigger without a hold. The zero value is closed.
type stretch struct {
	open bool
	// start is t0, the first breaching sample; onset is the same, or the first
	// failing check or the signal where no metric is asked.
	start, onset time.Time
	// knownTicks counts the ticks since start with a known answer, the last of
	// which is lastTick.
	knownTicks, lastTick int64
	// samples counts known samples of the grid and health events, those of one
	// instant once.
	samples    int
	lastSample time.Time
	// missing tells that no_data made a sample since start a breach.
	missing bool
}

// take counts a breaching sample; slot is its place on the grid.
func (s *stretch) take(o Observation, slot int64) {
	if o.Grid && (s.knownTicks == 0 || slot > s.lastTick) {
		s.knownTicks++
		s.lastTick = slot
	}
	if (o.Grid || o.Event) && (s.samples == 0 || o.At.After(s.lastSample)) {
		s.samples++
		s.lastSample = o.At
	}
	s.missing = s.missing || o.FromNoData
}

// full tells whether the breach has lasted for d at the moment at, with half of
// the ticks known and enough samples. Without a hold there is no stretch of
// ticks to have known: a health event that falls on a tick fires by itself.
func (s *stretch) full(at time.Time, d time.Duration, g grid, minSamples int) bool {
	return s.open && at.Sub(s.start) >= d &&
		(d == 0 || 2*s.knownTicks >= g.ticks(s.start, at)) &&
		s.samples >= minSamples
}

// observeStretch applies the rules of `for D` and of no hold.
func (w *Window) observeStretch(o Observation) {
	switch o.Truth {
	case OK:
		w.empty(Inactive)
	case NotKnown:
		w.rest = StateUnknown
	case Breach:
		samples := o.Grid || o.Event
		if !w.stretch.open && !samples {
			return
		}
		if !w.stretch.open {
			w.stretch = stretch{open: true, start: o.At, onset: o.At}
			if w.spec.Expr.EventDriven() && !o.Since.IsZero() {
				w.stretch.onset = o.Since
			}
		}
		w.stretch.take(o, w.grid.slot(o.At))
		hold := w.spec.Expr.Hold.For
		completes := o.Live && (samples || hold > 0)
		if completes && w.firedAt.IsZero() && w.stretch.full(o.At, hold, w.grid, w.minSamples) {
			w.fire(o.At, w.stretch.onset)
		}
	}
}
