package scenario_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbackd/rollbackd/incident"
)

// TestStandingChecksSeeWhatTheyAreFor hands the world what a broken brain would
// ask for. Each must be seen.
func TestStandingChecksSeeWhatTheyAreFor(t *testing.T) {
	ref := incident.StepRef{Incident: "x", Service: "checkout", Run: "r", Section: incident.SectionSteps, Name: "undo", Attempt: 1}
	intent := incident.Entry{
		At: time.Unix(0, 0).UTC(), Kind: incident.KindStepBegun, Service: "checkout", Actor: "a", Text: "t",
		Step: &incident.StepEntry{Ref: ref, Changes: true},
	}
	tests := []struct {
		name string
		do   func(incident.Carrier)
		want string
	}{
		{"a step without its intent", func(c incident.Carrier) { c.Carry(incident.Start{Ref: ref}) }, "without a durable intent"},
		{"a step of a run that nobody knows", func(c incident.Carrier) {
			_ = c.Record(intent, nil)
			c.Carry(incident.Start{Ref: ref})
		}, "for a run that nobody knows"},
		{"a rollback to where it is", func(c incident.Carrier) {
			e := intent
			e.Kind, e.Planned = incident.KindPlanned, &incident.Run{From: "v1", To: "v1"}
			_ = c.Record(e, nil)
		}, "towards the version that runs"},
		{"completed without a sample", func(c incident.Carrier) {
			e := intent
			e.Kind, e.RunEnded = incident.KindRunEnded, &incident.RunEndedEntry{State: incident.RunCompleted}
			_ = c.Record(e, nil)
		}, "verification saw nothing"},
		{"a step past the point of no return", func(c incident.Carrier) {
			plan(c)
			answer(c, 0, incident.StepFailed)
			begin(c, ref)
		}, "past the point of no return"},
		{"a step before which nobody asked", func(c incident.Carrier) {
			plan(c)
			begin(c, ref)
		}, "was not asked whether one can still go back"},
		{"a step on the answer for another one", func(c incident.Carrier) {
			plan(c)
			answer(c, 1, incident.StepDone)
			begin(c, ref)
		}, "was not asked whether one can still go back"},
		{"a step on an answer from before a change", func(c incident.Carrier) {
			plan(c)
			answer(c, 0, incident.StepDone)
			end(c, ref, incident.StepFailed, now.Add(time.Second))
			begin(c, second(ref))
		}, "on an old answer that one can still go back"},
		{"forward while there is a way back", func(c incident.Carrier) {
			plan(c)
			answer(c, 0, incident.StepDone)
			forward := ref
			forward.Section = incident.SectionForward
			begin(c, forward)
		}, "went forward, and one could still go back"},
		{"two units of a step at once", func(c incident.Carrier) {
			plan(c)
			for _, unit := range []string{"web1", "web2"} {
				one := ref
				one.Unit = unit
				begin(c, one)
			}
		}, `step "undo web2" of checkout started while "undo web1" still runs`},
		{"a member of a group whose run is under way", func(c incident.Carrier) {
			plan(c, incident.Member{Service: "cart"})
			begin(c, ref)
			other := ref
			other.Service, other.Run, other.Name = "cart", "s", "redo"
			planned(c, &incident.Run{ID: "s", From: "c2", To: "c1"}, "cart")
			begin(c, other)
		}, "they change together"},
		{"an entry without an actor", func(c incident.Carrier) {
			e := intent
			e.Actor = ""
			_ = c.Record(e, nil)
		}, "no actor"},
	}
	f := parse(t, "[[case]]\nname = \"x\"\nuntil = \"1m\"\nvalues = { \"error_rate checkout\" = \"0.001x9\" }\nexpect = [{ end = true, rollbacks = 0 }]\n")
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			v := f.PlayBroken(f.Cases[0], tt.do)
			if all := strings.Join(v.Failures, "\n"); !strings.Contains(all, tt.want) {
				t.Errorf("failures:\n%s\nwant: %s", all, tt.want)
			}
		})
	}
	if all := strings.Join(f.PlayForgetful(f.Cases[0]).Failures, "\n"); !strings.Contains(all, "a replay of the journal gives another memory") {
		t.Errorf("a memory that is not in the journal: failures:\n%s", all)
	}
	if diff := cmp.Diff([]string(nil), f.Play(f.Cases[0]).Failures); diff != "" {
		t.Errorf("the same case without the faults (-want +got):\n%s", diff)
	}
}

// now is the time at which PlayBroken asks.
var now = time.Date(2026, 1, 5, 10, 0, 30, 0, time.UTC)

// plan records a run whose plan has a point of no return.
func plan(c incident.Carrier, members ...incident.Member) {
	planned(c, &incident.Run{ID: "r", From: "v2", To: "v1", Members: members, Plan: incident.Plan{
		Reversible: &incident.PlanStep{Name: "reversible"}, Steps: []incident.PlanStep{{Name: "undo", Changes: true}, {Name: "more", Changes: true}},
	}}, "checkout")
}

// planned records a run of a service.
func planned(c incident.Carrier, run *incident.Run, service string) {
	_ = c.Record(incident.Entry{At: now, Kind: incident.KindPlanned, Service: service, Actor: "a", Text: "t", Planned: run}, nil)
}

// answer records an answer to whether one can still go back before a step.
func answer(c incident.Carrier, before int, state incident.StepState) {
	end(c, incident.StepRef{
		Incident: "x", Service: "checkout", Run: "r", Section: incident.SectionReversible, Index: before, Name: "reversible", Attempt: 1,
	}, state, now)
}

// end records the end of a step.
func end(c incident.Carrier, ref incident.StepRef, state incident.StepState, at time.Time) {
	_ = c.Record(incident.Entry{
		At: now, Kind: incident.KindStepEnded, Service: "checkout", Actor: "a", Text: "t",
		Step: &incident.StepEntry{
			Ref: ref, Changes: ref.Section == incident.SectionSteps, Result: &incident.StepResult{State: state, EndedAt: at},
		},
	}, nil)
}

// begin records the intent of a changing step and starts it.
func begin(c incident.Carrier, ref incident.StepRef) {
	_ = c.Record(incident.Entry{
		At: now, Kind: incident.KindStepBegun, Service: "checkout", Actor: "a", Text: "t",
		Step: &incident.StepEntry{Ref: ref, Changes: true},
	}, nil)
	c.Carry(incident.Start{Ref: ref})
}

// second is the next attempt of a step.
func second(ref incident.StepRef) incident.StepRef {
	ref.Attempt++
	return ref
}

// TestABrainThatNeverRestsIsAFailure asks for a read at every answer to a read.
func TestABrainThatNeverRestsIsAFailure(t *testing.T) {
	f := parse(t, "[[case]]\nname = \"x\"\nuntil = \"1m\"\nexpect = [{ end = true, rollbacks = 0 }]\n")
	v := f.PlayRestless(f.Cases[0])
	if all := strings.Join(v.Failures, "\n"); !strings.Contains(all, "never came to rest") {
		t.Errorf("failures: %s", all)
	}
	if len(v.Journal) == 0 {
		t.Error("nothing was journalled before")
	}
}
