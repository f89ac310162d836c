package incident_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/rollbackd/rollbackd/evaluator"
	"github.com/rollbackd/rollbackd/incident"
)

// steps of the clock that every test of it goes through.
func clockSteps() map[string]time.Duration {
	return map[string]time.Duration{
		"an hour forward":       time.Hour,
		"an hour back":          -time.Hour,
		"off the grid, forward": 40*time.Minute + 7300*time.Millisecond,
		"off the grid, back":    -40*time.Minute - 7300*time.Millisecond,
	}
}

func holding(o incident.Options, d time.Duration) incident.Options {
	for name, s := range o.Services {
		s.Triggers = slices.Clone(s.Triggers)
		s.Triggers[0].Expr.Hold.For = d
		o.Services[name] = s
	}
	return o
}

// A breach of 2m45s of 3m is no longer full when the clock is set.
func TestWindowsBeginAnewWhenTheClockIsSet(t *testing.T) {
	for name, by := range clockSteps() {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, holding(options("shop"), 3*time.Minute))
			w.well()
			w.deploy("shop", "v2", "v1")
			w.set(0.08, "shop")
			w.run(3 * time.Minute) // the first breaching tick is 15s in
			w.setClock(by)
			first := w.now.Truncate(w.opts.Poll).Add(w.opts.Poll)
			w.run(first.Add(2*time.Minute + 45*time.Second).Sub(w.now))
			if inc, ok := w.brain.Newest("shop"); ok {
				t.Fatalf("incident %s was opened %s after the first tick by the new clock", inc.ID, inc.OpenedAt.Sub(first))
			}
			w.run(15 * time.Second)
			if inc := w.incident("shop"); !inc.Triggers[0].Since.Equal(first) {
				t.Errorf("the breach began at %s, want %s", inc.Triggers[0].Since, first)
			}
			if len(w.steps()) != 2 {
				t.Errorf("%v ran, want the plan", w.steps())
			}
		})
	}
}

// lasts checks that something ends after a true time, give or take a tick.
func lasts(t *testing.T, w *world, d time.Duration, ended func() bool) {
	t.Helper()
	for passed := time.Duration(0); passed < d-30*time.Second; passed += 15 * time.Second {
		if ended() {
			t.Fatalf("it ended after %s, want %s", passed, d)
		}
		w.run(15 * time.Second)
	}
	w.run(time.Minute)
	if !ended() {
		t.Errorf("it had not ended after %s and a little more", d)
	}
}

func TestWhatIsCountedGoesOnWhenTheClockIsSet(t *testing.T) {
	plan := func(w *world) bool { return w.changed("shop") > 0 }
	for _, test := range []struct {
		name  string
		setup func(t *testing.T, o *incident.Options) *world
		ended func(w *world) bool
		lasts time.Duration // after the clock was set
	}{
		{"a cooldown", func(t *testing.T, o *incident.Options) *world {
			t.Helper()
			unknownDeployments(o)
			s := o.Services["shop"]
			s.Cooldown = 30 * time.Minute
			o.Services["shop"] = s
			w := newWorld(t, *o)
			w.well()
			w.command("rollback", "shop")
			w.run(10 * time.Minute)
			w.set(0.08, "shop")
			w.run(3 * time.Minute)
			w.heldBy("shop", incident.GuardCooldown)
			w.started = nil
			return w
		}, plan, 17 * time.Minute},
		{"a countdown", func(t *testing.T, o *incident.Options) *world {
			t.Helper()
			o.Matrix["1"][4] = evaluator.Response{Directness: evaluator.Countdown, Wait: 10 * time.Minute}
			w := newWorld(t, *o)
			w.breach("shop")
			w.run(4 * time.Minute)
			w.inState("shop", incident.CountingDown)
			return w
		}, plan, 6 * time.Minute},
		{"a pause", func(t *testing.T, o *incident.Options) *world {
			t.Helper()
			w := newWorld(t, *o)
			w.give(incident.Command{ID: "p", Verb: "pause", Service: "shop", For: 20 * time.Minute, Actor: "alice"})
			w.breach("shop")
			w.heldBy("shop", incident.GuardPaused)
			return w
		}, plan, 16*time.Minute + 45*time.Second},
		{"a pause of everything", func(t *testing.T, o *incident.Options) *world {
			t.Helper()
			w := newWorld(t, *o)
			w.give(incident.Command{ID: "p", Verb: "pause", All: true, For: 20 * time.Minute, Actor: "alice"})
			w.breach("shop")
			w.heldBy("shop", incident.GuardPaused)
			return w
		}, plan, 16*time.Minute + 45*time.Second},
		{"a verification", func(t *testing.T, o *incident.Options) *world {
			t.Helper()
			w := newWorld(t, *o) // within 5 minutes
			w.breach("shop")
			w.run(time.Minute)
			w.inState("shop", incident.Verifying)
			return w
		}, func(w *world) bool { return w.incident("shop").State == incident.Held }, 4 * time.Minute},
	} {
		for step, by := range clockSteps() {
			t.Run(test.name+", "+step, func(t *testing.T) {
				o := options("shop")
				w := test.setup(t, &o)
				w.setClock(by)
				lasts(t, w, test.lasts, func() bool { return test.ended(w) })
			})
		}
	}
}

