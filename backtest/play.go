package backtest

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/source/prom"
	"github.com/rollbackd/rollbackd/source/version"
	"github.com/rollbackd/rollbackd/wiring"
)

// player plays one variant: the brain, and a world around it that carries
// everything out at once. It is the brain's Carrier.
type player struct {
	config  *Variant
	metrics map[string]int // their places in demand.metrics, by name
	options incident.Options
	brain   *incident.Brain
	step    time.Duration
	board   *board
	quiet   *quiet
	record  *recorder
	parted  *parted

	now  time.Time
	wake time.Time
	// steps are ends of steps that take time, by when they come.
	steps []laterInput
	// first and then are what is still to be given at this instant: ends of
	// captures, and what comes of effects.
	first, then []incident.Input
	// played counts the ticks so far, and engaged are the services that are told of each.
	played  int
	engaged map[string]bool
	// told are the services that the present tick is told of; nil means all.
	told []string
	// reported are the deployments of the file that are still to come, in order.
	reported []incident.Deployed
	// census are the version queries' places in page.census, by service, and last
	// what was told of each.
	census map[string]int
	last   map[string]incident.VersionSeen
	// first versions are those that ran before anything was reported, by service.
	firstSeen map[string]string
	busy      int
}

// laterInput is an input that is given at a time.
type laterInput struct {
	at time.Time
	in incident.Input
}

// maxInputs bounds what may happen at one instant. A brain that asks for ever more
// at one time is a bug that must end as an error.
const maxInputs = 100_000

func newPlayer(o Options, need *demand, variant int) *player {
	v := &o.Variants[variant]
	p := &player{
		config: v, metrics: need.of[variant], options: v.Config.BrainOptions(), step: o.step(), board: newBoard(need.of[variant]),
		census: map[string]int{}, last: map[string]incident.VersionSeen{}, firstSeen: map[string]string{},
	}
	p.record = newRecorder(p.options)
	p.quiet, p.engaged = newQuiet(p.options, need.of[variant]), map[string]bool{}
	p.quiet.always = o.everyTick
	p.parted = newParted(p)
	p.brain = incident.New(p.options)
	for _, d := range o.Deployments {
		if _, played := p.options.Services[d.Service]; played {
			p.reported = append(p.reported, d)
		}
	}
	slices.SortStableFunc(p.reported, func(a, b incident.Deployed) int { return a.At.Compare(b.At) })
	for _, d := range p.reported {
		if _, known := p.firstSeen[d.Service]; !known {
			p.firstSeen[d.Service] = d.Previous
		}
	}
	for _, q := range wiring.Versions(v.Config).Queries {
		if i := need.censusOf(variant, q); i >= 0 {
			p.census[q.Service] = i
		}
	}
	return p
}

