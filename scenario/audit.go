package scenario

import (
	"cmp"
	"fmt"
	"time"

	"github.com/rollbackd/rollbackd/incident"
)

// Violation is a standing check that failed.
type Violation struct {
	// Invariant is which of the design's twelve was broken; zero for what has no
	// number: the brain never came to rest, an entry has no author.
	Invariant int
	// At is when, since the start of the case.
	At time.Duration
	// Text says what was broken, by what and where.
	Text string
}

// String is the violation as a failure shows it.
func (v Violation) String() string {
	if v.Invariant == 0 {
		return fmt.Sprintf("at %s: %s", offset(v.At), v.Text)
	}
	return fmt.Sprintf("at %s: invariant %d: %s", offset(v.At), v.Invariant, v.Text)
}

// violated notes that one of the twelve invariants does not hold. The case ends
// there.
func (w *world) violated(invariant int, format string, args ...any) {
	w.violations = append(w.violations, Violation{Invariant: invariant, At: w.now, Text: fmt.Sprintf(format, args...)})
}

// fault notes that a check without a number failed. The case ends there.
func (w *world) fault(format string, args ...any) { w.violated(0, format, args...) }

// auditor holds a brain to the invariants of the design as a stranger would who
// has read nothing else: it sees the configuration, the inputs given, the journal's
// entries and the steps started, and asks the brain for nothing. Where it cannot
// know for certain it allows what might be: a false alarm is worse than a gap.
type auditor struct {
	report  func(invariant int, format string, args ...any)
	options incident.Options
	// now is time itself since the start, plus what the daemon's clock was set
	// forward without its knowledge: durations that the daemon measures.
	now, jumped time.Duration
	// wall is the present time as the daemon was told.
	wall time.Time

	services  map[string]*audited
	incidents map[string]*auditedIncident // open ones, by ID
	runs      map[string]*auditedRun      // those of open incidents, by ID
	// rolledBack is, by service, the newest incident that was closed as that.
	rolledBack map[string]wentBack
	intents    map[incident.StepRef]bool
	fence      uint64
	// lockAll and pauseAll are the brakes on everything.
	lockAll, pauseAll brake
	frozen            frozen
	// asked is the command being answered.
	asked *incident.Command
	// reads are the services of the confirm-reads under way, by ID.
	reads map[string]string
	// existed tells, by metric and service, whether there ever was a series.
	existed map[seriesKey]bool
	// forbids is the report being taken in, where it says that a deployment is not to
	// be undone by itself.
	forbids *forbidding
	// behind is how far the daemon's clock was set back without its knowledge: by so
	// much what it takes for an age may be too little.
	behind time.Duration
	// rehearsedRuns tell, by ID, how runs ended that rehearsed another service's plan.
	rehearsedRuns map[string]rehearsal
}

// audited is what the auditor knows of one service.
type audited struct {
	versions versions
	autos    []autoStart
	// lastEnd is the newest end of a step that changed something, about the
	// deployment that endOf counts; hasEnd is false before the first.
	lastEnd time.Duration
	endOf   int
	hasEnd  bool

	lock, pause brake

	tracks []*track // in the order of the triggers
	// windowsFrom is when the windows last began anew: samples of before are not theirs.
	windowsFrom time.Time
	instances   map[string]*checkedInstance
	signals     map[string]heard // what was ever said of it
	// wasOK are the triggers that may ever have been ok, each with the condition that
	// it then had: another one is another trigger.
	wasOK      map[string]bool
	rehearsals []rehearsal
	// confirmed is the newest confirm-read's answer, by trigger.
	confirmed   map[string]may
	confirmedAt time.Duration
}

// auditedIncident is what the auditor knows of an open incident.
type auditedIncident struct {
	id, service string
	members     []string // beside the service
	manual      bool
	// evidence is by the name that the journal has for it.
	evidence map[string]auditedEvidence
	// okBefore are the triggers that were surely ok when it was opened, by the names
	// that the journal would have for them.
	okBefore []string
	// touched counts the changes begun that did not turn out to be none.
	touched int
	// halted says why it never acts by itself again; empty while it may.
	halted string
}

type auditedEvidence struct {
	length  time.Duration
	cleared bool
	// onset is when the breach began that made it fire, where sure is true.
	onset time.Time
	sure  bool
}

func newAuditor(o incident.Options, report func(int, string, ...any)) *auditor {
	a := &auditor{
		report: report, services: map[string]*audited{}, incidents: map[string]*auditedIncident{}, runs: map[string]*auditedRun{},
		rolledBack: map[string]wentBack{}, intents: map[incident.StepRef]bool{}, reads: map[string]string{}, existed: map[seriesKey]bool{},
		rehearsedRuns: map[string]rehearsal{},
	}
	a.configure(o)
	return a
}

