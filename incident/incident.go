package incident

import (
	"time"

	"github.com/rollbackd/rollbackd/trigger"
)

// Deployment is a version of a service from the moment it began to run.
type Deployment struct {
	Service   string    `json:"service"`
	Version   string    `json:"version"`
	Previous  string    `json:"previous,omitempty"`
	StartedAt time.Time `json:"started_at"`
	NotedAt   time.Time `json:"noted_at"`
	By        string    `json:"by,omitempty"`
	URL       string    `json:"url,omitempty"`
	Change    string    `json:"change,omitempty"`
	Source    string    `json:"source"`
	// Own is true for the deployment that a rollback of ours made: never blamed.
	Own bool `json:"own,omitempty"`
	// FirstLook is true for what was running when rollbackd first looked: there
	// is no start to blame.
	FirstLook bool `json:"first_look,omitempty"`
	// Shows is another version, that its version source showed when it was reported.
	Shows string `json:"shows,omitempty"`
	// Seen is true where a version source showed it.
	Seen           bool `json:"seen,omitempty"`
	NoAutoRollback bool `json:"no_auto_rollback,omitempty"`
	// ShownAt is when a version source showed it again after another version ran;
	// zero where it has run since its start. What it is good for counts from there.
	ShownAt time.Time `json:"shown_at,omitzero"`
	// ShownBy is the version source that showed it again; empty without ShownAt.
	ShownBy string `json:"shown_by,omitempty"`
	// Moved is by how much its times were moved since, because the clock was set.
	Moved time.Duration `json:"moved,omitempty"`
	// Rolling is true while it is said to be still rolling out.
	Rolling bool `json:"rolling,omitempty"`
}

// Incident is one problem's life for one service, as the API shows it. It is
// the fold of its own entries and nothing else.
type Incident struct {
	ID         string           `json:"id"`
	Service    string           `json:"service"`
	Severity   trigger.Severity `json:"severity"`
	Mode       string           `json:"mode"`
	State      State            `json:"state"`
	Outcome    Outcome          `json:"outcome,omitempty"`
	OpenedAt   time.Time        `json:"opened_at"`
	ClosedAt   time.Time        `json:"closed_at,omitzero"`
	Manual     bool             `json:"manual,omitempty"`
	ExternalID string           `json:"external_id,omitempty"`
	// AskedBy is the person whose request for a rollback came last; empty where
	// rollbackd found it itself.
	AskedBy string `json:"asked_by,omitempty"`
	// Labels are the service's own, as they were when it opened.
	Labels Labels `json:"labels,omitempty"`
	// Group and Members are set where the incident is about several services that
	// changed together.
	Group   string   `json:"group,omitempty"`
	Members []Member `json:"members,omitempty"`
	// Rehearses is set where its rollback rehearses another service's plan.
	Rehearses  *RehearsalOf `json:"rehearses,omitempty"`
	Triggers   []Evidence   `json:"triggers"`
	OKBefore   []string     `json:"ok_before,omitempty"`
	Decision   Decision     `json:"decision"`
	Deployment *Deployment  `json:"deployment,omitempty"`
	// Rollback is the newest run; earlier ones are in EarlierRollbacks.
	Rollback         *Run         `json:"rollback,omitempty"`
	EarlierRollbacks []*Run       `json:"earlier_rollbacks,omitempty"`
	Verification     Verification `json:"verification"`
	Approvals        []Approval   `json:"approvals,omitempty"`
	AckedBy          string       `json:"acked_by,omitempty"`
	VetoedBy         string       `json:"vetoed_by,omitempty"`
	EscalatedAt      time.Time    `json:"escalated_at,omitzero"`
	// EscalationLevel is the highest level that was told for the present wait.
	EscalationLevel int `json:"escalation_level,omitempty"`
	// Needs are the approvals that are still missing; in the public form only.
	Needs []Need `json:"needs,omitempty"`
	// Captures is the state before, as far as it was captured.
	Captures []StateBefore `json:"captures,omitempty"`
	// Samples are what its triggers showed around it: the evidence that was seen.
	Samples []Series `json:"samples,omitempty"`
	// Impact is what it did to those who use the service; nil until it was measured.
	Impact   *Impact  `json:"impact,omitempty"`
	Timeline []Moment `json:"timeline"`

	// What follows is part of the fold and of no document.

	// owed is a person's veto or abort of which what follows is not on record yet:
	// the daemon was killed, or its journal full, between the two entries.
	owed *owedWord

	again      bool      // something asks for a new decision
	worse      bool      // the severity rose since the last decision
	decidedAt  time.Time // of the decision in force
	heldAfter  Guard     // what holds it after the run that ended
	moments    int       // entries folded so far
	escalated  bool      // people were reminded that the deadline in force is over
	lasting    bool      // held for good once: never acts by itself again
	superseded bool      // a newer deployment overtook the verification
	recovered  bool      // it was well before the run changed anything
	reached    int       // the highest level that was told of the incident at all
	acked      bool      // escalation of the present wait is over
	told       bool      // people know of it
	waitSince  time.Time // since when a person is waited for; zero while nobody is
}

