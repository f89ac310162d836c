package backtest

import (
	"slices"
	"strings"
	"time"

	"github.com/rollbackd/rollbackd/incident"
)

// result is what one variant would have done, of the services that are shown.
func (p *player) result(v Variant, r *Report, end time.Time, seen *survey) Result {
	res := Result{Config: p.options.Hash, Set: v.Set, Services: []ServiceResult{}, Assumed: []Assumption{}, NotJudged: []NotJudged{}}
	for _, name := range r.Services {
		c := v.Config.Services[name]
		s := p.record.services[name]
		if c == nil || s == nil {
			continue
		}
		s.Mode = "live"
		if p.options.Services[name].Shadow || p.options.Shadow {
			s.Mode = "shadow"
		}
		var not []NotJudged
		s.Triggers, not = triggersOf(c)
		res.NotJudged = append(res.NotJudged, not...)
		res.NothingKnown = append(res.NothingKnown, seen.nothing(p.metrics, c, s.Firings)...)
		res.Services = append(res.Services, *s)
	}
	for _, a := range p.parted.finish(end) {
		if slices.Contains(r.Services, a.Service) {
			res.Assumed = append(res.Assumed, a)
		}
	}
	slices.SortStableFunc(res.Assumed, func(a, b Assumption) int { return a.From.Compare(b.From) })
	if len(r.Labels) > 0 {
		sc := scoring{from: r.From, end: end, gaps: seen.gaps, nothing: res.NothingKnown}
		res.Score = sc.score(r.Labels, res.Services)
	}
	for _, s := range res.Services {
		res.Totals.add(s)
	}
	return res
}

// labelSlack is how far beyond a label's ends something still belongs to it: people
// write down when they noticed.
const labelSlack = 5 * time.Minute

// covers tells whether a label is about something of a service at a time.
func (l Label) covers(service string, at time.Time) bool {
	return l.Service == service && !at.Before(l.From.Add(-labelSlack)) && !at.After(l.To.Add(labelSlack))
}

// tally counts one kind of finding over all labels.
type tally struct {
	acc    Accuracy
	delays []time.Duration
}

// scoring is what labels are judged by, beside what was done.
type scoring struct {
	from, end time.Time
	gaps      []Gap
	nothing   []NothingKnown
}

// played tells whether any of a label is in the period.
func (sc scoring) played(l Label) bool { return l.From.Before(sc.end) && l.To.After(sc.from) }

// outside tells whether something belongs to no label of the period, but to one
// beside it: whether it was right is then not known from the labels.
func (sc scoring) outside(labels []Label, service string, at time.Time) bool {
	beside := false
	for _, l := range labels {
		if l.covers(service, at) {
			if sc.played(l) {
				return false
			}
			beside = true
		}
	}
	return beside
}

// done counts what was done of a service that the labels can judge.
func (sc scoring) done(labels []Label, s ServiceResult) (rollbacks, firings int) {
	for _, r := range s.Rollbacks {
		if !sc.outside(labels, s.Service, r.DecidedAt) {
			rollbacks++
		}
	}
	for _, f := range s.Firings {
		if !sc.outside(labels, s.Service, f.FiredAt) {
			firings++
		}
	}
	return rollbacks, firings
}

// score compares what was done with the labels. It also writes the labels' names
// to the firings, incidents and rollbacks that belong to them.
func (sc scoring) score(labels []Label, services []ServiceResult) *Score {
	s := &Score{Labels: make([]LabelScore, 0, len(labels))}
	var rollbacks, firings tally
	for i := range services {
		attach(&services[i], labels)
		acted, noticed := sc.done(labels, services[i])
		rollbacks.acc.All += acted
		firings.acc.All += noticed
	}
	for _, l := range labels {
		one := LabelScore{Name: l.Name, Service: l.Service, Rollback: NotInPeriod, Firing: NotInPeriod}
		i := slices.IndexFunc(services, func(s ServiceResult) bool { return s.Service == l.Service })
		if i >= 0 && sc.played(l) {
			if one.Gap = overlapping(l, sc.gaps); one.Gap == nil {
				one.Gap = blindGap(sc.nothing, services[i], sc.from, sc.end)
			}
			one.Rollback = rollbacks.rollback(l, services[i], &one)
			if one.Rollback != Caught {
				one.HeldBy = heldBy(l, services[i])
			}
			one.Firing = firings.firing(l, services[i], &one)
			one.Notes = notes(l, services[i], services, one)
		}
		s.Labels = append(s.Labels, one)
	}
	s.Rollbacks, s.Firings = rollbacks.accuracy(), firings.accuracy()
	return s
}

