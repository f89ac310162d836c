package responder_test

import (
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/journal"
)

func brake(on bool) incident.Record {
	r := record(incident.KindBrake)
	r.Entry.Brake = &incident.BrakeEntry{Kind: incident.Lock, On: on}
	return r
}

// attempt is the intent of an attempt of a step in a section.
func attempt(section incident.Section, index int, unit string, changes bool) incident.Record {
	ref := undo()
	ref.Section, ref.Index, ref.Unit = section, index, unit
	r := intent(ref)
	r.Entry.Step.Changes = changes
	return r
}

// TestReserveIsForRollbacksInFlight: what has begun to change something comes to
// its end, a person can stop it, and people are told. Nothing is begun.
func TestReserveIsForRollbacksInFlight(t *testing.T) {
	ending := record(incident.KindRunEnded)
	ending.Entry.RunEnded = &incident.RunEndedEntry{}
	elsewhere := attempt(incident.SectionSteps, 0, "", true)
	elsewhere.Entry.Incident = "inc-2"
	first := attempt(incident.SectionSteps, 0, "web1", true)
	tests := []struct {
		name   string
		before []incident.Effect // on record already
		give   incident.Record
		want   bool
	}{
		{"something else", nil, record(incident.KindAcked), false},
		{"a yes: it would begin something", nil, record(incident.KindApproved), false},
		{"a plan: nothing new is begun", nil, record(incident.KindPlanned), false},
		{"an incident that is to exist", nil, record(incident.KindOpened), true},
		{"a decision that people are told of", nil, record(incident.KindDecided), true},
		{"the next level is told", nil, record(incident.KindEscalated), true},
		{"an abort", nil, record(incident.KindAborted), true},
		{"a veto", nil, record(incident.KindVetoed), true},
		{"a pause or lock", nil, brake(true), true},
		{"the end of a pause or lock", nil, brake(false), false},
		{"a capture: it is not worth it", nil, record(incident.KindCaptured), false},
		{"the clock was set", nil, record("clock_step"), true},
		{"an end", nil, ended(undo(), incident.StepResult{}), true},
		{"stopping", nil, record(incident.KindStopping), true},
		{"interrupted", nil, record(incident.KindInterrupted), true},
		{"verifying", nil, record(incident.KindVerifying), true},
		{"sla missed", nil, record(incident.KindSLAMissed), true},
		{"the end of all", nil, ending, true},

		{"the built-in check", nil, attempt(incident.SectionPrepare, 0, "", false), false},
		{"a check", nil, attempt(incident.SectionChecks, 1, "", false), false},
		{"stopping the deployment is a first change", nil, attempt(incident.SectionStopDeploy, 0, "", true), false},
		{"whether one can go back, before the first step", nil, attempt(incident.SectionReversible, 0, "", false), false},
		{"the first step", nil, first, false},
		{"what is done instead of any step", nil, attempt(incident.SectionForward, 0, "", true), false},
		{"the first change after steps that only waited", []incident.Effect{attempt(incident.SectionSteps, 0, "", false)}, attempt(incident.SectionSteps, 1, "", true), false},

		{"the first step again", []incident.Effect{first}, first, true},
		{"its next unit", []incident.Effect{first}, attempt(incident.SectionSteps, 0, "web2", true), true},
		{"whether one can go back, before the second step", []incident.Effect{first}, attempt(incident.SectionReversible, 1, "", false), true},
		{"the second step", []incident.Effect{first}, attempt(incident.SectionSteps, 1, "", true), true},
		{"the second step, after the deployment was stopped", []incident.Effect{attempt(incident.SectionStopDeploy, 0, "", true)}, first, true},
		{"forward, past the point of no return", []incident.Effect{first}, attempt(incident.SectionForward, 0, "", true), true},
		{"finally", []incident.Effect{first}, attempt(incident.SectionFinally, 0, "", true), true},
		{"a yes that a step waits for", []incident.Effect{first}, record(incident.KindApproved), true},
		{"that it is enough", []incident.Effect{first}, record(incident.KindEnough), true},
		{"what runs, which the end of a step may stand in line behind", []incident.Effect{elsewhere}, record(incident.KindRunning), true},
		{"what runs, while nothing is in flight", nil, record(incident.KindRunning), false},
		{"a step of another incident", []incident.Effect{elsewhere}, first, false},
		{"a step after the end of the run before", []incident.Effect{first, ending}, first, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := &world{step: on[incident.VersionSeen](append(tt.before, tt.give)...)}
			inBubble(t, w, nil, func(in bubble) {
				t, r := in.T, in.r
				r.Submit(seen("v1"))
				synctest.Wait()
				want := journal.Meta{Kind: string(tt.give.Entry.Kind), Service: "checkout", Incident: "inc-1", Spend: tt.want}
				if diff := cmp.Diff(want, w.metas[len(w.metas)-1]); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
			})
		})
	}
}
