package scenario

import (
	"slices"
	"time"

	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/trigger"
)

// track follows one trigger by the rules of the design as they are written down:
// whether its window may be full, and since when it may have been known ok. For
// conditions on metrics alone it is exact.
type track struct {
	spec trigger.Spec
	// usesHealth, healthOnly and eventDriven tell what its conditions ask: some or
	// all of them health, none of them a metric. It is exact where only metrics are
	// asked, and foreign where a condition is of a kind that the auditor does not know.
	usesHealth, healthOnly, eventDriven, exact, foreign bool
	poll, maxGap                                        time.Duration
	minSamples                                          int

	last      time.Time // of the newest observation
	newest    may
	lastKnown time.Time

	// Of `for`, and of no hold: t0 is the first breaching sample.
	open            bool
	t0, lastSample  time.Time
	known, samples  int
	lastSlot        int64
	places          []may // of "in N of M", each slot at its number modulo M
	newestSlot      int64
	fired           bool
	okSince, okLast time.Time
	// okLive is true once an ok was seen live: the past alone, rebuilt, closes nothing.
	okLive bool
	// pastUnread is true where the source did not give the past at the start; since is
	// then what was observed live since.
	pastUnread bool
	since      []observed
}

// seen says where an observation comes from.
type seen struct {
	// grid is true for a tick, event for a health check; live is false for what was
	// rebuilt from history.
	grid, event, live bool
}

func newTrack(s trigger.Spec) *track {
	t := &track{spec: s, poll: s.Poll, maxGap: s.MaxGap, minSamples: s.MinSamples, healthOnly: true, eventDriven: true, exact: true}
	if t.poll <= 0 {
		t.poll = 15 * time.Second
	}
	if t.maxGap <= 0 {
		t.maxGap = 3 * t.poll
	}
	if t.minSamples <= 0 {
		t.minSamples = 2
		if s.Expr.Hold.None() {
			t.minSamples = 1
		}
	}
	for _, c := range s.Expr.Conditions {
		health := c.Kind == trigger.ConsecutiveFailures || c.Kind == trigger.HealthFailing
		metric := c.Kind == trigger.Compare || c.Kind == trigger.Absent
		t.usesHealth = t.usesHealth || health
		t.healthOnly = t.healthOnly && health
		t.eventDriven = t.eventDriven && !metric
		t.exact = t.exact && metric
		t.foreign = t.foreign || !health && !metric && c.Kind != trigger.Event
	}
	t.places = make([]may, s.Expr.Hold.M)
	t.anew()
	return t
}

// retracked are the tracks of a service's triggers; those of unchanged ones go on.
func retracked(old []*track, specs []trigger.Spec) []*track {
	tracks := make([]*track, len(specs))
	for i, spec := range specs {
		for _, t := range old {
			if t.spec.Name == spec.Name && t.spec.SameMeaning(spec) {
				tracks[i] = t
			}
		}
		if tracks[i] == nil {
			tracks[i] = newTrack(spec)
		}
	}
	return tracks
}

// anew empties the window and forgets what was last known.
func (t *track) anew() {
	t.empty()
	t.newest, t.lastKnown = mayUnknown, time.Time{}
	t.okSince, t.okLast = time.Time{}, time.Time{}
	t.pastUnread, t.since = false, nil
}

func (t *track) empty() {
	t.open, t.t0, t.lastSample, t.known, t.samples, t.fired = false, time.Time{}, time.Time{}, 0, 0, false
	t.newestSlot = -1
	for i := range t.places {
		t.places[i] = mayUnknown
	}
}

// observe takes in what the condition of one of a service's triggers may say.
func (s *audited) observe(t *track, at time.Time, m may, how seen) {
	if m&mayOK != 0 {
		s.wasOK[t.meaning()] = true
	}
	t.observe(at, m, how)
}

// meaning is the trigger with its condition: with another one it is another trigger.
func (t *track) meaning() string { return t.spec.Name + ": " + t.spec.Expr.Text }

// observe takes in what the condition may say at one instant.
func (t *track) observe(at time.Time, m may, s seen) {
	if at.Before(t.last) {
		at = t.last
	}
	if t.pastUnread && s.live {
		t.since = append(t.since, observed{at, m, s})
	}
	t.last, t.newest = at, m
	t.followOK(at, m)
	t.okLive = t.okLive || s.live && m&mayOK != 0
	if t.spec.Expr.Hold.M > 0 {
		t.observePlace(at, m, s)
		return
	}
	if !t.lastKnown.IsZero() && at.Sub(t.lastKnown) > t.maxGap {
		t.empty()
	}
	if m&^mayUnknown != 0 {
		t.lastKnown = at
	}
	if m == mayOK {
		t.empty()
	}
	if m&breaches != 0 {
		t.observeBreach(at, s)
	}
}

// observeBreach takes a sample that may breach into a window of `for`.
func (t *track) observeBreach(at time.Time, s seen) {
	sample := s.grid || s.event
	if !t.open && !sample {
		return // what is read between ticks opens nothing
	}
	if !t.open {
		t.open, t.t0 = true, at
	}
	if slot := t.slot(at); s.grid && (t.known == 0 || slot > t.lastSlot) {
		t.known, t.lastSlot = t.known+1, slot
	}
	if sample && (t.samples == 0 || at.After(t.lastSample)) {
		t.samples, t.lastSample = t.samples+1, at
	}
	hold := t.spec.Expr.Hold.For
	halfKnown := hold == 0 || !t.exact || 2*int64(t.known) >= t.slot(at)-t.slot(t.t0.Add(-1))
	if s.live && (sample || hold > 0) && at.Sub(t.t0) >= hold && halfKnown && t.samples >= t.minSamples {
		t.fired = true
	}
}

