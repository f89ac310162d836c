package rules_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/prometheus/prometheus/promql"

	"github.com/rollbackd/rollbackd/trigger"
)

// pair is one condition in both languages.
type pair struct{ when, promql string }

func pairs() []pair {
	return []pair{
		{"error_rate > 1%", "error_rate > 0.01"},
		{"error_rate >= 1%", "error_rate >= 0.01"},
		{"error_rate < 90%", "error_rate < 0.9"},
		{"error_rate <= 1%", "error_rate <= 0.01"},
		{"error_rate == 1%", "error_rate == 0.01"},
		{"error_rate != 0%", "error_rate != 0"},
		{"latency > 500ms", "latency > 0.5"},
		{"error_rate > 1% and latency > 500ms", "error_rate > 0.01 and on(service) latency > 0.5"},
	}
}

// reading is what a window is shown at a tick: the same numbers that Prometheus
// has stored.
type reading struct {
	metrics map[string]trigger.Reading
	at      time.Time
}

func (r reading) Reading(metric string) trigger.Reading { return r.metrics[metric] }
func (r reading) Existed(string) bool                   { return true }
func (r reading) Health() *trigger.Health               { return nil }
func (r reading) Now() time.Time                        { return r.at }

func (r reading) Signal(string) (trigger.Signal, bool) { return trigger.Signal{}, false }

func newWindow(t *testing.T, when string, poll time.Duration) *trigger.Window {
	t.Helper()
	e, err := trigger.Parse(when, trigger.ParseOptions{
		Units: map[string]trigger.Unit{"error_rate": trigger.Ratio, "latency": trigger.Seconds},
	})
	if err != nil {
		t.Fatal(err)
	}
	return trigger.NewWindow(trigger.Spec{
		Name: "test", Severity: trigger.Critical, Expr: e, Poll: poll, MaxGap: 3 * poll,
	})
}

// show gives a window one tick of the grid, read live.
func show(w *trigger.Window, r reading) trigger.Status {
	e := trigger.Evaluate(w.Spec(), trigger.Quorum{}, r)
	w.Observe(trigger.Observation{At: r.at, Evaluation: e, Grid: true, Live: true})
	return w.Status()
}

// stateName is Prometheus's word for the state of a window.
func stateName(s trigger.State) string {
	switch s {
	case trigger.Pending:
		return "pending"
	case trigger.Firing:
		return "firing"
	case trigger.Inactive:
		return "inactive"
	case trigger.StateUnknown:
		return "unknown"
	}
	return fmt.Sprint(s)
}

// begin is a tick of every grid that the tests use.
var begin = time.Unix(1_700_000_000, 0).UTC().Truncate(24 * time.Hour)

// walk makes values that stay on one side of a threshold for a while, and now
// and then lie on it.
func walk(rnd *rand.Rand, ticks int, levels []float64) []float64 {
	values := make([]float64, 0, ticks)
	for len(values) < ticks {
		level := levels[rnd.IntN(len(levels))]
		for n := 1 + rnd.IntN(1+rnd.IntN(30)); n > 0 && len(values) < ticks; n-- {
			values = append(values, level)
		}
	}
	return values
}

// hold writes a duration as `when` and Prometheus both understand it.
func hold(d time.Duration) string {
	if d == 0 {
		return ""
	}
	return fmt.Sprintf(" for %ds", int(d.Seconds()))
}

// tally counts what the series had in them, so that a test which never sees
// anything fire cannot pass.
type tally struct{ series, ticks, fired, resolved, pending int }

