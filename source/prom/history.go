package prom

import (
	"cmp"
	"context"
	"encoding/json"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/trigger"
)

// Code says of one tick of a Column what kind of reading it has. The zero code is
// unknown without a reason, so that a tick nobody filled in is no answer. Codes
// from firstReason on are unknown for a reason of the History.
type Code uint8

// The codes without a reason of their own.
const (
	CodeUnknown Code = iota
	CodeMissing
	CodeKnown
	firstReason
)

// History is what one metric was, for each service, over a stretch of the grid. It
// is as small as it can be: a month of a hundred services does not fit into memory
// as answers. Columns are in the order of Services, and all have Ticks elements.
type History struct {
	From     time.Time
	Step     time.Duration
	Ticks    int
	Services []string
	Columns  []Column
	// Why says the first failure of a query in full, for a log; empty without one.
	Why string
	// Reasons are what makes readings unknown.
	Reasons []string
	// Whole holds, for each tick, the code of the reason for which the whole answer
	// is unusable, else zero. It is nil where every tick was answered.
	Whole []Code
}

// Column is one service of a History. Values mean something where the code is
// CodeKnown. Totals are nil for a metric without a total, and NaN where there was
// none.
type Column struct {
	Codes  []Code
	Values []float64
	Totals []float64
}

// NewHistory makes a history of which nothing is known yet.
func NewHistory(from time.Time, step time.Duration, ticks int, services []string) *History {
	h := &History{From: from, Step: step, Ticks: ticks, Services: services, Columns: make([]Column, len(services))}
	for i := range h.Columns {
		h.Columns[i] = Column{Codes: make([]Code, ticks), Values: make([]float64, ticks)}
	}
	return h
}

// At is the time of a tick.
func (h *History) At(tick int) time.Time { return h.From.Add(time.Duration(tick) * h.Step) }

// Set fills in one reading.
func (h *History) Set(tick, service int, r trigger.Reading) {
	c := &h.Columns[service]
	switch r.Presence {
	case trigger.Known:
		c.Codes[tick], c.Values[tick] = CodeKnown, r.Value
	case trigger.Missing:
		c.Codes[tick] = CodeMissing
	case trigger.Unknown:
		c.Codes[tick] = h.code(r.Reason)
	}
	if r.HasTotal {
		c.setTotal(tick, r.Total)
	}
}

// Fail makes a whole tick unusable.
func (h *History) Fail(tick int, reason string) {
	if h.Whole == nil {
		h.Whole = make([]Code, h.Ticks)
	}
	h.Whole[tick] = h.code(reason)
	for i := range h.Columns {
		h.Columns[i].Codes[tick] = h.Whole[tick]
	}
}

// Reading is one reading, as it was.
func (h *History) Reading(tick, service int) trigger.Reading {
	c := &h.Columns[service]
	var r trigger.Reading
	code := c.Codes[tick]
	if code == CodeMissing {
		return trigger.Reading{Presence: trigger.Missing, Reason: "no series"}
	}
	if r = trigger.KnownValue(c.Values[tick]); code != CodeKnown {
		r = trigger.UnknownBecause(h.Reason(code))
	}
	if c.Totals != nil {
		if total := c.Totals[tick]; !math.IsNaN(total) {
			r.Total, r.HasTotal = total, true
		}
	}
	return r
}

// Reason is what a code stands for; empty for one without a reason.
func (h *History) Reason(c Code) string {
	if i := int(c) - int(firstReason); i >= 0 && i < len(h.Reasons) {
		return h.Reasons[i]
	}
	return ""
}

// Failed tells whether a tick has no usable answer for any service, and why.
func (h *History) Failed(tick int) (reason string, failed bool) {
	if h.Whole == nil || h.Whole[tick] == CodeUnknown {
		return "", false
	}
	return h.Reason(h.Whole[tick]), true
}

// maxReasons is how many reasons a code can tell apart. There are about twenty.
const maxReasons = 200

func (h *History) code(reason string) Code {
	i := slices.Index(h.Reasons, reason)
	if i < 0 {
		if len(h.Reasons) >= maxReasons {
			return CodeUnknown
		}
		i, h.Reasons = len(h.Reasons), append(h.Reasons, reason)
	}
	return firstReason + Code(i) //nolint:gosec // at most maxReasons
}

func (c *Column) setTotal(tick int, total float64) {
	if c.Totals == nil {
		c.Totals = make([]float64, len(c.Codes))
		for i := range c.Totals {
			c.Totals[i] = math.NaN()
		}
	}
	c.Totals[tick] = total
}

// PageTicks is how many ticks History may be asked for at once: as many as
// Prometheus gives and as stay small in memory.
func (s *Source) PageTicks() int {
	return max(2, min(maxPagePoints, maxPageSamples/max(1, len(s.opt.Services))))
}

