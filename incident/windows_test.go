package incident_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rollbackd/rollbackd/evaluator"
	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/trigger"
)

// inWindow has one window around the start of the test's time: 09:00 to 10:30.
func inWindow(most evaluator.Directness, services ...string) incident.Options {
	o := options(services...)
	o.Windows = []incident.Window{{Name: "freeze", From: 9 * time.Hour, To: 10*time.Hour + 30*time.Minute, Cap: most}}
	return o
}

// until lets time pass up to a wall-clock time of the first day.
func (w *world) until(hour, minute int) {
	w.t.Helper()
	w.run(time.Date(2026, 1, 5, hour, minute, 0, 0, time.UTC).Sub(w.now))
}

func TestAWindowThatLeavesItToAPerson(t *testing.T) {
	w := newWorld(t, inWindow(evaluator.Approve, "shop"))
	w.breach("shop")
	inc := w.inState("shop", incident.AwaitingApproval)
	if got := inc.Public().Decision.HeldBy; got != incident.GuardWindow || inc.Decision.HeldBy != "" {
		t.Errorf("outside it shows held_by %q, inside %q; want window and nothing", got, inc.Decision.HeldBy)
	}
	if !strings.Contains(inc.Decision.Reason, `the window "freeze", until 10:30:00 UTC, leaves it to a person`) {
		t.Errorf("the reason is %q, want the window", inc.Decision.Reason)
	}
	w.until(10, 29)
	if w.inState("shop", incident.AwaitingApproval); len(w.started) > 0 {
		t.Fatal("a step was started in the window")
	}
	w.until(10, 30)
	if got := w.steps(); !slices.Equal(got, []string{"flip", "restart"}) {
		t.Errorf("after the window %v ran, want the plan", got)
	}
}

func TestAnApprovalNamesTheWindowThatItSetsAside(t *testing.T) {
	w := newWorld(t, inWindow(evaluator.Approve, "shop"))
	w.breach("shop")
	if r := w.command("approve", "shop"); r.Err != "" {
		t.Fatalf("approve: %s", r.Err)
	}
	inc := w.incident("shop")
	if want := []incident.Guard{incident.GuardWindow}; !slices.Equal(inc.Decision.Overrides, want) || len(inc.Decision.Caps) > 0 {
		t.Errorf("the decision overrides %v and is capped by %v, want %v and nothing", inc.Decision.Overrides, inc.Decision.Caps, want)
	}
	if len(w.steps()) != 2 {
		t.Errorf("%v ran, want the plan", w.steps())
	}
}

func TestAWindowThatAsksForACountdown(t *testing.T) {
	w := newWorld(t, inWindow(evaluator.Countdown, "shop"))
	w.breach("shop")
	inc := w.inState("shop", incident.CountingDown)
	if want := w.now.Add(2 * time.Minute); !inc.Decision.Deadline.Equal(want) {
		t.Errorf("it counts down until %s, want %s", inc.Decision.Deadline, want)
	}
	w.run(2 * time.Minute)
	if len(w.steps()) != 2 {
		t.Errorf("after the countdown %v ran, want the plan", w.steps())
	}
}

func TestAWindowInWhichNobodyIsAsked(t *testing.T) {
	w := newWorld(t, inWindow(evaluator.Notify, "shop"))
	w.breach("shop")
	w.heldBy("shop", incident.GuardWindow)
	if len(w.told) != 1 || w.told[0].Event != "held" {
		t.Errorf("%d messages, want one that it is held", len(w.told))
	}
	w.until(10, 30)
	if len(w.steps()) != 2 {
		t.Errorf("after the window %v ran, want the plan", w.steps())
	}
}

func TestASuppressedIncidentIsToldOfAfterTheWindow(t *testing.T) {
	o := inWindow(evaluator.NoResponse, "shop")
	o.Matrix["1"][trigger.Critical] = evaluator.Response{Directness: evaluator.Notify}
	w := newWorld(t, o)
	w.breach("shop")
	w.heldBy("shop", incident.GuardWindow)
	if len(w.told) > 0 {
		t.Fatalf("people were told %q in a window that suppresses", w.told[0].FirstLine)
	}
	w.until(10, 30)
	w.inState("shop", incident.Firing)
	if len(w.told) != 1 || w.told[0].Event != "notify" {
		t.Errorf("%d messages after the window, want one that notifies", len(w.told))
	}
}

