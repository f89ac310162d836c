package incident_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/trigger"
)

// rolledBack is a world in which checkout was rolled back from v2 to v1 and closed.
func rolledBack(t *testing.T) *world {
	t.Helper()
	w := newWorld(t, options("checkout"))
	w.set(0.001, "checkout")
	w.deploy("checkout", "v1", "v0")
	w.run(10 * time.Minute)
	w.deploy("checkout", "v2", "v1")
	w.set(0.08, "checkout")
	w.run(2*time.Minute + 30*time.Second)
	w.set(0.001, "checkout")
	w.run(4 * time.Minute)
	if inc := w.incident("checkout"); inc.Outcome != incident.RolledBack {
		t.Fatalf("%s %s, want it rolled back", inc.State, inc.Outcome)
	}
	return w
}

func (w *world) horizons() []string {
	var lines []string
	for _, h := range w.incident("checkout").Verification.Horizons {
		lines = append(lines, fmt.Sprintf("%s %s", h.Name, h.State))
	}
	return lines
}

// Each horizon passes by what was seen in it, and a restart forgets what was seen.
func TestHorizons(t *testing.T) {
	for _, tt := range []struct {
		name string
		do   func(w *world)
		want []string
	}{
		{"well for a day", func(w *world) { w.run(25 * time.Hour) }, []string{"immediate passed", "short passed", "long passed"}},
		{"nothing known for most of the first hour", func(w *world) {
			w.run(15 * time.Minute)
			w.sourceX = "timeout"
			w.run(35 * time.Minute)
			w.sourceX = ""
			w.run(20 * time.Minute)
		}, []string{"immediate passed", "short unknown"}},
		{"another version", func(w *world) {
			w.run(20 * time.Minute)
			w.deploy("checkout", "v3", "v1")
			w.run(25 * time.Hour)
		}, []string{"immediate passed", "short unknown"}},
		{"broken again", func(w *world) {
			w.run(20 * time.Minute)
			w.set(0.08, "checkout")
			w.run(10 * time.Minute)
		}, []string{"immediate passed", "short failed"}},
		{"down from the first minutes on, and up again just before its end", func(w *world) {
			w.run(15 * time.Minute)
			w.restart(40 * time.Minute)
			w.run(10 * time.Minute)
		}, []string{"immediate passed", "short unknown"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := rolledBack(t)
			tt.do(w)
			if diff := cmp.Diff(tt.want, w.horizons()); diff != "" {
				t.Errorf("horizons (-want +got):\n%s", diff)
			}
		})
	}
}

// What broke again is the same incident, it is told once as FAILED, and neither time
// nor a restart nor its getting well leads to a second rollback.
func TestReopenedNeverActs(t *testing.T) {
	w := rolledBack(t)
	id, told := w.incident("checkout").ID, len(w.told)
	w.run(2 * time.Hour)
	w.set(0.3, "checkout")
	w.run(3 * time.Minute)
	inc := w.incident("checkout")
	if inc.ID != id || inc.State != incident.Held || inc.Decision.HeldBy != incident.GuardVerification || !inc.ClosedAt.IsZero() || inc.Outcome != "" {
		t.Fatalf("%s is %s, held by %q, outcome %q, closed at %v; want %s open again and held by verification",
			inc.ID, inc.State, inc.Decision.HeldBy, inc.Outcome, inc.ClosedAt, id)
	}
	if n := len(w.told) - told; n != 1 || w.told[told].Headline != incident.FailedHead || w.told[told].Event != "reopened" {
		t.Errorf("%d messages, the first %+v; want one, FAILED", n, w.told[told:])
	}
	w.restart(time.Minute)
	w.run(12 * time.Hour)
	if got := w.steps(); len(got) != 2 {
		t.Errorf("steps %q, want those of the one rollback", got)
	}
	w.set(0.001, "checkout")
	w.run(10 * time.Minute)
	if inc := w.incident("checkout"); inc.State != incident.Closed || inc.Outcome != incident.Unresolved {
		t.Errorf("%s %s, want it closed as unresolved", inc.State, inc.Outcome)
	}
	if w.set(0.3, "checkout"); true { // a second time it is a new incident, held too
		w.run(3 * time.Minute)
	}
	if inc := w.incident("checkout"); inc.ID == id || inc.State != incident.Held || len(w.steps()) != 2 {
		t.Errorf("%s is %s after %q, want another one, held", inc.ID, inc.State, w.steps())
	}
}

