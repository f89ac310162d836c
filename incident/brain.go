package incident

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/rollbackd/rollbackd/evaluator"
	"github.com/rollbackd/rollbackd/trigger"
)

// Brain decides. It is not safe for concurrent use: one goroutine gives it all
// its inputs, in one order.
type Brain struct {
	opts Options
	// awake is false until Restored: before that the windows are being rebuilt, and
	// whatever comes in is only taken in. A decision on half of the past would be a
	// guess, and a step begun then would be taken for one of an earlier life.
	awake bool
	mem   *memory
	live  map[string]*live
	// waiting are inputs that lead to an entry which is not yet durable, oldest
	// first. They stay until it is: a failing journal loses no deployment and
	// no end of a step.
	waiting []Input
	// dirty are the services to look at.
	dirty map[string]bool
	// unseen are those that had a trigger without a known answer at the newest tick, or
	// one that people were told of.
	unseen map[string]bool
	// reads are the reads that are under way, by their ID.
	reads   map[string]pendingRead
	readSeq int
	// replying is the command being answered, so that a failing journal refuses
	// it instead of leaving the caller without an answer.
	replying string
	// stops are the runs that the command being answered wants stopped.
	stops []StoppingEntry
	// failTold is when people were last told that the journal cannot be written.
	failTold time.Time
	wakeAt   time.Time
	// dues are, by service, the next moment at which something is due for it
	// without an input. A service without one is not in it.
	dues  map[string]time.Time
	sight sight
	// hashes are those of the plans in force, as far as they were asked for.
	hashes map[planOf]string
	// past is what the start could not read of the past.
	past pastRead
	// holdWhen is the newest answer of [guards] hold_when.
	holdWhen holdAnswer
}

// live is what the brain observes of one service and does for it at present.
// None of it is journalled: it is made anew after a restart.
type live struct {
	watch *evaluator.Watch
	// confirm is the read that a confirming incident waits for.
	confirm confirmRead
	// begun is the attempt whose Start effect this process has sent.
	begun StepRef
	// progress is how far a verification has come.
	progress progress
	// journalFailed is true from a failed write until the incident it touched
	// closes: what was decided without a durable record is a person's business.
	journalFailed bool
	// stop is a person's wish to stop a run that could not be written down. It is
	// held here so that no further step begins while the journal fails.
	stop *StoppingEntry
	// capture are the captures under way, well counts whether a step was enough,
	// and census is the newest one that a version source gave.
	capture capturing
	// aftermath is what was seen after a verified rollback.
	aftermath aftermath
	well      wellness
	census    []VersionCount
	// allSeen is true once every trigger was seen ok and every metric was there:
	// from then on there is nothing to note.
	allSeen bool
	// askedFull is, by trigger, the moment for which a window-completing read
	// was asked.
	askedFull map[string]time.Time
	// repeated counts, by name, how often a signal was said again while it stood.
	repeated map[string]int
}

func newLive(w *evaluator.Watch) *live {
	return &live{watch: w, askedFull: map[string]time.Time{}, repeated: map[string]int{}}
}

// pendingRead is a Read effect without an answer yet.
type pendingRead struct {
	service string
	lead    string // the service whose incident asked for it, of a confirm-read
	kind    SampleKind
	until   time.Time
}

// New makes a brain without a memory.
func New(o Options) *Brain {
	b := &Brain{
		opts:  o,
		mem:   newMemory(),
		live:  map[string]*live{},
		dirty: map[string]bool{}, unseen: map[string]bool{},
		dues:  map[string]time.Time{},
		reads: map[string]pendingRead{},
		sight: newSight(),
	}
	b.configure(o)
	return b
}

// Options is the configuration in force.
func (b *Brain) Options() Options { return b.opts }

// Snapshot is the remembered state as JSON: the same bytes for the same entries.
func (b *Brain) Snapshot() ([]byte, error) { return b.mem.snapshot() }

// LastEntryAt is the time of the newest entry; zero before the first.
func (b *Brain) LastEntryAt() time.Time { return b.mem.LastAt }

// configure takes a configuration. Windows of unchanged triggers go on; what is
// remembered of services that are gone stays remembered.
func (b *Brain) configure(o Options) {
	b.opts, b.hashes = o, map[planOf]string{}
	for name, s := range o.Services {
		wo := evaluator.WatchOptions{
			Service: name, Triggers: s.Triggers, Quorum: s.Quorum, HealthTTL: s.HealthTTL, Poll: o.Poll, MaxGap: o.MaxGap,
			SignalsFor: s.Deployment.BlameWindow,
		}
		if l, ok := b.live[name]; ok {
			l.watch.Reconfigure(wo)
			l.allSeen = false
		} else {
			b.live[name] = newLive(evaluator.NewWatch(wo))
		}
		b.recall(name)
		b.dirty[name] = true
	}
	for name := range b.live {
		if _, ok := o.Services[name]; !ok {
			b.forgetLive(name)
		}
	}
}

