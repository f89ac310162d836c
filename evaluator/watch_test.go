package evaluator_test

import (
	"testing"
	"time"

	"github.com/rollbackd/rollbackd/evaluator"
	"github.com/rollbackd/rollbackd/trigger"
)

const poll = 15 * time.Second

var start = time.Date(2026, 1, 5, 10, 0, 0, 0, time.UTC)

// watch has one trigger for each `when`, named by it.
func watch(t *testing.T, change func(*trigger.Spec), whens ...string) (*evaluator.Watch, evaluator.WatchOptions) {
	t.Helper()
	o := evaluator.WatchOptions{Service: "shop", Quorum: trigger.Quorum{Share: 0.5, MinInstances: 1}, Poll: poll, MaxGap: 3 * poll}
	for _, when := range whens {
		e, err := trigger.Parse(when, trigger.ParseOptions{Units: map[string]trigger.Unit{"errors": trigger.Ratio}})
		if err != nil {
			t.Fatal(err)
		}
		spec := trigger.Spec{Name: when, Severity: trigger.High, Expr: e, Poll: poll, MaxGap: 3 * poll}
		if change != nil {
			change(&spec)
		}
		o.Triggers = append(o.Triggers, spec)
	}
	return evaluator.NewWatch(o), o
}

func answers(r trigger.Reading) map[string]trigger.Answer {
	return map[string]trigger.Answer{"errors": {Services: map[string]trigger.Reading{"shop": r}}}
}

func tick(w *evaluator.Watch, n int, r trigger.Reading) {
	w.Grid(start.Add(time.Duration(n)*poll), answers(r), true)
}

func state(t *testing.T, w *evaluator.Watch, name string) trigger.State {
	t.Helper()
	st, ok := w.Status(name)
	if !ok {
		t.Fatalf("no trigger %q", name)
	}
	return st.State
}

const errorsWhen = "errors > 1% for 1m"

func TestAReloadKeepsTheWindowsOfUnchangedTriggers(t *testing.T) {
	w, o := watch(t, nil, errorsWhen)
	for n := range 4 {
		tick(w, n, trigger.KnownValue(0.05))
	}
	o.Triggers[0].Severity = trigger.Critical // who is told how loudly is not the window's business
	w.Reconfigure(o)
	tick(w, 4, trigger.KnownValue(0.05))
	if got := state(t, w, errorsWhen); got != trigger.Firing {
		t.Errorf("after a reload that changed only the severity: %s, want firing", got)
	}
	o.Triggers[0].NoData = trigger.NoDataOK
	w.Reconfigure(o)
	tick(w, 5, trigger.KnownValue(0.05))
	if got := state(t, w, errorsWhen); got != trigger.Pending {
		t.Errorf("after a reload that changed its meaning: %s, want pending", got)
	}
}

func TestAMetricThatATickDidNotAskIsUnknown(t *testing.T) {
	w, _ := watch(t, nil, errorsWhen)
	tick(w, 0, trigger.KnownValue(0.001))
	w.Grid(start.Add(poll), nil, true)
	if st, _ := w.Status(errorsWhen); st.Truth != trigger.NotKnown {
		t.Errorf("truth %s after a tick without an answer, want unknown", st.Truth)
	}
}

func TestTheRunOfKnownOK(t *testing.T) {
	w, _ := watch(t, nil, errorsWhen)
	at := func(n int) time.Time { return start.Add(time.Duration(n) * poll) }
	unknown := trigger.UnknownBecause("timeout")
	for _, step := range []struct {
		n    int
		r    trigger.Reading
		want time.Time
		why  string
	}{
		{0, trigger.KnownValue(0.05), time.Time{}, "a breach is not ok"},
		{1, trigger.KnownValue(0.001), at(1), "the first ok"},
		{2, unknown, at(1), "a short gap does not break the run"},
		{3, trigger.KnownValue(0.001), at(1), "the run goes on"},
		{4, unknown, at(1), "gap"},
		{5, unknown, at(1), "gap"},
		{6, unknown, at(1), "gap at its limit"},
		{7, unknown, time.Time{}, "a gap longer than max_gap breaks it"},
		{8, trigger.KnownValue(0.001), at(8), "and it begins anew"},
	} {
		tick(w, step.n, step.r)
		if got, _ := w.OK(errorsWhen); !got.Equal(step.want) {
			t.Errorf("tick %d (%s): ok since %v, want %v", step.n, step.why, got, step.want)
		}
	}
}

func TestRequestsCountFromTheDeploymentsStart(t *testing.T) {
	w, _ := watch(t, func(s *trigger.Spec) { s.MinRequests = 100 }, "errors > 1%")
	busy := trigger.KnownValue(0.5)
	busy.Total, busy.HasTotal = 2, true // 2 a second are 30 a tick
	for n := range 3 {
		tick(w, n, busy)
	}
	if got := state(t, w, "errors > 1%"); got != trigger.Pending {
		t.Errorf("after 90 requests: %s, want pending", got)
	}
	w.SetStart(start.Add(2*poll + time.Second))
	for n := 3; n < 6; n++ {
		tick(w, n, busy)
	}
	if got := state(t, w, "errors > 1%"); got != trigger.Pending {
		t.Errorf("90 requests after a new deployment: %s, want pending", got)
	}
	tick(w, 6, busy)
	if got := state(t, w, "errors > 1%"); got != trigger.Firing {
		t.Errorf("after 120 requests: %s, want firing", got)
	}
}