// A person may roll a reopened incident back once more, to another version.
func TestReopenedByHand(t *testing.T) {
	w := rolledBack(t)
	w.run(30 * time.Minute)
	w.set(0.3, "checkout")
	w.run(3 * time.Minute)
	w.give(incident.Command{ID: "c", Verb: "rollback", Service: "checkout", Actor: "alice", Reason: "both are bad", To: "v0", Unseen: true})
	w.set(0.001, "checkout")
	w.run(10 * time.Minute)
	if inc := w.incident("checkout"); inc.Outcome != incident.RolledBack || inc.Rollback.To != "v0" || len(inc.EarlierRollbacks) != 1 {
		t.Errorf("%s %s to %s after %d others, want rolled back to v0 after one", inc.State, inc.Outcome, inc.Rollback.To, len(inc.EarlierRollbacks))
	}
}

// What the triggers showed is with the incident, from before its opening to its
// end, each tick once, and the fold of the journal has the same.
func TestSamplesOfAnIncident(t *testing.T) {
	w := rolledBack(t)
	inc := w.incident("checkout")
	if len(inc.Samples) != 1 {
		t.Fatalf("samples of %d triggers, want of one", len(inc.Samples))
	}
	s := inc.Samples[0]
	if s.Unit != "ratio" || s.Threshold == nil || *s.Threshold != 0.01 || s.ThresholdText != "> 1%" {
		t.Errorf("unit %q, threshold %v %q; want ratio, 0.01, > 1%%", s.Unit, s.Threshold, s.ThresholdText)
	}
	first, last := s.Points[0].At, s.Points[len(s.Points)-1].At
	if first.After(inc.OpenedAt.Add(-5*time.Minute)) || last.Before(inc.ClosedAt.Add(-15*time.Second)) {
		t.Errorf("from %v to %v, want from before the opening %v to the closing %v", first, last, inc.OpenedAt, inc.ClosedAt)
	}
	for i, p := range s.Points {
		if want := first.Add(time.Duration(i) * 15 * time.Second); !p.At.Equal(want) {
			t.Fatalf("point %d is of %v, want %v", i, p.At, want)
		}
		if breach := *p.Value > 0.01; breach != (p.Truth == "breach") {
			t.Errorf("%v: %v is %s", p.At, *p.Value, p.Truth)
		}
	}
	var own []incident.Entry
	for _, e := range w.journal {
		if e.Incident == inc.ID {
			own = append(own, e)
		}
	}
	if diff := cmp.Diff(inc.Samples, incident.Fold(own).Samples); diff != "" {
		t.Errorf("folded (-memory +fold):\n%s", diff)
	}
}

// However long an incident lasts, memory holds so many points of it, and messages
// have fewer.
func TestSamplesAreBounded(t *testing.T) {
	var entries []incident.Entry
	value := 0.5
	for i := range 50 {
		s := incident.Series{Trigger: "errors"}
		for k := range 100 {
			s.Points = append(s.Points, incident.Point{At: start.Add(time.Duration(i*100+k) * time.Second), Value: &value, Truth: "breach"})
		}
		entries = append(entries, incident.Entry{Kind: incident.KindAcked, At: start, Incident: "i", Samples: []incident.Series{s}})
	}
	points := incident.Fold(entries).Samples[0].Points
	if n := len(points); n < 240 || n > 480 {
		t.Errorf("%d points, want between 240 and 480", n)
	}
	if !slices.IsSortedFunc(points, func(a, b incident.Point) int { return a.At.Compare(b.At) }) {
		t.Error("they are not in the order of time")
	}
	if last := points[len(points)-1].At; !last.Equal(start.Add(4999 * time.Second)) {
		t.Errorf("the newest is of %v, want 4999s after the start", last)
	}
	w := rolledBack(t)
	for _, m := range w.told {
		var body incident.Incident
		if err := json.Unmarshal(m.Body, &body); err != nil {
			t.Fatal(err)
		}
		if len(body.Samples) != 1 || len(body.Samples[0].Points) > 60 {
			t.Errorf("%s: samples %d", m.Event, len(body.Samples))
		}
	}
}

