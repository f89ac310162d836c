package incident_test

import (
	"testing"
	"time"

	"github.com/rollbackd/rollbackd/incident"
)

// A window that is nearly full is not filled by a clock that was set.
func TestASetClockFillsNoWindow(t *testing.T) {
	for _, by := range []time.Duration{time.Hour, -time.Hour} {
		t.Run(by.String(), func(t *testing.T) {
			w := newWorld(t, options("shop"))
			w.set(0.001, "shop")
			w.run(time.Minute)
			w.deploy("shop", "v2", "v1")
			w.run(time.Minute)
			w.set(0.08, "shop")
			w.run(time.Minute + 45*time.Second)
			w.setClock(by)
			w.run(2 * time.Minute)
			expectSteps(t, w)
			w.run(15 * time.Second)
			expectSteps(t, w, "flip", "restart") // v2 is still the deployment to blame: its start moved too
			checkReplay(t, w)
		})
	}
}

func TestASetClockNeitherShortensNorLengthensACooldown(t *testing.T) {
	for _, by := range []time.Duration{time.Hour, -time.Hour} {
		t.Run(by.String(), func(t *testing.T) {
			o := options("shop")
			s := o.Services["shop"]
			s.Cooldown = 30 * time.Minute
			o.Services["shop"] = s
			w := newWorld(t, o)
			broken(t, w, "shop")
			w.run(15 * time.Second)
			w.set(0.001, "shop")
			w.run(10 * time.Minute)
			ended := w.now.Add(-10 * time.Minute)
			w.setClock(by)
			ended = ended.Add(by)
			why, _ := w.brain.Why("shop", w.now)
			until := time.Time{}
			for _, h := range why.IfCritical.Holds {
				if h.Guard == incident.GuardCooldown {
					until = ended.Add(30 * time.Minute)
				}
			}
			if until.IsZero() {
				t.Fatalf("there is no cooldown: %+v", why.IfCritical.Holds)
			}
			for w.now.Before(until.Add(time.Minute)) {
				why, _ := w.brain.Why("shop", w.now)
				holds := false
				for _, h := range why.IfCritical.Holds {
					holds = holds || h.Guard == incident.GuardCooldown
				}
				if holds != w.now.Before(until) {
					t.Fatalf("at %s the cooldown holds: %t; it ends at %s", w.now, holds, until)
				}
				w.run(15 * time.Second)
			}
		})
	}
}

func TestASetClockKeepsCountdownsBrakesAndVerificationsTrue(t *testing.T) {
	for _, by := range []time.Duration{time.Hour, -time.Hour} {
		t.Run(by.String(), func(t *testing.T) {
			w := newWorld(t, options("shop", "cart"))
			w.give(incident.Command{ID: "p", Verb: "pause", Service: "cart", Actor: "alice", For: 20 * time.Minute})
			broken(t, w, "shop")
			w.run(15 * time.Second)
			w.set(0.001, "shop")
			w.run(45 * time.Second) // verifying, half way
			begun := w.now
			w.setClock(by)
			w.run(5 * time.Minute)
			inc := w.incident("shop")
			if inc.Rollback.State != incident.RunCompleted {
				t.Errorf("rollback %s %s", inc.Rollback.State, inc.Rollback.Reason)
			}
			if took := inc.Rollback.EndedAt.Sub(begun.Add(by)); took < 0 || took > 2*time.Minute {
				t.Errorf("the verification ended %s after the clock was set", took)
			}
			if inc.Rollback.DurationSeconds < 0 || inc.Rollback.DurationSeconds > 600 {
				t.Errorf("the rollback took %v s", inc.Rollback.DurationSeconds)
			}
			view, _ := w.brain.Service("cart", w.now)
			if len(view.Brakes) != 1 {
				t.Fatalf("brakes: %+v, want the pause", view.Brakes)
			}
			w.run(15 * time.Minute)
			if view, _ := w.brain.Service("cart", w.now); len(view.Brakes) != 0 {
				t.Errorf("the pause of 20 minutes outlives them: %+v", view.Brakes)
			}
			checkReplay(t, w)
		})
	}
}

// A clock that was set back while rollbackd was down.
func TestAStartBeforeTheNewestEntryIsAClockThatWasSet(t *testing.T) {
	w := newWorld(t, options("shop"))
	w.deploy("shop", "v2", "v1")
	w.command("pause", "shop")
	w.history = nil
	w.restart(-time.Hour)
	view, _ := w.brain.Service("shop", w.now)
	if len(view.Brakes) != 1 || view.Brakes[0].Until.Sub(w.now) > 4*time.Hour {
		t.Errorf("brakes %+v at %s: the pause of 4 h must not have grown by an hour", view.Brakes, w.now)
	}
	checkReplay(t, w)
}

// What is folded from an incident's own entries is what is remembered of it.
func TestAnIncidentFoldsToTheSameAcrossASetClock(t *testing.T) {
	w := newWorld(t, options("shop"))
	broken(t, w, "shop")
	w.run(15 * time.Second)
	w.setClock(time.Hour)
	w.run(time.Minute)
	inc := w.incident("shop")
	var own []incident.Entry
	for _, e := range w.journal {
		if e.Incident == inc.ID {
			own = append(own, e)
		}
	}
	folded := incident.Fold(own)
	if !folded.OpenedAt.Equal(inc.OpenedAt) || !folded.Verification.Until.Equal(inc.Verification.Until) || !folded.Rollback.StartedAt.Equal(inc.Rollback.StartedAt) {
		t.Errorf("folded %s %s %s; remembered %s %s %s", folded.OpenedAt, folded.Verification.Until, folded.Rollback.StartedAt,
			inc.OpenedAt, inc.Verification.Until, inc.Rollback.StartedAt)
	}
}
