package incident

import (
	"encoding/json"
	"time"
)

// Effect is something the brain asks to have carried out: one of the types in
// this file. Effects are carried out in order; a Record must be durable before
// the next effect, and if it cannot be made durable the rest are dropped and
// RecordFailed comes back.
type Effect interface{ effect() }

// Record asks for an entry to be made durable and then applied. Message, when
// not nil, goes into the outbox in the same transaction.
type Record struct {
	Entry   Entry
	Message *Message
}

// Read asks for live readings of some metrics for one service, now.
type Read struct {
	ID      string
	Kind    SampleKind // Full or Confirm
	Service string
	Metrics []string
	// Deadline is when an answer no longer helps.
	Deadline time.Time
}

// ReadPast asks for what some metrics were at the ticks from From to To, for some
// services; it is asked for beside the polls, and after them. The answer is Past.
type ReadPast struct {
	ID                string
	Metrics, Services []string
	From, To          time.Time
	// Deadline is when an answer no longer helps.
	Deadline time.Time
}

// Start asks for one attempt of one step. Its intent is already durable.
type Start struct {
	Ref StepRef
	// Do is what the step does, as the action package wrote it into the plan.
	Do json.RawMessage
	// Probe is the step's probe in the same form; nil without one.
	Probe json.RawMessage
	// If is asked before the step in the same form: exit 0 runs it, 1 skips it
	// (the result is then skipped), anything else fails it. Nil without one.
	If json.RawMessage
	// Values fill `${…}`.
	Values map[string]string
	// IncidentJSON is given to exec steps on standard input.
	IncidentJSON json.RawMessage
	Reason       string
	Timeout      time.Duration
	// Resume is true when an earlier daemon started this attempt and its end is
	// not known: wait for its process if it lives, then probe; start nothing.
	Resume bool
	// ProbeFirst is true from the second attempt on, where a probe exists: exit
	// 0 means that the step is done already.
	ProbeFirst bool
	// StartedAt is the time of the intent.
	StartedAt time.Time
}

// Capture asks for an incident's state to be kept, in order and all by the
// deadline. Each end comes back as Captured, also that of a capture for which
// the time did not suffice.
type Capture struct {
	Service, Incident string
	Steps             []PlanStep
	Values            map[string]string
	IncidentJSON      json.RawMessage
	Deadline          time.Time
}

// Stop asks to cut short the present step of a run. Only a step that changes
// nothing (wait, a check) is cut; a changing step always runs to its end.
type Stop struct{ Run string }

// Reply answers a command.
type Reply struct {
	ID string
	// Err is empty when the command was done.
	Err string
	// Code is "refused", "not_found" or "bad_request"; empty without an error.
	Code string
	// Guard is the guard that refused, if one did.
	Guard    Guard
	Incident string
	// Note says of a signal why nothing came of it; empty where something did.
	Note string
}

// Tell asks for people to be told at once, by whatever works, without a record:
// it is for the one thing that cannot be recorded, a journal that cannot be
// written.
type Tell struct{ Message Message }

// WakeAt asks to be woken at T. A later WakeAt replaces an earlier one; a zero
// T cancels it.
type WakeAt struct{ T time.Time }

func (Record) effect() {}
func (Read) effect()   {}

func (ReadPast) effect() {}

func (Start) effect()  {}
func (Stop) effect()   {}
func (Reply) effect()  {}
func (Tell) effect()   {}
func (WakeAt) effect() {}

func (Capture) effect() {}

// Section is the part of a plan that a step belongs to.
type Section string

// The sections, in the order in which they run.
const (
	// SectionPrepare is the built-in first check: every value can be filled in
	// and every target exists. It has one step, with index 0.
	SectionPrepare    Section = "prepare"
	SectionChecks     Section = "checks"
	SectionStopDeploy Section = "stop_deploy"
	// SectionReversible asks whether one can still go back, right before the
	// changing step of the same index and unit.
	SectionReversible Section = "reversible"
	SectionSteps      Section = "steps"
	SectionForward    Section = "forward"
	SectionFinally    Section = "finally"
	// SectionFollowUp comes after a passed verification; nothing waits for it.
	SectionFollowUp Section = "follow_up"
)

// StepRef names one attempt of one step.
type StepRef struct {
	Incident string  `json:"incident"`
	Service  string  `json:"service"`
	Run      string  `json:"run"`
	Section  Section `json:"section"`
	Index    int     `json:"index"`
	Name     string  `json:"name"`
	// Unit is the one of the step's `each` that this is for; empty without.
	Unit    string `json:"unit,omitempty"`
	Attempt int    `json:"attempt"`
	Fence   uint64 `json:"fence"`
}

// same tells whether two references name the same attempt.
func (r StepRef) same(o StepRef) bool {
	return r.Run == o.Run && r.Section == o.Section && r.Index == o.Index && r.Unit == o.Unit && r.Attempt == o.Attempt
}

// StepState is the state of a step.
type StepState string

// The states of a step. A timeout or a signal is uncertain, never failed.
const (
	StepPending   StepState = "pending"
	StepRunning   StepState = "running"
	StepDone      StepState = "done"
	StepFailed    StepState = "failed"
	StepUncertain StepState = "uncertain"
	StepSkipped   StepState = "skipped"
)

// StepResult is how an attempt ended.
type StepResult struct {
	State StepState `json:"state"` // done, failed, uncertain or skipped
	// ExitCode is nil where there is none (a signal, an HTTP step, a lost end).
	ExitCode *int `json:"exit_code,omitempty"`
	// Output is the tail of what it wrote, at most 4 KiB, secrets masked.
	Output string `json:"output,omitempty"`
	// Error says in a line what went wrong; empty when done.
	Error string `json:"error,omitempty"`
	// NothingChanged is true where the step is known to have changed nothing
	// (exit 75, a connection that was refused): it may be tried again.
	NothingChanged bool `json:"nothing_changed,omitempty"`
	// Interrupted is true when the end was lost in a crash of the daemon.
	Interrupted bool      `json:"interrupted,omitempty"`
	StartedAt   time.Time `json:"started_at"`
	EndedAt     time.Time `json:"ended_at"`
}