// followUp is options with steps after verification.
func followUp() incident.Options {
	o := options("checkout")
	s := o.Services["checkout"]
	step := func(name string) incident.PlanStep {
		return incident.PlanStep{Name: name, Timeout: 5 * time.Minute, OnFailure: "stop", Changes: true, Do: json.RawMessage(`{"kind":"exec","argv":["` + name + `"]}`)}
	}
	s.Plan.FollowUp = []incident.PlanStep{step("clean up"), step("flag off")}
	o.Services["checkout"] = s
	return o
}

// What comes between two follow-up steps ends them, and takes nothing back.
func TestFollowUp(t *testing.T) {
	for _, tt := range []struct {
		name string
		do   func(w *world) // while the first of them runs
		want []string
		text string
	}{
		{"nothing", func(*world) {}, []string{"clean up", "flag off"}, "known ok"},
		{"a lock", func(w *world) { w.command("lock", "checkout") }, []string{"clean up"}, "1 of the follow-up steps were left out: locked by alice"},
		{"an abort", func(w *world) { w.command("abort", "checkout") }, []string{"clean up"}, "1 of the follow-up steps were left out"},
		{"a newer version", func(w *world) { w.deploy("checkout", "v3", "v1") }, []string{"clean up"}, "v3 was deployed meanwhile"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, followUp())
			w.set(0.001, "checkout")
			w.deploy("checkout", "v1", "v0")
			w.run(10 * time.Minute)
			w.deploy("checkout", "v2", "v1")
			w.set(0.08, "checkout")
			w.run(2*time.Minute + 30*time.Second)
			w.set(0.001, "checkout")
			w.hang["clean up"] = true
			w.run(4 * time.Minute)
			if got := w.ran(incident.SectionFollowUp); len(got) != 1 {
				t.Fatalf("follow-up %q, want the first under way", got)
			}
			tt.do(w)
			first := w.started[len(w.started)-1]
			w.hang["clean up"] = false
			w.give(incident.StepEnded{Ref: first.Ref, Result: incident.StepResult{State: incident.StepDone}})
			w.run(time.Minute)
			if diff := cmp.Diff(tt.want, w.ran(incident.SectionFollowUp)); diff != "" {
				t.Errorf("follow-up (-want +got):\n%s", diff)
			}
			inc := w.incident("checkout")
			if tt.name == "a newer version" { // which is judged by itself
				inc, _ = w.brain.Incident(first.Ref.Incident)
			}
			if inc.Outcome != incident.RolledBack || inc.Rollback.State != incident.RunCompleted || !strings.Contains(inc.Rollback.Reason, tt.text) {
				t.Errorf("%s %s: %q, want rolled back, completed, %q", inc.Outcome, inc.Rollback.State, inc.Rollback.Reason, tt.text)
			}
			if inc.Rollback.SLAMet == nil || !*inc.Rollback.SLAMet || inc.Rollback.DurationSeconds > 240 {
				t.Errorf("took %v s: what follows counts for the SLA", inc.Rollback.DurationSeconds)
			}
		})
	}
}

// A trigger of which people are only told opens no incident again that it was no part
// of: it is told as what it is.
func TestALowTriggerReopensNothing(t *testing.T) {
	o := options("checkout")
	s := o.Services["checkout"]
	slow := s.Triggers[0]
	slow.Name, slow.Severity = "slow", trigger.Low
	slow.Expr.Conditions = slices.Clone(slow.Expr.Conditions)
	slow.Expr.Conditions[0].Threshold, slow.Expr.Conditions[0].ThresholdText = 0.005, "0.5%"
	s.Triggers = append(slices.Clone(s.Triggers), slow)
	o.Services["checkout"] = s
	w := newWorld(t, o)
	w.set(0.001, "checkout")
	w.deploy("checkout", "v1", "v0")
	w.run(10 * time.Minute)
	w.deploy("checkout", "v2", "v1")
	w.run(time.Minute)
	w.set(0.08, "checkout")
	w.run(2*time.Minute + 30*time.Second)
	w.set(0.001, "checkout")
	w.run(10 * time.Minute)
	first := w.incident("checkout")
	if first.Outcome != incident.RolledBack {
		t.Fatalf("%s %s, want it rolled back", first.State, first.Outcome)
	}
	first.Triggers = slices.DeleteFunc(first.Triggers, func(ev incident.Evidence) bool { return ev.Name == "slow" })
	w.run(time.Hour)
	w.set(0.007, "checkout")
	w.run(5 * time.Minute)
	if inc := w.incident("checkout"); inc.ID == first.ID || inc.Severity != trigger.Low {
		t.Errorf("%s, %s: want another incident, low", inc.ID, inc.Severity)
	}
}

