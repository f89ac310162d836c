package trigger

import (
	"fmt"
	"math"
	"time"
)

// defaultPoll stands in for a spec without a poll interval.
const defaultPoll = 15 * time.Second

// Window is the memory of one trigger of one service: it turns answers of the
// condition into a state. Make it with NewWindow; it is not safe for
// concurrent use.
//
// Unknown never opens, completes or empties it, up to the spec's MaxGap. Only a
// live sample completes it; one rebuilt from history fills it all the same.
type Window struct {
	spec       Spec
	grid       grid
	maxGap     time.Duration
	minSamples int

	warmUntil time.Time
	requests  float64
	// gate says what kept a full window from firing at the newest observation.
	gate string

	newest    Observation
	lastSlot  int64
	lastKnown time.Time
	// rest is the state while nothing is open.
	rest State

	// stretch is used with `for` and without a hold, samples with "in N of M".
	stretch stretch
	samples samples

	firedAt time.Time
	onset   time.Time

	// pure judges the same samples as no_data = "hold" would, nil where that is what
	// is configured: while it does not fire, a breach rests on no data.
	pure *Window
}

// NewWindow makes an empty window. A spec without Poll is taken to poll every
// 15 s, one without MaxGap to survive three polls.
func NewWindow(s Spec) *Window {
	w := &Window{spec: s, grid: grid{s.Poll}, maxGap: s.MaxGap, minSamples: s.MinSamples, lastSlot: math.MinInt64}
	if w.grid.poll <= 0 {
		w.grid.poll = defaultPoll
	}
	if w.maxGap <= 0 {
		w.maxGap = 3 * w.grid.poll
	}
	if w.minSamples <= 0 {
		w.minSamples = 2
		if s.Expr.Hold.None() {
			w.minSamples = 1
		}
	}
	w.samples = newSamples(s.Expr.Hold.M, w.grid.poll)
	if s.NoData == NoDataBreach {
		s.NoData = NoDataHold
		w.pure = NewWindow(s)
	}
	return w
}

// Reach is how long a sample matters to the window.
func (w *Window) Reach() time.Duration {
	hold := w.spec.Expr.Hold
	return max(hold.For, time.Duration(hold.M)*w.grid.poll) + w.maxGap
}

// Spec is what the window was made for.
func (w *Window) Spec() Spec { return w.spec }

// SetGate tells the window until when the trigger may not fire (zero: no bound)
// and how many requests were seen since the deployment. Gates hold back firing,
// not the window: it fires at the first observation that finds them open. What
// has fired stays firing.
func (w *Window) SetGate(warmUntil time.Time, requests float64) {
	w.warmUntil, w.requests = warmUntil, requests
	if w.pure != nil {
		w.pure.SetGate(warmUntil, requests)
	}
}

// Reset empties the window and forgets what was last known: a deployment stood
// an incident down, and watching starts anew.
func (w *Window) Reset() {
	w.empty(StateUnknown)
	w.newest = Observation{At: w.newest.At}
	w.lastKnown = time.Time{}
	if w.pure != nil {
		w.pure.Reset()
	}
}

// Observe takes in one observation. They come in the order of time, except
// that a grid sample may arrive after a later read: it then fills its place and
// decides nothing, unless it is healthy.
func (w *Window) Observe(o Observation) {
	if w.pure != nil {
		w.pure.Observe(o.withoutNoData())
	}
	if o.At.Before(w.newest.At) {
		w.observeLate(o)
		return
	}
	w.gate = ""
	if w.blindAt(o.At) {
		w.empty(StateUnknown)
		w.lastKnown = time.Time{}
	}
	w.newest = o
	if o.Grid {
		w.lastSlot = w.grid.slot(o.At)
	}
	if o.Truth != NotKnown {
		w.lastKnown = o.At
	}
	if w.counts() {
		w.observeSamples(o)
	} else {
		w.observeStretch(o)
	}
}

// observeLate takes in a grid sample that was overtaken by a read.
func (w *Window) observeLate(o Observation) {
	if !o.Grid || w.grid.slot(o.At) <= w.lastSlot {
		return
	}
	w.lastSlot = w.grid.slot(o.At)
	switch {
	case w.counts():
		w.samples.put(w.lastSlot, o)
	case !w.stretch.open || o.At.Before(w.stretch.start):
	case o.Truth == OK:
		w.empty(Inactive)
	case o.Truth == Breach:
		w.stretch.take(o, w.lastSlot)
	}
}