// TestWindowsFireWhenPrometheusFires plays thousands of random series through
// both. At every tick the state and the beginning of the breach must be equal.
func TestWindowsFireWhenPrometheusFires(t *testing.T) {
	const each = 12
	polls := []time.Duration{time.Second, 5 * time.Second, 7 * time.Second, 15 * time.Second, 30 * time.Second, time.Minute}
	var seen tally
	for number, poll := range polls {
		for _, d := range []time.Duration{0, time.Second, poll, 4 * poll, 4*poll + time.Second, 11*poll - time.Second, 2 * time.Minute} {
			for i, p := range pairs() {
				rnd := rand.New(rand.NewPCG(uint64(number), uint64(d)+uint64(i)))
				// One engine remembers nothing between queries; a new one for each
				// series would only cost time.
				engine := newEngine()
				for range each {
					agree(t, engine, rnd, game{pair: p, poll: poll, hold: d}, &seen)
				}
				if t.Failed() {
					t.FailNow()
				}
			}
		}
	}
	t.Logf("%d series, %d ticks: %d times firing, %d times resolved, %d ticks pending", seen.series, seen.ticks, seen.fired, seen.resolved, seen.pending)
	if seen.series < 2000 || seen.fired < seen.series/4 || seen.resolved < seen.series/4 || seen.pending < seen.ticks/20 {
		t.Errorf("the series had too little in them to prove anything: %+v", seen)
	}
}

// game is one condition with a hold on a grid.
type game struct {
	pair
	poll, hold time.Duration
}

func (g game) when() string { return g.pair.when + hold(g.hold) }

// agree plays one random series.
func agree(t *testing.T, engine *promql.Engine, rnd *rand.Rand, g game, seen *tally) {
	t.Helper()
	ticks := 30 + rnd.IntN(40)
	rates := walk(rnd, ticks, []float64{0, 0, 0.005, 0.01, 0.010000001, 0.05, 1})
	latencies := walk(rnd, ticks, []float64{0.01, 0.5, 0.5000001, 0.9, 2})
	s := stored{}
	r := newRule(t, engine, g.promql, g.hold, s)
	w := newWindow(t, g.when(), g.poll)
	before := ""
	for i := range ticks {
		at := begin.Add(time.Duration(i) * g.poll)
		s.add("error_rate", at, &rates[i])
		s.add("latency", at, &latencies[i])
		want, since := r.eval(t.Context(), t, at)
		got := show(w, reading{at: at, metrics: map[string]trigger.Reading{
			"error_rate": trigger.NewReading(rates[i], trigger.Ratio),
			"latency":    trigger.NewReading(latencies[i], trigger.Seconds),
		}})
		if stateName(got.State) != want || !got.Since.Equal(since) {
			t.Errorf("%q, poll %s, tick %d: the window is %s since %s, Prometheus says %s since %s\nrates %v\nlatencies %v",
				g.when(), g.poll, i, stateName(got.State), got.Since, want, since, rates[:i+1], latencies[:i+1])
			return
		}
		seen.count(before, want)
		before = want
	}
	seen.series++
}

func (s *tally) count(before, now string) {
	s.ticks++
	switch {
	case now == "firing" && before != "firing":
		s.fired++
	case now == "inactive" && before == "firing":
		s.resolved++
	case now == "pending":
		s.pending++
	}
}

// TestAMissingSampleIsWhereTheyDiffer shows the one difference that is meant: a
// single failed scrape makes Prometheus forget how long it has been bad, and a
// window not.
func TestAMissingSampleIsWhereTheyDiffer(t *testing.T) {
	const poll = 15 * time.Second
	s := stored{}
	r := newRule(t, newEngine(), "error_rate > 0.01", 2*time.Minute, s)
	w := newWindow(t, "error_rate > 1% for 2m", poll)
	bad, firedAt := 0.08, map[string]time.Duration{}
	for i := range 20 {
		at := begin.Add(time.Duration(i) * poll)
		v, now := &bad, trigger.NewReading(bad, trigger.Ratio)
		if i == 6 {
			v, now = nil, trigger.Reading{Presence: trigger.Missing, Reason: "no series"}
		}
		s.add("error_rate", at, v)
		state, _ := r.eval(t.Context(), t, at)
		status := show(w, reading{at: at, metrics: map[string]trigger.Reading{"error_rate": now}})
		for who, state := range map[string]string{"prometheus": state, "window": stateName(status.State)} {
			if _, fired := firedAt[who]; state == "firing" && !fired {
				firedAt[who] = at.Sub(begin)
			}
		}
	}
	if got, want := firedAt["window"], 2*time.Minute; got != want {
		t.Errorf("the window fired after %s, want %s", got, want)
	}
	if got, want := firedAt["prometheus"], 7*poll+2*time.Minute; got != want {
		t.Errorf("Prometheus fired after %s, want %s: this comparison rests on it forgetting", got, want)
	}
}
