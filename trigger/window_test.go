package trigger_test

import (
	"math"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbackd/rollbackd/trigger"
)

const poll = 15 * time.Second

// series reads promtool's short notation: values, "0.05x2" for three of them,
// "_" for a missing one.
func series(t *testing.T, text string) []trigger.Reading {
	t.Helper()
	var list []trigger.Reading
	for word := range strings.FieldsSeq(text) {
		value, times, repeated := strings.Cut(word, "x")
		n := 1
		if repeated {
			var err error
			if n, err = strconv.Atoi(times); err != nil {
				t.Fatal(err)
			}
		}
		r := trigger.Reading{Presence: trigger.Missing, Reason: "no series"}
		if value != "_" {
			if repeated {
				n++
			}
			v, err := strconv.ParseFloat(value, 64)
			if err != nil {
				t.Fatal(err)
			}
			r = trigger.NewReading(v, trigger.Ratio)
		}
		for range n {
			list = append(list, r)
		}
	}
	return list
}

// tick evaluates one reading of error_rate at a tick.
func tick(w *trigger.Window, at time.Time, r trigger.Reading, live bool) {
	e := trigger.Evaluate(w.Spec(), trigger.Quorum{}, view{readings: map[string]trigger.Reading{"error_rate": r}, now: at})
	w.Observe(trigger.Observation{At: at, Evaluation: e, Grid: true, Live: live})
}

// states plays a series tick by tick; rebuilt ticks, and skipped ones, are
// named by their number.
func states(t *testing.T, w *trigger.Window, text string, rebuilt, skipped func(int) bool) []trigger.State {
	t.Helper()
	var got []trigger.State
	for i, r := range series(t, text) {
		if skipped == nil || !skipped(i) {
			tick(w, at(time.Duration(i)*poll), r, rebuilt == nil || !rebuilt(i))
		}
		got = append(got, w.Status().State)
	}
	return got
}

