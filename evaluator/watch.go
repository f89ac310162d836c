package evaluator

import (
	"time"

	"github.com/rollbackd/rollbackd/trigger"
)

// WatchOptions says what is watched of one service.
type WatchOptions struct {
	Service   string
	Triggers  []trigger.Spec
	Quorum    trigger.Quorum
	HealthTTL time.Duration
	// SignalsFor is how long a signal stands that nothing ends before; zero is
	// without bound.
	SignalsFor time.Duration
	// Poll is the grid's interval, MaxGap the longest stretch of unknown that
	// does not break a run of ok.
	Poll, MaxGap time.Duration
}

// Watch is what is observed of one service: the windows of its triggers, its
// health streams and its latest readings. None of it is journalled; after a
// restart it is rebuilt from the sources. It is not safe for concurrent use.
type Watch struct {
	opts     WatchOptions
	windows  map[string]*watched
	health   *trigger.Health
	readings map[string]trigger.Reading
	existed  map[string]bool
	// requests counts, for each bad + total metric, the requests since start.
	requests map[string]float64
	// uncounted are the metrics whose past the source did not give at the start: the
	// requests of that time are still to be counted.
	uncounted map[string]bool
	// start is when the running deployment began; zero when unknown.
	start time.Time
	// heard is true once a live check came in: health read back from a stream is
	// history, and history completes no window.
	heard bool
	// from is when the windows began anew; samples before it are not theirs.
	from time.Time
	// signals are those that stand, by name, until they are too old.
	signals map[string]trigger.Signal
}

// watched is one trigger's window with what verification and closing need to
// know of it beside the window.
type watched struct {
	window *trigger.Window
	lastAt time.Time
	// okSince is the beginning of the present run of known ok answers, and
	// okLast the newest of them; zero when there is none.
	okSince, okLast time.Time
	// lastOK is the newest known ok answer, whatever came after it.
	lastOK time.Time
	// live is true once an ok of the present run was seen live: the past alone,
	// read back after a start, closes nothing.
	live bool
	// trace is for people to look at.
	trace trace
	// unread is nil unless the past is still to be read.
	unread *unread
	sight  Sight
}

// NewWatch starts watching with empty windows.
func NewWatch(o WatchOptions) *Watch {
	w := &Watch{
		health:   trigger.NewHealth(o.HealthTTL),
		readings: map[string]trigger.Reading{},
		existed:  map[string]bool{},
		requests: map[string]float64{},

		uncounted: map[string]bool{},
	}
	w.Reconfigure(o)
	return w
}

// Reconfigure takes a new configuration. Windows of triggers that mean the same
// as before go on; the others start empty.
func (w *Watch) Reconfigure(o WatchOptions) {
	if o.HealthTTL != w.opts.HealthTTL {
		w.health = trigger.NewHealth(o.HealthTTL)
	}
	windows := make(map[string]*watched, len(o.Triggers))
	for _, spec := range o.Triggers {
		if old, ok := w.windows[spec.Name]; ok && spec.SameMeaning(old.window.Spec()) {
			windows[spec.Name] = old
			continue
		}
		windows[spec.Name] = &watched{window: trigger.NewWindow(spec)}
	}
	w.opts, w.windows = o, windows
}

// SetExisted tells that a metric is known to have had a series before.
func (w *Watch) SetExisted(metric string) { w.existed[metric] = true }

// Existed tells whether a metric ever had a series for this service.
func (w *Watch) Existed(metric string) bool { return w.existed[metric] }

// SetStart tells when the running deployment began: warm-up and min_requests
// count from there. Zero means unknown: no warm-up.
func (w *Watch) SetStart(start time.Time) {
	if start.Equal(w.start) {
		return
	}
	w.start = start
	clear(w.requests)
	clear(w.uncounted)
}

// StartAnew empties all windows; samples before at are not theirs. It returns false
// where they began anew then or later already.
func (w *Watch) StartAnew(at time.Time) (anew bool) {
	if at.Before(w.from) || at.Equal(w.from) {
		return false
	}
	w.from = at
	w.health.Gap(at)
	for _, x := range w.windows {
		x.window.Reset()
		x.okSince, x.okLast = time.Time{}, time.Time{}
		x.unread = nil
	}
	return true
}

// Restart empties all windows as StartAnew does, also where the clock was set back
// and they began anew at a later time before.
func (w *Watch) Restart(at time.Time) {
	if at.Equal(w.from) {
		return
	}
	w.from = at
	w.health.Gap(at)
	for name, x := range w.windows {
		w.windows[name] = &watched{window: trigger.NewWindow(x.window.Spec()), lastOK: x.lastOK, sight: Sight{Ever: x.sight.Ever}}
	}
}

