package backtest

import (
	"slices"

	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/source/prom"
	"github.com/rollbackd/rollbackd/trigger"
)

// quiet knows at which ticks nothing can follow for a service: all that it looks at
// is known and well, has been for longer than any window remembers, and will be for
// as long. Those ticks are nearly all of a month. The brain is told of the others,
// and decides as if it had been told of all.
type quiet struct {
	services []*watchedService
	// always is true where every tick is told.
	always bool
	told   []string
}

// watchedService is a service and what makes its ticks worth telling.
type watchedService struct {
	name   string
	checks []check
	// around is how many ticks before and after one that is not well are told.
	around int
	// always is true where a tick that is well counts, too.
	always bool
	// until is the tick of the play up to which ticks are told.
	until int
	// loud tells of each tick of the page whether it is not well.
	loud []bool
	// next is the next tick of the page that is not well.
	next int
}

// check is a comparison of one column.
type check struct {
	place int // in page.metrics
	trigger.Condition
}

func newQuiet(o incident.Options, of map[string]int) *quiet {
	q := &quiet{}
	for _, name := range sortedKeys(o.Services) {
		s := o.Services[name]
		w := &watchedService{name: name, around: memory(s, o)}
		w.until = w.around
		for _, spec := range s.Triggers {
			// Requests are counted tick by tick.
			w.always = w.always || spec.MinRequests > 0
			for _, cond := range spec.Expr.Conditions {
				if place, is := of[cond.Metric]; is && cond.Metric != "" {
					w.checks = append(w.checks, check{place: place, Condition: cond})
				}
			}
		}
		q.services = append(q.services, w)
	}
	return q
}

// memory is for how many ticks of being well something is remembered from before
// them that a decision could rest on: the samples of "N of M", and a gap that a
// window survives. All else begins with the breach, or ends with the first tick that
// is well; and nothing is left out while an incident is open.
func memory(s incident.ServiceOptions, o incident.Options) int {
	ticks := int(o.MaxGap/o.Poll) + 1
	for _, spec := range s.Triggers {
		ticks = max(ticks, spec.Expr.Hold.M)
	}
	return ticks + 2
}

// turn begins a page.
func (q *quiet) turn(p *page) {
	for _, w := range q.services {
		w.loud = slices.Grow(w.loud[:0], p.ticks)[:p.ticks]
		clear(w.loud)
		w.next = -1
		for _, c := range w.checks {
			h := p.metrics[c.place]
			if i := slices.Index(h.Services, w.name); i >= 0 {
				c.mark(&h.Columns[i], w.loud)
			}
		}
	}
}

// mark marks the ticks at which a comparison is not known to be well.
func (c check) mark(col *prom.Column, loud []bool) {
	for i, code := range col.Codes {
		if code != prom.CodeKnown || c.Kind == trigger.Compare && c.Says(col.Values[i]) != trigger.OK {
			loud[i] = true
		}
	}
}

// of are the services to tell of a tick; nil for all. Those in busy are always
// among them. The list holds until the next call.
func (q *quiet) of(tick, played int, busy map[string]bool) []string {
	if q.always {
		return nil
	}
	q.told = q.told[:0]
	for _, w := range q.services {
		if w.tells(tick, played) || busy[w.name] {
			q.told = append(q.told, w.name)
		}
		if busy[w.name] {
			w.until = max(w.until, played+w.around)
		}
	}
	if len(q.told) == len(q.services) {
		return nil
	}
	return q.told
}

// tells tells whether a tick of the page, the played-th of the play, is worth it.
func (w *watchedService) tells(tick, played int) bool {
	if w.next < tick {
		for w.next = tick; w.next < len(w.loud) && !w.loud[w.next]; {
			w.next++
		}
	}
	// What comes after the page is not known yet, so its end counts as not well.
	if w.next <= tick {
		w.until = max(w.until, played+w.around)
	}
	return w.always || played <= w.until || w.next-tick <= w.around
}
