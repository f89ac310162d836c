package incident

import (
	"time"

	"github.com/rollbackd/rollbackd/evaluator"
	"github.com/rollbackd/rollbackd/trigger"
)

// Kind is the kind of a journal entry. The words are stable: they are on disk.
type Kind string

// The kinds of entries.
const (
	// Of the daemon.
	KindStarted Kind = "started"  // the daemon began or went on after a restart
	KindConfig  Kind = "config"   // a configuration was loaded
	KindBlind   Kind = "blind"    // a source has not answered for longer than the gap
	KindSighted Kind = "sighted"  // it answers again
	KindDiskLow Kind = "disk_low" // the journal's disk is nearly full
	KindDiskOK  Kind = "disk_ok"  // there is room again
	// Of the daemon: the details of old incidents are removed from the record.
	KindForgotten Kind = "forgotten"
	// Of the daemon, and then of each service: the wall clock was set.
	KindClock Kind = "clock_step"
	// Of a service.
	KindDeployment Kind = "deployment" // a version began to run
	KindRunning    Kind = "running"    // a version source shows a known version running
	KindSeen       Kind = "seen"       // a trigger was ok, or a metric existed, for the first time
	KindBrake      Kind = "brake"      // pause, resume, lock, unlock
	KindPardon     Kind = "pardon"
	KindRolledOut  Kind = "rolled_out" // a deployment that was rolling out has finished
	KindDetails    Kind = "details"    // a later report of the running version says more about it
	KindSignal     Kind = "signal"     // somebody said something of it that a trigger waits for
	KindRehearsed  Kind = "rehearsed"  // its plan was rehearsed
	// Of a service: people were told that triggers show nothing known, though the
	// source answers; and they do again.
	KindTriggerBlind   Kind = "trigger_blind"
	KindTriggerSighted Kind = "trigger_sighted"
	// Of an incident.
	KindOpened    Kind = "opened"
	KindFired     Kind = "fired"   // a trigger of the service fired after the opening
	KindCleared   Kind = "cleared" // a trigger of the incident is known ok again
	KindDecided   Kind = "decided" // response, holds and the state that follows
	KindApproved  Kind = "approved"
	KindVetoed    Kind = "vetoed"
	KindAborted   Kind = "aborted"
	KindAcked     Kind = "acked"
	KindRefused   Kind = "refused" // a command that was not carried out
	KindStoodDown Kind = "stood_down"
	KindEscalated Kind = "escalated"
	// Of a run.
	KindPlanned   Kind = "planned"
	KindStepBegun Kind = "step_begun"
	KindStepEnded Kind = "step_ended"
	KindStopping  Kind = "stopping" // the run ends at the next step boundary
	KindVerifying Kind = "verifying"
	KindSLAMissed Kind = "sla_missed"
	KindRunEnded  Kind = "run_ended"
	KindCaptured  Kind = "captured" // one capture of the state before has ended
	KindWaiting   Kind = "waiting"  // the run waits for a deployment that still rolls out
	KindJoined    Kind = "joined"   // services that changed together joined an incident
	KindEnough    Kind = "enough"   // the service recovered before the plan's end
	KindVerified  Kind = "verified" // verification passed, and the follow-up steps come next
	KindClosed    Kind = "closed"
	// Of a closed incident.
	KindHorizon  Kind = "horizon"  // a stretch after its rollback is over
	KindReopened Kind = "reopened" // it broke again within one
	KindImpact   Kind = "impact"   // what it did to those who use the service was measured

	// KindInterrupted says that the daemon was told twice to stop, and left a step
	// running. It changes nothing: the intent on record is what a start goes by.
	KindInterrupted Kind = "interrupted"
)

