package evaluator_test

import (
	"testing"
	"time"

	"github.com/rollbackd/rollbackd/trigger"
)

func said(n int) map[string]trigger.Signal {
	return map[string]trigger.Signal{"flag_failed": {At: start.Add(time.Duration(n) * poll), Source: "nats"}}
}

func TestASignalIsSeenAtOnceAndAtEachTick(t *testing.T) {
	const alone, both = "event flag_failed", "event flag_failed and errors > 1%"
	w, _ := watch(t, nil, alone, both, errorsWhen)
	tick(w, 0, trigger.KnownValue(0.05))
	if !w.WaitsFor("flag_failed") || w.WaitsFor("flag") {
		t.Error("it waits for something else than flag_failed")
	}
	expect := func(when string, wantAlone, wantBoth trigger.State) {
		t.Helper()
		if a, b := state(t, w, alone), state(t, w, both); a != wantAlone || b != wantBoth {
			t.Errorf("%s: %s and %s, want %s and %s", when, a, b, wantAlone, wantBoth)
		}
	}
	if !w.SetSignals(said(0)) || w.SetSignals(said(0)) {
		t.Error("a signal is news the first time only")
	}
	expect("set and not looked at", trigger.Inactive, trigger.Inactive)
	w.Signalled(start.Add(time.Second))
	expect("looked at", trigger.Firing, trigger.Inactive)
	tick(w, 1, trigger.KnownValue(0.05))
	expect("at the tick", trigger.Firing, trigger.Firing)
	w.SetSignals(nil)
	w.Signalled(start.Add(poll + time.Second))
	expect("ended", trigger.Inactive, trigger.Firing)
	tick(w, 2, trigger.KnownValue(0.05))
	expect("at the tick after", trigger.Inactive, trigger.Inactive)
}

func TestASignalStandsForAWhile(t *testing.T) {
	w, o := watch(t, nil, "event flag_failed")
	o.SignalsFor = 4 * poll
	w.Reconfigure(o)
	w.SetSignals(said(2))
	for n, want := range map[int]bool{1: false, 2: true, 5: true, 6: false, 100: false} {
		if got := w.Stands("flag_failed", start.Add(time.Duration(n)*poll)); got != want {
			t.Errorf("at tick %d it stands: %v, want %v", n, got, want)
		}
	}
	if w.Stands("flag", start.Add(3*poll)) {
		t.Error("a signal stands that nobody sent")
	}
	o.SignalsFor = 0
	w.Reconfigure(o)
	if !w.Stands("flag_failed", start.Add(1000*poll)) {
		t.Error("without a bound it ends by itself")
	}
}

// A window is rebuilt from the ticks of the past, and only completed live.
func TestASignalsWindowIsRebuilt(t *testing.T) {
	const when = "event flag_failed for 1m"
	w, _ := watch(t, nil, when)
	w.SetSignals(said(0))
	for n := range 8 {
		w.Grid(start.Add(time.Duration(n)*poll), nil, false)
	}
	if got := state(t, w, when); got != trigger.Pending {
		t.Errorf("rebuilt: %s, want pending", got)
	}
	w.Signalled(start.Add(8*poll - time.Second))
	if got := state(t, w, when); got != trigger.Firing {
		t.Errorf("looked at live: %s, want firing", got)
	}
	if st, _ := w.Status(when); !st.Since.Equal(start) {
		t.Errorf("since %v, want the signal's arrival", st.Since)
	}
}

// Health that was read back is history, and history completes nothing, a signal
// beside it or not.
func TestASignalDoesNotBringReplayedHealthToLife(t *testing.T) {
	const when = "1 consecutive health failure and event flag_failed"
	w, _ := watch(t, nil, when)
	fail := trigger.HealthCheck{Instance: "a", Status: trigger.HealthFail, At: start, TTL: time.Hour}
	w.Health(fail, false)
	w.SetSignals(said(0))
	w.Signalled(start.Add(time.Second))
	tick(w, 1, trigger.KnownValue(0))
	if got := state(t, w, when); got != trigger.Pending {
		t.Errorf("with checks of an earlier life: %s, want pending", got)
	}
	fail.At = start.Add(2 * poll)
	w.Health(fail, true)
	if got := state(t, w, when); got != trigger.Firing {
		t.Errorf("with a live check: %s, want firing", got)
	}
}

func TestAClockThatIsSetTakesSignalsAlong(t *testing.T) {
	w, o := watch(t, nil, "event flag_failed")
	o.SignalsFor = 4 * poll
	w.Reconfigure(o)
	w.SetSignals(said(0))
	w.ClockStepped(-time.Hour, start.Add(poll-time.Hour))
	if !w.Stands("flag_failed", start.Add(poll-time.Hour)) || w.Stands("flag_failed", start.Add(4*poll-time.Hour)) {
		t.Error("a signal's time did not move along with the clock")
	}
}
