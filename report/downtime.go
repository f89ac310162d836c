package report

import (
	"fmt"
	"slices"
	"time"

	"github.com/rollbackd/rollbackd/incident"
)

// Breach is from the onset of an incident's first breach to the end of its last, or
// to its close where one goes on. It is false where no trigger fired: then there
// was no breach that anybody saw.
func Breach(inc *incident.Incident) (from, to time.Time, seen bool) {
	if len(inc.Triggers) == 0 {
		return inc.OpenedAt, inc.ClosedAt, false
	}
	from = inc.OpenedAt // a trigger that fired again has forgotten its first onset
	for _, ev := range inc.Triggers {
		if !ev.Since.IsZero() && ev.Since.Before(from) {
			from = ev.Since
		}
		switch {
		case ev.ClearedAt.IsZero() && inc.ClosedAt.After(to):
			to = inc.ClosedAt
		case ev.ClearedAt.After(to):
			to = ev.ClearedAt
		}
	}
	return from, to, to.After(from)
}

// Downtime is for how long at least one of an incident's triggers breached between
// two times, by the samples on record. What was unknown then does not count, and
// problem says how long that was; it is empty where all was known. Without samples
// nothing is known.
func Downtime(inc *incident.Incident, from, to time.Time) (length time.Duration, known bool, problem string) {
	var breaches, unknowns []stretch
	for _, s := range inc.Samples {
		step := stepOf(s.Points)
		for i, p := range s.Points {
			end := p.At.Add(step)
			if i+1 < len(s.Points) && s.Points[i+1].At.Sub(p.At) < step+step/2 {
				end = s.Points[i+1].At
			}
			one := stretch{p.At, end}.within(from, to)
			switch {
			case !one.to.After(one.from):
			case p.Truth == "breach":
				breaches = append(breaches, one)
			case p.Truth == "unknown":
				unknowns = append(unknowns, one)
			}
		}
	}
	if len(breaches) == 0 {
		return 0, false, "no sample of the breach is on record"
	}
	length = total(breaches)
	if more := total(slices.Concat(breaches, unknowns)) - length; more > 0 {
		problem = fmt.Sprintf("for %s more it was not known whether it breached", span(more))
	}
	return length, true, problem
}

// stretch is a length of time with its ends.
type stretch struct{ from, to time.Time }

// within is the part of a stretch between two times.
func (s stretch) within(from, to time.Time) stretch {
	if s.from.Before(from) {
		s.from = from
	}
	if s.to.After(to) {
		s.to = to
	}
	return s
}

// total is the time that stretches cover together, each moment once.
func total(all []stretch) time.Duration {
	all = slices.Clone(all)
	slices.SortFunc(all, func(a, b stretch) int { return a.from.Compare(b.from) })
	var sum time.Duration
	var covered time.Time
	for _, s := range all {
		if s.from.Before(covered) {
			s.from = covered
		}
		if s.to.After(s.from) {
			sum += s.to.Sub(s.from)
			covered = s.to
		}
	}
	return sum
}