// slot is the number of the last tick at or before a time.
func (t *track) slot(at time.Time) int64 { return at.UnixNano() / int64(t.poll) }

// observePlace takes a tick into a window of "in N of M".
func (t *track) observePlace(at time.Time, m may, s seen) {
	if !s.grid {
		return
	}
	n, size := t.slot(at), int64(len(t.places))
	for skipped := max(t.newestSlot+1, n-size+1); t.newestSlot >= 0 && skipped < n; skipped++ {
		t.places[skipped%size] = mayUnknown
	}
	t.places[n%size], t.newestSlot = m, n
	breaching, known := 0, 0
	for _, place := range t.places {
		if place&breaches != 0 {
			breaching++
		}
		if place != mayUnknown {
			known++
		}
	}
	enough := breaching >= t.spec.Expr.Hold.N
	switch {
	case known == 0:
		t.empty()
	case enough && s.live && m&breaches != 0 && known >= t.minSamples:
		t.fired = true
	case !enough && m&mayUnknown == 0:
		t.fired = false
	}
}

// followOK keeps the longest run of known ok answers that there may be.
func (t *track) followOK(at time.Time, m may) {
	if !t.okLast.IsZero() && at.Sub(t.okLast) > t.maxGap || m&(mayOK|mayUnknown) == 0 {
		t.okSince, t.okLast = time.Time{}, time.Time{}
	}
	if m&mayOK == 0 {
		return
	}
	if t.okSince.IsZero() {
		t.okSince = at
	}
	t.okLast = at
}

// well is the longest run of known ok answers that there may be, from its first to
// its newest; zero times when there is none, or none of it was seen live.
func (t *track) well() (since, last time.Time) {
	if !t.okLive {
		return time.Time{}, time.Time{}
	}
	return t.okSince, t.okLast
}

// length is how long the trigger's window is.
func (t *track) length() time.Duration {
	if t.spec.Expr.Hold.For > 0 {
		return t.spec.Expr.Hold.For
	}
	return time.Duration(t.spec.Expr.Hold.M) * t.poll
}

// samples takes readings into the windows, as the brain is about to.
func (a *auditor) samples(in incident.Samples) {
	a.holdWhen(in)
	switch in.Kind {
	case incident.Grid:
		a.tick(in, true)
		a.verifyTick(in)
	case incident.Rebuilt:
		a.tick(in, false)
	case incident.Full, incident.Confirm:
		a.readAgain(in)
	}
}

// tick takes a tick of the grid into the windows of every service it is about.
func (a *auditor) tick(in incident.Samples, live bool) {
	for name, s := range a.services {
		if in.Services != nil && !slices.Contains(in.Services, name) {
			continue
		}
		a.remember(in, name)
		if !live && in.At.Before(s.windowsFrom) {
			continue
		}
		for _, t := range s.tracks {
			if live || !t.usesHealth {
				t.pastUnread = t.pastUnread || !live && !given(t.spec.Expr, readings{in.Answers, name})
				s.observe(t, in.At, a.says(t.spec.Expr, t.spec.NoData, readings{in.Answers, name}), seen{grid: true, live: live})
			}
		}
	}
}

// readAgain takes in what was read between ticks.
func (a *auditor) readAgain(in incident.Samples) {
	name, asked := a.reads[in.ReadID]
	if !asked {
		return
	}
	delete(a.reads, in.ReadID)
	s := a.service(name)
	if in.Kind == incident.Confirm {
		s.confirmed, s.confirmedAt = map[string]may{}, a.now
	}
	for _, t := range s.tracks {
		if !answered(t.spec.Expr, in.Answers) {
			continue
		}
		m := a.says(t.spec.Expr, t.spec.NoData, readings{in.Answers, name})
		s.observe(t, in.At, m, seen{live: true})
		if in.Kind == incident.Confirm {
			s.confirmed[t.spec.Name] = m
		}
	}
}

// answered tells whether all metrics of an expression were asked.
func answered(e trigger.Expr, answers map[string]trigger.Answer) bool {
	for _, c := range e.Conditions {
		if _, asked := answers[c.Metric]; c.Metric != "" && !asked {
			return false
		}
	}
	return true
}

// remember keeps which metrics ever had a series, for the conditions that ask.
func (a *auditor) remember(in incident.Samples, service string) {
	for _, t := range a.services[service].tracks {
		for _, c := range t.spec.Expr.Conditions {
			if c.Kind != trigger.Absent {
				continue
			}
			if _, known, _ := (readings{in.Answers, service}).of(c.Metric); known {
				a.existed[seriesKey{metric: c.Metric, service: service}] = true
			}
		}
	}
}

// clockStepped tells that the clock was set, and the daemon knows: windows begin anew.
func (a *auditor) clockStepped() {
	a.frozen.at = time.Time{}
	for _, s := range a.services {
		for _, t := range s.tracks {
			t.last = time.Time{}
			t.anew()
		}
	}
	for _, r := range a.runs {
		r.seen.paused()
	}
}
