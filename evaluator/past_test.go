package evaluator_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbackd/rollbackd/evaluator"
	"github.com/rollbackd/rollbackd/trigger"
)

// silence is a source that does not answer.
func silence() map[string]trigger.Answer {
	return map[string]trigger.Answer{"errors": {Err: "timeout"}}
}

// randomReading is one of those that windows tell apart.
func randomReading(r *rand.Rand) trigger.Reading {
	switch r.IntN(8) {
	case 0:
		return trigger.KnownValue(0.001)
	case 1:
		return trigger.UnknownBecause("nan")
	case 2:
		return trigger.Reading{Presence: trigger.Missing, Reason: "no series"}
	}
	return trigger.Reading{Presence: trigger.Known, Value: 0.05, Total: 10, HasTotal: true}
}

// A past that is read late leads to the same windows as one that was read at the
// start: whatever was seen live since then, as long as nothing fired meanwhile.
func TestAPastReadLateIsAPastReadAtTheStart(t *testing.T) {
	reach := map[string]time.Duration{
		"errors > 1% for 1m": 105 * time.Second, "errors > 1% for 3m": 225 * time.Second,
		"errors > 1% in 3 of 5 samples": 2 * time.Minute, "errors > 1%": 45 * time.Second,
	}
	whens := slices.Sorted(maps.Keys(reach))
	compared := 0
	for seed := range uint64(400) {
		r := rand.New(rand.NewPCG(seed, 1))
		change := func(s *trigger.Spec) {
			s.NoData = trigger.NoData(r.IntN(3))
			s.MinRequests = float64(r.IntN(2) * 600)
		}
		early, o := watch(t, change, whens...)
		late := evaluator.NewWatch(o)
		past, since := 4+r.IntN(16), 1+r.IntN(6)
		var ticks []evaluator.PastTick
		for n := range past {
			at, a := start.Add(time.Duration(n)*poll), answers(randomReading(r))
			ticks = append(ticks, evaluator.PastTick{At: at, Answers: a})
			early.Grid(at, a, false)
			late.Grid(at, silence(), false)
		}
		began := start.Add(time.Duration(past-1)*poll + time.Second)
		if early.Began(began) || !late.Began(began) {
			t.Fatalf("seed %d: want the past of the one read, and of the other not", seed)
		}
		fired := map[string]bool{}
		both := func(n int) {
			at, a := start.Add(time.Duration(n)*poll), answers(randomReading(r))
			early.Grid(at, a, true)
			late.Grid(at, a, true)
			for _, when := range whens {
				fired[when] = fired[when] || state(t, early, when) == trigger.Firing || state(t, late, when) == trigger.Firing
			}
		}
		for n := range since {
			both(past + n)
		}
		late.Past(ticks)
		for n := range 12 {
			for _, when := range whens {
				if fired[when] || time.Duration(since)*poll > reach[when] {
					continue
				}
				compared++
				want, _ := early.Status(when)
				got, _ := late.Status(when)
				if n == 0 {
					got.Reason = want.Reason // only what comes live names the gate that holds it back
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Fatalf("seed %d: %s %d ticks after the past was read (-early +late):\n%s", seed, when, n, diff)
				}
				wantSince, wantLast := early.OK(when)
				gotSince, gotLast := late.OK(when)
				if !wantSince.Equal(gotSince) || !wantLast.Equal(gotLast) {
					t.Fatalf("seed %d: %s was ok from %v to %v, want %v to %v", seed, when, gotSince, gotLast, wantSince, wantLast)
				}
				if diff := cmp.Diff(early.Trace(when), late.Trace(when)); diff != "" {
					t.Fatalf("seed %d: %s (-early +late):\n%s", seed, when, diff)
				}
			}
			both(past + since + n)
		}
	}
	if compared < 2000 {
		t.Errorf("%d states were compared, want thousands", compared)
	}
}

// What is asked for is what is missing and can be had: nothing of a metric that does
// not answer at this tick, and nothing once no window could profit.
func TestUnreadIsWhatIsMissing(t *testing.T) {
	w, _ := watch(t, nil, errorsWhen)
	w.Grid(start, silence(), false)
	w.Began(start.Add(time.Second))
	ask := func(n int, a map[string]trigger.Answer) string {
		at := start.Add(time.Duration(n) * poll)
		w.Grid(at, a, true)
		metrics, reach, owing := w.Unread(at, a)
		return fmt.Sprint(metrics, reach, owing)
	}
	known := answers(trigger.KnownValue(0.05))
	if got := ask(1, silence()); got != "[] 0s true" {
		t.Errorf("while nothing answers: %s", got)
	}
	if got := ask(2, known); got != "[errors] 1m45s true" {
		t.Errorf("once it answers: %s", got)
	}
	if w.Past([]evaluator.PastTick{{At: start, Answers: silence()}}); ask(3, known) != "[errors] 1m45s true" {
		t.Error("want it asked again after a reading that gave nothing")
	}
	if got := ask(8, known); got != "[] 0s false" {
		t.Errorf("after the length of the window and the gap: %s", got)
	}
}

// What fires by live samples alone keeps its onset and its beginning.
func TestThePastLeavesAFiringTriggerAlone(t *testing.T) {
	w, _ := watch(t, nil, "errors > 1% for 15s")
	w.Grid(start, silence(), false)
	w.Began(start.Add(time.Second))
	for n := 1; n <= 3; n++ {
		tick(w, n, trigger.KnownValue(0.05))
	}
	want, _ := w.Status("errors > 1% for 15s")
	w.Past([]evaluator.PastTick{{At: start, Answers: answers(trigger.KnownValue(0.05))}})
	got, _ := w.Status("errors > 1% for 15s")
	if diff := cmp.Diff(want, got); diff != "" || want.State != trigger.Firing {
		t.Errorf("state %v (-before +after):\n%s", want.State, diff)
	}
}

// Windows that began anew have no past.
func TestWindowsThatBeganAnewHaveNoPast(t *testing.T) {
	for name, anew := range map[string]func(w *evaluator.Watch, at time.Time){
		"a deployment": func(w *evaluator.Watch, at time.Time) { w.StartAnew(at) },
		"the clock":    func(w *evaluator.Watch, at time.Time) { w.ClockStepped(time.Hour, at) },
	} {
		w, _ := watch(t, nil, errorsWhen)
		w.Grid(start, silence(), false)
		w.Began(start.Add(time.Second))
		tick(w, 1, trigger.KnownValue(0.05))
		anew(w, start.Add(poll+time.Second))
		if metrics, _, owing := w.Unread(start.Add(2*poll), answers(trigger.KnownValue(0.05))); owing {
			t.Errorf("%s: the past of %v is still wanted", name, metrics)
		}
	}
}
