package backtest

import (
	"slices"
	"time"
)

// labelSlack is how far beyond a label's ends something still belongs to it: people
// write down when they noticed.
const labelSlack = 5 * time.Minute

// covers tells whether a label may be about something of a service at a time.
func (l Label) covers(service string, at time.Time) bool {
	return l.Service == service && !at.Before(l.From.Add(-labelSlack)) && !at.After(l.To.Add(labelSlack))
}

// nearness is how a label lies to a time: 0 holds it, 1 is over by then, 2 begins
// later. Of labels that lie alike, the one with the least distance is the nearest.
func (l Label) nearness(at time.Time) (how int, distance time.Duration) {
	switch {
	case at.Before(l.From):
		return 2, l.From.Sub(at)
	case at.After(l.To):
		return 1, at.Sub(l.To)
	}
	return 0, at.Sub(l.From)
}

// ownerOf is the place of the one label that something of a service belongs to; -1
// without one. It is the label whose span holds the time (of several the one that
// began last), else the one that it follows most closely, else the next to begin.
// What counted for two labels would be right twice. Labels that eligible refuses are
// left aside.
func ownerOf(labels []Label, service string, at time.Time, eligible func(Label) bool) int {
	owner, how, distance := -1, 0, time.Duration(0)
	for i, l := range labels {
		if !l.covers(service, at) || !eligible(l) {
			continue
		}
		h, d := l.nearness(at)
		if owner < 0 || h < how || h == how && d < distance {
			owner, how, distance = i, h, d
		}
	}
	return owner
}

// owner is the place of the label of the period that something belongs to; -1
// without one.
func (sc scoring) owner(service string, at time.Time) int {
	return ownerOf(sc.labels, service, at, sc.played)
}

// outside tells whether something belongs to no label of the period, but to one
// beside it: whether it was right is then not known from the labels.
func (sc scoring) outside(service string, at time.Time) bool {
	return sc.owner(service, at) < 0 && slices.ContainsFunc(sc.labels, func(l Label) bool { return l.covers(service, at) })
}

// attach writes the label's name to what belongs to it.
func (sc scoring) attach(s *ServiceResult) {
	of := func(at time.Time) string {
		i := sc.owner(s.Service, at)
		if i < 0 {
			i = ownerOf(sc.labels, s.Service, at, func(Label) bool { return true })
		}
		if i < 0 {
			return ""
		}
		return sc.labels[i].Name
	}
	for i := range s.Firings {
		s.Firings[i].Label = of(s.Firings[i].FiredAt)
	}
	for i := range s.Incidents {
		s.Incidents[i].Label = of(s.Incidents[i].OpenedAt)
	}
	for i := range s.Rollbacks {
		s.Rollbacks[i].Label = of(s.Rollbacks[i].DecidedAt)
	}
}

// share is what of a service belongs to one label and to no other.
func (sc scoring) share(label int, s ServiceResult) ServiceResult {
	mine := func(at time.Time) bool { return sc.owner(s.Service, at) == label }
	s.Firings = slices.DeleteFunc(slices.Clone(s.Firings), func(f Firing) bool { return !mine(f.FiredAt) })
	s.Rollbacks = slices.DeleteFunc(slices.Clone(s.Rollbacks), func(r Rollback) bool { return !mine(r.DecidedAt) })
	return s
}