func TestASuppressedIncidentThatIsHeldByMoreIsToldOfAfterTheWindow(t *testing.T) {
	w := newWorld(t, inWindow(evaluator.NoResponse, "shop"))
	w.set(0.001, "shop")
	w.run(time.Minute)
	w.set(0.08, "shop") // no deployment is known
	w.run(3 * time.Minute)
	w.heldBy("shop", incident.GuardNoDeployment)
	if len(w.told) > 0 {
		t.Fatalf("people were told %q in a window that suppresses", w.told[0].FirstLine)
	}
	w.until(10, 30)
	w.heldBy("shop", incident.GuardNoDeployment)
	if len(w.told) != 1 {
		t.Errorf("%d messages after the window, want one", len(w.told))
	}
}

func TestASuppressedIncidentThatRecoversIsNeverToldOf(t *testing.T) {
	w := newWorld(t, inWindow(evaluator.NoResponse, "shop"))
	w.breach("shop")
	w.set(0.001, "shop")
	w.run(5 * time.Minute)
	if inc := w.inState("shop", incident.Closed); inc.Outcome != incident.Recovered {
		t.Errorf("it closed as %s, want recovered", inc.Outcome)
	}
	w.until(10, 40)
	if len(w.told) > 0 || len(w.started) > 0 {
		t.Errorf("%d messages and %d steps, want none", len(w.told), len(w.started))
	}
}

func TestAWindowForOtherServicesOrDaysChangesNothing(t *testing.T) {
	o := inWindow(evaluator.NoResponse, "shop")
	o.Windows[0].Services = []string{"cart"}
	o.Windows = append(o.Windows, incident.Window{Name: "sunday", Days: []time.Weekday{time.Sunday}, To: 24 * time.Hour})
	w := newWorld(t, o)
	w.breach("shop")
	if len(w.steps()) != 2 {
		t.Errorf("%v ran, want the plan", w.steps())
	}
}

// A countdown that began before a window does not act in it.
func TestAWindowThatBeginsDuringACountdown(t *testing.T) {
	o := options("shop")
	o.Windows = []incident.Window{{Name: "freeze", From: 10*time.Hour + 4*time.Minute, To: 11 * time.Hour, Cap: evaluator.Approve}}
	o.Matrix["1"][trigger.Critical] = evaluator.Response{Directness: evaluator.Countdown, Wait: 5 * time.Minute}
	w := newWorld(t, o)
	w.breach("shop")
	w.inState("shop", incident.CountingDown)
	w.until(10, 15)
	if inc := w.inState("shop", incident.AwaitingApproval); inc.Decision.Shown() != incident.GuardWindow || len(w.started) > 0 {
		t.Errorf("%q is shown and %d steps began, want window and none", inc.Decision.Shown(), len(w.started))
	}
}

func TestAPersonsRollbackIsNotRefusedByAWindow(t *testing.T) {
	w := newWorld(t, inWindow(evaluator.NoResponse, "shop"))
	w.breach("shop")
	if r := w.command("rollback", "shop"); r.Err != "" {
		t.Fatalf("rollback: %s", r.Err)
	}
	if len(w.steps()) != 2 {
		t.Errorf("%v ran, want the plan", w.steps())
	}
}

func TestTheEndOfAWindowIsWokenUpFor(t *testing.T) {
	o := inWindow(evaluator.Approve, "shop")
	o.Windows[0].To = 10*time.Hour + 10*time.Minute + 7*time.Second
	w := newWorld(t, o)
	w.breach("shop")
	if want := time.Date(2026, 1, 5, 10, 10, 7, 0, time.UTC); w.wakeAt.After(want) || w.wakeAt.IsZero() {
		t.Errorf("it wants to be woken at %s, want %s at the latest", w.wakeAt, want)
	}
	w.run(5 * time.Minute)
	w.until(10, 10)
	w.now = time.Date(2026, 1, 5, 10, 10, 7, 0, time.UTC)
	w.give(incident.Wake{})
	if len(w.steps()) != 2 {
		t.Errorf("woken at the window's end, %v ran, want the plan", w.steps())
	}
}
