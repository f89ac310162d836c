package trigger_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rollbackd/rollbackd/trigger"
)

// seen is an observation with the gate that stood when it came.
type seen struct {
	trigger.Observation
	gateOpen bool
}

// judgement is what the oracle says of a history.
type judgement struct {
	state   trigger.State
	since   time.Time
	firedAt time.Time
}

// oracle judges a whole history from nothing, by the rules as they are written
// down and without keeping anything from one observation to the next. It is
// slow and obvious on purpose.
type oracle struct {
	spec trigger.Spec
	min  int
}

func newOracle(s trigger.Spec) oracle {
	o := oracle{spec: s, min: s.MinSamples}
	switch {
	case o.min > 0:
	case s.Expr.Hold.None():
		o.min = 1
	default:
		o.min = 2
	}
	return o
}

func (o oracle) judge(history []seen) judgement {
	if o.spec.Expr.Hold.M > 0 {
		return o.judgeSamples(history)
	}
	return o.judgeFor(history)
}

// afterGap is the history since the last time nothing was known for longer
// than max_gap: the observation that found it out is the first of it.
func (o oracle) afterGap(history []seen) (rest []seen, gap bool) {
	from := 0
	for i := range history {
		for j := i - 1; j >= from; j-- {
			if history[j].Truth == trigger.NotKnown {
				continue
			}
			if history[i].At.Sub(history[j].At) > o.spec.MaxGap {
				from, gap = i, true
			}
			break
		}
	}
	return history[from:], gap
}

func (o oracle) judgeFor(all []seen) judgement {
	rest, _ := o.afterGap(all)
	healthy := false
	for i, r := range slices.Backward(rest) {
		if r.Truth == trigger.OK {
			rest, healthy = rest[i+1:], true
			break
		}
	}
	open := -1
	for i, s := range rest {
		if s.Truth == trigger.Breach && (s.Grid || s.Event) {
			open = i
			break
		}
	}
	if open < 0 {
		return judgement{state: resting(rest, healthy)}
	}
	rest = rest[open:]
	start := rest[0].At
	for i, s := range rest {
		if o.completes(rest[:i+1]) {
			return judgement{trigger.Firing, start, s.At}
		}
	}
	return judgement{state: trigger.Pending, since: start}
}

// resting is the state of a history in which nothing is open: what was last
// seen, breaching reads aside.
func resting(rest []seen, healthy bool) trigger.State {
	for _, s := range rest {
		if s.Truth == trigger.NotKnown {
			return trigger.StateUnknown
		}
	}
	if healthy {
		return trigger.Inactive
	}
	return trigger.StateUnknown
}

// completes tells whether the last of an open window completes it.
func (o oracle) completes(open []seen) bool {
	last, start := open[len(open)-1], open[0].At
	hold := o.spec.Expr.Hold.For
	if last.Truth != trigger.Breach || !last.Live || !last.gateOpen || last.At.Sub(start) < hold {
		return false
	}
	if hold == 0 && !last.Grid && !last.Event {
		return false
	}
	ticks, known, samples := 0, 0, 0
	for tick := start.Truncate(o.spec.Poll); !tick.After(last.At); tick = tick.Add(o.spec.Poll) {
		if tick.Before(start) {
			continue
		}
		ticks++
		for _, s := range open {
			if s.Grid && s.At.Equal(tick) && s.Truth != trigger.NotKnown {
				known++
				break
			}
		}
	}
	counted := map[time.Time]bool{}
	for _, s := range open {
		if (s.Grid || s.Event) && s.Truth == trigger.Breach && !counted[s.At] {
			counted[s.At] = true
			samples++
		}
	}
	return (hold == 0 || 2*known >= ticks) && samples >= o.min
}

// judgeSamples follows the firing state through the history, but counts the
// last M ticks anew each time.
func (o oracle) judgeSamples(all []seen) judgement {
	var firing *judgement
	j := judgement{}
	for end := 1; end <= len(all); end++ {
		rest := all[:end]
		last := rest[len(rest)-1]
		first, breaching, known := o.count(rest)
		if known == 0 {
			firing = nil // none of the last M ticks says anything
		}
		switch {
		case !last.Grid || last.Truth == trigger.NotKnown:
		case firing != nil && breaching < o.spec.Expr.Hold.N:
			firing = nil
		case firing == nil && last.Truth == trigger.Breach && last.Live && last.gateOpen &&
			breaching >= o.spec.Expr.Hold.N && known >= o.min:
			firing = &judgement{trigger.Firing, first, last.At}
		}
		switch {
		case firing != nil:
			j = *firing
		case last.Truth == trigger.OK:
			j = judgement{state: trigger.Inactive}
		case breaching > 0:
			j = judgement{state: trigger.Pending, since: first}
		default:
			j = judgement{state: o.restingSamples(rest)}
		}
	}
	return j
}

func (o oracle) restingSamples(rest []seen) trigger.State {
	for _, r := range slices.Backward(rest) {
		switch r.Truth {
		case trigger.OK:
			return trigger.Inactive
		case trigger.NotKnown:
			return trigger.StateUnknown
		case trigger.Breach:
		}
	}
	return trigger.StateUnknown
}