// History reads one metric back for as many ticks from a tick of the grid on, at
// most PageTicks, by range queries through the same code as a poll: what it was
// then is what a poll would have found. The answer of hold_when is asked for by its
// name, incident.HoldWhenMetric, and has the one service "".
//
// What could not be read is unknown in the history, and reason then names the first
// failure; it is empty where everything was answered.
func (s *Source) History(ctx context.Context, metric string, from time.Time, ticks int) (h *History, reason string) {
	sp := span{from: from, step: s.opt.Poll, count: ticks}
	if ticks == 1 {
		sp = instant(from)
	}
	if metric == incident.HoldWhenMetric {
		return s.holdHistory(ctx, sp)
	}
	p := s.plans[metric]
	set := map[question]bool{}
	p.questions(nil, set)
	replies := s.askAll(ctx, set, request{span: sp, lane: lanePoll})
	h = NewHistory(from, s.opt.Poll, ticks, slices.Sorted(maps.Keys(p.services)))
	h.Why = firstWhy(replies)
	tables := make(map[question]table, len(replies))
	for tick := range ticks {
		for q, vectors := range replies {
			tables[q] = newTable(vectors[tick])
		}
		if first := h.take(tick, s.answer(p, nil, tables, sp.at(tick))); reason == "" {
			reason = first
		}
	}
	return h, reason
}

// firstWhy is what the first failed question says of it; of several the least text,
// so that it is the same each time.
func firstWhy(replies map[question][]vector) string {
	first := ""
	for _, vectors := range replies {
		for _, v := range vectors {
			if v.reason != "" && v.why != "" && (first == "" || v.why < first) {
				first = v.why
			}
		}
	}
	return first
}

// Unasked is the history of a metric that is not asked for: unknown for a reason.
func (s *Source) Unasked(metric string, from time.Time, ticks int, reason string) *History {
	services := []string{""}
	if metric != incident.HoldWhenMetric {
		services = slices.Sorted(maps.Keys(s.plans[metric].services))
	}
	h := NewHistory(from, s.opt.Poll, ticks, services)
	for tick := range ticks {
		h.Fail(tick, reason)
	}
	return h
}

// take fills in one tick, and gives the reason of a query that failed.
func (h *History) take(tick int, a trigger.Answer) (failed string) {
	if a.Err != "" {
		h.Fail(tick, a.Err)
		return a.Err
	}
	for i, name := range h.Services {
		h.Set(tick, i, a.Reading(name))
		if reason := a.Failed[name]; failed == "" {
			failed = reason
		}
	}
	return failed
}

func (s *Source) holdHistory(ctx context.Context, sp span) (h *History, reason string) {
	q := question{query: s.opt.HoldWhen, whole: true}
	replies := s.askAll(ctx, map[question]bool{q: true}, request{span: sp, lane: lanePoll})
	h = NewHistory(sp.from, s.opt.Poll, sp.count, []string{""})
	h.Why = firstWhy(replies)
	for tick, v := range replies[q] {
		failed := v.reason
		h.take(tick, holdAnswer(v))
		if reason == "" {
			reason = failed
		}
	}
	return h, reason
}

// identity is all that decides what a metric's history is, beside the time.
type identity struct {
	Whom     string
	Poll     time.Duration
	MaxGap   time.Duration
	Partial  bool
	Unit     trigger.Unit
	Services []string
	Parts    [][4]string
}

// Describe says which metric this is in a text that is equal for two metrics if,
// and only if, their histories are the same, and how many queries a page of it
// takes.
func (s *Source) Describe(metric string) (text string, queries int) {
	id := identity{Whom: s.Whom(), Poll: s.opt.Poll, MaxGap: s.opt.MaxGap, Partial: s.opt.AcceptPartial}
	set := map[question]bool{}
	if metric == incident.HoldWhenMetric {
		id.Services, id.Parts = []string{""}, [][4]string{{s.opt.HoldWhen, "", "", ""}}
		set[question{query: s.opt.HoldWhen, whole: true}] = true
	} else {
		p := s.plans[metric]
		p.questions(nil, set)
		id.Unit = p.unit
		for _, name := range slices.Sorted(maps.Keys(p.services)) {
			ps := p.services[name]
			id.Services = append(id.Services, name+" "+s.match[name]+" "+ps.by())
			id.Parts = append(id.Parts, [4]string{ps.value.query, ps.bad.query, ps.total.query, ps.fresh.query})
		}
	}
	data, err := json.Marshal(id)
	if err != nil {
		return "", 0 // strings and numbers always marshal
	}
	return string(data), len(set)
}

// by is the label of the parts that are asked for all services.
func (ps parts) by() string {
	for _, q := range []question{ps.value, ps.bad, ps.total, ps.fresh} {
		if q.by != "" {
			return q.by
		}
	}
	return ""
}

// MayPass tells whether a query that failed for this reason may be answered when it
// is asked again: the server, not the query, is the trouble.
func MayPass(reason string) bool { return elsewhere(reason) || reason == reasonPartial }

// TooMuch tells whether a query that failed for this reason may be answered for
// fewer ticks: only where the answer says that the query was the trouble. A server
// that is down is so for half of them, too.
func TooMuch(reason string) bool {
	switch reason {
	case reasonTimeout, reasonExecution, reasonTooLarge:
		return true
	}
	return false
}

// Join is two histories of the same services, the second of which begins where the
// first ends.
func Join(a, b *History) *History {
	h := NewHistory(a.From, a.Step, a.Ticks+b.Ticks, a.Services)
	h.Why = cmp.Or(a.Why, b.Why)
	for _, part := range []*History{a, b} {
		offset := int(part.From.Sub(a.From) / a.Step)
		for tick := range part.Ticks {
			if reason, failed := part.Failed(tick); failed {
				h.Fail(offset+tick, reason)
				continue
			}
			for i := range h.Services {
				h.Set(offset+tick, i, part.Reading(tick, i))
			}
		}
	}
	return h
}