// What is said of an incident that broke again is about the version that runs, and a
// second rollback leaves the first one's horizons on record.
func TestReopenedNamesWhatRuns(t *testing.T) {
	w := rolledBack(t)
	w.run(30 * time.Minute)
	w.set(0.3, "checkout")
	w.run(3 * time.Minute)
	last := w.told[len(w.told)-1]
	if !strings.HasPrefix(last.FirstLine, "FAILED checkout v1 → ") {
		t.Errorf("%q, want it to be about v1", last.FirstLine)
	}
	before := w.horizons()
	w.give(incident.Command{ID: "c", Verb: "rollback", Service: "checkout", Actor: "alice", Reason: "both are bad", To: "v0", Unseen: true})
	w.set(0.001, "checkout")
	w.run(10 * time.Minute)
	if got := w.horizons(); len(before) == 0 || !slices.Equal(got[:min(len(got), len(before))], before) {
		t.Errorf("horizons %q, want at first those of before: %q", got, before)
	}
}

// Why says for how long a service is watched, and the closer look does not call an
// incident that was closed long ago closed just now.
func TestTheWordsAfterARollback(t *testing.T) {
	o := options("checkout")
	s := o.Services["checkout"]
	wish := s.Triggers[0].Expr
	wish.Text, wish.Hold = "errors < 0.5%", trigger.Hold{}
	wish.Conditions = slices.Clone(wish.Conditions)
	wish.Conditions[0].Op, wish.Conditions[0].Threshold, wish.Conditions[0].ThresholdText = trigger.Less, 0.005, "0.5%"
	s.Plan.Monitor = incident.Monitor{For: time.Hour, When: []trigger.Expr{wish}}
	o.Services["checkout"] = s
	w := newWorld(t, o)
	w.set(0.001, "checkout")
	w.deploy("checkout", "v1", "v0")
	w.run(10 * time.Minute)
	w.deploy("checkout", "v2", "v1")
	w.set(0.08, "checkout")
	w.run(2*time.Minute + 30*time.Second)
	w.set(0.001, "checkout")
	w.run(4 * time.Minute)
	why, _ := w.brain.Why("checkout", w.now)
	if want := "opens " + w.incident("checkout").ID + " again, held"; !strings.Contains(why.Now, want) {
		t.Errorf("%q, want %q in it", why.Now, want)
	}
	w.run(5 * time.Minute)
	w.set(0.007, "checkout")
	w.run(2 * time.Minute)
	last := w.told[len(w.told)-1]
	if last.Event != "monitor" || !strings.Contains(last.FirstLine, "(closer look)") {
		t.Errorf("%s: %q, want the closer look", last.Event, last.FirstLine)
	}
	if n := len(w.told); true {
		w.run(time.Hour)
		if len(w.told) != n {
			t.Errorf("%d messages more, want none: it is told once, and ends by itself", len(w.told)-n)
		}
	}
}

// What was never verified has not met its SLA, however soon it was over.
func TestWhatWasNotVerifiedMissedItsSLA(t *testing.T) {
	w := newWorld(t, options("checkout"))
	w.set(0.001, "checkout")
	w.deploy("checkout", "v1", "v0")
	w.run(10 * time.Minute)
	w.deploy("checkout", "v2", "v1")
	w.set(0.08, "checkout")
	w.results["restart"] = []incident.StepResult{{State: incident.StepFailed}}
	w.run(4 * time.Minute)
	run := w.incident("checkout").Rollback
	if run.State != incident.RunPartial || run.SLAMet == nil || *run.SLAMet {
		t.Errorf("%s, SLA met %v; want partial and missed", run.State, run.SLAMet)
	}
}