// forgetLive stops watching a service that was removed. While an incident of it
// is open it goes on without triggers: a run finishes on the plan it began with.
func (b *Brain) forgetLive(name string) {
	if b.mem.service(name).Open == nil {
		delete(b.live, name)
		return
	}
	b.live[name].watch.Reconfigure(evaluator.WatchOptions{Service: name, Poll: b.opts.Poll, MaxGap: b.opts.MaxGap})
}

// keepWatching sees to it that an open incident of a service that is no longer
// configured comes to its end: a run finishes, and a person can stop or close it.
func (b *Brain) keepWatching(name string) {
	if b.live[name] == nil {
		watch := evaluator.NewWatch(evaluator.WatchOptions{Service: name, Poll: b.opts.Poll, MaxGap: b.opts.MaxGap})
		b.live[name] = newLive(watch)
	}
}

// recall hands the watch what is remembered of its service.
func (b *Brain) recall(name string) {
	l, s := b.live[name], b.mem.service(name)
	if l == nil {
		return
	}
	for metric := range s.Existed {
		l.watch.SetExisted(metric)
	}
	l.watch.SetStart(s.Ledger.start())
	anew := l.watch.StartAnew(s.WindowsFrom)
	if news := l.watch.SetSignals(s.Ledger.signals()); b.awake && (news || anew) {
		l.watch.Signalled(b.mem.LastAt)
	}
}

// Step decides what follows from one input at one time.
func (b *Brain) Step(now time.Time, in Input) []Effect {
	now = now.UTC().Round(0)
	if _, failed := in.(RecordFailed); !failed {
		// Whatever comes next, all effects of the last command were carried out.
		b.replying, b.stops = "", nil
	}
	switch in := in.(type) {
	case Samples:
		return b.taken(now, in)
	case Past:
		b.takePast(in)
	case Health:
		b.health(now, in)
		if in.Replayed {
			return nil
		}
	case HealthGap:
		for _, l := range b.live {
			l.watch.HealthGap(in.At)
		}
	case Deployed, StepEnded, Signal, Measured:
		b.waiting = append(b.waiting, in)
	case VersionSeen:
		b.counted(in)
		b.waiting = append(b.waiting, in)
	case Captured:
		if l := b.live[in.Service]; l != nil && l.capture.incident == in.Incident {
			l.capture.pending--
		}
		b.waiting = append(b.waiting, in)
	case ClockStepped:
		b.past = pastRead{} // the windows begin anew
		if in.By != 0 {
			b.clockStepped(now, in.By)
		}
	case Disk:
		if e := b.disk(now, in); b.awake && e != nil {
			return e
		}
	case Forget:
		if b.awake {
			return b.forget(now, in)
		}
	case Command:
		if !b.awake {
			return refuse(in, "refused", "rollbackd is starting: the windows are being rebuilt", "")
		}
		b.replying = in.ID
		return b.command(now, in)
	case RecordFailed:
		return b.recordFailed(now, in)
	case Reloaded:
		return b.reloaded(now, in)
	case Restored:
		return b.restored(now, in)
	case Wake:
		b.wakeDue(now)
	}
	if !b.awake {
		return nil
	}
	return b.settle(now)
}

// Apply takes one durable entry into memory.
func (b *Brain) Apply(e Entry) {
	b.mem.apply(e)
	switch e.Kind {
	case KindDeployment, KindRunning, KindRolledOut, KindDetails, KindCaptured, KindImpact:
		b.waiting = b.waiting[min(1, len(b.waiting)):]
	case KindClock:
		b.appliedClock(e)
	case KindSignal:
		b.appliedSignal(e)
	case KindStepEnded:
		if len(b.waiting) > 0 {
			if in, ok := b.waiting[0].(StepEnded); ok && in.Ref.same(e.Step.Ref) {
				b.waiting = b.waiting[1:] // an approval step ends without an input
			}
		}
	case KindStepBegun:
		if l := b.live[e.Service]; l != nil {
			l.begun = e.Step.Ref
		}
	case KindStopping:
		if l := b.live[e.Service]; l != nil {
			l.stop = nil
		}
	case KindClosed:
		if l := b.live[e.Service]; l != nil {
			l.journalFailed, l.stop = false, nil
		}
	default: // nothing beside the memory
	}
	if e.Service != "" {
		b.dirty[e.Service] = true
		b.recall(e.Service)
	}
	for _, m := range b.mem.concerned(e) {
		b.dirty[m.Service] = true
		b.recall(m.Service)
	}
}

