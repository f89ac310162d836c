package backtest

import (
	"cmp"
	"slices"
	"time"

	"github.com/rollbackd/rollbackd/source/prom"
	"github.com/rollbackd/rollbackd/trigger"
)

// survey goes over the recorded history once and says what was known of it: gaps,
// coverage, and the points that charts are drawn from. It is about the record, not
// about what any variant made of it.
type survey struct {
	o    Options
	need *demand
	// tracks are the series that somebody looks at, by metric and service.
	tracks [][]*track
	// everything is the open stretch in which nothing at all had a series.
	everything open
	anything   bool // has had a series yet
	gaps       []Gap
	perPoint   int
}

// track is one series of one service.
type track struct {
	service, metric string
	series          Series
	known           int
	unknown         int
	missing         int
	why             string // the first reason for which it was unknown
	had             bool   // it had a series before
	gone            open   // missing, from when it had one
	dark            open   // unknown
}

// open is a stretch that may still go on. Its zero value is none.
type open struct {
	from   time.Time
	to     time.Time
	reason string
}

func (s open) on() bool { return !s.from.IsZero() }

// maxPoints is how many points a series is drawn with at most.
const maxPoints = 1500

// maxGaps is how many gaps are listed; the others are counted.
const maxGaps = 5000

func newSurvey(o Options, need *demand) *survey {
	s := &survey{o: o, need: need, perPoint: (o.ticks() + maxPoints - 1) / maxPoints}
	for i, m := range need.metrics {
		var of []*track
		for _, service := range sortedKeys(m.used) {
			of = append(of, &track{service: service, metric: need.title(i), series: Series{
				Service: service, Metric: need.title(i), Unit: trigger.Unit(m.unit), From: o.From,
				PointSeconds: (time.Duration(s.perPoint) * o.step()).Seconds(),
			}})
		}
		s.tracks = append(s.tracks, of)
	}
	return s
}

// take goes over one page.
func (s *survey) take(p *page) {
	empty := s.emptyTicks(p)
	for i, h := range p.metrics {
		whole := s.wholeUnknown(i, h)
		for _, t := range s.tracks[i] {
			if c := slices.Index(h.Services, t.service); c >= 0 {
				s.follow(t, h, &h.Columns[c], empty, whole)
			}
		}
	}
}

// emptyTicks tells of each tick whether every metric was answered and none had a
// series for anybody: Prometheus had nothing, whatever the services did.
func (s *survey) emptyTicks(p *page) []bool {
	empty := make([]bool, p.ticks)
	versions := versionTicks(p)
	for tick := range empty {
		empty[tick] = !versions[tick] && s.nothingAt(p, tick)
		at := p.from.Add(time.Duration(tick) * s.o.step())
		switch {
		case empty[tick]:
			s.everything.extend(at, s.o.step(), "")
		default:
			s.endEverything()
			s.anything = true
		}
	}
	return empty
}

// versionTicks tells of each tick whether any version query named a version:
// Prometheus was there then.
func versionTicks(p *page) []bool {
	there := make([]bool, p.ticks)
	for _, changes := range p.census {
		for i, c := range changes {
			end := p.ticks
			if i+1 < len(changes) {
				end = changes[i+1].Tick
			}
			for tick := c.Tick; tick < end && len(c.Census) > 0; tick++ {
				there[tick] = true
			}
		}
	}
	return there
}

func (s *survey) nothingAt(p *page, tick int) bool {
	asked := false
	for i, h := range p.metrics {
		for _, t := range s.tracks[i] {
			c := slices.Index(h.Services, t.service)
			if c < 0 {
				continue
			}
			if h.Columns[c].Codes[tick] != prom.CodeMissing {
				return false
			}
			asked = true
		}
	}
	return asked
}

func (s *survey) endEverything() {
	if !s.everything.on() {
		return
	}
	kind, reason := GapEverything, "no metric of any service had a series: Prometheus was down or restarted"
	if !s.anything {
		kind, reason = GapBefore, "Prometheus has nothing from before: it began later, or does not keep samples for as long"
	}
	if !s.anything && s.everything.to.After(s.o.To) {
		kind, reason = GapEverything, "no metric of any service had a series in the whole period: Prometheus has no history of it, or every query is wrong"
	}
	s.add(Gap{Kind: kind, From: s.everything.from, To: s.everything.to, Reason: reason})
	s.everything = open{}
}

// wholeUnknown notes the stretches in which a metric was unknown for everybody for
// one reason, and tells which ticks those are: they are not said again of each
// service.
func (s *survey) wholeUnknown(i int, h *prom.History) []bool {
	if h.Whole == nil {
		return nil
	}
	whole := make([]bool, h.Ticks)
	var dark open
	end := func() {
		if dark.on() {
			s.add(Gap{Kind: GapUnknown, Metric: s.need.title(i), From: dark.from, To: dark.to, Reason: dark.reason})
		}
		dark = open{}
	}
	for tick := range h.Ticks {
		reason, failed := h.Failed(tick)
		if dark.on() && (!failed || reason != dark.reason) {
			end()
		}
		if whole[tick] = failed; failed {
			dark.extend(h.At(tick), h.Step, reason)
		}
	}
	end()
	return whole
}

// follow goes over one column.
func (s *survey) follow(t *track, h *prom.History, c *prom.Column, empty, whole []bool) {
	first := int(h.From.Sub(s.o.From) / s.o.step())
	for tick, code := range c.Codes {
		s.point(t, first+tick, code, c.Values[tick])
		if t.why == "" && code != prom.CodeKnown && code != prom.CodeMissing {
			t.why = h.Reason(code)
		}
		if code == prom.CodeKnown {
			t.had = true
			if !t.gone.on() && !t.dark.on() {
				continue
			}
		}
		s.gaps = t.stretches(s.gaps, h.At(tick), h, code, empty[tick] || whole != nil && whole[tick])
	}
}