// play plays one page.
func (p *player) play(ctx context.Context, pg *page) error {
	p.board.turn(pg)
	p.quiet.turn(pg)
	events := p.sights(pg)
	for tick := range pg.ticks {
		at := pg.from.Add(time.Duration(tick) * p.step)
		if err := p.until(at); err != nil {
			return err
		}
		var now []seenAt
		for len(events) > 0 && events[0].tick == tick {
			now, events = append(now, events[0]), events[1:]
		}
		if err := p.tick(at, tick, now); err != nil {
			return err
		}
		if tick%1024 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return nil
}

// until lets everything happen that comes before a tick.
func (p *player) until(tick time.Time) error {
	for {
		at := p.next()
		if at.IsZero() || !at.Before(tick) {
			return nil
		}
		p.begin(at)
		reports := p.reportsAt(at)
		p.partedAt(at, reports, nil)
		p.board.show(p.board.tick, p.told)
		p.tell(reports, nil)
		if err := p.settle(); err != nil {
			return err
		}
	}
}

// next is when something happens next beside ticks; zero for never.
func (p *player) next() time.Time {
	next := p.wake
	consider := func(t time.Time) {
		if next.IsZero() || t.Before(next) {
			next = t
		}
	}
	if len(p.reported) > 0 && p.board.tick >= 0 {
		consider(p.reported[0].At)
	}
	if len(p.steps) > 0 {
		consider(p.steps[0].at)
	}
	return next
}

// begin comes to an instant.
func (p *player) begin(at time.Time) {
	if at.After(p.now) {
		p.now, p.busy = at, 0
	}
	for len(p.steps) > 0 && !p.steps[0].at.After(p.now) {
		p.then = append(p.then, p.steps[0].in)
		p.steps = p.steps[1:]
	}
}

// tick plays one tick of the grid: what was reported, then the samples, then all
// that follows.
func (p *player) tick(at time.Time, tick int, seen []seenAt) error {
	booting := p.now.IsZero()
	p.begin(at)
	reports := p.reportsAt(at)
	p.partedAt(at, reports, seen)
	p.told = p.quiet.of(tick, p.played, p.occupied())
	p.played++
	p.board.show(tick, p.told)
	if booting {
		p.drive(incident.Restored{To: at})
		p.firstVersions()
	}
	p.tell(reports, seen)
	p.rest()
	p.drive(incident.Samples{At: at, Kind: incident.Grid, Answers: p.board.answers, Services: p.told})
	return p.settle()
}

// occupied are the services with an open incident, those that are watched after a
// rollback, or whose record is set aside.
func (p *player) occupied() map[string]bool {
	clear(p.engaged)
	for name := range p.parted.away {
		p.engaged[name] = true
	}
	for _, t := range p.record.open {
		p.engaged[t.service] = true
		for _, m := range t.members {
			p.engaged[m] = true
		}
	}
	for name := range p.brain.Options().Services {
		if p.brain.LooksAfter(name) {
			p.engaged[name] = true
		}
	}
	return p.engaged
}

// reportsAt takes out the deployments of the file that come by a time.
func (p *player) reportsAt(at time.Time) []incident.Deployed {
	n := 0
	for n < len(p.reported) && !p.reported[n].At.After(at) {
		n++
	}
	reports := p.reported[:n]
	p.reported = p.reported[n:]
	return reports
}

// firstVersions shows what ran before the period: what the first reported
// deployment of each service names as previous.
func (p *player) firstVersions() {
	for _, name := range sortedKeys(p.firstSeen) {
		p.shows(name, p.firstSeen[name])
	}
}

// shows lets a service's version source, where it has one, show a version.
func (p *player) shows(service, v string) {
	if v != "" && p.options.Services[service].Deployment.HasSource {
		p.drive(incident.VersionSeen{Service: service, Version: v, At: p.now, Source: p.sourceOf(service)})
	}
}

// sourceOf is the kind of a service's version source.
func (p *player) sourceOf(service string) string {
	if p.config.Config.Services[service].Deployment.VersionQuery != "" {
		return version.SourceQuery
	}
	return version.SourceSymlink
}

// moved is the census once a rollback has taken every unit along; nil where units
// are not counted.
func (p *player) moved(leg incident.Member) []incident.VersionCount {
	units := 0
	for _, c := range p.last[leg.Service].Census {
		units += c.Units
	}
	if units == 0 {
		return nil
	}
	return []incident.VersionCount{{Version: leg.To, Units: units}}
}

// tell gives the brain what was reported and seen at this instant.
func (p *player) tell(reports []incident.Deployed, seen []seenAt) {
	for _, d := range reports {
		p.record.deployed(d)
		d.Source = "api"
		p.drive(d)
		if !d.Rolling {
			p.shows(d.Service, d.Version)
		}
	}
	for _, s := range seen {
		if p.parted.ignores(s.VersionSeen) {
			p.record.seen(s.VersionSeen, s.changed, true)
			continue
		}
		p.record.seen(s.VersionSeen, s.changed, false)
		p.drive(s.VersionSeen)
	}
}

// seenAt is what a version query showed at a tick of the page.
type seenAt struct {
	tick int
	incident.VersionSeen
	// changed is true where it is another version than before.
	changed bool
}

// sights are what the version queries show in a page, as a version source tells it.
func (p *player) sights(pg *page) []seenAt {
	var all []seenAt
	for _, name := range sortedKeys(p.census) {
		for _, c := range pg.census[p.census[name]] {
			at := pg.from.Add(time.Duration(c.Tick) * p.step)
			seen, news, err := version.Next(p.last[name], name, at, c.Census)
			p.record.sight(name, at, reasonOf(c, seen, err))
			if c.Reason != "" || err != nil || !news {
				continue
			}
			all = append(all, seenAt{tick: c.Tick, VersionSeen: seen, changed: seen.Version != p.last[name].Version})
			p.last[name] = seen
		}
	}
	slices.SortStableFunc(all, func(a, b seenAt) int { return a.tick - b.tick })
	return all
}

// goesOnRunning ends the reason where a version is level with the one before it,
// which by the rule goes on running.
const goesOnRunning = "goes on counting as the running one"

// reasonOf is why no single version is known to run; empty where one is.
func reasonOf(c prom.CensusAt, seen incident.VersionSeen, err error) string {
	switch {
	case c.Reason != "":
		return c.Reason
	case len(c.Census) == 0:
		return "version_query named no version"
	case len(c.Census) > 1 && c.Census[0].Units == c.Census[1].Units:
		text := fmt.Sprintf("version_query named no single version: %s and %s have as many units", c.Census[0].Version, c.Census[1].Version)
		if err == nil {
			text += "; " + seen.Version + " " + goesOnRunning
		}
		return text
	case err != nil:
		return err.Error()
	}
	return ""
}

// drive gives one input to the brain.
func (p *player) drive(in incident.Input) {
	p.busy++
	incident.Drive(p.brain, p.now, in, p)
}

// rest gives what comes before a tick.
func (p *player) rest() {
	for len(p.first) > 0 {
		in := p.first[0]
		p.first = p.first[1:]
		p.drive(in)
	}
}

// settle gives everything that follows at this instant.
func (p *player) settle() error {
	for p.busy < maxInputs {
		switch {
		case len(p.first) > 0:
			p.rest()
		case !p.wake.IsZero() && !p.wake.After(p.now):
			p.wake = time.Time{}
			p.drive(incident.Wake{})
		case len(p.then) > 0:
			in := p.then[0]
			p.then = p.then[1:]
			p.drive(in)
		default:
			return nil
		}
	}
	return fmt.Errorf("at %s: the brain never came to rest (a bug: please report it with the configuration)", stamp(p.now))
}
