package scenario

import (
	"time"

	"github.com/rollbackd/rollbackd/incident"
)

// File is one test file, read and checked.
type File struct {
	// Path is the file's name as it was given.
	Path  string
	Cases []*Case
}

// Case is one simulated world and what must come of it. Times are since its start.
type Case struct {
	Name string
	Line int
	// Side is which side of a hazard the case shows, where it says so: one of
	// Sides. It changes nothing about the case.
	Side string
	// Until is the last instant; the tick at it still comes.
	Until   time.Duration
	setting setting
	values  map[seriesKey]series
	raw     []rawSeries
	events  []event
	steps   map[string]behaviour
	faults  []fault
	expects []expect
	// recorded is the timeline that the case must have; nil where any will do.
	recorded *recording
}

// seriesKey names what a metric's query gives for one service. With total it is
// the denominator of a bad + total metric, in events a second.
type seriesKey struct {
	metric, service string
	total           bool
}

// event is something that happens to the daemon or its world at one time.
// Exactly one of the pointers is set.
type event struct {
	at   time.Duration
	line int
	// repeated is how long after the first a check comes that one event stands for.
	repeated time.Duration

	deployed *deployedEvent
	running  *runningEvent
	health   *healthEvent
	command  *commandEvent
	// rehearsed is what a rehearsal of a service found.
	rehearsed *rehearsedEvent
	restart   *restartEvent
	reload    *reloadEvent
	clock     *clockEvent
	suspend   *suspendEvent
	signal    *signalEvent
}

// deployedEvent is a deployment, reported as source says and seen by the
// service's version source, where it has one.
type deployedEvent struct {
	incident.Deployed
	// startedAt is when it began, where that is not the time of the event.
	startedAt    time.Duration
	hasStartedAt bool
}

// runningEvent is what the service's version source shows from now on.
type runningEvent struct {
	service string
	shown
}

// shown is what a version source shows: the version that runs and, where it can
// tell, how many units run which one.
type shown struct {
	version string
	census  []incident.VersionCount
}

// clockEvent sets the wall clock forward, or back where it is negative, while
// time itself goes on.
type clockEvent struct{ by time.Duration }

// suspendEvent suspends the host: for so long nothing reaches the daemon.
type suspendEvent struct{ length time.Duration }

// healthEvent is one health event, already repeated: each check is its own.
type healthEvent struct {
	service, instance, boot, version, status string
	seq                                      uint64
	ttl                                      time.Duration
}

// restartEvent is kill -9, and a start again after down. With after it comes right
// after that many entries more are durable, in the middle of whatever that is.
type restartEvent struct {
	down  time.Duration
	after int
}

// reloadEvent is a configuration that is loaded in the place of the one before.
type reloadEvent struct {
	setting
	// refused is the first mistake in it, where it is one that the daemon does not
	// take; then it is not read.
	refused string
}

// behaviour is what a step does in this world. Its zero value exits 0 at once.
type behaviour struct {
	// exits holds the exit code of each attempt, one rollback after the other; the
	// last one holds for all later attempts. Empty means 0.
	exits []int
	takes time.Duration
	// signal is the signal that ends it; the exit code is then lost.
	signal string
	// probe is the exit code of the step's probe, where it has one: each time
	// it is asked the next one, the last holding on. Empty means 1, not done yet,
	// until an attempt of the step ended with 0.
	probes []int
	// then is placed over the series at the step's end.
	then    map[seriesKey]series
	thenRaw []rawSeries
	// skip is the answer of the step's own question (its if): it is not needed.
	skip bool
	// census is what the version source shows from the step's end on; nil where
	// every unit then runs the target.
	census []incident.VersionCount
}

// exit is the exit code of an attempt, counted from 1.
func (b behaviour) exit(attempt int) int { return nth(b.exits, attempt, 0) }

// happens tells whether `then` comes with this attempt: with a list of exits
// from its last one on, and never where the step says that nothing was changed.
func (b behaviour) happens(attempt int) bool {
	return attempt >= len(b.exits) && b.exit(attempt) != exitNothingChanged
}

// nth is the n-th of a list, counted from 1, its last one holding on.
func nth(list []int, n, otherwise int) int {
	if len(list) == 0 {
		return otherwise
	}
	return list[max(0, min(n, len(list))-1)]
}

// exitNothingChanged is the exit code by which a step says that it changed
// nothing and may be tried again.
const exitNothingChanged = 75

// faultKind is what is broken.
type faultKind int

const (
	faultPrometheus faultKind = iota + 1
	faultNATS
	faultJournal
	faultReceiver
)

// The ways in which the journal's disk fails: it is full, and there is the reserve; it
// is full, and the reserve is spent; or a write fails, after which the journal takes
// nothing until it is opened again.
const (
	journalFull    = "full"
	journalSpent   = "spent"
	journalFailing = "failing"
)

// fault is something broken from a time on, up to but not at another.
type fault struct {
	from, to time.Duration
	line     int
	kind     faultKind
	// how is how it fails: Prometheus by error, timeout, empty, nan or partial, the
	// journal full, spent or failing.
	how string
	// receiver is the name of the receiver that is down.
	receiver string
}

func (f fault) holds(since time.Duration) bool { return f.from <= since && since < f.to }

// when is the time an expectation speaks of.
type when int

const (
	at when = iota + 1
	by
	never
	end
)

// expect is one expectation. The parts that are set must hold together.
type expect struct {
	line int
	when when
	time time.Duration // of at and by
	// service is empty for all services.
	service string

	trigger  *wantTrigger
	incident *wantIncident
	rollback *wantRollback
	// rollbacks, steps, captures and escalations are checked when not nil.
	rollbacks     *int
	steps         *[]string
	captures      *[]string
	escalations   *int
	notifications *wantCount
}

type wantTrigger struct{ name, state string }

type wantIncident struct{ state, mode, severity, response, outcome, heldBy string }

type wantRollback struct {
	state           string
	from, to, scope *string
}

// wantCount is how often people are told: all together, or one receiver.
type wantCount struct {
	receiver string
	min, max *int
}
