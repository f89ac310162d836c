package incident

import (
	"encoding/json"
	"time"

	"github.com/rollbackd/rollbackd/evaluator"
	"github.com/rollbackd/rollbackd/trigger"
)

// Options is the configuration as the brain needs it: values only, no files,
// no secrets.
type Options struct {
	// Hash identifies the configuration; every entry carries it.
	Hash string
	// Poll is the grid's interval and MaxGap the longest gap a window survives.
	Poll, MaxGap time.Duration
	// Shadow makes every service shadow (run --shadow).
	Shadow bool
	// Corroborate caps responses that rest on health alone at approve.
	Corroborate bool
	Matrix      evaluator.Matrix
	Decide      Decide
	Guards      Guards
	// Services by name.
	Services map[string]ServiceOptions
	// Windows are the maintenance and freeze windows.
	Windows []Window
	// Groups are the services that change together, by the group's name.
	Groups map[string]Group
	// ExternalURL is where the page and API are reached, for messages; may be empty.
	ExternalURL string
}

// Decide is [decide].
type Decide struct {
	// Within is how long a decision may take, by severity; a severity that is
	// not in it has no deadline.
	Within map[trigger.Severity]time.Duration
	// OnDeadline holds the severities for which silence until the deadline is an
	// explicit, announced yes.
	OnDeadline map[trigger.Severity]bool
	// Approvals is how many people of each role must say yes. The role "any" is
	// whoever may approve. Empty means one of any.
	Approvals map[string]int
	// EscalateAfter are the moments, from when a person is waited for, at which
	// the next level is told; the first is usually zero.
	EscalateAfter []time.Duration
	// ApprovalExpires is the life of a given approval.
	ApprovalExpires time.Duration
}

// Guards is [guards].
type Guards struct {
	PerServiceCount  int
	PerServiceWithin time.Duration
	MaxConcurrent    int
	MaxPerHour       int
	Correlated       Correlated
	// NeverOK: a trigger never seen ok since it was added may not act.
	NeverOK bool
	// HoldWhen tells whether [guards] hold_when is configured: the answer of the
	// metric HoldWhenMetric then holds everything while it has a series, and while
	// it is not known.
	HoldWhen bool
	// RehearsedWithin is how old the newest rehearsal without a problem of the plan
	// may be: past it a response is left to a person. Zero asks for none.
	RehearsedWithin time.Duration
}

// HoldWhenMetric is the name under which the answer of [guards] hold_when comes
// with the samples. No metric of the configuration can have it. Its reading for
// the service "" is known while the query returns anything, missing while it
// returns nothing.
const HoldWhenMetric = "[guards] hold_when"

// Window is a stretch of the week during which responses are capped.
type Window struct {
	Name string
	// Days on which it begins; empty means every day.
	Days []time.Weekday
	// From and To are wall-clock times as the time since midnight. To is the next
	// day's where it is not after From; at most 24 h.
	From, To time.Duration
	Location *time.Location
	// Services that it is for; empty means all.
	Services []string
	// Cap is the most that may happen: NoResponse means that nobody is told either
	// (response = "suppress").
	Cap evaluator.Directness
	// Wait is the length of the countdown where Cap is a countdown; zero means 2
	// minutes.
	Wait time.Duration
}

// Group is services that change together: deployments of them with the same
// change are judged and rolled back as one.
type Group struct {
	Name     string
	Services []string
	Plan     *Plan
}

// Correlated is the guard against a fault that is not this service's own.
type Correlated struct {
	Services int
	Share    float64 // 0 to 1
	Within   time.Duration
}

// ServiceOptions is one service.
type ServiceOptions struct {
	Name   string
	Tier   string
	Shadow bool
	// Triggers in the order of their names.
	Triggers  []trigger.Spec
	Quorum    trigger.Quorum
	HealthTTL time.Duration
	Vars      map[string]string
	Receivers []string
	// Labels are its own, for whoever is told or shown something of it.
	Labels     Labels
	Deployment DeploymentOptions
	// DependsOn are the services whose failure explains this one's.
	DependsOn []string
	// Plan is what a rollback does; nil when the service has none (it is then
	// only watched and told about).
	Plan *Plan
	// TriggerPlans and Scopes are the plan and the scope that a trigger asks for
	// itself, by trigger; one that is not in them has the service's plan, whole.
	TriggerPlans map[string]*Plan
	Scopes       map[string]string
	// Cooldown is that of [guards], resolved for this service.
	Cooldown time.Duration
}