// configure takes a configuration. Windows of unchanged triggers go on.
func (a *auditor) configure(o incident.Options) {
	a.options = o
	for name, so := range o.Services {
		s := a.service(name)
		s.tracks = retracked(s.tracks, so.Triggers)
	}
	for name, s := range a.services {
		if _, configured := o.Services[name]; !configured {
			s.tracks, s.instances = nil, map[string]*checkedInstance{}
		}
	}
}

func (a *auditor) service(name string) *audited {
	s, known := a.services[name]
	if !known {
		s = &audited{versions: newVersions(), instances: map[string]*checkedInstance{}, signals: map[string]heard{}, wasOK: map[string]bool{}}
		a.services[name] = s
	}
	return s
}

// at tells the auditor the present time: since the start, and as the daemon is told.
func (a *auditor) at(since time.Duration, wall time.Time) { a.now, a.wall = since+a.jumped, wall }

// jump tells that the daemon's clock was set without its knowledge. Set back, it
// only stands still: what the daemon measures is then never too short.
func (a *auditor) jump(by time.Duration) {
	a.jumped += max(0, by)
	a.behind += max(0, -by)
}

// restarted begins another life of the daemon, which knows nothing of what only the
// one before knew: its windows, and what it waited for.
func (a *auditor) restarted(o incident.Options) {
	a.configure(o)
	a.asked, a.forbids, a.frozen = nil, nil, frozen{}
	clear(a.reads)
	for name, s := range a.services {
		s.tracks = retracked(nil, a.options.Services[name].Triggers)
		s.instances = map[string]*checkedInstance{}
		s.confirmed = nil
	}
	for _, r := range a.runs {
		r.seen.paused()
	}
}

// input takes in what the brain is about to be told.
func (a *auditor) input(in incident.Input) {
	a.asked, a.forbids = nil, nil
	switch in := in.(type) {
	case incident.Samples:
		a.samples(in)
	case incident.Past:
		a.past(in)
	case incident.Health:
		a.health(in)
	case incident.ClockStepped:
		a.clockStepped()
	case incident.Reloaded:
		a.configure(in.Options)
		a.hearSignals()
	case incident.Restored:
		for _, s := range a.services {
			s.versions.census = nil // counted by the process before
		}
		a.hearSignals()
	case incident.Signal:
		a.signalled(in.Service, in.Name, in.Source)
	case incident.VersionSeen:
		a.service(in.Service).versions.census = in.Census
	case incident.Deployed:
		a.reported(in)
	case incident.Command:
		a.asked = &in
		if in.Verb == "signal" {
			a.signalled(cmp.Or(in.Service, in.Incident), in.Name, in.Source)
		}
	}
}

// entry takes in an entry that has just become durable.
func (a *auditor) entry(e incident.Entry) {
	switch e.Kind {
	case incident.KindDeployment, incident.KindRunning, incident.KindPardon:
		a.versionEntry(e)
	case incident.KindClock:
		if e.Service != "" {
			s := a.service(e.Service)
			s.windowsFrom = e.Clock.At
			s.versions.moved(e.Clock.By)
			a.movedEvidence(e.Service, e.Clock.By)
		}
	case incident.KindSignal:
		a.hearSignals()
	case incident.KindBrake:
		a.brakeEntry(e)
	case incident.KindSeen:
		a.firstSeen(e)
	case incident.KindRehearsed:
		a.rehearsedEntry(e)
	case incident.KindOpened:
		a.opened(e)
	case incident.KindJoined:
		if i := a.incidents[e.Incident]; i != nil {
			i.members = membersBeside(e.Service, e.Joined.Members)
		}
	case incident.KindFired, incident.KindCleared, incident.KindStoodDown:
		a.evidenceEntry(e)
	case incident.KindClosed:
		a.closed(e)
	case incident.KindPlanned, incident.KindStepBegun, incident.KindStepEnded, incident.KindStopping, incident.KindVerifying,
		incident.KindEnough, incident.KindRunEnded, incident.KindVerified:
		a.runEntry(e)
	case incident.KindReopened:
		a.reopened(e)
	default: // says nothing that an invariant is about
	}
}

// touches are the services that an incident is about.
func (i *auditedIncident) touches() []string { return append([]string{i.service}, i.members...) }

// membersBeside are the names of a group's members beside a service.
func membersBeside(service string, members []incident.Member) []string {
	var names []string
	for _, m := range members {
		if m.Service != service {
			names = append(names, m.Service)
		}
	}
	return names
}