// stretches extends or ends the gaps of one series. covered is a tick that a gap of
// everything, or of the whole metric, tells of already.
func (t *track) stretches(gaps []Gap, at time.Time, h *prom.History, code prom.Code, covered bool) []Gap {
	gap := func(kind GapKind, s open) Gap {
		return Gap{Kind: kind, Service: t.service, Metric: t.metric, From: s.from, To: s.to, Reason: s.reason}
	}
	unknown := code != prom.CodeKnown && code != prom.CodeMissing
	if t.dark.on() && (!unknown || covered || h.Reason(code) != t.dark.reason) {
		gaps, t.dark = append(gaps, gap(GapUnknown, t.dark)), open{}
	}
	if t.gone.on() && code == prom.CodeKnown {
		gaps, t.gone = append(gaps, gap(GapMissing, t.gone)), open{}
	}
	switch {
	case covered:
	case unknown:
		t.dark.extend(at, h.Step, h.Reason(code))
	case code == prom.CodeMissing && t.had:
		t.gone.extend(at, h.Step, "no series, although there was one before and after")
	}
	return gaps
}

func (s *open) extend(at time.Time, step time.Duration, reason string) {
	if !s.on() {
		s.from, s.reason = at, reason
	}
	s.to = at.Add(step)
}

// point adds one tick of the period to the drawn series and the coverage.
func (s *survey) point(t *track, tick int, code prom.Code, value float64) {
	if tick >= len(t.series.Points)*s.perPoint {
		t.series.Points = append(t.series.Points, Point{})
	}
	p := &t.series.Points[len(t.series.Points)-1]
	if code != prom.CodeKnown {
		if code == prom.CodeMissing {
			p.Missing++
			t.missing++
		} else {
			p.Unknown++
			t.unknown++
		}
		return
	}
	switch {
	case p.Known == 0:
		p.Min, p.Max = value, value
	case value < p.Min:
		p.Min = value
	case value > p.Max:
		p.Max = value
	}
	p.Known++
	t.known++
}

func (s *survey) add(g Gap) { s.gaps = append(s.gaps, g) }

// finish ends what is still open. Whether a series that did not come back was taken
// away or broke is not known, so that is a gap too.
func (s *survey) finish() {
	s.endEverything()
	for _, of := range s.tracks {
		for _, t := range of {
			if t.dark.on() {
				s.add(Gap{Kind: GapUnknown, Service: t.service, Metric: t.metric, From: t.dark.from, To: t.dark.to, Reason: t.dark.reason})
			}
			if t.gone.on() {
				s.add(Gap{Kind: GapMissing, Service: t.service, Metric: t.metric, From: t.gone.from, To: t.gone.to, Reason: s.ended(t.gone)})
			}
		}
	}
	slices.SortStableFunc(s.gaps, func(a, b Gap) int {
		return cmp.Or(a.From.Compare(b.From), cmp.Compare(a.Service, b.Service), cmp.Compare(a.Metric, b.Metric), cmp.Compare(a.Kind, b.Kind))
	})
	s.gaps = joined(s.gaps)
}

// ended says of a series that is missing when the period ends, or when it was last
// known whether it is, what is known of its end.
func (s *survey) ended(gone open) string {
	if gone.to.After(s.o.To) {
		return "ends at " + stamp(gone.from) + ", and does not come back"
	}
	return "ends at " + stamp(gone.from) + "; from " + stamp(gone.to) + " on it is not known whether it came back"
}

// joined puts gaps together that the end of a page cut in two.
func joined(gaps []Gap) []Gap {
	open := map[Gap]int{}
	var out []Gap
	for _, g := range gaps {
		like := Gap{Kind: g.Kind, Service: g.Service, Metric: g.Metric, Reason: g.Reason}
		if i, ok := open[like]; ok && out[i].To.Equal(g.From) {
			out[i].To = g.To
			continue
		}
		open[like] = len(out)
		out = append(out, g)
	}
	return out
}

// shown are the gaps of the services that are shown, and how many more there are.
func (s *survey) shown(services map[string]bool) (gaps []Gap, leftOut int) {
	gaps = []Gap{}
	for _, g := range s.gaps {
		switch {
		case g.Service != "" && !services[g.Service]:
		case len(gaps) == maxGaps:
			leftOut++
		default:
			gaps = append(gaps, g)
		}
	}
	return gaps, leftOut
}

// series are the drawn series and the coverage of the services that are shown.
func (s *survey) series(services map[string]bool) (all []Series, known []Coverage) {
	all, known = []Series{}, []Coverage{}
	seconds := func(ticks int) float64 { return (time.Duration(ticks) * s.o.step()).Seconds() }
	for _, of := range s.tracks {
		for _, t := range of {
			if !services[t.service] {
				continue
			}
			all = append(all, t.series)
			known = append(known, Coverage{
				Service: t.service, Metric: t.metric,
				KnownSeconds: seconds(t.known), UnknownSeconds: seconds(t.unknown), MissingSeconds: seconds(t.missing),
			})
		}
	}
	slices.SortStableFunc(all, func(a, b Series) int {
		return cmp.Or(cmp.Compare(a.Service, b.Service), cmp.Compare(a.Metric, b.Metric))
	})
	slices.SortStableFunc(known, func(a, b Coverage) int {
		return cmp.Or(cmp.Compare(a.Service, b.Service), cmp.Compare(a.Metric, b.Metric))
	})
	return all, known
}