// Verification is what verification found; its zero state means not yet.
type Verification struct {
	State  VerificationState `json:"state,omitempty"`
	From   time.Time         `json:"from,omitzero"`
	Until  time.Time         `json:"until,omitzero"`
	Reason string            `json:"reason,omitempty"`
	// Triggers are those that must be known ok.
	Triggers []string `json:"triggers,omitempty"`
	Samples  int      `json:"samples,omitempty"`
	// Horizons are those that are over, the immediate one first.
	Horizons []Horizon `json:"horizons,omitempty"`
}

// Approval is one person's yes.
type Approval struct {
	By        string    `json:"by"`
	At        time.Time `json:"at"`
	Reason    string    `json:"reason,omitempty"`
	Overrides []Guard   `json:"overrides,omitempty"`
	Roles     []string  `json:"roles,omitempty"`
	PlanHash  string    `json:"plan,omitempty"`
	// BreakGlass is true where the number of approvals was set aside.
	BreakGlass bool `json:"break_glass,omitempty"`
}

// Need is how many people of a role must still say yes.
type Need struct {
	Role  string `json:"role"`
	Count int    `json:"count"`
}

// StateBefore is one capture of how things were before anything was changed.
type StateBefore struct {
	Name     string    `json:"name"`
	State    StepState `json:"state"`
	ExitCode *int      `json:"exit_code,omitempty"`
	Output   string    `json:"output,omitempty"`
	Error    string    `json:"error,omitempty"`
	At       time.Time `json:"at"`
}

// Moment is one line of an incident's timeline.
type Moment struct {
	At    time.Time `json:"at"`
	Kind  Kind      `json:"kind"`
	Actor string    `json:"actor"`
	Text  string    `json:"text"`
	// Verb and Reason are those of a person's word.
	Verb   string `json:"verb,omitempty"`
	Reason string `json:"reason,omitempty"`
	// HeldBy is the guard that a decision is held by, Level the one that an
	// escalation told; both are empty for every other kind.
	HeldBy Guard `json:"held_by,omitempty"`
	Level  int   `json:"level,omitempty"`
}