func TestWindowScenarios(t *testing.T) {
	tests := []struct {
		name    string
		when    string
		values  string
		rebuilt func(int) bool
		skipped func(int) bool
		want    string // a letter a tick: . inactive, p pending, F firing, ? unknown
	}{
		{"w01 exactly full", "error_rate > 1% for 2m", "0.001x3 0.05x11 0.001x1", nil, nil, "....ppppppppFFFF.."},
		{"one tick short", "error_rate > 1% for 2m", "0.05x7 0.001x1", nil, nil, "pppppppp.."},
		{"w05 a gap of two goes on", "error_rate > 1% for 2m", "0.001x3 0.05x3 _ _ 0.05x5", nil, nil, "....ppppppppFFFF"},
		{"a gap beyond max_gap starts anew", "error_rate > 1% for 2m", "0.05x2 _x4 0.05x9", nil, nil, "pppppp?ppppppppFF"},
		{"a gap that nobody saw starts anew", "error_rate > 1% for 2m", "0.05x2 0x2 0.05x9", nil, func(i int) bool { return i >= 3 && i < 6 }, "ppppppppppppppFF"},
		{"w08 mostly unknown is not enough", "error_rate > 1% for 2m", "0.001x3 0.05 _ _ 0.05 _ _ 0.05 _ _ 0.05 _ _ 0.001x2", nil, nil, "....pppppppppppp..."},
		{"half known is enough", "error_rate > 1% for 1m30s", "0.05 _ 0.05 _ 0.05 _ 0.05", nil, nil, "ppppppF"},
		{"skipped ticks are not known", "error_rate > 1% for 2m", "0.05 0 0 0.05 0 0 0.05 0 0 0.05", nil, func(i int) bool { return i%3 != 0 }, "pppppppppp"},
		{"w13 n of m", "error_rate > 1% in 3 of 5 samples", "0.001x3 0.05 0.001 0.05 0.001 0.05 0.001x2", nil, nil, "....p.p.F..."},
		{"n of m: the newest must breach", "error_rate > 1% in 2 of 3 samples", "0.05 0.001 0.001 0.05 0.05 0.001 0.001", nil, nil, "p..pFF."},
		{"n of m: an unknown tick takes a place", "error_rate > 1% in 3 of 4 samples", "0.05 0.05 _ _ 0.05 0.05 0.05", nil, nil, "pppppp" + "F"},
		{"n of m: a skipped tick takes a place", "error_rate > 1% in 3 of 4 samples", "0.05 0.05 0 0 0.05 0.05 0.05", nil, func(i int) bool { return i == 2 || i == 3 }, "pppppp" + "F"},
		{"n of m: unknown keeps it firing while a slot is known", "error_rate > 1% in 2 of 3 samples", "0.05 0.05 _x5", nil, nil, "pFFF???"},
		{"no hold", "error_rate > 1%", "0.001 0.05 _ 0.001 _ 0.05", nil, nil, ".FF.?F"},
		{"r01 rebuilt, then live", "error_rate > 1% for 2m", "0.001x3 0.05x9", func(i int) bool { return i < 10 }, nil, "....ppppppppFF"},
		{"a full window rebuilt fires at the first live breach", "error_rate > 1% for 1m", "0.05x7 _ 0.05", func(i int) bool { return i < 8 }, nil, "pppppppppF"},
		{"a full window rebuilt is emptied by a live ok", "error_rate > 1% for 1m", "0.05x7 0.001 0.05", func(i int) bool { return i < 8 }, nil, "pppppppp.p"},
		{"rebuilt without a hold", "error_rate > 1%", "0.05x1 0.05", func(i int) bool { return i < 2 }, nil, "ppF"},
		{"rebuilt n of m", "error_rate > 1% in 2 of 3 samples", "0.05x2 0.05", func(i int) bool { return i < 3 }, nil, "pppF"},
	}
	letters := map[trigger.State]string{trigger.Inactive: ".", trigger.Pending: "p", trigger.Firing: "F", trigger.StateUnknown: "?"}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got strings.Builder
			for _, s := range states(t, trigger.NewWindow(spec(t, tt.when)), tt.values, tt.rebuilt, tt.skipped) {
				got.WriteString(letters[s])
			}
			if got.String() != tt.want {
				t.Errorf("states\n%s, want\n%s", got.String(), tt.want)
			}
		})
	}
}

func TestConsecutiveHealthFailuresFireAtTheEvent(t *testing.T) { // h01
	h := trigger.NewHealth(0)
	w := trigger.NewWindow(spec(t, "3 consecutive health failures"))
	check := func(second int, status trigger.HealthStatus, want trigger.Status) {
		t.Helper()
		now := at(time.Duration(second) * time.Second)
		h.Observe(trigger.HealthCheck{Instance: "a", Status: status, At: now, Boot: "b", Seq: uint64(second)})
		e := trigger.Evaluate(w.Spec(), trigger.Quorum{}, view{health: h, now: now})
		w.Observe(trigger.Observation{At: now, Evaluation: e, Event: true, Live: true})
		if diff := cmp.Diff(want, w.Status()); diff != "" {
			t.Errorf("at %ds (-want +got):\n%s", second, diff)
		}
	}
	building := func(n int, filled float64) trigger.Status {
		return trigger.Status{
			State: trigger.Pending, Value: float64(n), HasValue: true, Filled: filled, Since: at(time.Minute),
			Reason: strconv.Itoa(n) + " of 3 consecutive failures",
		}
	}
	check(50, pass, trigger.Status{State: trigger.Inactive, Truth: trigger.OK, HasValue: true})
	check(60, fail, building(1, 1.0/3))
	check(70, fail, building(2, 2.0/3))
	firing := trigger.Status{
		State: trigger.Firing, Truth: trigger.Breach, Value: 3, HasValue: true, Filled: 1,
		Reason: "1 of 1 instances failing", Since: at(time.Minute), FiredAt: at(80 * time.Second),
	}
	check(80, fail, firing)
	firing.Value = 4
	check(90, fail, firing)
	check(100, pass, trigger.Status{State: trigger.Inactive, Truth: trigger.OK, HasValue: true})
}

