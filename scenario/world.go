package scenario

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/source"
)

// epoch is when every case begins, or the first tick of its grid after it.
func epoch() time.Time { return time.Date(2026, 1, 5, 10, 0, 0, 0, time.UTC) }

// maxHappenings bounds what may happen at one instant. A brain that asks for
// ever more at one time is a bug that must end as a failed case.
const maxHappenings = 10_000

// maxEntries bounds the entries that one input may lead to: some for each service
// at most. What one guard holds and another lets go must not take turns for ever.
const maxEntries = 400

// world is one case being played: the surroundings of one brain on simulated
// time. It is the brain's Carrier.
type world struct {
	c       *Case
	setting setting // the one in force
	options incident.Options
	metrics metrics
	// people are those of the configuration that the daemon started with.
	people incident.Roles
	disk   disk
	start  time.Time
	now    time.Duration
	queue  queue

	// brain is nil while the daemon is down. life counts its lives: what was
	// under way for an earlier one is lost.
	brain *incident.Brain
	life  int
	wake  time.Duration // -1: not asked for
	host  host
	// killAfter, when above 0, kills the daemon right after its journal has that
	// many entries, once; it then stays down for killDown.
	killAfter int
	killDown  time.Duration
	dying     bool

	// scrapes is nil in a case without raw series.
	scrapes *scrapes

	journal  journal
	durable  Durable  // nil: the journal is only in memory
	carried  *carried // nil: no step is carried out for real
	values   map[seriesKey]history
	jobs     map[incident.StepRef]*job
	versions map[string]shown // what the version sources show
	checks   []sentCheck
	missed   []incident.Deployed // published while the daemon was away, in order
	told     told
	record   *record
	// seen is how far observe has looked, states what it looks with.
	seen   sight
	states []triggerFact
	tally  Tally
	busy   int // happenings at this instant

	audit *auditor
	// lived is the present life as the brain is told of it, and driving is true
	// while it decides.
	lived   *life
	driving bool
	// replayAt is how many entries the next replay in the middle is made at.
	replayAt   int
	violations []Violation
}

// newWorld makes the world of a case at its first instant.
func newWorld(c *Case) *world {
	options := c.setting.options
	w := &world{
		c:        c,
		setting:  c.setting,
		options:  options,
		metrics:  metricsOf(c.setting.config),
		start:    gridAfter(epoch().Add(-1), options.Poll),
		wake:     -1,
		values:   make(map[seriesKey]history, len(c.values)),
		jobs:     map[incident.StepRef]*job{},
		versions: map[string]shown{},
		journal:  newJournal(),
		told:     newTold(c.setting.config),
		tally:    newTally(),
		scrapes:  newScrapes(c),
		replayAt: firstReplay,
	}
	w.audit = newAuditor(options, w.violated)
	for key, s := range c.values {
		w.values[key] = history{{series: s}}
	}
	w.record = newRecord(slices.Sorted(maps.Keys(options.Services)))
	return w
}

// play runs the case to its end.
func (w *world) play() {
	w.firstVersions()
	for _, e := range w.c.events {
		w.queue.push(e.at, rankEvent, func() { w.happen(e) })
	}
	for _, f := range w.c.faults {
		if f.kind == faultNATS {
			w.queue.push(f.to, rankSource, w.reconnected)
		}
	}
	w.queue.push(0, rankSource, w.boot)
	for {
		next, more := w.queue.pop(w.c.Until)
		if !more || len(w.violations) > 0 {
			break
		}
		if w.busy++; next.at > w.now {
			w.busy = 0
		}
		if w.busy > maxHappenings {
			w.fault("the brain never came to rest at this instant")
			break
		}
		w.now = next.at
		next.do()
	}
	w.checkEnd()
}

// input gives one input to the brain, if it is up. While the host is suspended
// it waits, and a tick is lost.
func (w *world) input(in incident.Input) {
	switch {
	case w.brain == nil:
	case w.asleep():
		w.defers(in)
	default:
		w.noticeClock()
		w.drive(in)
	}
}

