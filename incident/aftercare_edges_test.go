package incident_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbackd/rollbackd/evaluator"
	"github.com/rollbackd/rollbackd/incident"
)

// verifiedIn is a world in which checkout went from v2 to v1, with a plan that follows up.
func verifiedIn(t *testing.T, o incident.Options, prepare func(w *world)) *world {
	t.Helper()
	w := newWorld(t, o)
	prepare(w)
	w.set(0.001, "checkout")
	w.deploy("checkout", "v1", "v0")
	w.run(10 * time.Minute)
	w.deploy("checkout", "v2", "v1")
	w.set(0.08, "checkout")
	w.run(2*time.Minute + 30*time.Second)
	w.set(0.001, "checkout")
	w.run(4 * time.Minute)
	return w
}

// Cleaning up takes away what a unit that is still on the version left needs, and
// flags go back only behind a maintenance that is off: where the rollback is less than
// completed, nothing follows it up, and people are told at once.
func TestNothingFollowsUpHalfARollback(t *testing.T) {
	failed := []incident.StepResult{{State: incident.StepFailed, Error: "exit code 1"}}
	finally := followUp()
	finally.Services["checkout"].Plan.Finally = []incident.PlanStep{{Name: "maintenance off", Timeout: time.Minute, Changes: true, Do: json.RawMessage(`{}`)}}
	fleet := followUp()
	fleet.Services["checkout"].Plan.Steps[1].Each = []string{"web1", "web2"}
	fleet.Services["checkout"].Plan.Steps[1].OnFailure = "continue"
	for name, tt := range map[string]struct {
		o    incident.Options
		step string
	}{"maintenance may still be on": {finally, "maintenance off"}, "a unit is still on it": {fleet, "restart"}} {
		w := verifiedIn(t, tt.o, func(w *world) { w.results[tt.step] = failed; w.hang["clean up"] = true })
		inc := w.incident("checkout")
		if got := w.ran(incident.SectionFollowUp); len(got) != 0 || inc.Rollback.State != incident.RunPartial {
			t.Errorf("%s: %s, followed up by %q; want partial, and nothing", name, inc.Rollback.State, got)
		}
		if !strings.Contains(inc.Rollback.Reason, "2 of the follow-up steps were left out") {
			t.Errorf("%s: %q does not say that the follow-up was left out", name, inc.Rollback.Reason)
		}
	}
}

// A follow-up step may take an hour. That it breaks again meanwhile is told at once,
// and once.
func TestBrokenDuringAFollowUpStep(t *testing.T) {
	w := verifiedIn(t, followUp(), func(w *world) { w.hang["clean up"] = true })
	told := len(w.told)
	w.set(0.2, "checkout")
	w.run(3 * time.Minute)
	w.set(0.001, "checkout")
	w.run(time.Minute)
	w.set(0.2, "checkout")
	w.run(5 * time.Minute)
	if n := len(w.told) - told; n != 1 {
		t.Fatalf("%d messages while the step runs, want one", n)
	}
	m := w.told[told]
	if m.Headline != incident.FailedHead || m.Event != "failed" || !strings.Contains(m.Text, "errors 20% > 1%") || strings.Contains(m.Text, "verification goes on") {
		t.Errorf("%s %s: %s", m.Headline, m.Event, m.Text)
	}
	if strings.Contains(m.FirstLine, " by ") {
		t.Errorf("%q names a deadline: the SLA ended with the verification", m.FirstLine)
	}
	first := w.started[len(w.started)-1]
	w.give(incident.StepEnded{Ref: first.Ref, Result: incident.StepResult{State: incident.StepDone}})
	w.run(time.Minute)
	if inc := w.incident("checkout"); inc.State != incident.Held || inc.Decision.HeldBy != incident.GuardVerification {
		t.Errorf("%s, held by %q; want it held by verification", inc.State, inc.Decision.HeldBy)
	}
}