func (o oracle) count(rest []seen) (first time.Time, breaching, known int) {
	var newest time.Time
	for _, s := range rest {
		if s.Grid {
			newest = s.At
		}
	}
	oldest := newest.Add(-time.Duration(o.spec.Expr.Hold.M-1) * o.spec.Poll)
	for _, s := range rest {
		if !s.Grid || s.At.Before(oldest) || s.Truth == trigger.NotKnown {
			continue
		}
		known++
		if s.Truth == trigger.Breach {
			breaching++
			if first.IsZero() {
				first = s.At
			}
		}
	}
	return first, breaching, known
}

// randomSpec draws a trigger.
func randomSpec(t *testing.T, r *rand.Rand) trigger.Spec {
	t.Helper()
	holds := []string{"", " for 1s", " for 20s", " for 30s", " for 1m", " for 75s", " for 2m", " in 1 of 1 samples", " in 2 of 3 samples", " in 3 of 5 samples", " in 4 of 9 samples"}
	s := spec(t, "error_rate > 1%"+holds[r.IntN(len(holds))])
	s.MaxGap = []time.Duration{2 * poll, 3 * poll, 40 * time.Second, 6 * poll}[r.IntN(4)]
	s.MinSamples = []int{0, 0, 0, 1, 3}[r.IntN(5)]
	s.MinRequests = 10
	return s
}

// randomHistory draws ticks, some of them skipped, with reads and health
// events between them; a prefix is rebuilt. Truths come in runs, so that
// windows fill.
func randomHistory(r *rand.Rand) []seen {
	var history []seen
	truths := []trigger.Truth{trigger.OK, trigger.NotKnown, trigger.Breach, trigger.Breach, trigger.Breach}
	truth, stick := truths[r.IntN(len(truths))], r.Float64()
	rebuilt := r.IntN(20) - 10
	gate := r.IntN(3) > 0
	for n := range 20 + r.IntN(20) {
		moment := at(time.Duration(n) * poll)
		if r.Float64() > 0.95 {
			gate = !gate
		}
		observe := func(o trigger.Observation) {
			if r.Float64() > stick {
				truth = truths[r.IntN(len(truths))]
			}
			o.Truth, o.Live = truth, n >= rebuilt
			history = append(history, seen{o, gate})
		}
		if r.IntN(10) > 0 {
			observe(trigger.Observation{At: moment, Grid: true})
		}
		if r.IntN(4) == 0 {
			between := moment.Add(time.Duration(r.IntN(15)) * time.Second)
			observe(trigger.Observation{At: between, Event: r.IntN(3) == 0})
		}
	}
	return history
}

func TestWindowAgreesWithTheOracle(t *testing.T) {
	fired, disagreed := 0, 0
	for seed := range uint64(6000) {
		r := rand.New(rand.NewPCG(seed, 1))
		s := randomSpec(t, r)
		history := randomHistory(r)
		w, o := trigger.NewWindow(s), newOracle(s)
		for i, h := range history {
			requests := 0.0
			if h.gateOpen {
				requests = 10
			}
			w.SetGate(time.Time{}, requests)
			w.Observe(h.Observation)
			status, want := w.Status(), o.judge(history[:i+1])
			got := judgement{status.State, status.Since, status.FiredAt}
			if got.state == trigger.Firing {
				fired++
			}
			if got != want {
				t.Errorf("seed %d, %s, max_gap %v, min_samples %d: after\n%swindow %v since %v fired %v, oracle %v since %v fired %v",
					seed, s.Expr.Text, s.MaxGap, s.MinSamples, story(history[:i+1]),
					got.state, got.since.Sub(start), got.firedAt.Sub(start), want.state, want.since.Sub(start), want.firedAt.Sub(start))
				disagreed++
				break
			}
		}
		if disagreed == 3 {
			t.Fatal("and so on")
		}
	}
	if fired < 1000 {
		t.Errorf("only %d firing states were seen: the histories prove little", fired)
	}
}

func story(history []seen) string {
	var b strings.Builder
	for _, s := range history {
		fmt.Fprintf(&b, "  %4v %-7v grid %-5v event %-5v live %-5v gate %v\n", s.At.Sub(start), s.Truth, s.Grid, s.Event, s.Live, s.gateOpen)
	}
	return b.String()
}

// TestUnknownNeverFires is invariant 6 in small: replacing known samples by
// unknown ones never makes a trigger fire that did not, nor earlier.
func TestUnknownNeverFires(t *testing.T) {
	for seed := range uint64(2000) {
		r := rand.New(rand.NewPCG(seed, 2))
		s := spec(t, []string{"error_rate > 1% for 1m", "error_rate > 1% for 20s", "error_rate > 1%"}[r.IntN(3)])
		full, blinded := trigger.NewWindow(s), trigger.NewWindow(s)
		var fired, firedBlind time.Time
		for i := range 40 {
			o := trigger.Observation{At: at(time.Duration(i) * poll), Grid: true, Live: true, Evaluation: trigger.Evaluation{Truth: trigger.Breach}}
			full.Observe(o)
			if r.IntN(2) == 0 {
				o.Truth = trigger.NotKnown
			}
			blinded.Observe(o)
			fired = firstNonZero(fired, full.Status().FiredAt)
			firedBlind = firstNonZero(firedBlind, blinded.Status().FiredAt)
		}
		if fired.IsZero() || !firedBlind.IsZero() && firedBlind.Before(fired) {
			t.Fatalf("seed %d: fired at %v, with unknown samples at %v", seed, fired, firedBlind)
		}
	}
}

func firstNonZero(a, b time.Time) time.Time {
	if a.IsZero() {
		return b
	}
	return a
}
