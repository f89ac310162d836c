package report

import (
	"time"

	"github.com/rollbackd/rollbackd/incident"
)

// Trouble is what went wrong in an incident, and who was told when (--format
// failures).
type Trouble struct {
	// Format names the form of the document: "rollbackd.failures/1".
	Format   string           `json:"format"`
	Incident string           `json:"incident"`
	Service  string           `json:"service"`
	Severity string           `json:"severity"`
	State    incident.State   `json:"state"`
	Outcome  incident.Outcome `json:"outcome,omitempty"`
	// Failures are in the order of time; none is an empty list.
	Failures []Failure `json:"failures"`
	// Units say in which state each unit of an unfinished rollback is: what a person
	// needs who goes on by hand.
	Units []Unit `json:"units"`
	// Escalation is who was told of what still waits for a person, and what they said.
	Escalation []Moment `json:"escalation"`
	// AckedBy is who is on it; empty while nobody said so.
	AckedBy string `json:"acked_by,omitempty"`
	// Unresolved says what is still to be done; empty where nothing is.
	Unresolved string `json:"unresolved,omitempty"`
}

// Failure is one thing that went wrong.
type Failure struct {
	At time.Time `json:"at,omitzero"`
	// What is step, rollback, verification, horizon, sla or capture.
	What     string `json:"what"`
	Name     string `json:"name"`
	State    string `json:"state"`
	Attempts int    `json:"attempts,omitempty"`
	ExitCode *int   `json:"exit_code,omitempty"`
	Error    string `json:"error,omitempty"`
	Output   string `json:"output,omitempty"`
}

// Unit is one step of a rollback for one of its units.
type Unit struct {
	Run   string             `json:"run"`
	Step  string             `json:"step"`
	Unit  string             `json:"unit,omitempty"`
	State incident.StepState `json:"state"`
	// MayHaveChanged is true where it changed something, or nobody knows.
	MayHaveChanged bool `json:"may_have_changed"`
}

// Failures are what went wrong.
func (r *Report) Failures() Trouble {
	t := Trouble{
		Format: "rollbackd.failures/1", Incident: r.Incident, Service: r.Service, Severity: r.Severity, State: r.State, Outcome: r.Outcome,
		Failures: []Failure{}, Units: []Unit{}, Escalation: r.escalation(), AckedBy: r.inc.AckedBy,
	}
	for _, c := range r.CapturedState {
		if bad(c.State) {
			t.Failures = append(t.Failures, Failure{At: c.At, What: "capture", Name: c.Name, State: string(c.State), ExitCode: c.ExitCode, Error: c.Error, Output: c.Output})
		}
	}
	for _, run := range r.Rollbacks {
		t.Failures = append(t.Failures, r.runFailures(run)...)
		if run.Changed && run.State != incident.RunCompleted {
			t.Units = append(t.Units, unitsOf(run)...)
		}
	}
	for _, h := range r.Verification.Horizons {
		if h.State == incident.VerificationFailed {
			t.Failures = append(t.Failures, Failure{At: h.Until, What: "horizon", Name: h.Name, State: string(h.State), Error: h.Reason})
		}
	}
	t.Unresolved = r.unresolved()
	return t
}

func bad(s incident.StepState) bool { return s == incident.StepFailed || s == incident.StepUncertain }

// runFailures are the steps that did not end well, and the run where it did not.
func (r *Report) runFailures(run Rollback) []Failure {
	var all []Failure
	for _, s := range run.Steps {
		if bad(s.State) {
			all = append(all, Failure{
				At: s.EndedAt, What: "step", Name: titleOf(s), State: string(s.State), Attempts: s.Attempts, ExitCode: s.ExitCode, Error: s.Error, Output: s.Output,
			})
		}
	}
	newest := run.ID == r.Rollbacks[len(r.Rollbacks)-1].ID
	if newest && r.SLA.Met != nil && !*r.SLA.Met {
		all = append(all, Failure{At: run.EndedAt, What: "sla", Name: run.ID, State: "missed", Error: "agreed: " + seconds(r.SLA.SLASeconds) + " until verified; " + r.slaWords()})
	}
	if newest && r.Verification.State == incident.VerificationFailed {
		all = append(all, Failure{At: run.EndedAt, What: "verification", Name: run.ID, State: string(r.Verification.State), Error: r.Verification.Reason})
	}
	switch run.State {
	case incident.RunPartial, incident.RunBlocked, incident.RunAborted:
		all = append(all, Failure{At: run.EndedAt, What: "rollback", Name: run.ID, State: string(run.State), Error: run.Reason})
	case incident.RunPlanned, incident.RunChecking, incident.RunRunning, incident.RunVerifying, incident.RunCompleted:
	}
	return all
}

func unitsOf(run Rollback) []Unit {
	var units []Unit
	for _, s := range run.Steps {
		units = append(units, Unit{Run: run.ID, Step: s.Name, Unit: s.Unit, State: s.State, MayHaveChanged: s.Touched > 0})
	}
	return units
}

// escalation are the moments at which a person was waited for, told again, or
// answered.
func (r *Report) escalation() []Moment {
	moments := []Moment{}
	for i, m := range r.inc.Timeline {
		switch m.Kind {
		case incident.KindEscalated, incident.KindAcked, incident.KindApproved, incident.KindVetoed, incident.KindAborted,
			incident.KindSLAMissed, incident.KindReopened:
			moments = append(moments, r.Timeline[i])
		default:
		}
	}
	return moments
}

// unresolved is what a person must still see to.
func (r *Report) unresolved() string {
	run := r.inc.Rollback
	switch {
	case r.wellInPart():
		return "the service is well, and something was changed that nobody has verified: see which unit is in which state"
	case r.Outcome == incident.Unresolved:
		return "something was changed and nobody has verified it: see which unit is in which state, and whether the service is well"
	case r.State != incident.Closed && run != nil && run.State == incident.RunPartial:
		return "something was changed and it is not verified; released when: " + r.Decision.ReleasesWhen
	case r.State == incident.Held:
		return "it is held by " + string(r.Decision.HeldBy) + "; released when: " + r.Decision.ReleasesWhen
	}
	return ""
}