// counts tells whether the hold is "in N of M".
func (w *Window) counts() bool { return w.spec.Expr.Hold.M > 0 }

// blindAt tells whether nothing was known for longer than the window survives.
// "in N of M" has no such bound: there an unknown tick takes its slot, and M
// slots without an answer hold nothing.
func (w *Window) blindAt(t time.Time) bool {
	return !w.counts() && !w.lastKnown.IsZero() && t.Sub(w.lastKnown) > w.maxGap
}

func (w *Window) empty(rest State) {
	w.stretch = stretch{}
	w.samples.clear()
	w.firedAt, w.onset, w.gate = time.Time{}, time.Time{}, ""
	w.rest = rest
}

// fire makes the trigger firing if no gate holds it back.
func (w *Window) fire(at, onset time.Time) {
	switch {
	case at.Before(w.warmUntil):
		w.gate = "warming up until " + w.warmUntil.UTC().Format("15:04:05Z")
	case w.spec.MinRequests > 0 && (w.requests < w.spec.MinRequests || math.IsNaN(w.requests)):
		w.gate = fmt.Sprintf("%g of %g requests since the deployment", w.requests, w.spec.MinRequests)
	default:
		w.firedAt, w.onset = at, onset
	}
}

// Status is the present state, as of the newest observation.
func (w *Window) Status() Status {
	s := Status{
		State: w.state(), Truth: w.newest.Truth,
		Value: w.newest.Value, HasValue: w.newest.HasValue, Reason: w.newest.Reason,
		FiredAt: w.firedAt, Unseen: w.newest.Truth == OK && w.newest.FromNoData,
	}
	if w.gate != "" {
		s.Reason = w.gate
	}
	if s.State != Pending && s.State != Firing {
		return s
	}
	s.Since, s.Filled = w.sinceFilled()
	s.FromNoData = w.stretch.missing || w.samples.missing > 0
	if s.State != Firing {
		return s
	}
	s.Since, s.Filled, s.FromNoData = w.onset, 1, false
	switch {
	case w.pure == nil:
	case w.pure.firedAt.IsZero():
		s.FromNoData = true
	default:
		s.Since = w.pure.onset
	}
	return s
}

func (w *Window) state() State {
	unknown := w.newest.Truth == NotKnown
	switch {
	case !w.firedAt.IsZero():
		return Firing
	case w.newest.Truth == OK && !w.newest.At.IsZero():
		return Inactive
	case w.stretch.open, w.samples.breaching() > 0:
		return Pending
	case unknown && w.newest.Building:
		return Pending
	case unknown:
		return StateUnknown
	}
	// A read between ticks breaches, and reads open nothing.
	return w.rest
}

// sinceFilled describes what is open.
func (w *Window) sinceFilled() (since time.Time, filled float64) {
	hold := w.spec.Expr.Hold
	switch {
	case w.stretch.open:
		filled = float64(w.stretch.samples) / float64(w.minSamples)
		if hold.For > 0 {
			filled = float64(w.newest.At.Sub(w.stretch.start)) / float64(hold.For)
		}
		return w.stretch.onset, min(1, filled)
	case w.samples.breaching() > 0:
		return w.samples.firstBreach(), min(1, float64(w.samples.breaching())/float64(hold.N))
	}
	for _, c := range w.spec.Expr.Conditions {
		if c.Kind == ConsecutiveFailures {
			filled = min(1, w.newest.Value/float64(c.Count))
			break
		}
	}
	return w.newest.Since, filled
}

// CompletesAt is when the window would be full if the breach goes on: t0 plus
// the duration of `for`. Zero if no window is open, there is no `for`, or that
// moment has been observed already. Where it fires already and rests on no data, it
// is when it no longer would.
func (w *Window) CompletesAt() time.Time {
	if w.pure != nil && !w.firedAt.IsZero() {
		return w.pure.CompletesAt()
	}
	d := w.spec.Expr.Hold.For
	if d == 0 || !w.stretch.open || !w.firedAt.IsZero() || w.newest.At.Sub(w.stretch.start) >= d {
		return time.Time{}
	}
	return w.stretch.start.Add(d)
}
