package evaluator

import (
	"time"

	"github.com/rollbackd/rollbackd/trigger"
)

// PastTick is what the metrics were at one tick of the past.
type PastTick struct {
	At      time.Time
	Answers map[string]trigger.Answer
}

// unread is kept of a trigger whose past the source did not give at the start, so
// that it can be put before what was seen since.
type unread struct {
	// until is when no sample of the past can be in its window any more; zero before
	// the start is over.
	until time.Time
	// since is what was observed live since the start, oldest first.
	since []trigger.Observation
}

// notePast takes in whether the source gave a tick of the past.
func (w *Watch) notePast(spec trigger.Spec, answers map[string]trigger.Answer) {
	x := w.windows[spec.Name]
	if x.unread == nil && !w.given(spec, answers) {
		x.unread = &unread{}
	}
}

// given tells whether a source gave an answer for each metric of a trigger. No
// series is an answer.
func (w *Watch) given(spec trigger.Spec, answers map[string]trigger.Answer) bool {
	for _, metric := range spec.Expr.Metrics() {
		a, asked := answers[metric]
		if _, failed := a.Failed[w.opts.Service]; !asked || a.Err != "" || failed {
			return false
		}
	}
	return true
}

// keep remembers what was seen live of a trigger whose past is still to be read.
func (x *watched) keep(o trigger.Observation) {
	switch {
	case x.unread == nil || x.unread.until.IsZero():
	case o.At.After(x.unread.until):
		x.unread = nil
	default:
		x.unread.since = append(x.unread.since, o)
	}
}

// Began tells that the start is over, and live samples follow. It returns whether
// the past of any trigger is still to be read.
func (w *Watch) Began(at time.Time) (owing bool) {
	for _, x := range w.windows {
		if x.unread != nil {
			x.unread.until = at.Add(x.window.Reach())
			owing = true
		}
	}
	return owing
}

// Unread are the metrics whose past is still to be read, of those triggers that
// the source has just given an answer for: it would be vain to ask for the past of
// others. Reach is how far back it matters; owing is false where nothing is still
// to be read, of these or others.
func (w *Watch) Unread(at time.Time, answers map[string]trigger.Answer) (metrics []string, reach time.Duration, owing bool) {
	for _, spec := range w.opts.Triggers {
		x := w.windows[spec.Name]
		if x.unread == nil || at.After(x.unread.until) {
			x.unread = nil
			continue
		}
		owing = true
		if w.given(spec, answers) {
			metrics, reach = append(metrics, spec.Expr.Metrics()...), max(reach, x.window.Reach())
		}
	}
	return metrics, reach, owing
}

// Past takes in ticks of before the start, read later than that, the oldest first.
// The windows become what they were if these had come first: what was seen live
// since then stays as it was seen. None of it completes a window, and a trigger that
// fires by now is left alone.
func (w *Watch) Past(ticks []PastTick) {
	read := map[string][]trigger.Observation{}
	short := map[string]bool{}
	now := w.readings
	for _, t := range ticks {
		if t.At.Before(w.from) {
			continue
		}
		w.readings = map[string]trigger.Reading{}
		w.read(t.Answers)
		for _, spec := range w.opts.Triggers {
			switch x := w.windows[spec.Name]; {
			case x.unread == nil:
			case !w.given(spec, t.Answers):
				short[spec.Name] = true // the next try may give more
			default:
				o := trigger.Observation{At: t.At, Evaluation: w.evaluate(spec, t.At), Grid: true}
				read[spec.Name] = append(read[spec.Name], o)
			}
		}
	}
	w.readings = now
	for _, spec := range w.opts.Triggers {
		if len(read[spec.Name]) > 0 && !short[spec.Name] {
			w.prepend(spec, read[spec.Name])
		}
	}
	w.countPast(ticks)
}

// prepend puts the past of a trigger before what was seen of it live.
func (w *Watch) prepend(spec trigger.Spec, past []trigger.Observation) {
	x := w.windows[spec.Name]
	since := x.unread.since
	x.unread = nil
	if x.window.Status().State == trigger.Firing {
		return
	}
	y := &watched{window: trigger.NewWindow(spec), lastOK: x.lastOK, live: x.live, sight: x.sight}
	for _, o := range past {
		y.sight.look(o, true)
		if len(since) == 0 || o.At.Before(since[0].At) {
			w.take(y, o)
		}
	}
	for _, o := range since {
		o.Live = false // the moment at which it could have completed the window is over
		w.take(y, o)
	}
	w.windows[spec.Name] = y
}

// countPast adds up the requests of ticks that were not given at the start.
func (w *Watch) countPast(ticks []PastTick) {
	for metric := range w.uncounted {
		var all float64
		for _, t := range ticks {
			a, asked := t.Answers[metric]
			if _, failed := a.Failed[w.opts.Service]; !asked || a.Err != "" || failed {
				all = -1
				break
			}
			if r := a.Reading(w.opts.Service); r.HasTotal && !t.At.Before(w.start) {
				all += r.Total * w.opts.Poll.Seconds()
			}
		}
		if all >= 0 && len(ticks) > 0 {
			w.requests[metric] += all
			delete(w.uncounted, metric)
		}
	}
}