// Entry is one immutable line of the journal: who or what caused a transition,
// when, and all that Apply needs. Exactly the pointer that belongs to Kind is set.
type Entry struct {
	At       time.Time `json:"at"` // UTC
	Kind     Kind      `json:"kind"`
	Service  string    `json:"service,omitempty"`
	Incident string    `json:"incident,omitempty"`
	// Actor is who caused it: "rollbackd", a person, "nats", "symlink".
	Actor string `json:"actor"`
	// Text is the line that people read in the timeline.
	Text string `json:"text"`
	// Config is the hash of the configuration in force.
	Config string `json:"config"`

	Blind      *BlindEntry     `json:"blind,omitempty"`
	Clock      *ClockEntry     `json:"clock,omitempty"`
	Deployment *Deployment     `json:"deployment,omitempty"`
	Running    *RunningEntry   `json:"running,omitempty"`
	Seen       *SeenEntry      `json:"seen,omitempty"`
	Brake      *BrakeEntry     `json:"brake,omitempty"`
	Pardon     *PardonEntry    `json:"pardon,omitempty"`
	Opened     *OpenedEntry    `json:"opened,omitempty"`
	Trigger    *Evidence       `json:"trigger,omitempty"` // fired, cleared
	Decided    *Decision       `json:"decided,omitempty"`
	Command    *CommandEntry   `json:"command,omitempty"` // approved, vetoed, aborted, acked, refused
	Planned    *Run            `json:"planned,omitempty"`
	Step       *StepEntry      `json:"step,omitempty"` // step_begun, step_ended, interrupted
	Stopping   *StoppingEntry  `json:"stopping,omitempty"`
	Verifying  *VerifyingEntry `json:"verifying,omitempty"`
	RunEnded   *RunEndedEntry  `json:"run_ended,omitempty"`
	Closed     *ClosedEntry    `json:"closed,omitempty"`
	Escalated  *EscalatedEntry `json:"escalated,omitempty"`
	Captured   *Capturing      `json:"captured,omitempty"`
	Joined     *JoinedEntry    `json:"joined,omitempty"`
	Signal     *Said           `json:"signal,omitempty"`
	Rehearsed  *Rehearsal      `json:"rehearsed,omitempty"`
	Verified   *VerifiedEntry  `json:"verified,omitempty"`
	Horizon    *HorizonEntry   `json:"horizon,omitempty"`
	Reopened   *ReopenedEntry  `json:"reopened,omitempty"`
	Impact     *Impact         `json:"impact,omitempty"`
	Forgotten  *ForgottenEntry `json:"forgotten,omitempty"`

	TriggerBlind *TriggerBlindEntry `json:"trigger_blind,omitempty"` // trigger_blind, trigger_sighted
	// Samples are what the incident's triggers showed since the entry before that has
	// some: opened, decided, run_ended, closed and reopened do.
	Samples []Series `json:"samples,omitempty"`
}

// VerifiedEntry says that the rollback's verification has passed.
type VerifiedEntry struct {
	Run string `json:"run"`
	// Samples counts the known ok ticks that it saw.
	Samples int `json:"samples"`
}

// HorizonEntry is the end of a stretch after a rollback.
type HorizonEntry struct {
	Horizon
	// Last is true where nothing is watched any more after it: it was the last one,
	// or another version runs.
	Last bool `json:"last,omitempty"`
}

// ReopenedEntry opens a closed incident again; its decision is in the same entry, so
// that nothing comes between the two.
type ReopenedEntry struct {
	Severity trigger.Severity `json:"severity"`
	Triggers []Evidence       `json:"triggers"`
	Horizon  Horizon          `json:"horizon"`
}

// EscalatedEntry says which level was told that a person is still waited for.
type EscalatedEntry struct {
	// Level is that of the receivers told; zero where only the deadline passed.
	Level int `json:"level"`
	// Overdue is true where the time to decide is over.
	Overdue bool `json:"overdue,omitempty"`
}

// JoinedEntry names the services that changed together.
type JoinedEntry struct {
	Group   string   `json:"group"`
	Members []Member `json:"members"`
}

// Capturing is the end of one capture of the state before.
type Capturing struct {
	Name   string     `json:"name"`
	Result StepResult `json:"result"`
}

// BlindEntry names a source that does not answer, and since when.
type BlindEntry struct {
	Source string    `json:"source"`
	Since  time.Time `json:"since"`
	Reason string    `json:"reason,omitempty"`
}

// RunningEntry says which version runs.
type RunningEntry struct {
	Version string `json:"version"`
	Source  string `json:"source"`
	// Confirms is the deployment, so far only reported, that it bears out while an
	// incident is open.
	Confirms *Deployment `json:"confirms,omitempty"`
}

// SeenEntry is what was seen for the first time: triggers known ok (by name and
// `when`), or metrics with a series.
type SeenEntry struct {
	Triggers []SeenTrigger `json:"triggers,omitempty"`
	Metrics  []string      `json:"metrics,omitempty"`
}

// SeenTrigger is a trigger with the `when` it had: another `when` is another trigger.
type SeenTrigger struct {
	Name string `json:"name"`
	When string `json:"when"`
}

