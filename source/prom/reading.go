package prom

import (
	"math"
	"time"

	"github.com/rollbackd/rollbackd/trigger"
)

// table is a vector by its key.
type table struct {
	reason string
	cells  map[string]cell
}

type cell struct {
	value  float64
	second bool // there is more than one series for the key
}

func newTable(v vector) table {
	t := table{reason: v.reason, cells: make(map[string]cell, len(v.series))}
	for _, s := range v.series {
		_, second := t.cells[s.key]
		t.cells[s.key] = cell{value: s.value, second: second}
	}
	return t
}

// read is the reading of one service from questions that were all answered.
func read(ps parts, match string, unit trigger.Unit, tables map[question]table) trigger.Reading {
	if ps.value.query == "" {
		return ratio(tables[ps.bad].cells, tables[ps.total].cells, match, unit)
	}
	c, found := tables[ps.value].cells[match]
	switch {
	case !found:
		return trigger.Reading{Presence: trigger.Missing, Reason: reasonNoSeries}
	case c.second:
		return trigger.UnknownBecause(reasonDuplicate)
	}
	return trigger.NewReading(c.value, unit)
}

// ratio is bad / total. A service without a single failure has no series of
// failures, so bad missing beside a total is zero; without a total nothing is
// known to have happened, and that is missing, not zero.
func ratio(bad, total map[string]cell, match string, unit trigger.Unit) trigger.Reading {
	t, found := total[match]
	if !found {
		return trigger.Reading{Presence: trigger.Missing, Reason: reasonNoSeries}
	}
	b := bad[match]
	if t.second || b.second {
		return trigger.UnknownBecause(reasonDuplicate)
	}
	if all := trigger.NewReading(t.value, trigger.PerSecond); all.Presence != trigger.Known {
		return all
	}
	reading := trigger.UnknownBecause(reasonNoTraffic)
	if t.value != 0 || b.value != 0 {
		reading = trigger.NewReading(scale(b.value/t.value, unit), unit)
	}
	reading.Total, reading.HasTotal = t.value, true
	return reading
}

// scale turns a share into the metric's unit.
func scale(share float64, unit trigger.Unit) float64 {
	if unit == trigger.Percent {
		return share * 100
	}
	return share
}

// staleness says why the newest sample behind a reading is too old to be
// believed; empty when it is not. A series whose samples are gone has no newest
// sample at all: rate() goes on for a whole range after the last one.
func (s *Source) staleness(fresh question, match string, tables map[question]table, at time.Time) string {
	if fresh.query == "" {
		return ""
	}
	c, found := tables[fresh].cells[match]
	switch {
	case !found:
		return reasonStale
	case c.second:
		return reasonDuplicate
	case math.IsNaN(c.value) || math.IsInf(c.value, 0):
		return trigger.NewReading(c.value, trigger.NoUnit).Reason
	}
	if age := float64(at.UnixNano())/1e9 - c.value; age > s.opt.MaxGap.Seconds() {
		return reasonStale
	}
	return ""
}