// Run is one rollback.
type Run struct {
	ID    string   `json:"id"`
	State RunState `json:"state"`
	From  string   `json:"from"`
	To    string   `json:"to"`
	// By is who asked: "rollbackd" or a person. Automatic runs are charged to
	// the budgets.
	By        string `json:"by"`
	Automatic bool   `json:"automatic"`
	// AskedBy is the person who asked for it of their own accord; empty otherwise.
	AskedBy string `json:"asked_by,omitempty"`
	// Members are those of a group, each with its own way back.
	Members []Member `json:"members,omitempty"`
	// Rehearses says whose plan it rehearses; nil where it is in earnest.
	Rehearses *RehearsalOf `json:"rehearses,omitempty"`
	// Scope limits it to the steps of one scope; empty means all.
	Scope string `json:"scope,omitempty"`
	// Leaves tells whether the run's steps take the service away from From.
	Leaves    bool      `json:"leaves,omitempty"`
	Fence     uint64    `json:"fence"`
	DecidedAt time.Time `json:"decided_at"`
	StartedAt time.Time `json:"started_at"`
	EndedAt   time.Time `json:"ended_at,omitzero"`
	// VerifiedAt is when verification passed, where follow-up steps come after it.
	VerifiedAt time.Time `json:"verified_at,omitzero"`
	// DurationSeconds is decision to end, or to verified where steps follow up; SLASeconds zero means no SLA.
	DurationSeconds float64 `json:"duration_seconds"`
	SLASeconds      float64 `json:"sla_seconds"`
	SLAMet          *bool   `json:"sla_met,omitempty"`
	// TargetSeconds is hoped for, and TargetMet tells at the end whether it came true.
	TargetSeconds float64            `json:"target_seconds,omitempty"`
	TargetMet     *bool              `json:"target_met,omitempty"`
	PhaseSeconds  map[string]float64 `json:"phase_seconds,omitempty"`
	// Checks are set in the public form only: the built-in first check and the
	// plan's own. In memory and in the journal they stand before the steps in Steps.
	Checks []StepRun `json:"checks,omitempty"`
	Steps  []StepRun `json:"steps"`
	// Changed is true once a changing step has begun.
	Changed      bool      `json:"changed"`
	LastChangeAt time.Time `json:"last_change_at,omitzero"`
	Stopping     string    `json:"stopping,omitempty"`
	StoppedBy    Guard     `json:"stopped_by,omitempty"`
	Reason       string    `json:"reason,omitempty"`
	SLATold      bool      `json:"sla_told,omitempty"`
	// Enough is the step after which the service had recovered: the steps after
	// it were not needed. Nil where the plan was gone through.
	Enough *StepRef `json:"enough,omitempty"`
	// Waiting says what the run waits for before it changes anything.
	Waiting string `json:"waiting,omitempty"`
	// Waited is the time in approval steps: it does not count for the timeout.
	Waited time.Duration     `json:"waited,omitempty"`
	Plan   Plan              `json:"plan"`
	Values map[string]string `json:"values,omitempty"`

	charged bool // the budget was charged: a changing step began
}

// StepRun is one step of a run, over all of its attempts.
type StepRun struct {
	Name  string `json:"name"`
	Phase string `json:"phase,omitempty"`
	// Unit is the one of `each` that it is for; empty without.
	Unit      string    `json:"unit,omitempty"`
	Section   Section   `json:"section"`
	Index     int       `json:"index"`
	State     StepState `json:"state"`
	Attempts  int       `json:"attempts"`
	ExitCode  *int      `json:"exit_code,omitempty"`
	Output    string    `json:"output,omitempty"`
	Error     string    `json:"error,omitempty"`
	StartedAt time.Time `json:"started_at,omitzero"`
	EndedAt   time.Time `json:"ended_at,omitzero"`
	// NothingChanged and Interrupted are those of the last attempt.
	NothingChanged bool `json:"nothing_changed,omitempty"`
	Interrupted    bool `json:"interrupted,omitempty"`
	// TriedAgain counts the attempts that are known to have changed nothing.
	TriedAgain int `json:"tried_again,omitempty"`
	// Touched counts the attempts that changed something, or may have.
	Touched int `json:"touched,omitempty"`
	// Used is true for the answer to "can one still go back" once an attempt of
	// its step has followed it.
	Used bool `json:"used,omitempty"`
	// Approvals are the yeses to an approval step.
	Approvals []Approval `json:"approvals,omitempty"`
	// SLATold is true once people know that the unit takes longer than agreed.
	SLATold bool `json:"sla_told,omitempty"`
}
