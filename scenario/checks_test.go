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
