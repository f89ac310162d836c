package backtest

import (
	"cmp"
	"slices"
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
		sc := scoring{labels: r.Labels, from: r.From, end: end, gaps: seen.gaps, nothing: res.NothingKnown, acting: p.acting(seen.need)}
		res.Score = sc.score(res.Services)
	}
	for _, s := range res.Services {
		res.Totals.add(s)
	}
	return res
}

// tally counts one kind of finding over all labels.
type tally struct {
	acc    Accuracy
	delays []time.Duration
}

// scoring is what labels are judged by, beside what was done.
type scoring struct {
	labels    []Label
	from, end time.Time
	gaps      []Gap
	nothing   []NothingKnown
	// acting are what the services' acting triggers read, by service.
	acting map[string]acting
}

// played tells whether any of a label is in the period.
func (sc scoring) played(l Label) bool { return l.From.Before(sc.end) && l.To.After(sc.from) }

// done counts what was done of a service that the labels can judge.
func (sc scoring) done(s ServiceResult) (rollbacks, firings int) {
	for _, r := range s.Rollbacks {
		if !sc.outside(s.Service, r.DecidedAt) {
			rollbacks++
		}
	}
	for _, f := range s.Firings {
		if !sc.outside(s.Service, f.FiredAt) {
			firings++
		}
	}
	return rollbacks, firings
}

// score compares what was done with the labels. It also writes the labels' names
// to the firings, incidents and rollbacks that belong to them.
func (sc scoring) score(services []ServiceResult) *Score {
	s := &Score{Labels: make([]LabelScore, 0, len(sc.labels))}
	var rollbacks, firings tally
	for i := range services {
		sc.attach(&services[i])
		acted, noticed := sc.done(services[i])
		rollbacks.acc.All += acted
		firings.acc.All += noticed
	}
	for n, l := range sc.labels {
		one := LabelScore{Name: l.Name, Service: l.Service, Rollback: NotInPeriod, Firing: NotInPeriod}
		i := slices.IndexFunc(services, func(s ServiceResult) bool { return s.Service == l.Service })
		if i >= 0 && sc.played(l) {
			mine := sc.share(n, services[i])
			dark := sc.blind(l, mine)
			one.Gap = cmp.Or(dark.firing, dark.rollback)
			one.Rollback = rollbacks.rollback(l, mine, dark.rollback, &one)
			if one.Rollback != Caught {
				one.HeldBy = heldBy(l, mine)
			}
			one.Firing = firings.firing(l, mine, dark.firing, &one)
			one.Notes = notes(l, mine, services, one)
		}
		s.Labels = append(s.Labels, one)
	}
	s.Rollbacks, s.Firings = rollbacks.accuracy(), firings.accuracy()
	return s
}

// rollback says what became of a label as to rolling back, and counts it. The
// service's results are those that belong to the label; dark is not nil where it
// could not have been rolled back for want of data.
func (t *tally) rollback(l Label, s ServiceResult, dark *Gap, one *LabelScore) Finding {
	wrong := false
	for _, r := range s.Rollbacks {
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
	case l.Deployment && dark != nil && !wrong:
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
func (t *tally) firing(l Label, s ServiceResult, dark *Gap, one *LabelScore) Finding {
	for _, f := range s.Firings {
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
	case dark != nil:
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

// heldBy is what held the incident of a label.
func heldBy(l Label, s ServiceResult) incident.Guard {
	for _, inc := range s.Incidents {
		if l.covers(s.Service, inc.OpenedAt) && inc.Label == l.Name && inc.HeldBy != "" {
			return inc.HeldBy
		}
	}
	return ""
}