func breachAt(t time.Time) trigger.Observation {
	return trigger.Observation{At: t, Evaluation: trigger.Evaluation{Truth: trigger.Breach}, Live: true}
}

func TestReadsBetweenTicks(t *testing.T) {
	w := trigger.NewWindow(spec(t, "error_rate > 1% for 40s"))
	w.Observe(breachAt(start)) // a read opens nothing
	if s := w.Status(); s.State != trigger.StateUnknown || !w.CompletesAt().IsZero() {
		t.Fatalf("after a read: %v, completes at %v", s.State, w.CompletesAt())
	}
	for _, tickAt := range []time.Duration{15, 30, 45} {
		tick(w, at(tickAt*time.Second), trigger.KnownValue(0.05), true)
	}
	full := at(55 * time.Second)
	if got := w.CompletesAt(); !got.Equal(full) {
		t.Fatalf("completes at %v, want %v", got, full)
	}
	w.Observe(breachAt(full))
	s := w.Status()
	if s.State != trigger.Firing || !s.FiredAt.Equal(full) || !s.Since.Equal(at(15*time.Second)) || !w.CompletesAt().IsZero() {
		t.Errorf("after the completing read: %+v, completes at %v", s, w.CompletesAt())
	}
	healthy := breachAt(at(57 * time.Second))
	healthy.Truth = trigger.OK
	w.Observe(healthy)
	w.Observe(breachAt(at(58 * time.Second)))
	if s := w.Status(); s.State != trigger.Inactive || s.Truth != trigger.Breach {
		t.Errorf("after a healthy and a breaching read: %v, condition %v; want inactive, breach", s.State, s.Truth)
	}
}

func TestCompletesAtIsNotInThePast(t *testing.T) {
	w := trigger.NewWindow(spec(t, "error_rate > 1% for 40s"))
	tick(w, at(0), trigger.KnownValue(0.05), true)
	tick(w, at(15*time.Second), trigger.KnownValue(0.05), true)
	tick(w, at(30*time.Second), trigger.KnownValue(0.05), true)
	lost := breachAt(at(40 * time.Second))
	lost.Truth = trigger.NotKnown
	w.Observe(lost)
	if got := w.CompletesAt(); !got.IsZero() {
		t.Errorf("after the read was lost it completes at %v, want the next tick to decide", got)
	}
}

func TestReadsDoNotFireWithoutAHold(t *testing.T) {
	w := trigger.NewWindow(spec(t, "error_rate > 1%"))
	w.SetGate(at(20*time.Second), 0)
	tick(w, at(15*time.Second), trigger.KnownValue(0.05), true)
	w.Observe(breachAt(at(25 * time.Second)))
	if got := w.Status().State; got != trigger.Pending {
		t.Errorf("after a read: %v, want pending until the next tick", got)
	}
	tick(w, at(30*time.Second), trigger.KnownValue(0.05), true)
	if got := w.Status().State; got != trigger.Firing {
		t.Errorf("after the tick: %v, want firing", got)
	}
}

func TestATickOvertakenByARead(t *testing.T) {
	tests := []struct {
		name string
		late trigger.Reading
		want trigger.State
	}{
		{"breaching fills its place", trigger.KnownValue(0.05), trigger.Firing},
		{"unknown leaves it empty", trigger.UnknownBecause("timeout"), trigger.Pending},
		{"healthy empties the window", trigger.KnownValue(0), trigger.Pending},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			// Five ticks at the end, of which the late one decides whether
			// three or two are known.
			w := trigger.NewWindow(spec(t, "error_rate > 1% for 1m"))
			tick(w, at(0), trigger.KnownValue(0.05), true)
			w.Observe(breachAt(at(16 * time.Second)))
			tick(w, at(15*time.Second), tt.late, true)
			tick(w, at(15*time.Second), trigger.KnownValue(0), true) // a second answer for the tick is not heard
			w.Observe(breachAt(at(59 * time.Second)))
			tick(w, at(60*time.Second), trigger.KnownValue(0.05), true)
			if got := w.Status().State; got != tt.want {
				t.Errorf("%v, want %v", got, tt.want)
			}
		})
	}
	t.Run("in N of M", func(t *testing.T) {
		w := trigger.NewWindow(spec(t, "error_rate > 1% in 3 of 3 samples"))
		tick(w, at(0), trigger.KnownValue(0.05), true)
		w.Observe(breachAt(at(16 * time.Second)))
		tick(w, at(15*time.Second), trigger.KnownValue(0.05), true)
		tick(w, at(30*time.Second), trigger.KnownValue(0.05), true)
		if got := w.Status().State; got != trigger.Firing {
			t.Errorf("%v, want firing", got)
		}
	})
}

