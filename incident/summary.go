package incident

import (
	"bytes"
	"encoding/json"
	"slices"
	"time"

	"github.com/rollbackd/rollbackd/evaluator"
	"github.com/rollbackd/rollbackd/trigger"
)

// Summary is an incident in a few words, for lists and statistics. It is read off
// the incident and holds nothing that the entries do not.
type Summary struct {
	ID       string           `json:"id"`
	Service  string           `json:"service"`
	Severity trigger.Severity `json:"severity"`
	Mode     string           `json:"mode"`
	State    State            `json:"state"`
	Outcome  Outcome          `json:"outcome,omitempty"`
	OpenedAt time.Time        `json:"opened_at"`
	ClosedAt time.Time        `json:"closed_at,omitzero"`
	// Response and HeldBy are those of the newest decision.
	Response evaluator.Response `json:"response"`
	HeldBy   Guard              `json:"held_by,omitempty"`
	// Triggers are the names of those that fired, in the order in which they did.
	Triggers []string `json:"triggers"`
	// Version is the deployment that it is about; empty where none is known.
	Version string `json:"version,omitempty"`
	// Manual is true where a person asked for it, Rehearsal where it rehearsed
	// another service's plan, and Group names the group that it was about.
	Manual    bool   `json:"manual,omitempty"`
	Rehearsal bool   `json:"rehearsal,omitempty"`
	Group     string `json:"group,omitempty"`
	// DetectionSeconds is from the first breach to the firing of the first trigger;
	// nil where that is not known.
	DetectionSeconds *float64 `json:"detection_seconds,omitempty"`
	// Rollback is the newest run; nil without one.
	Rollback *RunSummary `json:"rollback,omitempty"`
	// RollbacksStarted are the runs that began a step, RollbacksEnded those of them
	// that reached an exit state, and RollbacksCompleted those that were verified.
	RollbacksStarted   int `json:"rollbacks_started,omitempty"`
	RollbacksEnded     int `json:"rollbacks_ended,omitempty"`
	RollbacksCompleted int `json:"rollbacks_completed,omitempty"`
	// Changed is true where a rollback changed something, or may have.
	Changed bool `json:"changed,omitempty"`
}

// RunSummary is a run in a few words.
type RunSummary struct {
	State RunState `json:"state"`
	From  string   `json:"from,omitempty"`
	To    string   `json:"to,omitempty"`
	// Automatic is true where no person asked for it.
	Automatic bool      `json:"automatic,omitempty"`
	StartedAt time.Time `json:"started_at"`
	EndedAt   time.Time `json:"ended_at,omitzero"`
	// DurationSeconds is decision to end; 0 until then.
	DurationSeconds float64 `json:"duration_seconds,omitempty"`
	SLASeconds      float64 `json:"sla_seconds,omitempty"`
	SLAMet          *bool   `json:"sla_met,omitempty"`
}

// Summary is the incident in a few words. It shares nothing with it that changes.
func (inc *Incident) Summary() Summary {
	s := Summary{
		ID: inc.ID, Service: inc.Service, Severity: inc.Severity, Mode: inc.Mode, State: inc.State, Outcome: inc.Outcome,
		OpenedAt: inc.OpenedAt, ClosedAt: inc.ClosedAt, Response: inc.Decision.Response, HeldBy: inc.Decision.Shown(),
		Triggers: []string{}, Manual: inc.Manual, Rehearsal: inc.Rehearses != nil, Group: inc.Group,
		DetectionSeconds: inc.detection(),
	}
	for _, t := range inc.Triggers {
		s.Triggers = append(s.Triggers, t.Name)
	}
	if inc.Deployment != nil {
		s.Version = inc.Deployment.Version
	}
	for _, run := range append(slices.Clip(inc.EarlierRollbacks), inc.Rollback) {
		s.count(run)
	}
	s.Rollback = inc.Rollback.summary()
	return s
}