// ClockStepped tells that the wall clock was set, by so much, at a time by the
// new clock. What is counted from the deployment's start and of the instances'
// last checks goes on; the windows begin anew.
func (w *Watch) ClockStepped(by time.Duration, at time.Time) {
	if !w.start.IsZero() {
		w.start = w.start.Add(by)
	}
	w.health.Shift(by)
	w.shiftSignals(by)
	for _, x := range w.windows {
		if !x.lastOK.IsZero() {
			x.lastOK = x.lastOK.Add(by)
		}
	}
	w.from = time.Time{}
	w.Restart(at)
}

// Grid takes in a tick of the grid. A tick that is not live was rebuilt from
// history: it completes no window, and it says nothing about health.
func (w *Watch) Grid(at time.Time, answers map[string]trigger.Answer, live bool) {
	if !live && at.Before(w.from) {
		return
	}
	// A metric that this tick did not ask is unknown now, whatever it was before.
	clear(w.readings)
	w.read(answers)
	w.countRequests(at, answers, live)
	asked := anyAnswered(answers)
	for _, spec := range w.opts.Triggers {
		if !live && spec.Expr.UsesHealth() {
			continue
		}
		if !live {
			w.notePast(spec, answers)
		}
		o := trigger.Observation{At: at, Evaluation: w.evaluate(spec, at), Grid: true, Live: live && w.completes(spec.Expr)}
		w.windows[spec.Name].sight.look(o, asked)
		w.observe(spec, o)
	}
}

// Extra takes in a live read between ticks and returns what each trigger whose
// metrics were all read says now, hold aside. It may complete a window or empty
// it; it opens nothing.
func (w *Watch) Extra(at time.Time, answers map[string]trigger.Answer) map[string]trigger.Evaluation {
	w.read(answers)
	now := map[string]trigger.Evaluation{}
	for _, spec := range w.opts.Triggers {
		if !answered(spec.Expr.Metrics(), answers) {
			continue
		}
		e := w.evaluate(spec, at)
		now[spec.Name] = e
		w.observe(spec, trigger.Observation{At: at, Evaluation: e, Live: true})
	}
	return now
}

// Health takes in one check. It returns false for one that changed nothing (a
// duplicate, or late). Conditions on health alone are evaluated at once, all
// others at the next tick.
func (w *Watch) Health(c trigger.HealthCheck, live bool) bool {
	if !w.health.Observe(c) {
		return false
	}
	w.heard = w.heard || live
	if c.At.Before(w.from) {
		return true
	}
	for _, spec := range w.opts.Triggers {
		if spec.Expr.UsesHealth() && spec.Expr.EventDriven() {
			w.observe(spec, trigger.Observation{At: c.At, Evaluation: w.evaluate(spec, c.At), Event: true, Live: live})
		}
	}
	return true
}

// completes tells whether what is seen now may complete the window of an
// expression. Health that was only read back from a stream may not; a signal was
// received live, whenever that was.
func (w *Watch) completes(e trigger.Expr) bool {
	return w.heard || !e.EventDriven() || !e.UsesHealth()
}

// HealthGap says that checks may have been lost.
func (w *Watch) HealthGap(at time.Time) { w.health.Gap(at) }

// Instances are the service's instances and how they are.
func (w *Watch) Instances(now time.Time) []trigger.InstanceHealth { return w.health.Instances(now) }

// Status is one trigger's state; false when there is no such trigger.
func (w *Watch) Status(name string) (trigger.Status, bool) {
	x, ok := w.windows[name]
	if !ok {
		return trigger.Status{}, false
	}
	return x.window.Status(), true
}

// OK is the present run of known ok answers of a trigger, from the first to the
// newest; zero times when there is none, or none of it was seen live. A gap no longer than a window would
// survive does not break it, and adds nothing to its end.
func (w *Watch) OK(name string) (since, last time.Time) {
	x, ok := w.windows[name]
	if !ok || !x.live {
		return time.Time{}, time.Time{}
	}
	return x.okSince, x.okLast
}

// LastOK is when a trigger was last known ok; zero for never.
func (w *Watch) LastOK(name string) time.Time {
	if x, ok := w.windows[name]; ok {
		return x.lastOK
	}
	return time.Time{}
}

// CompletesAt is when a trigger's open window would be full, zero when none is open.
func (w *Watch) CompletesAt(name string) time.Time {
	if x, ok := w.windows[name]; ok {
		return x.window.CompletesAt()
	}
	return time.Time{}
}