// anyFiring tells whether any trigger of a service fires.
func (b *Brain) anyFiring(l *live) bool {
	for _, spec := range l.watch.Triggers() {
		if st, _ := l.watch.Status(spec.Name); st.State == trigger.Firing {
			return true
		}
	}
	return false
}

func (b *Brain) reloaded(now time.Time, in Reloaded) []Effect {
	b.configure(in.Options)
	b.hearAll(now)
	return []Effect{Record{Entry: b.entry(now, KindConfig, "", cmp.Or(in.By, "rollbackd"), "configuration "+in.Options.Hash+" loaded")}}
}

// restored begins or goes on after a restart. What was under way in the process
// before is not under way in this one.
func (b *Brain) restored(now time.Time, in Restored) []Effect {
	for name := range b.mem.open {
		b.keepWatching(name)
	}
	for name, l := range b.live {
		l.begun, l.confirm, l.progress = StepRef{}, confirmRead{}, progress{}
		b.dirty[name] = true
	}
	b.awake = true
	b.past = b.unreadPast(now)
	b.hearAll(now)
	text := "rollbackd started"
	if !in.DownFrom.IsZero() {
		text = "rollbackd started; the last entry before is from " + clockTime(in.DownFrom)
	}
	return append(b.setBack(now), Record{Entry: b.entry(now, KindStarted, "", "rollbackd", text)})
}

// settle lets everything that is due follow, one record at a time: the first
// service with something to record has its turn, then the brain is asked again.
func (b *Brain) settle(now time.Time) []Effect {
	effects := b.clockRule(now)
	if effects != nil {
		return effects
	}
	for len(b.waiting) > 0 {
		if effects = b.takeWaiting(now, b.waiting[0]); len(effects) > 0 {
			return effects
		}
		b.waiting = b.waiting[1:]
	}
	if e := b.sightRule(now); e != nil {
		return e
	}
	names := b.toLookAt()
	for _, name := range names {
		if l := b.live[name]; l != nil {
			effects = append(effects, b.seenRule(now, name, l)...)
		}
	}
	if len(effects) > 0 {
		return effects
	}
	for _, name := range names {
		more := b.serviceRule(now, name)
		effects = append(effects, more...)
		if records(more) {
			return effects
		}
		b.due(now, name)
		delete(b.dirty, name)
	}
	return append(b.wake(now, effects), b.blindRules(now)...)
}

// toLookAt are the services that changed, and those with an open incident, the
// gravest first: in one order, so that the same inputs always lead to the same
// decisions.
func (b *Brain) toLookAt() []string {
	names := slices.Collect(maps.Keys(b.dirty))
	for name := range b.mem.open {
		if !b.dirty[name] {
			names = append(names, name)
		}
	}
	b.gravestFirst(names)
	return names
}

func records(effects []Effect) bool {
	for _, e := range effects {
		if _, ok := e.(Record); ok {
			return true
		}
	}
	return false
}

// takeWaiting turns a waiting input into its entry; nothing when it needs none.
func (b *Brain) takeWaiting(now time.Time, in Input) []Effect {
	switch in := in.(type) {
	case Deployed:
		return b.deployed(now, in)
	case VersionSeen:
		return b.versionSeen(now, in)
	case Signal:
		return b.signalled(now, in)
	case StepEnded:
		return b.stepEnded(now, in)
	case Captured:
		return b.captured(now, in)
	case Measured:
		return b.impactMeasured(now, in)
	case steppedAt:
		return b.clockSet(now, in)
	default:
		return nil
	}
}

// serviceRule is what is due for one service.
func (b *Brain) serviceRule(now time.Time, name string) []Effect {
	l := b.live[name]
	if l == nil {
		return nil
	}
	s := b.mem.service(name)
	if s.Open == nil {
		if !b.anyFiring(l) {
			l.journalFailed = false
		}
		if e := b.afterRule(now, name, l, s); e != nil {
			return e
		}
		if e := b.openRule(now, name, l, s); e != nil {
			return e
		}
		return b.fullReads(now, name, l)
	}
	effects := b.captureRule(now, name, l, s.Open)
	if e := b.incidentRule(now, name, l, s); e != nil {
		return append(effects, e...)
	}
	return append(effects, b.fullReads(now, name, l)...)
}

// entry makes an entry with the fields that every entry has.
func (b *Brain) entry(now time.Time, kind Kind, service, actor, text string) Entry {
	return Entry{At: now, Kind: kind, Service: service, Actor: actor, Text: text, Config: b.opts.Hash}
}

// incidentEntry makes an entry about an open incident.
func (b *Brain) incidentEntry(now time.Time, kind Kind, inc *Incident, actor, text string) Entry {
	e := b.entry(now, kind, inc.Service, actor, text)
	e.Incident = inc.ID
	return e
}

func clockTime(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 MST") }
