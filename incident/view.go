package incident

import (
	"time"

	"github.com/rollbackd/rollbackd/trigger"
)

// ServiceView is a service as the API and the command line show it.
type ServiceView struct {
	Service string `json:"service"`
	Tier    string `json:"tier"`
	Mode    string `json:"mode"` // live or shadow
	// Labels are the service's own.
	Labels Labels `json:"labels,omitempty"`
	// State is the worst of: the open incident's state, else "firing",
	// "pending", "unknown" of its triggers, else "ok".
	State      string      `json:"state"`
	Running    string      `json:"running_version"`
	Target     string      `json:"target_version"`
	Deployment *Deployment `json:"deployment,omitempty"`
	// Reported is a deployment that somebody reported and the version source does not
	// show; nil where there is none such.
	Reported *Deployment `json:"reported,omitempty"`
	// ShownSince is since when the version source has shown the running version; zero
	// where none does.
	ShownSince time.Time                `json:"shown_since,omitzero"`
	Incident   string                   `json:"incident,omitempty"`
	Triggers   []TriggerView            `json:"triggers"`
	Instances  []trigger.InstanceHealth `json:"instances,omitempty"`
	Brakes     []BrakeView              `json:"brakes,omitempty"`
	Signals    []SignalView             `json:"signals,omitempty"`
	// Rehearsal is the newest rehearsal of one of its plans; nil where there was none.
	Rehearsal *RehearsalView `json:"rehearsal,omitempty"`
}

// TriggerView is one trigger's present state.
type TriggerView struct {
	Name      string           `json:"name"`
	When      string           `json:"when"`
	Severity  trigger.Severity `json:"severity"`
	State     trigger.State    `json:"state"`
	Truth     string           `json:"truth"` // ok, breach, unknown
	Value     float64          `json:"value"`
	HasValue  bool             `json:"has_value"`
	Threshold string           `json:"threshold,omitempty"`
	// ValueText is the value in the unit that the threshold is written in.
	ValueText string    `json:"value_text,omitempty"`
	Reason    string    `json:"reason,omitempty"`
	Since     time.Time `json:"since,omitzero"`
	FiredAt   time.Time `json:"fired_at,omitzero"`
	Filled    float64   `json:"filled"`
}

// BrakeView is a pause or lock in force.
type BrakeView struct {
	Kind  BrakeKind `json:"kind"`
	All   bool      `json:"all,omitempty"`
	Until time.Time `json:"until,omitzero"`
	By    string    `json:"by"`
	Why   string    `json:"why,omitempty"`
}

// VersionView is one version in a service's ledger.
type VersionView struct {
	Version string `json:"version"`
	// Standing is running, good, presumed_good, quarantined or unproven; a
	// running version also has its own standing in Notes.
	Standing  string    `json:"standing"`
	Running   bool      `json:"running,omitempty"`
	Target    bool      `json:"target,omitempty"`
	StartedAt time.Time `json:"started_at,omitzero"`
	// ShownSince is since when the version source has shown it, the last time that it
	// began to; Reported when it was reported, where the source does not show it.
	ShownSince time.Time `json:"shown_since,omitzero"`
	Reported   time.Time `json:"reported_at,omitzero"`
	Own        bool      `json:"own,omitempty"`
	Why        string    `json:"why"`
}

// WhyView says what would happen if the service's triggers fired now, and why.
type WhyView struct {
	Service ServiceView `json:"service"`
	// Now is one sentence: what rollbackd is doing about the service.
	Now string `json:"now"`
	// IfCritical says what a critical breach that began now would lead to.
	IfCritical Decision  `json:"if_critical"`
	Incident   *Incident `json:"incident,omitempty"`
}