func TestDurationsStayTrueWhenTheClockIsSet(t *testing.T) {
	for name, by := range clockSteps() {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, options("shop"))
			w.hang["flip"] = true
			w.breach("shop")
			w.run(time.Minute)
			w.setClock(by)
			w.set(0.001, "shop")
			w.run(time.Minute)
			w.give(incident.StepEnded{Ref: w.started[len(w.started)-1].Ref, Result: incident.StepResult{State: incident.StepDone}})
			w.run(5 * time.Minute)
			run := w.inState("shop", incident.Closed).Rollback
			if run.State != incident.RunCompleted || run.DurationSeconds < 180 || run.DurationSeconds > 260 {
				t.Errorf("the rollback is %s after %gs, want completed after three to four minutes", run.State, run.DurationSeconds)
			}
			if took := run.PhaseSeconds["steps"]; took < 115 || took > 135 {
				t.Errorf("the steps took %gs, want two minutes", took)
			}
		})
	}
}

// The deployment's start moves along; it is the same deployment all the same.
func TestADeploymentIsRolledBackOnceHoweverTheClockIsSet(t *testing.T) {
	for name, by := range clockSteps() {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, options("shop"))
			w.results["flip"] = []incident.StepResult{{State: incident.StepFailed}}
			w.breach("shop")
			w.heldBy("shop", incident.GuardBlocked)
			w.setClock(by)
			w.command("close", "shop")
			w.command("pardon", "shop")
			w.give(incident.Command{ID: "p", Verb: "pardon", Service: "shop", Version: "v2", Actor: "alice"})
			w.run(20 * time.Minute)
			w.heldBy("shop", incident.GuardOnce)
			if n := w.changed("shop"); n != 1 {
				t.Errorf("%d changing steps were started, want the one of the first rollback", n)
			}
		})
	}
}

// foldsToItself compares the incidents in memory with the fold of their own entries.
func foldsToItself(t *testing.T, w *world) {
	t.Helper()
	for _, inc := range w.brain.Incidents() {
		var own []incident.Entry
		for _, e := range w.journal {
			if e.Incident == inc.ID {
				own = append(own, e)
			}
		}
		if diff := cmp.Diff(inc.Public(), incident.Fold(own).Public(), cmp.AllowUnexported(incident.Incident{}), cmpopts.IgnoreUnexported(incident.Run{})); diff != "" {
			t.Errorf("%s is not the fold of its own entries (-memory +fold):\n%s", inc.ID, diff)
		}
	}
}

