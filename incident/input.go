package incident

import (
	"time"

	"github.com/rollbackd/rollbackd/trigger"
)

// Input is anything the brain is told: one of the types in this file.
type Input interface{ input() }

// SampleKind tells how readings were obtained, which decides what they may do
// to a window.
type SampleKind int

// The kinds of samples.
const (
	// Grid is the answer of a regular poll; its At is a multiple of the poll
	// interval. Only it opens windows and counts in "N of M".
	Grid SampleKind = iota + 1
	// Full is an extra live read at the moment a window would be full. It may
	// complete a window; it opens nothing.
	Full
	// Confirm is the live read before acting, asked for by a Read effect.
	Confirm
	// Rebuilt is a grid tick of the past, from a range query after a restart.
	// It never completes a window.
	Rebuilt
)

// Samples are the answers of the metrics at one instant.
type Samples struct {
	At   time.Time
	Kind SampleKind
	// ReadID is that of the Read effect this answers; empty for Grid and Rebuilt.
	ReadID string
	// Answers has one answer for each metric that was asked. A metric that is
	// not in it was not asked and leaves its windows alone, except on the grid,
	// where it is unknown ("not asked").
	Answers map[string]trigger.Answer
	// Services are those that the samples are about; nil means all. What is left
	// out is left as it is, as if the tick had not come for it: only a world that
	// knows that nothing can follow from it may do that, as a backtest does where a
	// service has been well for long.
	Services []string
}

// Past is what was before the start, read after it: the answer to ReadPast. The
// ticks are of kind Rebuilt, in order; none where it could not be read.
type Past struct {
	ID    string
	Ticks []Samples
}

// Health is one health check of one instance of a service.
type Health struct {
	Service string
	Check   trigger.HealthCheck
	// Replayed is true for a check from before the restart, read back from a
	// stream: it rebuilds windows and fires nothing.
	Replayed bool
}

// HealthGap says that health events may have been lost at this time (a
// reconnect, a drop): runs of failures restart.
type HealthGap struct{ At time.Time }

// Deployed is a deployment somebody reported: by NATS, the API or the command line.
type Deployed struct {
	Service  string
	Version  string
	Previous string
	// StartedAt is when it began; zero means At.
	StartedAt time.Time
	At        time.Time
	By        string
	URL       string
	Change    string
	// Source is "nats", "api" or "command".
	Source string
	// NoAutoRollback caps the response at approve for this deployment.
	NoAutoRollback bool
	// Rolling is true for "deploying": it has begun and is not everywhere yet. An
	// event without it that names the running version says that it has finished.
	Rolling bool
}

// VersionSeen is what a version source (symlink, version_query) shows to be running.
type VersionSeen struct {
	Service string
	Version string
	At      time.Time
	// Source is "symlink" or "version_query".
	Source string
	// Census is how many units run which version, where the source can tell;
	// empty where it cannot.
	Census []VersionCount
}

// VersionCount is how many units run a version.
type VersionCount struct {
	Version string
	Units   int
}

// Captured is the end of one capture of an incident's state.
type Captured struct {
	Service, Incident string
	Name              string
	Result            StepResult
}

// Measured is what an incident did to those who use the service, measured once it
// was closed.
type Measured struct {
	Service, Incident string
	Impact            Impact
}

// ClockStepped says that the wall clock was set by this much while time itself
// went on: later inputs carry the new clock. Positive is forward.
type ClockStepped struct{ By time.Duration }

// Command is a verb of the command line or the API, from a person.
type Command struct {
	// ID is echoed in the Reply.
	ID string
	// Verb is one of rollback, approve, veto, abort, ack, close, pause, resume,
	// lock, unlock, pardon, signal; or rehearsed, which the daemon says itself once a
	// rehearsal that somebody asked for has found out what it could.
	Verb string
	// Service or Incident name the object; All means every service (pause,
	// resume, lock, unlock).
	Service  string
	Incident string
	All      bool
	Actor    string
	Reason   string
	// To is the version of a rollback, Version that of a pardon.
	To      string
	Version string
	// Unseen lets a rollback go to a version that was never seen, reported or named.
	Unseen bool
	// For is how long a pause or lock lasts; zero means the default of 4 hours.
	For time.Duration
	// Severity is that of an incident opened by a person's rollback; zero: high.
	Severity trigger.Severity
	// Name is that of a signal, Source how it came (api or command).
	Name, Source string
	// ExternalID is the caller's own incident id, kept for the record.
	ExternalID string
	// Scope limits a rollback to the steps of one scope; empty means all.
	Scope string
	// Rehearses names the service whose plan a rollback of Service carries out, in
	// order to rehearse it; empty means that it is a rollback in earnest. Plan is the
	// plan's name; empty means that service's own.
	Rehearses, Plan string
	// Rehearsal is what a rehearsal found (rehearsed); its time and actor are the
	// command's.
	Rehearsal *Rehearsal
	// Roles are those of the actor, for approvals by role.
	Roles []string
	// BreakGlass sets aside that nobody approves what they asked for, and the
	// number of approvals. It pages everybody.
	BreakGlass bool
	// PlanHash is that of the plan that the caller was shown; an approval of
	// another plan is refused. Empty means the present one.
	PlanHash string
}

// StepEnded is the end of one attempt of one step.
type StepEnded struct {
	Ref    StepRef
	Result StepResult
}

// RecordFailed says that an entry could not be made durable. The effects after
// it were dropped.
type RecordFailed struct{ Err string }

// Reloaded carries a new configuration, already validated whole.
type Reloaded struct {
	Options Options
	// By is who asked for it; empty where nobody is known.
	By string
}

// Restored says that the journal was replayed and the daemon goes on. DownFrom
// is the time of the last entry, To the present.
type Restored struct{ DownFrom, To time.Time }

// Disk is the free space where the journal lies, in bytes, and the space below
// which people are told.
type Disk struct{ Free, MinFree int64 }

// Wake says that a time asked for by WakeAt has come, or that entries were
// applied and there may be more to decide.
type Wake struct{}

func (Samples) input()      {}
func (Past) input()         {}
func (Health) input()       {}
func (HealthGap) input()    {}
func (Deployed) input()     {}
func (VersionSeen) input()  {}
func (Command) input()      {}
func (StepEnded) input()    {}
func (RecordFailed) input() {}
func (Reloaded) input()     {}
func (Restored) input()     {}
func (Disk) input()         {}
func (Wake) input()         {}
func (Captured) input()     {}
func (Measured) input()     {}
func (ClockStepped) input() {}
