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
	// ExternalURL is where the page and API are reached, for messages; may be empty.
	ExternalURL string
}

// Decide is [decide].
type Decide struct {
	// Within is how long a decision may take, by severity; a severity that is
	// not in it has no deadline.
	Within map[trigger.Severity]time.Duration
	// Approvals is how many people must say yes ("any"); at least 1.
	Approvals int
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
	Triggers   []trigger.Spec
	Quorum     trigger.Quorum
	HealthTTL  time.Duration
	Vars       map[string]string
	Receivers  []string
	Deployment DeploymentOptions
	// Plan is what a rollback does; nil when the service has none (it is then
	// only watched and told about).
	Plan *Plan
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
}

// Plan is a rollback plan as the brain needs it. It is journalled whole with
// the run, so that a run finishes on the plan it started with.
type Plan struct {
	Name    string        `json:"name"`
	Checks  []PlanStep    `json:"checks,omitempty"`
	Steps   []PlanStep    `json:"steps"`
	Finally []PlanStep    `json:"finally,omitempty"`
	Target  time.Duration `json:"target,omitempty"`
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
	// Do and Probe are opaque to the brain: the action package reads them.
	Do    json.RawMessage `json:"do,omitempty"`
	Probe json.RawMessage `json:"probe,omitempty"`
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