func TestRebuiltSamplesBeforeANewBeginningAreNotTheWindows(t *testing.T) {
	w, _ := watch(t, nil, errorsWhen)
	w.StartAnew(start.Add(3 * poll))
	for n := range 4 {
		w.Grid(start.Add(time.Duration(n)*poll), answers(trigger.KnownValue(0.05)), false)
	}
	tick(w, 4, trigger.KnownValue(0.05))
	if got := state(t, w, errorsWhen); got != trigger.Pending {
		t.Errorf("%s, want pending: only a quarter of the minute lies after the new beginning", got)
	}
}

// A rebuilt window is completed by the first live sample, not by history.
func TestARebuiltWindowIsCompletedByALiveSample(t *testing.T) {
	w, _ := watch(t, nil, errorsWhen)
	for n := range 6 {
		w.Grid(start.Add(time.Duration(n)*poll), answers(trigger.KnownValue(0.05)), false)
	}
	if got := state(t, w, errorsWhen); got != trigger.Pending {
		t.Errorf("full of history: %s, want pending", got)
	}
	tick(w, 6, trigger.KnownValue(0.05))
	if got := state(t, w, errorsWhen); got != trigger.Firing {
		t.Errorf("after a live sample: %s, want firing", got)
	}
}

func TestHealthEventsAreJudgedAsTheyArriveAndStartAnewRestartsThem(t *testing.T) {
	const when = "3 consecutive health failures"
	w, _ := watch(t, nil, when)
	fail := func(seq int) {
		w.Health(trigger.HealthCheck{
			Instance: "a", Boot: "b", Seq: uint64(seq), Status: trigger.HealthFail, At: start.Add(time.Duration(seq) * 10 * time.Second),
		}, true)
	}
	for seq := 1; seq <= 3; seq++ {
		fail(seq)
	}
	if got := state(t, w, when); got != trigger.Firing {
		t.Fatalf("after three failures: %s, want firing", got)
	}
	w.StartAnew(start.Add(35 * time.Second))
	fail(4)
	fail(5)
	if got := state(t, w, when); got == trigger.Firing {
		t.Error("two failures after a new beginning fire")
	}
	fail(6)
	if got := state(t, w, when); got != trigger.Firing {
		t.Errorf("three failures after a new beginning: %s, want firing", got)
	}
}

func TestALateHealthEventDoesNotTurnTimeBack(t *testing.T) {
	const when = "health failing for 1m"
	w, _ := watch(t, nil, when)
	w.Health(trigger.HealthCheck{Instance: "a", Seq: 1, Boot: "b", Status: trigger.HealthFail, At: start.Add(poll + 200*time.Millisecond)}, true)
	tick(w, 1, trigger.Reading{}) // the answers of the tick before came in late
	if st, _ := w.Status(when); st.Since.After(start.Add(poll + time.Second)) {
		t.Errorf("since %v", st.Since)
	}
	if got := state(t, w, when); got != trigger.Pending {
		t.Errorf("%s, want pending", got)
	}
}

// Three failures that were read back from a stream fire at the first live check,
// not at a tick.
func TestReplayedHealthFiresWithALiveCheck(t *testing.T) {
	const when = "3 consecutive health failures"
	w, _ := watch(t, nil, when)
	check := func(seq int, live bool) {
		at := start.Add(time.Duration(seq) * 10 * time.Second)
		w.Health(trigger.HealthCheck{Instance: "a", Boot: "b", Seq: uint64(seq), Status: trigger.HealthFail, At: at}, live)
	}
	for seq := 1; seq <= 3; seq++ {
		check(seq, false)
	}
	tick(w, 3, trigger.Reading{})
	if got := state(t, w, when); got != trigger.Pending {
		t.Errorf("after a tick: %s, want pending", got)
	}
	check(5, true)
	if got := state(t, w, when); got != trigger.Firing {
		t.Errorf("after a live check: %s, want firing", got)
	}
}

func TestAClockThatIsSetEmptiesTheWindowsAndKeepsTheRequests(t *testing.T) {
	for _, by := range []time.Duration{time.Hour, -time.Hour} {
		w, _ := watch(t, func(s *trigger.Spec) { s.MinRequests = 100 }, errorsWhen)
		busy := trigger.KnownValue(0.5)
		busy.Total, busy.HasTotal = 2, true // 2 a second are 30 a tick
		w.SetStart(start)
		for n := range 4 {
			tick(w, n, busy)
		}
		set := start.Add(3*poll + by)
		w.ClockStepped(by, set)
		w.SetStart(start.Add(by)) // the same deployment, by the new clock
		for n := 1; n <= 4; n++ {
			w.Grid(set.Add(time.Duration(n)*poll), answers(busy), true)
			if got := state(t, w, errorsWhen); got != trigger.Pending {
				t.Errorf("set by %s, %d ticks later: %s, want pending", by, n, got)
			}
		}
		w.Grid(set.Add(5*poll), answers(busy), true)
		if got := state(t, w, errorsWhen); got != trigger.Firing {
			t.Errorf("set by %s, after a whole minute: %s, want firing", by, got)
		}
		if st, _ := w.Status(errorsWhen); !st.Since.Equal(set.Add(poll)) {
			t.Errorf("set by %s, the breach began at %s, want the first tick by the new clock", by, st.Since)
		}
	}
}
