package report

import (
	"time"

	"github.com/rollbackd/rollbackd/incident"
)

// Numbers are one incident's rollback in numbers, for programs that compare many
// (--format metrics). What is not known, or was not, is null.
type Numbers struct {
	// Format names the form of the document: "rollbackd.metrics/1".
	Format   string           `json:"format"`
	Incident string           `json:"incident"`
	Service  string           `json:"service"`
	Severity string           `json:"severity"`
	Mode     string           `json:"mode"`
	State    incident.State   `json:"state"`
	Outcome  incident.Outcome `json:"outcome,omitempty"`
	// Trigger is the one that fired first; empty where a person asked.
	Trigger         string    `json:"trigger,omitempty"`
	OpenedAt        time.Time `json:"opened_at"`
	ClosedAt        time.Time `json:"closed_at,omitzero"`
	DurationSeconds *float64  `json:"duration_seconds"`
	// DeploymentToOnsetSeconds is how long the version ran before the breach began.
	DeploymentToOnsetSeconds *float64 `json:"deployment_to_onset_seconds"`
	// Detection is by part, and Total from the onset to the first step.
	DetectionSeconds      map[string]*float64 `json:"detection_seconds"`
	DetectionTotalSeconds *float64            `json:"detection_total_seconds"`
	Rollback              *RunNumbers         `json:"rollback"`
	SLA                   SLA                 `json:"sla"`
	Impact                Impact              `json:"impact"`
	Verification          string              `json:"verification,omitempty"`
	Holds                 int                 `json:"holds"`
	HeldSeconds           *float64            `json:"held_seconds"`
	// Approvals is how often a person said yes, to a rollback or to a step of one:
	// also where that expired, or was used up by a rollback since.
	Approvals   int `json:"approvals"`
	Escalations int `json:"escalations"`
	Rollbacks   int `json:"rollbacks"`
}

// RunNumbers are the numbers of the newest rollback.
type RunNumbers struct {
	State     incident.RunState `json:"state"`
	Success   bool              `json:"success"`
	Automatic bool              `json:"automatic"`
	From      string            `json:"from"`
	To        string            `json:"to"`
	// DurationSeconds is from the decision to the verified end.
	DurationSeconds *float64           `json:"duration_seconds"`
	PhaseSeconds    map[string]float64 `json:"phase_seconds"`
	// Steps are those that ended in each state, Attempts all of theirs.
	Steps    map[incident.StepState]int `json:"steps"`
	Attempts int                        `json:"attempts"`
}

// Metrics are the incident's numbers.
func (r *Report) Metrics() Numbers {
	n := Numbers{
		Format: "rollbackd.metrics/1", Incident: r.Incident, Service: r.Service, Severity: r.Severity, Mode: r.Mode, State: r.State,
		Outcome: r.Outcome, Trigger: r.Detection.Trigger, OpenedAt: r.OpenedAt, ClosedAt: r.ClosedAt, DurationSeconds: r.DurationSeconds,
		DetectionSeconds: map[string]*float64{}, DetectionTotalSeconds: r.Detection.TotalSeconds, SLA: r.SLA, Impact: r.Impact,
		Verification: string(r.Verification.State), Holds: len(r.Holds), HeldSeconds: r.heldSeconds(),
		Rollbacks: len(r.Rollbacks),
	}
	for _, p := range r.Detection.Parts {
		n.DetectionSeconds[p.Part] = p.Seconds
	}
	if d := r.Deployment; d != nil && !d.FirstLook {
		n.DeploymentToOnsetSeconds = between(d.StartedAt, r.Detection.Onset)
	}
	for _, m := range r.Timeline {
		switch m.Kind {
		case incident.KindEscalated:
			n.Escalations++
		case incident.KindApproved:
			n.Approvals++
		default:
		}
	}
	if len(r.Rollbacks) > 0 {
		n.Rollback = r.Rollbacks[len(r.Rollbacks)-1].numbers()
	}
	return n
}

// heldSeconds is how long guards held the incident in all; nil while one still does.
func (r *Report) heldSeconds() *float64 {
	sum := 0.0
	for _, h := range r.Holds {
		one := between(h.From, h.Until)
		if one == nil {
			return nil
		}
		sum += *one
	}
	return &sum
}

func (run *Rollback) numbers() *RunNumbers {
	n := &RunNumbers{
		State: run.State, Success: run.State == incident.RunCompleted, Automatic: run.Automatic, From: run.From, To: run.To,
		DurationSeconds: run.DurationSeconds, PhaseSeconds: map[string]float64{}, Steps: map[incident.StepState]int{},
	}
	for _, p := range run.Phases {
		n.PhaseSeconds[p.Phase] = p.Seconds
	}
	for _, s := range run.Steps {
		n.Steps[s.State]++
		n.Attempts += s.Attempts
	}
	return n
}