// Evaluate answers an expression from the latest readings, hold aside.
func (w *Watch) Evaluate(e trigger.Expr, now time.Time) trigger.Evaluation {
	return w.evaluate(trigger.Spec{Expr: e}, now)
}

// Triggers are the triggers watched.
func (w *Watch) Triggers() []trigger.Spec { return w.opts.Triggers }

func (w *Watch) evaluate(spec trigger.Spec, now time.Time) trigger.Evaluation {
	return trigger.Evaluate(spec, w.opts.Quorum, view{watch: w, now: now})
}

func (w *Watch) observe(spec trigger.Spec, o trigger.Observation) {
	x := w.windows[spec.Name]
	// A health event or an extra read may have come in while a tick's answers
	// were under way; a window's time never runs backwards.
	if o.At.Before(x.lastAt) {
		o.At = x.lastAt
	}
	x.keep(o)
	w.take(x, o)
}

// take takes one observation into a window and what is kept beside it.
func (w *Watch) take(x *watched, o trigger.Observation) {
	spec := x.window.Spec()
	x.lastAt = o.At
	x.window.SetGate(w.warmUntil(spec), w.requestsFor(spec))
	x.window.Observe(o)
	x.trackOK(o, w.opts.MaxGap)
	if o.Grid {
		x.trace.add(o)
	}
}

// trackOK keeps the run of known ok answers. A breach ends it; unknown ends it
// only when it lasts longer than the gap a window would survive.
func (x *watched) trackOK(o trigger.Observation, maxGap time.Duration) {
	if o.Truth == trigger.OK && o.FromNoData {
		o.Truth = trigger.NotKnown // ok for a window, and no sign of being well
	}
	if o.Truth == trigger.OK {
		x.lastOK, x.live = o.At, x.live || o.Live
	}
	broken := !x.okLast.IsZero() && o.At.Sub(x.okLast) > maxGap
	switch {
	case o.Truth == trigger.OK && (x.okSince.IsZero() || broken):
		x.okSince, x.okLast = o.At, o.At
	case o.Truth == trigger.OK:
		x.okLast = o.At
	case o.Truth == trigger.Breach || broken:
		x.okSince, x.okLast = time.Time{}, time.Time{}
	}
}

func (w *Watch) read(answers map[string]trigger.Answer) {
	for metric, answer := range answers {
		r := answer.Reading(w.opts.Service)
		w.readings[metric] = r
		if r.Presence == trigger.Known {
			w.existed[metric] = true
		}
	}
}

// countRequests adds up what a bad + total metric saw in the tick that ends now. Of
// a metric whose past is not given in full, the past is counted later, at once.
func (w *Watch) countRequests(at time.Time, answers map[string]trigger.Answer, live bool) {
	for metric, answer := range answers {
		if _, failed := answer.Failed[w.opts.Service]; !live && (answer.Err != "" || failed) {
			w.uncounted[metric] = true
			delete(w.requests, metric)
		}
	}
	if at.Before(w.start) {
		return
	}
	for metric, answer := range answers {
		if !live && w.uncounted[metric] {
			continue
		}
		if r := answer.Reading(w.opts.Service); r.HasTotal {
			w.requests[metric] += r.Total * w.opts.Poll.Seconds()
		}
	}
}

func (w *Watch) requestsFor(spec trigger.Spec) float64 {
	var most float64
	if spec.MinRequests <= 0 {
		return most // nobody asks
	}
	for _, metric := range spec.Expr.Metrics() {
		most = max(most, w.requests[metric])
	}
	return most
}

func (w *Watch) warmUntil(spec trigger.Spec) time.Time {
	if w.start.IsZero() || spec.WarmUp == 0 {
		return time.Time{}
	}
	return w.start.Add(spec.WarmUp)
}

func answered(metrics []string, answers map[string]trigger.Answer) bool {
	for _, m := range metrics {
		if _, ok := answers[m]; !ok {
			return false
		}
	}
	return true
}

// view is a watch at one instant, as trigger.Evaluate wants it.
type view struct {
	watch *Watch
	now   time.Time
}

func (v view) Reading(metric string) trigger.Reading {
	if r, ok := v.watch.readings[metric]; ok {
		return r
	}
	return trigger.UnknownBecause("not read yet")
}
func (v view) Existed(metric string) bool { return v.watch.existed[metric] }
func (v view) Health() *trigger.Health    { return v.watch.health }
func (v view) Now() time.Time             { return v.now }

// Signal is one that stands at this instant: it has come, and is not too old.
func (v view) Signal(name string) (trigger.Signal, bool) { return v.watch.signal(name, v.now) }