func TestAnIncidentIsTheFoldOfItsEntriesAlsoWhenTheClockIsSet(t *testing.T) {
	w := newWorld(t, options("cart", "shop"))
	w.hang["flip"] = true
	w.breach("shop")
	w.setClock(-time.Hour)
	w.run(time.Minute)
	w.setClock(2 * time.Hour)
	foldsToItself(t, w)
	checkReplay(t, w)
}

func TestAClockThatWasSetBackWhileNobodyRanIsNoticedAtTheStart(t *testing.T) {
	w := newWorld(t, options("shop"))
	w.give(incident.Command{ID: "p", Verb: "pause", Service: "shop", For: 20 * time.Minute, Actor: "alice"})
	w.breach("shop")
	w.heldBy("shop", incident.GuardPaused)
	w.history = nil
	w.restart(-2 * time.Hour)
	lasts(t, w, 16*time.Minute+45*time.Second, func() bool { return w.changed("shop") > 0 })
	checkReplay(t, w)
	foldsToItself(t, w)
}

func TestAStartJustBeforeTheNewestEntryIsNoStepOfTheClock(t *testing.T) {
	w := newWorld(t, options("shop"))
	w.run(time.Minute)
	w.restart(-5 * time.Second)
	if slices.ContainsFunc(w.journal, func(e incident.Entry) bool { return e.Kind == incident.KindClock }) {
		t.Error("the clock counts as set")
	}
}

// A crash right after any entry of a step of the clock loses none of it, and
// nothing is moved twice.
func TestAStepOfTheClockSurvivesACrashAtEachOfItsEntries(t *testing.T) {
	made := func() *world {
		w := newWorld(t, options("auth", "cart", "shop"))
		for _, name := range []string{"auth", "cart", "shop"} {
			w.give(incident.Command{ID: "p", Verb: "pause", Service: name, For: time.Hour, Actor: "alice"})
		}
		return w
	}
	for kept := 1; kept <= 4; kept++ {
		w := made()
		before := len(w.journal)
		w.setClock(-3 * time.Hour)
		w.journal = w.journal[:before+kept]
		w.restart(0)
		for _, view := range w.brain.Services(w.now) {
			if want := w.now.Add(time.Hour); len(view.Brakes) != 1 || !view.Brakes[0].Until.Equal(want) {
				t.Errorf("crash after %d entries: %s is paused by %v, want until %s", kept, view.Service, view.Brakes, want)
			}
		}
	}
}

func TestAStepOfTheClockWaitsForAJournalThatIsFull(t *testing.T) {
	w := newWorld(t, options("shop"))
	w.give(incident.Command{ID: "p", Verb: "pause", Service: "shop", For: time.Hour, Actor: "alice"})
	w.full = true
	w.setClock(-3 * time.Hour)
	w.run(time.Minute)
	w.full = false
	w.run(time.Minute)
	view, _ := w.brain.Service("shop", w.now)
	if want := start.Add(-2 * time.Hour); len(view.Brakes) != 1 || !view.Brakes[0].Until.Equal(want) {
		t.Errorf("it is paused by %v, want until %s", view.Brakes, want)
	}
	checkReplay(t, w)
}

// What was read just before the clock was set is not old, nor of the future.
func TestWhatIsObservedSurvivesTheClock(t *testing.T) {
	for name, by := range clockSteps() {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, options("shop"))
			w.sourceX = "timeout"
			w.run(2 * time.Minute)
			w.setClock(by)
			w.run(2 * time.Minute)
			if len(w.told) != 1 || w.told[0].Event != "blind" {
				t.Errorf("%d messages, want one that prometheus does not answer", len(w.told))
			}
			w.sourceX = ""
			w.run(time.Minute)
			if last := w.journal[len(w.journal)-1]; !slices.ContainsFunc(w.journal, func(e incident.Entry) bool { return e.Kind == incident.KindSighted }) {
				t.Errorf("that it answers again is not noted, the last entry is %q", last.Text)
			}
		})
	}
}
