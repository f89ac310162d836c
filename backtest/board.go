package backtest

import (
	"maps"
	"slices"

	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/source/prom"
	"github.com/rollbackd/rollbackd/trigger"
)

// board holds what Prometheus says at the present tick, in the form the brain takes
// it. Its maps are filled anew at each tick and never made anew: the brain keeps
// nothing of an answer.
type board struct {
	answers map[string]trigger.Answer
	metrics []*shownMetric
	// assumed are the readings of services whose record says nothing any more, by
	// service and metric.
	assumed map[string]map[string]trigger.Reading
	page    *page
	tick    int
}

// shownMetric is one metric on the board.
type shownMetric struct {
	name     string
	place    int // in page.metrics
	services map[string]trigger.Reading
	// there tells of each column whether it is in services.
	there []bool
	// carried is, by column, the newest known reading before the page.
	carried []trigger.Reading
}

func newBoard(of map[string]int) *board {
	b := &board{answers: map[string]trigger.Answer{}, assumed: map[string]map[string]trigger.Reading{}}
	for _, name := range sortedKeys(of) {
		b.metrics = append(b.metrics, &shownMetric{name: name, place: of[name], services: map[string]trigger.Reading{}})
	}
	return b
}

// turn begins a page.
func (b *board) turn(p *page) {
	for _, m := range b.metrics {
		if m.there == nil {
			m.there = make([]bool, len(p.metrics[m.place].Services))
			m.carried = make([]trigger.Reading, len(m.there))
		}
		if b.page == nil {
			continue
		}
		old := b.page.metrics[m.place]
		for c := range old.Columns {
			if r, found := lastKnown(old, c, old.Ticks-1); found {
				m.carried[c] = r
			}
		}
	}
	b.page, b.tick = p, -1
}

// show puts up one tick of the page.
func (b *board) show(tick int, told []string) {
	b.tick = tick
	for _, m := range b.metrics {
		h := b.page.metrics[m.place]
		if reason, failed := h.Failed(tick); failed {
			b.answers[m.name] = trigger.Answer{Err: reason}
			continue
		}
		m.fill(h, tick, told)
		b.answers[m.name] = trigger.Answer{Services: m.services}
	}
	if len(b.assumed) > 0 && b.anything() {
		for _, service := range sortedKeys(b.assumed) {
			b.assume(service)
		}
	}
}

// fill puts up the readings of the services told of, nil for all. Those of the
// others stay as they were: nobody looks at them.
func (m *shownMetric) fill(h *prom.History, tick int, told []string) {
	if told == nil || m.name == incident.HoldWhenMetric {
		told = h.Services
	}
	for _, service := range told {
		c, there := slices.BinarySearch(h.Services, service)
		if !there {
			continue
		}
		if r := h.Reading(tick, c); r.Presence != trigger.Missing {
			m.services[service] = r
			m.there[c] = true
		} else if m.there[c] {
			delete(m.services, service)
			m.there[c] = false
		}
	}
}

// anything tells whether the present tick has a series of anything: without one
// Prometheus itself was down, and whatever the service did is not known.
func (b *board) anything() bool {
	for _, m := range b.metrics {
		if m.name == incident.HoldWhenMetric || b.answers[m.name].Err != "" {
			continue
		}
		for _, c := range b.page.metrics[m.place].Columns {
			if c.Codes[b.tick] != prom.CodeMissing {
				return true
			}
		}
	}
	return false
}

// assume puts a service's assumed readings over the recorded ones.
func (b *board) assume(service string) {
	for _, m := range b.metrics {
		c := -1
		if m.name != incident.HoldWhenMetric && b.page != nil {
			c = slices.Index(b.page.metrics[m.place].Services, service)
		}
		if c < 0 || b.answers[m.name].Err != "" {
			continue
		}
		r, known := b.assumed[service][m.name]
		if !known {
			r = trigger.UnknownBecause("not_known_after_rollback")
		}
		m.services[service] = r
		m.there[c] = true
	}
}

// before are the newest known readings of a service, up to the present tick.
func (b *board) before(service string) map[string]trigger.Reading {
	values := map[string]trigger.Reading{}
	for _, m := range b.metrics {
		if m.name == incident.HoldWhenMetric || b.page == nil {
			continue
		}
		h := b.page.metrics[m.place]
		c := slices.Index(h.Services, service)
		if c < 0 {
			continue
		}
		if r, found := lastKnown(h, c, b.tick); found {
			values[m.name] = r
		} else if m.carried[c].Presence == trigger.Known {
			values[m.name] = m.carried[c]
		}
	}
	return values
}

// lastKnown is the newest known reading of a column up to a tick.
func lastKnown(h *prom.History, column, tick int) (trigger.Reading, bool) {
	for ; tick >= 0; tick-- {
		if h.Columns[column].Codes[tick] == prom.CodeKnown {
			return h.Reading(tick, column), true
		}
	}
	return trigger.Reading{}, false
}

// read are answers to a read between two ticks: those of the tick before, which
// holds until the next one.
func (b *board) read(metrics []string) map[string]trigger.Answer {
	answers := make(map[string]trigger.Answer, len(metrics))
	for _, name := range metrics {
		a, known := b.answers[name]
		switch {
		case !known:
			answers[name] = trigger.Answer{Err: "unknown_metric"}
		case a.Err != "":
			answers[name] = a
		default:
			answers[name] = trigger.Answer{Services: maps.Clone(a.Services)}
		}
	}
	return answers
}