// BrakeEntry is a pause or lock set or lifted. An empty service means all.
type BrakeEntry struct {
	Kind  BrakeKind `json:"kind"`
	On    bool      `json:"on"`
	Until time.Time `json:"until,omitzero"`
	By    string    `json:"by"`
	Why   string    `json:"why,omitempty"`
	// Since is when it was set: the time of its entry, which does not repeat it.
	Since time.Time `json:"since,omitzero"`
}

// BrakeKind is pause or lock.
type BrakeKind string

// The two brakes: a pause stops automatic decisions, a lock stops everybody.
const (
	Pause BrakeKind = "pause"
	Lock  BrakeKind = "lock"
)

// PardonEntry lifts a version's quarantine; where deployments are unknown, also
// the mark that one automatic rollback has been made.
type PardonEntry struct {
	Version string `json:"version"`
	Reason  string `json:"reason,omitempty"`
}

// OpenedEntry opens an incident.
type OpenedEntry struct {
	Severity trigger.Severity `json:"severity"`
	Mode     string           `json:"mode"` // live or shadow
	Triggers []Evidence       `json:"triggers"`
	// OKBefore are the triggers that were known ok at the opening: they must be
	// ok again for a verification to pass.
	OKBefore   []string    `json:"ok_before,omitempty"`
	Deployment *Deployment `json:"deployment,omitempty"`
	Manual     bool        `json:"manual,omitempty"`
	ExternalID string      `json:"external_id,omitempty"`
	// Group and Members are set where the service changed together with others.
	Group   string   `json:"group,omitempty"`
	Members []Member `json:"members,omitempty"`
	// Blames is the version whose deployment explains it; empty when none does.
	Blames string `json:"blames,omitempty"`
	// Rehearses is set where the rollback rehearses another service's plan.
	Rehearses *RehearsalOf `json:"rehearses,omitempty"`
	// Labels are the service's at the opening. The incident keeps them: whoever
	// tells its messages apart by them must find the end of what began.
	Labels Labels `json:"labels,omitempty"`
}

// Evidence is a trigger as it was when it fired or cleared.
type Evidence struct {
	Name      string           `json:"name"`
	When      string           `json:"when"`
	Severity  trigger.Severity `json:"severity"`
	Value     float64          `json:"value"`
	HasValue  bool             `json:"has_value"`
	Threshold string           `json:"threshold"`
	// ThresholdValue is the threshold in the metric's own unit, as Value is.
	ThresholdValue float64 `json:"threshold_value"`
	// ValueText is the value in the unit that the threshold is written in: "8.1%".
	ValueText  string    `json:"value_text,omitempty"`
	Since      time.Time `json:"since,omitzero"`
	FiredAt    time.Time `json:"fired_at,omitzero"`
	ClearedAt  time.Time `json:"cleared_at,omitzero"`
	FromNoData bool      `json:"from_no_data,omitempty"`
	HealthOnly bool      `json:"health_only,omitempty"`
	// BusOnly is true where it rests on signals, and nobody but NATS says so.
	BusOnly bool `json:"bus_only,omitempty"`
	// SaidBy is who sent the signals, with their reasons; empty without.
	SaidBy string `json:"said_by,omitempty"`
	// Again is true where it fired before, and a signal has made it graver since, or it
	// rested on no_data and does not any more.
	Again     bool     `json:"again,omitempty"`
	Receivers []string `json:"receivers,omitempty"`
	// Length is the length of its window, for closing.
	Length time.Duration `json:"length,omitempty"`
}

// Hold is one guard that holds, why, and what would release it. What only lowers
// a response is written down in the same form.
type Hold struct {
	// Guard is empty where no guard of the list has a name for what lowers a
	// response (no_data, no_auto_rollback, max_back).
	Guard        Guard  `json:"guard,omitempty"`
	Reason       string `json:"reason"`
	ReleasesWhen string `json:"releases_when,omitempty"`
}

