package evaluator

import (
	"maps"
	"time"

	"github.com/rollbackd/rollbackd/trigger"
)

// SetSignals tells which signals stand for the service, by name, and returns
// whether that is news. The caller must not change the map afterwards. What is
// evaluated from here on sees them.
func (w *Watch) SetSignals(signals map[string]trigger.Signal) (changed bool) {
	changed = !maps.Equal(w.signals, signals)
	w.signals = signals
	return changed
}

// Stands tells whether a signal of a name stands at a time.
func (w *Watch) Stands(name string, at time.Time) bool {
	_, stands := w.signal(name, at)
	return stands
}

// WaitsFor tells whether a trigger of the service waits for a signal of a name.
func (w *Watch) WaitsFor(name string) bool {
	for _, spec := range w.opts.Triggers {
		for _, c := range spec.Expr.Conditions {
			if c.Kind == trigger.Event && c.Event == name {
				return true
			}
		}
	}
	return false
}

// Signalled evaluates the triggers that signals drive, at once: one has come, or
// something has ended one. All others that look at signals wait for the next tick.
func (w *Watch) Signalled(at time.Time) {
	for _, spec := range w.opts.Triggers {
		if e := spec.Expr; e.EventDriven() && len(e.Signals()) > 0 {
			w.observe(spec, trigger.Observation{At: at, Evaluation: w.evaluate(spec, at), Event: true, Live: w.completes(e)})
		}
	}
}

// shiftSignals moves signals along with a clock that was set.
func (w *Watch) shiftSignals(by time.Duration) {
	w.signals = maps.Clone(w.signals)
	for name, s := range w.signals {
		s.At = s.At.Add(by)
		w.signals[name] = s
	}
}

func (w *Watch) signal(name string, at time.Time) (trigger.Signal, bool) {
	s, came := w.signals[name]
	if !came || at.Before(s.At) || w.opts.SignalsFor > 0 && !at.Before(s.At.Add(w.opts.SignalsFor)) {
		return trigger.Signal{}, false
	}
	return s, true
}