// attach writes the label's name to what belongs to it.
func attach(s *ServiceResult, labels []Label) {
	of := func(at time.Time) string {
		for _, l := range labels {
			if l.covers(s.Service, at) {
				return l.Name
			}
		}
		return ""
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

// rollback says what became of a label as to rolling back, and counts it.
func (t *tally) rollback(l Label, s ServiceResult, one *LabelScore) Finding {
	wrong := false
	for _, r := range s.Rollbacks {
		if !l.covers(s.Service, r.DecidedAt) {
			continue
		}
		if !l.Deployment || l.BadVersion != "" && r.From != l.BadVersion {
			wrong = true
			continue
		}
		t.acc.Right++
		if one.RollbackDelaySeconds == nil {
			one.RollbackDelaySeconds = t.delayed(l, r.DecidedAt)
		}
	}
	switch {
	case l.Deployment && one.RollbackDelaySeconds != nil:
		t.acc.Found++
		t.acc.Labels++
		return Caught
	case l.Deployment && one.Gap != nil && !wrong:
		t.acc.NotSeen++
		return NotSeen
	case l.Deployment:
		t.acc.Labels++
	}
	switch {
	case wrong:
		return Wrong
	case !l.Deployment:
		return LeftAlone
	}
	return Missed
}

// firing says what became of a label as to being noticed, and counts it.
func (t *tally) firing(l Label, s ServiceResult, one *LabelScore) Finding {
	for _, f := range s.Firings {
		if !l.covers(s.Service, f.FiredAt) {
			continue
		}
		t.acc.Right++
		if one.FiringDelaySeconds == nil {
			one.FiringDelaySeconds = t.delayed(l, f.FiredAt)
		}
	}
	switch {
	case one.FiringDelaySeconds != nil:
		t.acc.Found++
		t.acc.Labels++
		return Caught
	case one.Gap != nil:
		t.acc.NotSeen++
		return NotSeen
	}
	t.acc.Labels++
	return Missed
}

func (t *tally) delayed(l Label, at time.Time) *float64 {
	d := max(0, at.Sub(l.From))
	t.delays = append(t.delays, d)
	seconds := d.Seconds()
	return &seconds
}

// accuracy finishes the counting.
func (t *tally) accuracy() Accuracy {
	a := t.acc
	a.Precision, a.Recall = fraction(a.Right, a.All), fraction(a.Found, a.Labels)
	slices.Sort(t.delays)
	a.MedianDelaySeconds, a.P95DelaySeconds = rank(t.delays, 50), rank(t.delays, 95)
	return a
}

func fraction(part, of int) *float64 {
	if of == 0 {
		return nil
	}
	s := float64(part) / float64(of)
	return &s
}

// rank is a percentile by nearest rank; nil of nothing.
func rank(sorted []time.Duration, percent int) *float64 {
	if len(sorted) == 0 {
		return nil
	}
	seconds := sorted[max(1, (len(sorted)*percent+99)/100)-1].Seconds()
	return &seconds
}

// overlapping is the first gap that a label overlaps; nil for none.
func overlapping(l Label, gaps []Gap) *Gap {
	for _, g := range gaps {
		if g.Kind == GapVersion && strings.HasSuffix(g.Reason, goesOnRunning) {
			continue // the decisions were the live ones
		}
		if (g.Service == "" || g.Service == l.Service) && g.From.Before(l.To) && g.To.After(l.From) {
			return &g
		}
	}
	return nil
}

// heldBy is what held the incident of a label.
func heldBy(l Label, s ServiceResult) incident.Guard {
	for _, inc := range s.Incidents {
		if l.covers(s.Service, inc.OpenedAt) && inc.HeldBy != "" {
			return inc.HeldBy
		}
	}
	return ""
}
