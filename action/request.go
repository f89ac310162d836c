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
	// in "checks" or "prepare" changes nothing and may be cut short.
	Section, Name string
	// Index is the step's place in its section, from 0; Attempt counts from 1.
	Index, Attempt int
	// Fence is passed on to exec steps.
	Fence uint64
	// Do and Probe are steps as Decode reads them. Probe is nil without one; it
	// says done by exit 0, by an expected status, or by where the link points.
	Do, Probe json.RawMessage
	// Values fill `${…}`. "gate_token" is given to exec steps only, and hidden.
	Values map[string]string
	// Stdin is given to exec steps on standard input: the incident as JSON.
	Stdin json.RawMessage
	// Reason is why the rollback runs, in a person's or the brain's words.
	Reason string
	// Timeout bounds the attempt; zero means five minutes. A wait is not bounded.
	Timeout time.Duration
	// Resume is true when an earlier daemon started this attempt and its end is
	// not known. The step itself is then never started.
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
	// ExitCode is nil where there is none: a signal, another kind than exec, an
	// end that was lost.
	ExitCode *int
	// Output is the tail of what the step wrote (exec), or the status and the
	// beginning of the answer (http): at most 4 KiB of valid UTF-8, secrets and
	// control characters taken out.
	Output string
	// Error says in a line what went wrong; empty when done.
	Error string
	// NothingChanged is true where the step is known to have changed nothing. What
	// is in "checks" or "prepare" changes nothing by its nature, so an end of it
	// that was lost has this beside Interrupted and may be asked for again.
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
