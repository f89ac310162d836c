package action

import (
	"encoding/json"
	"time"
)

// The ways in which an attempt can end, as they stand in Result.State.
const (
	Done      = "done"
	Failed    = "failed"
	Uncertain = "uncertain"
)

// Request asks for one attempt of one step.
type Request struct {
	Incident, Service, Run string
	// Section is the part of the plan ("checks", "steps", "finally"). What runs
	// in "checks", "prepare", "reversible" or "capture" changes nothing: it may be
	// cut short, and when the deadline of Run's ctx passes it is ended and has
	// failed. A capture is never uncertain.
	Section, Name string
	// Index is the step's place in its section, from 0; Attempt counts from 1.
	Index, Attempt int
	// Fence is passed on to exec steps.
	Fence uint64
	// Do and Probe are steps as Decode reads them. Probe is nil without one; it
	// says done by exit 0, by an expected status, or by where the link points.
	Do, Probe json.RawMessage
	// If is an exec or http step that is asked before the step's own work: exit
	// status 0 or an expected status (any 2xx) means that the step runs, exit
	// status 1 or a 404 that it is skipped, anything else and no answer that it
	// failed. It has as long as the step, at most 30 s. What it said once counts
	// for all later attempts; until it said that the step runs, each asks it again.
	// Nil means that the step runs in any case.
	If json.RawMessage
	// Unit is the one of several units that a step is done for; empty where there
	// is no such thing. It must be fit for a value. It tells apart the files, the
	// Idempotency-Key and the ROLLBACKD_STEP of units, and is ${each}.
	Unit string
	// Values fill `${…}`. "gate_token" is given to exec steps only, and hidden.
	// "each" may be left out; another one than Unit is an error.
	Values map[string]string
	// Stdin is given to exec steps on standard input: the incident as JSON.
	Stdin json.RawMessage
	// Reason is why the rollback runs, in a person's or the brain's words.
	Reason string
	// Timeout bounds the attempt; zero means five minutes. A wait is not bounded.
	Timeout time.Duration
	// Resume is true when an earlier daemon started this attempt and its end is
	// not known. The step itself is then never started, unless the record of the
	// attempt says that only its If was being asked. A query is asked again.
	Resume bool
	// ProbeFirst asks the probe before the attempt: if it says done, the step is
	// not run.
	ProbeFirst bool
	// StartedAt is when the attempt began; used with Resume.
	StartedAt time.Time
}

// Result says how an attempt ended.
type Result struct {
	State string // Done, Failed or Uncertain
	// Skipped is true where If said that the step is not needed: it did not run,
	// State is Done and NothingChanged is true.
	Skipped bool
	// ExitCode is nil where there is none: a signal, another kind than exec, an
	// end that was lost.
	ExitCode *int
	// Output is the tail of what the step wrote (exec), or the status and the
	// beginning of the answer (http): at most 4 KiB of valid UTF-8, secrets and
	// control characters taken out.
	Output string
	// Error says in a line what went wrong; empty when done.
	Error string
	// NothingChanged is true where the step is known to have changed nothing and
	// may be tried again; a failed If has changed nothing either, but it is an
	// answer and leaves this false. What changes nothing by its nature (a query,
	// what is in "checks" and the like) has this beside Interrupted where its end
	// was lost, and may be asked for again.
	NothingChanged bool
	// Interrupted is true when the end was not seen because a daemon stopped, or
	// because the attempt is in other hands: another Run, or a process that only
	// its lock tells of.
	Interrupted bool
	// StartedAt and EndedAt frame the attempt; a resumed one began when the
	// earlier daemon began it.
	StartedAt, EndedAt time.Time
}

// notRun is the result of an attempt that never reached the world.
func notRun(err error) Result {
	return Result{State: Failed, Error: err.Error(), NothingChanged: true}
}

// interrupted is the result of an attempt that the daemon's own end overtook.
func interrupted(why string) Result {
	return Result{State: Uncertain, Error: why, Interrupted: true}
}

// cutShort is the result of a wait or a check that somebody stopped.
func cutShort() Result {
	return Result{State: Failed, Error: "cut short", NothingChanged: true}
}