// detection is how long the first trigger to fire took to do so.
func (inc *Incident) detection() *float64 {
	var first *Evidence
	for i := range inc.Triggers {
		t := &inc.Triggers[i]
		if t.FiredAt.IsZero() || t.Since.IsZero() {
			continue
		}
		if first == nil || t.FiredAt.Before(first.FiredAt) {
			first = t
		}
	}
	if first == nil {
		return nil
	}
	return new(first.FiredAt.Sub(first.Since).Seconds())
}

// count adds one run to the summary; nil adds nothing.
func (s *Summary) count(run *Run) {
	if run == nil {
		return
	}
	s.Changed = s.Changed || run.Changed
	begun := slices.ContainsFunc(run.Steps, func(step StepRun) bool { return step.Attempts > 0 })
	if !begun {
		return
	}
	s.RollbacksStarted++
	if run.State.Ended() {
		s.RollbacksEnded++
	}
	if run.State == RunCompleted {
		s.RollbacksCompleted++
	}
}

func (run *Run) summary() *RunSummary {
	if run == nil {
		return nil
	}
	r := &RunSummary{
		State: run.State, From: run.From, To: run.To, Automatic: run.Automatic, StartedAt: run.StartedAt, EndedAt: run.EndedAt,
		DurationSeconds: run.DurationSeconds, SLASeconds: run.SLASeconds,
	}
	if run.SLAMet != nil {
		r.SLAMet = new(*run.SLAMet)
	}
	return r
}

// SummaryAfter is the summary of the incident that an entry is about, as it will
// be once the entry is applied; false where the entry changes nothing in it. It
// changes nothing itself: the entry is not durable yet.
func (b *Brain) SummaryAfter(e Entry) (Summary, bool) {
	before := b.mem.about(e)
	if before == nil {
		return Summary{}, false
	}
	after := before.loose()
	after.fold(e)
	s := after.Summary()
	return s, e.Kind == KindOpened || !s.equal(before.Summary())
}

// about is the incident in memory that an entry is about; nil where there is none.
func (m *memory) about(e Entry) *Incident {
	if e.Kind == KindOpened {
		return &Incident{}
	}
	s, ok := m.Services[e.Service]
	if !ok {
		return nil
	}
	if s.Open != nil && (e.Incident == s.Open.ID || e.Kind == KindClock) {
		return s.Open
	}
	for _, inc := range s.Closed {
		if e.Incident != "" && inc.ID == e.Incident {
			return inc
		}
	}
	return nil
}

// loose is a copy into which an entry can be folded without a trace in the
// incident itself. It has no timeline, which no summary needs.
func (inc *Incident) loose() *Incident {
	c := *inc
	c.Timeline = nil
	c.Triggers = slices.Clone(inc.Triggers)
	c.Approvals, c.Captures, c.Samples = slices.Clone(inc.Approvals), slices.Clone(inc.Captures), slices.Clone(inc.Samples)
	c.Verification.Horizons = slices.Clone(inc.Verification.Horizons)
	c.Deployment = copyDeployment(inc.Deployment)
	c.Rollback, c.EarlierRollbacks = inc.Rollback.loose(), nil
	for _, run := range inc.EarlierRollbacks {
		c.EarlierRollbacks = append(c.EarlierRollbacks, run.loose())
	}
	return &c
}

func (run *Run) loose() *Run {
	if run == nil {
		return nil
	}
	c := *run
	c.Steps = slices.Clone(run.Steps)
	return &c
}

// equal tells whether two summaries say the same to whoever reads them.
func (s Summary) equal(o Summary) bool {
	one, err := json.Marshal(s)
	other, otherErr := json.Marshal(o)
	return err == nil && otherErr == nil && bytes.Equal(one, other)
}

// ClosedSummary is the summary of a closed incident of a service; false for one that
// is open, or that memory has let go of.
func (b *Brain) ClosedSummary(service, id string) (Summary, bool) {
	s, ok := b.mem.Services[service]
	if !ok || id == "" {
		return Summary{}, false
	}
	for _, inc := range s.Closed {
		if inc.ID == id {
			return inc.Summary(), true
		}
	}
	return Summary{}, false
}