func TestGatesHoldBackFiringAndNotTheWindow(t *testing.T) {
	s := spec(t, "error_rate > 1% for 30s")
	s.MinRequests = 100
	w := trigger.NewWindow(s)
	w.SetGate(at(45*time.Second), 0)
	want := []struct {
		requests float64
		state    trigger.State
		reason   string
	}{
		{0, trigger.Pending, "error_rate 0.05 > 1%"},
		{0, trigger.Pending, "error_rate 0.05 > 1%"},
		{0, trigger.Pending, "warming up until 10:00:45Z"},
		{math.NaN(), trigger.Pending, "NaN of 100 requests since the deployment"},
		{99, trigger.Pending, "99 of 100 requests since the deployment"},
		{100, trigger.Firing, "error_rate 0.05 > 1%"},
		{0, trigger.Firing, "error_rate 0.05 > 1%"}, // what has fired stays firing
	}
	for i, tt := range want {
		w.SetGate(at(45*time.Second), tt.requests)
		tick(w, at(time.Duration(i)*poll), trigger.KnownValue(0.05), true)
		if got := w.Status(); got.State != tt.state || got.Reason != tt.reason {
			t.Errorf("tick %d: %v (%s), want %v (%s)", i, got.State, got.Reason, tt.state, tt.reason)
		}
	}
	if got := w.Status(); !got.FiredAt.Equal(at(75*time.Second)) || !got.Since.Equal(start) {
		t.Errorf("fired at %v since %v, want the moment the gate opened and the first breach", got.FiredAt, got.Since)
	}
}

func TestMinSamples(t *testing.T) {
	tests := []struct {
		when string
		min  int
		want int // the tick at which it fires
	}{
		{"error_rate > 1%", 0, 0},
		{"error_rate > 1%", 3, 2},
		{"error_rate > 1% for 1s", 0, 1},
		{"error_rate > 1% for 30s", 5, 4},
		{"error_rate > 1% in 1 of 5 samples", 0, 1},
		{"error_rate > 1% in 1 of 5 samples", 4, 3},
	}
	for _, tt := range tests {
		s := spec(t, tt.when)
		s.MinSamples = tt.min
		w := trigger.NewWindow(s)
		fired := -1
		for i := 0; i < 8 && fired < 0; i++ {
			tick(w, at(time.Duration(i)*poll), trigger.KnownValue(0.05), true)
			if w.Status().State == trigger.Firing {
				fired = i
			}
		}
		if fired != tt.want {
			t.Errorf("%s with min_samples %d fired at tick %d, want %d", tt.when, tt.min, fired, tt.want)
		}
	}
}

