package incident

import (
	"slices"
	"time"
)

// What is kept of the samples around an incident. Their journal entries are small
// beside the outputs of steps, and a report must not depend on how long Prometheus
// remembers.
const (
	// samplesBefore is how many ticks are kept from before the opening.
	samplesBefore = 80
	// samplesKept bounds what an incident in memory holds of one trigger; the older
	// ones are thinned out, and the journal has all.
	samplesKept = 480
)

// sampled is an entry with what the incident's triggers showed that is not on record
// yet. It goes with entries that are written anyhow: evidence is worth keeping, and
// must never be one more thing that has to succeed before something is decided.
func (b *Brain) sampled(e Entry, inc *Incident) Entry {
	l := b.live[inc.Service]
	if l == nil {
		return e
	}
	e.Samples = nil
	for _, spec := range l.watch.Triggers() {
		if inc.evidence(spec.Name) < 0 {
			continue
		}
		after := inc.sampledOf(spec.Name)
		seen := l.watch.Trace(spec.Name)
		if after.IsZero() && len(seen) > samplesBefore {
			seen = seen[len(seen)-samplesBefore:]
		}
		if s := seriesOf(spec, seen, after); len(s.Points) > 0 {
			e.Samples = append(e.Samples, s)
		}
	}
	return e
}

// sampledOf is the time of the newest sample of one trigger; zero without any.
func (inc *Incident) sampledOf(trigger string) time.Time {
	for _, s := range inc.Samples {
		if s.Trigger == trigger {
			return s.newest()
		}
	}
	return time.Time{}
}

func (s Series) newest() time.Time {
	if len(s.Points) == 0 {
		return time.Time{}
	}
	return s.Points[len(s.Points)-1].At
}

// foldSamples adds what the triggers showed since.
func (inc *Incident) foldSamples(more []Series) {
	inc.Samples = slices.Clone(inc.Samples)
	for _, s := range more {
		i := slices.IndexFunc(inc.Samples, func(have Series) bool { return have.Trigger == s.Trigger })
		if i < 0 {
			inc.Samples = append(inc.Samples, s)
			continue
		}
		all := slices.Concat(inc.Samples[i].Points, s.Points)
		for len(all) > samplesKept {
			all = thinned(all)
		}
		s.Points = all
		inc.Samples[i] = s
	}
}

// thinned leaves out every second point of the older half.
func thinned(points []Point) []Point {
	half := len(points) / 2
	var kept []Point
	for i, p := range points {
		if i >= half || i%2 == 0 {
			kept = append(kept, p)
		}
	}
	return kept
}

// inMessages is how many points of a trigger go with a message.
const inMessages = 60

// fewer are the newest points of each series.
func fewer(all []Series) []Series {
	var out []Series
	for _, s := range all {
		if len(s.Points) > inMessages {
			s.Points = s.Points[len(s.Points)-inMessages:]
		}
		out = append(out, s)
	}
	return out
}

// shiftedSamples are samples by the new clock, so that those that come after it are
// not taken for older ones.
func shiftedSamples(all []Series, by time.Duration) []Series {
	all = slices.Clone(all)
	for i := range all {
		all[i].Points = slices.Clone(all[i].Points)
		for k := range all[i].Points {
			shift(by, &all[i].Points[k].At)
		}
	}
	return all
}