// drive gives one input to the brain at the present time.
func (w *world) drive(in incident.Input) {
	if w.brain == nil {
		return // it was killed by the input before
	}
	before := len(w.journal.lines)
	w.hear(in)
	incident.Drive(w.brain, w.present(), in, w)
	w.driving = false
	if n := len(w.journal.lines) - before; n > maxEntries {
		w.fault("one input led to %d entries: the brain goes round in circles", n)
	}
	if w.dying {
		w.dying = false
		w.kill(w.killDown)
		return
	}
	w.observe()
	w.checkReplayInTime()
}

// later gives an input after all that happens at this instant, unless the
// daemon dies before.
func (w *world) later(in incident.Input) {
	life := w.life
	w.queue.push(w.now, rankEffect, func() {
		if w.life == life {
			w.input(in)
		}
	})
}

// boot starts the daemon for the first time.
func (w *world) boot() {
	w.configure(w.c.setting, true)
	w.brain = incident.New(w.options)
	w.starts()
	w.lived = &life{options: w.options}
	w.input(incident.Restored{To: w.clock()})
	w.showVersions()
	w.lookForVersions(source.Floor(w.clock(), w.options.Poll))
	w.scheduleTick(w.now)
}

// starts takes from the configuration what counts until the next start.
func (w *world) starts() {
	w.people = w.setting.config.Web.Roles
	w.open(w.brain.Incidents())
}

// scheduleTick asks for the first tick of the grid at or after a time.
func (w *world) scheduleTick(from time.Duration) {
	life, poll, stepped := w.life, w.options.Poll, w.host.stepped
	at := w.since(gridAfter(w.wall(from-1), poll))
	w.queue.push(at, rankTick, func() {
		if w.life != life || w.options.Poll != poll || w.host.stepped != stepped {
			return
		}
		w.scheduleTick(w.now + 1)
		w.lookForVersions(w.clock())
		w.input(incident.Samples{At: w.clock(), Kind: incident.Grid, Answers: w.answers(w.now, w.asked())})
	})
}

// gridAfter is the first multiple of poll since the Unix epoch after t.
func gridAfter(t time.Time, poll time.Duration) time.Time {
	n := t.UnixNano()/int64(poll) + 1
	return time.Unix(0, n*int64(poll)).UTC()
}

// happen lets one event of the test file happen.
func (w *world) happen(e event) {
	if w.asleep() && e.reachesDaemon() {
		w.queue.push(w.host.wakes, rankEvent, func() { w.happen(e) })
		return
	}
	switch {
	case e.deployed != nil:
		w.deployed(*e.deployed)
	case e.running != nil:
		w.shows(e.running.service, e.running.shown)
	case e.health != nil:
		w.health(*e.health)
	case e.command != nil:
		w.command(*e.command)
	case e.rehearsed != nil:
		w.rehearsed(*e.rehearsed)
	case e.restart != nil && e.restart.after > 0:
		w.killAfter, w.killDown = len(w.journal.lines)+e.restart.after, e.restart.down
	case e.restart != nil:
		w.kill(e.restart.down)
	case e.reload != nil:
		w.reload(*e.reload)
	case e.clock != nil:
		w.setClock(e.clock.by)
	case e.suspend != nil:
		w.suspend(e.suspend.length)
	case e.signal != nil:
		w.signal(*e.signal)
	}
}

func commandLine(c incident.Command) string {
	return fmt.Sprintf("%s by %s: %s", c.Verb, c.Actor, c.Reason)
}

// reload loads another configuration, or keeps the one there is where that one has a
// mistake.
func (w *world) reload(e reloadEvent) {
	if e.refused != "" {
		w.record.note(w.now, "", "reload", "another configuration is refused, and the old one stays in force: "+e.refused)
		return
	}
	s := e.setting
	w.record.note(w.now, "", "reload", "another configuration is loaded")
	old := w.options.Poll
	w.setting, w.options, w.metrics = s, s.options, metricsOf(s.config)
	w.record.addServices(slices.Sorted(maps.Keys(w.options.Services)))
	w.told.configure(s.config)
	w.configure(s, false)
	w.input(incident.Reloaded{Options: w.options})
	if w.options.Poll != old {
		w.scheduleTick(w.now)
	}
}

// holds tells whether a fault of a kind holds at a time.
func (w *world) holds(kind faultKind, since time.Duration) (fault, bool) {
	for _, f := range w.c.faults {
		if f.kind == kind && f.holds(since) {
			return f, true
		}
	}
	return fault{}, false
}