func TestFromNoData(t *testing.T) {
	tests := []struct {
		name   string
		when   string
		values string
		want   bool
	}{
		{"data alone", "error_rate > 1% for 1m", "0.05x5", false},
		{"one sample was missing: unknown, the window would live through it", "error_rate > 1% for 1m", "0.05 _ 0.05x2", false},
		{"less than half was there", "error_rate > 1% for 1m", "0.05 _ _ _ 0.05", true},
		{"the onset was missing", "error_rate > 1% for 1m", "_ 0.05x3", true},
		{"the data since then suffices", "error_rate > 1% for 1m", "_ 0.05x4", false},
		{"gone for longer than the gap, and data since for less than the hold", "error_rate > 1% for 1m", "0.05x1 _x3 0.05x2", true},
		{"the one that completes it is missing", "error_rate > 1% for 1m", "0.05x3 _", true},
		{"full, and then one is missing", "error_rate > 1% for 1m", "0.05x5 _", false},
		{"full, and then gone for longer than the gap", "error_rate > 1% for 1m", "0.05x5 _x4", true},
		{"no hold", "error_rate > 1%", "_", true},
		{"no hold, and then data", "error_rate > 1%", "_ 0.05", false},
		{"n of m with enough data", "error_rate > 1% in 2 of 4 samples", "_ 0.05 0.05", false},
		{"n of m with too little", "error_rate > 1% in 2 of 4 samples", "_ _ 0.05", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := spec(t, tt.when)
			s.NoData = trigger.NoDataBreach
			w := trigger.NewWindow(s)
			states(t, w, tt.values, nil, nil)
			if got := w.Status(); got.State != trigger.Firing || got.FromNoData != tt.want {
				t.Errorf("%v, from no data %v; want firing, %v", got.State, got.FromNoData, tt.want)
			}
		})
	}
}

func TestStatusTellsHowFull(t *testing.T) {
	tests := []struct {
		when, values string
		want         float64
		since        time.Time
	}{
		{"error_rate > 1% for 2m", "0.001 0.05x4", 0.5, at(poll)},
		{"error_rate > 1% for 2m", "0.001 0.05x1 _", 0.25, at(poll)},
		{"error_rate > 1% in 4 of 5 samples", "0.05 0.001x3 0.05 0.001 0.05", 0.5, at(5 * poll)},
		{"error_rate > 1% for 2m", "0.001x2", 0, time.Time{}},
	}
	for _, tt := range tests {
		w := trigger.NewWindow(spec(t, tt.when))
		states(t, w, tt.values, nil, nil)
		if got := w.Status(); got.Filled != tt.want || !got.Since.Equal(tt.since) {
			t.Errorf("%s, %s: filled %v since %v, want %v since %v", tt.when, tt.values, got.Filled, got.Since, tt.want, tt.since)
		}
	}
}

func TestReset(t *testing.T) {
	for _, when := range []string{"error_rate > 1% for 30s", "error_rate > 1% in 2 of 3 samples", "error_rate > 1%"} {
		w := trigger.NewWindow(spec(t, when))
		states(t, w, "0.05x4", nil, nil)
		w.Reset()
		if got := w.Status(); got != (trigger.Status{}) {
			t.Errorf("%s: after a reset %+v, want nothing", when, got)
		}
		tick(w, at(2*poll), trigger.KnownValue(0.05), true) // from before the reset
		if got := w.Status().State; got != trigger.StateUnknown {
			t.Errorf("%s: an old sample after a reset made it %v", when, got)
		}
	}
}

func TestHealthWithAHoldBeganWithTheFirstFailingCheck(t *testing.T) {
	w := trigger.NewWindow(spec(t, "health failing for 20s"))
	e := trigger.Evaluation{Truth: trigger.Breach, Since: at(2 * time.Second)}
	w.Observe(trigger.Observation{At: at(7 * time.Second), Evaluation: e, Event: true, Live: true})
	w.Observe(trigger.Observation{At: at(poll), Evaluation: e, Grid: true, Live: true})
	if got := w.CompletesAt(); !got.Equal(at(27 * time.Second)) {
		t.Errorf("completes at %v, want 20s after the event", got)
	}
	w.Observe(trigger.Observation{At: at(28 * time.Second), Evaluation: e, Event: true, Live: true})
	if got := w.Status(); got.State != trigger.Firing || !got.Since.Equal(at(2*time.Second)) {
		t.Errorf("%v since %v, want firing since the first failing check", got.State, got.Since)
	}
}