// What is said at the end of a follow-up step during which it broke again is what is
// true then: nobody hears that it recovered and, in the same second, that it did not.
func TestTheLastWordAfterABrokenFollowUp(t *testing.T) {
	for _, tt := range []struct {
		name      string
		configure func(o *incident.Options)
		meanwhile func(w *world)
		want      []string
	}{
		{"it is still broken", nil, nil, []string{"FAILED reopened held"}},
		{"it became well again", nil, func(w *world) { w.set(0.001, "checkout"); w.run(5 * time.Minute) }, []string{"RECOVERED closed closed"}},
		{"it is broken, and which version runs is not known", func(o *incident.Options) {
			unknownDeployments(o)
		}, nil, []string{"HELD closed closed", "HELD held held"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := followUp()
			if tt.configure != nil {
				tt.configure(&o)
			}
			w := newWorld(t, o)
			w.hang["clean up"] = true
			w.set(0.001, "checkout")
			w.run(10 * time.Minute)
			if tt.configure == nil {
				w.deploy("checkout", "v2", "v1")
			}
			w.set(0.08, "checkout")
			w.run(2*time.Minute + 30*time.Second)
			w.set(0.001, "checkout")
			w.run(4 * time.Minute)
			w.set(0.2, "checkout")
			w.run(5 * time.Minute)
			if tt.meanwhile != nil {
				tt.meanwhile(w)
			}
			told := len(w.told)
			under := w.started[len(w.started)-1]
			w.give(incident.StepEnded{Ref: under.Ref, Result: incident.StepResult{State: incident.StepDone}})
			w.run(15 * time.Second)
			var got []string
			for _, m := range w.told[told:] {
				var about struct {
					State incident.State `json:"state"`
				}
				if err := json.Unmarshal(m.Body, &about); err != nil {
					t.Fatal(err)
				}
				got = append(got, fmt.Sprint(m.Headline, " ", m.Event, " ", about.State))
				if m.Headline == incident.HeldHeadline && m.Event == "closed" && !strings.Contains(m.Text, "opens a new incident") {
					t.Errorf("said of an incident that is closed while it is broken:\n%s", m.Text)
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("told at the end (-want +got):\n%s", diff)
			}
		})
	}
}

// What follows up and was not done is a person's to do, and the last word says so.
func TestTheLastWordNamesWhatWasNotFollowedUp(t *testing.T) {
	w := verifiedIn(t, followUp(), func(w *world) { w.results["clean up"] = []incident.StepResult{{State: incident.StepFailed}} })
	m := w.told[len(w.told)-1]
	if m.Headline != incident.RecoveredHead || !strings.Contains(m.Text, "clean up") || strings.Contains(m.Text, "There is nothing to do.") {
		t.Errorf("the last word is\n%s", m.Text)
	}
}

// A follow-up step that fails is told to those who were told of the rollback; it
// wakes nobody above them, unless the plan says so.
func TestAFailedFollowUpStepEscalatesNothing(t *testing.T) {
	for onFailure, level := range map[string]int{"stop": 0, "escalate": 1} {
		o := followUp()
		o.Decide.EscalateAfter = []time.Duration{0, 5 * time.Minute, 15 * time.Minute}
		o.Services["checkout"].Plan.FollowUp[0].OnFailure = onFailure
		w := verifiedIn(t, o, func(w *world) { w.results["clean up"] = []incident.StepResult{{State: incident.StepFailed}} })
		n := 0
		for _, m := range w.told {
			if m.Event == "step_failed" {
				if n++; m.Level != level {
					t.Errorf("%s: told to level %d, want %d", onFailure, m.Level, level)
				}
			}
		}
		if n != 1 {
			t.Errorf("%s: told %d times, want once", onFailure, n)
		}
	}
}

// What a window suppresses does not open an incident again either; once the window is
// over it is told as what it is then.
func TestNothingReopensInASuppressedWindow(t *testing.T) {
	o := options("checkout")
	o.Windows = []incident.Window{{Name: "works", From: 11 * time.Hour, To: 12 * time.Hour, Location: time.UTC, Cap: evaluator.NoResponse}}
	w := verifiedIn(t, o, func(*world) {})
	w.run(50 * time.Minute) // past 11:00
	told := len(w.told)
	w.set(0.3, "checkout")
	w.run(30 * time.Minute)
	if n := len(w.told) - told; n != 0 {
		t.Errorf("%d messages in the window, the first %q", n, w.told[told].FirstLine)
	}
	w.run(30 * time.Minute)
	if len(w.told) == told {
		t.Error("nobody was told after the window")
	}
}

// What is said of a reopened incident goes by the clock that was set since, and by
// where a rollback would go now.
func TestReopenedSaysWhatIsTrueNow(t *testing.T) {
	w := rolledBack(t)
	w.run(20 * time.Minute)
	w.setClock(-25 * time.Hour)
	w.run(time.Minute)
	w.set(0.3, "checkout")
	w.run(4 * time.Minute)
	inc := w.incident("checkout")
	if inc.Decision.HeldBy != incident.GuardVerification || strings.Contains(inc.Decision.Reason, "-2") {
		t.Errorf("held by %q: %q; want a time after the rollback that was not set back", inc.Decision.HeldBy, inc.Decision.Reason)
	}
	if inc.Decision.Target != "v0" || !strings.Contains(inc.Decision.ReleasesWhen, "v0") {
		t.Errorf("target %q, released when %q; v1 runs, and v0 is the one before", inc.Decision.Target, inc.Decision.ReleasesWhen)
	}
}

// A gap of more than a day ends what is watched, also where the first thing seen
// after it is a breach.
func TestTheDayIsOverAfterAGap(t *testing.T) {
	o := options("checkout")
	s := o.Services["checkout"]
	s.Triggers[0].Expr.Hold.For = 0
	o.Services["checkout"] = s
	w := newWorld(t, o)
	w.set(0.001, "checkout")
	w.deploy("checkout", "v1", "v0")
	w.run(10 * time.Minute)
	w.deploy("checkout", "v2", "v1")
	w.set(0.08, "checkout")
	w.run(30 * time.Second)
	w.set(0.001, "checkout")
	w.run(10 * time.Minute)
	first := w.incident("checkout")
	if first.Outcome != incident.RolledBack {
		t.Fatalf("%s %s, want it rolled back", first.State, first.Outcome)
	}
	w.now = w.now.Add(26 * time.Hour) // suspended: nothing woke it
	w.set(0.3, "checkout")
	w.run(15 * time.Second)
	if inc := w.incident("checkout"); inc.ID == first.ID {
		t.Errorf("%s is open again a day later: %s", inc.ID, inc.Decision.Reason)
	}
}

// A settle that takes the whole first horizon leaves nothing of it to judge.
func TestASettleLongerThanTheFirstHorizon(t *testing.T) {
	o := options("checkout")
	o.Services["checkout"].Plan.Verify.Settle, o.Services["checkout"].Plan.Verify.Within = 20*time.Minute, 40*time.Minute
	w := verifiedIn(t, o, func(*world) {})
	w.run(40 * time.Minute)
	all := w.incident("checkout").Verification.Horizons
	if len(all) == 0 {
		t.Fatal("no horizon is over")
	}
	if h := all[0]; h.State != incident.VerificationUnknown || strings.Contains(h.Reason, "-") {
		t.Errorf("%s: %s", h.State, h.Reason)
	}
}

// A clock that is set while a follow-up step runs makes the rollback no longer, and no
// shorter, than it was.
func TestAClockSetDuringTheFollowUp(t *testing.T) {
	for _, by := range []time.Duration{-time.Hour, time.Hour} {
		w := verifiedIn(t, followUp(), func(w *world) { w.hang["clean up"] = true })
		w.setClock(by)
		w.run(time.Minute)
		first := w.started[len(w.started)-1]
		w.give(incident.StepEnded{Ref: first.Ref, Result: incident.StepResult{State: incident.StepDone}})
		w.run(time.Minute)
		run := w.incident("checkout").Rollback
		if run.State != incident.RunCompleted || !*run.SLAMet || run.DurationSeconds < 60 || run.DurationSeconds > 240 {
			t.Errorf("by %s: %s after %v s, SLA met: %v", by, run.State, run.DurationSeconds, *run.SLAMet)
		}
	}
}

// What an incident did to people is measured anew once it is closed for good: the
// breach went on.
func TestImpactOfAReopenedIncident(t *testing.T) {
	w := rolledBack(t)
	inc := w.incident("checkout")
	measure := func(requests float64) {
		w.give(incident.Measured{Service: "checkout", Incident: inc.ID, Impact: incident.Impact{Requests: &requests}})
	}
	measure(10)
	w.run(20 * time.Minute)
	w.set(0.3, "checkout")
	w.run(3 * time.Minute)
	if got := w.incident("checkout"); got.State != incident.Held || got.Impact != nil {
		t.Errorf("%s, impact %+v; want it held, and measured of nothing", got.State, got.Impact)
	}
	w.set(0.001, "checkout")
	w.run(10 * time.Minute)
	measure(250)
	if got := w.incident("checkout"); got.State != incident.Closed || got.Impact == nil || *got.Impact.Requests != 250 {
		t.Errorf("%s, impact %+v; want 250 requests", got.State, got.Impact)
	}
}

// The table of summaries has an incident open again as soon as it is.
func TestTheSummaryOfAReopenedIncident(t *testing.T) {
	w := rolledBack(t)
	w.run(20 * time.Minute)
	w.set(0.3, "checkout")
	w.run(3 * time.Minute)
	if inc := w.incident("checkout"); inc.State != incident.Held {
		t.Fatalf("%s, want it open again", inc.State)
	}
	compareSummaries(t, w)
}

// The plan's closer look is none of the horizons: its end moves none of theirs.
func TestTheCloserLookIsNoHorizon(t *testing.T) {
	o := options("checkout")
	o.Services["checkout"].Plan.Monitor.For = 5 * time.Minute
	w := verifiedIn(t, o, func(*world) {})
	w.run(25 * time.Hour)
	var names []string
	for _, h := range w.incident("checkout").Verification.Horizons {
		names = append(names, h.Name)
	}
	if got := strings.Join(names, " "); got != "monitor immediate short long" {
		t.Errorf("over were %s", got)
	}
}

// A person's stop counts although the journal was full when it was said.
func TestAStopInTheFollowUpThatCouldNotBeWritten(t *testing.T) {
	w := verifiedIn(t, followUp(), func(w *world) { w.hang["clean up"] = true })
	w.full = true
	w.command("lock", "checkout")
	w.full = false
	first := w.started[len(w.started)-1]
	w.give(incident.StepEnded{Ref: first.Ref, Result: incident.StepResult{State: incident.StepDone}})
	w.run(time.Minute)
	if got := w.ran(incident.SectionFollowUp); len(got) != 1 || w.incident("checkout").Outcome != incident.RolledBack {
		t.Errorf("followed up by %q, want what had begun", got)
	}
}