// Decision is what was decided about an incident.
type Decision struct {
	State    State              `json:"state"`
	Response evaluator.Response `json:"response"`
	// HeldBy is the first of Holds in the order of precedence; empty when none holds.
	HeldBy Guard  `json:"held_by,omitempty"`
	Holds  []Hold `json:"holds,omitempty"`
	// Caps are what lowered the response below the matrix's, in the order of
	// precedence, those without a guard last.
	Caps         []Hold `json:"caps,omitempty"`
	Reason       string `json:"reason"`
	ReleasesWhen string `json:"releases_when,omitempty"`
	// Deadline is when the countdown ends, or when the decision is overdue.
	Deadline time.Time `json:"deadline,omitzero"`
	// Justified are the triggers that justify the response.
	Justified []string `json:"justified,omitempty"`
	Target    string   `json:"target,omitempty"`
	// Severity is the incident's severity at this decision.
	Severity trigger.Severity `json:"severity"`
	// ByPerson is true where a person's word stands behind it.
	ByPerson bool `json:"by_person,omitempty"`
	// Overrides are the guards that an approval set aside.
	Overrides []Guard `json:"overrides,omitempty"`
	// Trigger is the one whose plan and scope count; empty for a person's decision.
	Trigger string `json:"trigger,omitempty"`
	// Scope limits the plan to the steps of one scope; empty means all.
	Scope string `json:"scope,omitempty"`
	// PlanHash names the plan, target and scope that an approval is for. In the
	// public form it is the step instead, while a run waits at one for people.
	PlanHash string `json:"plan,omitempty"`
	// Approvals is how many people of each role are asked for, where any are.
	Approvals map[string]int `json:"approvals,omitempty"`
	// Silence is true where nobody's answer until the deadline is a yes.
	Silence bool `json:"silence,omitempty"`
	// InTurn is true for one of several services that broke at the same time after
	// deployments of one change: people are asked about one at a time.
	InTurn bool `json:"in_turn,omitempty"`
	// After is the one of them that it waits for; empty where it is its turn.
	After string `json:"after,omitempty"`
	// Untold is true where nobody was told, because a maintenance window says so.
	Untold bool `json:"untold,omitempty"`
}

// CommandEntry is a person's word on an incident.
type CommandEntry struct {
	Verb      string  `json:"verb"`
	Reason    string  `json:"reason,omitempty"`
	Overrides []Guard `json:"overrides,omitempty"`
	Guard     Guard   `json:"guard,omitempty"` // what refused it
	// Roles are those of the person, PlanHash that of the plan they said yes to.
	Roles    []string `json:"roles,omitempty"`
	PlanHash string   `json:"plan_hash,omitempty"`
	// BreakGlass is true where the number of approvals was set aside.
	BreakGlass bool `json:"break_glass,omitempty"`
	// Step is the approval step that a yes was for; nil for the incident itself.
	Step *StepRef `json:"step,omitempty"`
}

// StepEntry is the intent or the end of one attempt of a step.
type StepEntry struct {
	Ref     StepRef     `json:"ref"`
	Changes bool        `json:"changes,omitempty"`
	Result  *StepResult `json:"result,omitempty"` // step_ended only
}

// StoppingEntry says why a run ends at the next boundary.
type StoppingEntry struct {
	Run    string `json:"run"`
	Reason string `json:"reason"`
	By     Guard  `json:"by"` // aborted, paused, locked
}

// VerifyingEntry begins verification.
type VerifyingEntry struct {
	Run      string    `json:"run"`
	From     time.Time `json:"from"`  // end of the last changing step
	Until    time.Time `json:"until"` // past it, verification has failed
	Triggers []string  `json:"triggers"`
}

// RunEndedEntry is the exit of a run.
type RunEndedEntry struct {
	Run          string            `json:"run"`
	State        RunState          `json:"state"`
	Verification VerificationState `json:"verification,omitempty"`
	Reason       string            `json:"reason"`
	SLAMet       bool              `json:"sla_met"`
	// Held is the guard that then holds the incident; empty when it completed.
	Held Guard `json:"held,omitempty"`
	// Superseded is true where a newer deployment overtook the verification.
	Superseded bool `json:"superseded,omitempty"`
	// Recovered is true where nothing was changed, because it was well by then.
	Recovered bool `json:"recovered,omitempty"`
	// Samples counts the known ok ticks that verification saw.
	Samples int `json:"samples,omitempty"`
}

// ClosedEntry closes an incident.
type ClosedEntry struct {
	Outcome Outcome `json:"outcome"`
	Reason  string  `json:"reason,omitempty"`
	// Fresh is true where the service's windows start anew from here: a person
	// closed it, or a newer deployment stood it down.
	Fresh bool `json:"fresh,omitempty"`
	// ByPerson is true where a person closed it.
	ByPerson bool `json:"by_person,omitempty"`
}