// DeploymentOptions is `.deployment`.
type DeploymentOptions struct {
	// HasSource tells whether a version source (symlink, version_query) is configured.
	HasSource   bool
	Required    bool
	BlameWindow time.Duration
	OnsetSlack  time.Duration
	MaxBack     int
	// FinishWithin is how long a rollback waits for a deployment that is still
	// rolling out, counted from the run's beginning; zero means not at all.
	FinishWithin time.Duration
}

// Plan is a rollback plan as the brain needs it. It is journalled whole with
// the run, so that a run finishes on the plan it started with.
type Plan struct {
	Name    string     `json:"name"`
	Checks  []PlanStep `json:"checks,omitempty"`
	Steps   []PlanStep `json:"steps"`
	Finally []PlanStep `json:"finally,omitempty"`
	// FollowUp is done once the rollback is verified: cleaning up, flags. Its failure
	// is told and takes nothing back.
	FollowUp []PlanStep `json:"follow_up,omitempty"`
	// Monitor watches more closely for a while after the incident is closed.
	Monitor Monitor `json:"monitor,omitzero"`
	// Capture is asked for when an incident opens; it only looks.
	Capture []PlanStep `json:"capture,omitempty"`
	// Reversible is asked right before each changing step: any end but done means
	// that the point of no return is passed. Nil means that there is none.
	Reversible *PlanStep `json:"reversible,omitempty"`
	// Forward is what may be done past the point of no return.
	Forward []PlanStep `json:"forward,omitempty"`
	// StopDeploy stops a deployment that is still rolling out; nil means that it
	// is only waited for.
	StopDeploy *PlanStep     `json:"stop_deploy,omitempty"`
	Target     time.Duration `json:"target,omitempty"`
	// SLA is decision to verified; zero means none. Timeout is hard.
	SLA     time.Duration `json:"sla,omitempty"`
	Timeout time.Duration `json:"timeout,omitempty"`
	Verify  Verify        `json:"verify"`
	// UsesTarget tells whether any step needs ${target_version}.
	UsesTarget bool `json:"uses_target,omitempty"`
}

// PlanStep is one step of a plan.
type PlanStep struct {
	Name       string        `json:"name"`
	Phase      string        `json:"phase,omitempty"`
	Timeout    time.Duration `json:"timeout"`
	Retries    int           `json:"retries,omitempty"`
	Idempotent bool          `json:"idempotent,omitempty"`
	// OnFailure is "stop", "continue" or "escalate".
	OnFailure string `json:"on_failure"`
	// Changes is false for a step that only waits or looks.
	Changes bool `json:"changes"`
	// Do, Probe and If are opaque to the brain: the action package reads them.
	Do    json.RawMessage `json:"do,omitempty"`
	Probe json.RawMessage `json:"probe,omitempty"`
	If    json.RawMessage `json:"if,omitempty"`
	// Each is the units that the step is done for, one after the other; empty
	// means once. Soak is the pause between two, UnitSLA what each may take before
	// people are told (zero: no SLA).
	Each    []string      `json:"each,omitempty"`
	Soak    time.Duration `json:"soak,omitempty"`
	UnitSLA time.Duration `json:"unit_sla,omitempty"`
	// Only are the scopes in which the step runs; empty means all.
	Only []string `json:"only,omitempty"`
	// Enough is how long to see after the step whether the service recovered, in
	// which case the plan ends there; zero means not to look.
	Enough time.Duration `json:"enough,omitempty"`
	// UsesTarget tells whether the step needs ${target_version}: once one such is
	// done, the target counts as the running version.
	UsesTarget bool `json:"uses_target,omitempty"`
	// Approval makes the step a wait for people; nil for every other kind.
	Approval *StepApproval `json:"approval,omitempty"`
}

// StepApproval is what an approval step asks for.
type StepApproval struct {
	Text string `json:"text,omitempty"`
	// Needs is how many people of each role must say yes; empty means those of
	// [decide] approvals.
	Needs map[string]int `json:"needs,omitempty"`
}

// Verify says when a rollback counts as having worked.
type Verify struct {
	Settle time.Duration `json:"settle"`
	Hold   time.Duration `json:"hold"`
	Within time.Duration `json:"within"`
	// When are further conditions that must hold (be true) for a tick to count:
	// `error_rate < 0.1%`. They are opaque text in the journal and parsed by
	// the configuration.
	When []trigger.Expr `json:"when,omitempty"`
}
