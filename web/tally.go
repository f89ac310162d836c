package web

import (
	"cmp"
	"math"
	"slices"
	"sync"

	"github.com/rollbackd/rollbackd/incident"
)

// Tallies add up incidents. They hold of each what statistics need and no more,
// some 100 bytes with its ID, so that years of them are counted in milliseconds.
// The zero value holds none. It is safe for concurrent use.
type Tallies struct {
	mu    sync.RWMutex
	names interned
	byID  map[string]int
	rows  []tally
}

// tally is one incident.
type tally struct {
	opened int64 // nanoseconds since the Unix epoch
	// service, outcome, heldBy and triggers are interned; 0 is empty.
	service, outcome, heldBy uint32
	triggers                 []uint32
	// took is a completed rollback's time, detection that until a trigger fired, in
	// seconds; NaN where there is none.
	took, detection           float32
	started, ended, completed uint16
	open, shadow, falseAlarm  bool
	slaKnown, slaMet          bool
	rehearsal                 bool
}

// interned gives every name a number; the zero value knows the empty name only.
type interned struct {
	numbers map[string]uint32
	names   []string
}

func (n *interned) number(name string) uint32 {
	if name == "" {
		return 0
	}
	if n.numbers == nil {
		n.numbers, n.names = map[string]uint32{}, []string{""}
	}
	i, ok := n.numbers[name]
	if !ok {
		i = uint32(len(n.names)) //nolint:gosec // there are not that many names
		n.numbers[name] = i
		n.names = append(n.names, name)
	}
	return i
}

// Put takes in an incident, in the place of what was known of it.
func (t *Tallies) Put(s incident.Summary) {
	t.mu.Lock()
	defer t.mu.Unlock()
	row := tally{
		opened: s.OpenedAt.UnixNano(), service: t.names.number(s.Service), outcome: t.names.number(string(s.Outcome)),
		heldBy: t.names.number(string(s.HeldBy)), took: float32(math.NaN()), detection: float32(math.NaN()),
		started: few(s.RollbacksStarted), ended: few(s.RollbacksEnded), completed: few(s.RollbacksCompleted),
		open: s.State != incident.Closed, shadow: s.Mode == "shadow", rehearsal: s.Rehearsal,
		falseAlarm: s.State == incident.Closed && s.Outcome == incident.Recovered && !s.Changed,
	}
	for _, name := range s.Triggers {
		row.triggers = append(row.triggers, t.names.number(name))
	}
	if s.DetectionSeconds != nil {
		row.detection = float32(*s.DetectionSeconds)
	}
	if run := s.Rollback; run != nil {
		if run.State == incident.RunCompleted {
			row.took = float32(run.DurationSeconds)
		}
		over := run.State == incident.RunCompleted || run.State == incident.RunPartial
		row.slaKnown = over && run.SLASeconds > 0 && run.SLAMet != nil
		row.slaMet = row.slaKnown && *run.SLAMet
	}
	if i, known := t.byID[s.ID]; known {
		t.rows[i] = row
		return
	}
	if t.byID == nil {
		t.byID = map[string]int{}
	}
	t.byID[s.ID] = len(t.rows)
	t.rows = append(t.rows, row)
}

func few(n int) uint16 { return uint16(min(max(n, 0), math.MaxUint16)) }

// Stats adds up what the filter lets through. Until is left to the caller.
func (t *Tallies) Stats(f StatsFilter) Stats {
	t.mu.RLock()
	defer t.mu.RUnlock()
	since := int64(math.MinInt64)
	if !f.Since.IsZero() {
		since = f.Since.UnixNano()
	}
	sum := newSum(len(t.names.names))
	for i := range t.rows {
		row := &t.rows[i]
		if row.opened < since || f.Service != "" && t.name(row.service) != f.Service {
			continue
		}
		sum.add(row)
	}
	s := Stats{
		Since: f.Since, Service: f.Service, Rehearsals: sum.rehearsals, Services: []ServiceFigures{},
		Triggers: t.counts(sum.triggers), Holds: t.counts(sum.holds), Outcomes: t.counts(sum.outcomes),
	}
	for service, a := range sum.services {
		if a != nil {
			s.Services = append(s.Services, ServiceFigures{Service: t.name(uint32(service)), Figures: a.figures()})
		}
	}
	s.All = sum.all().figures()
	slices.SortFunc(s.Services, func(a, b ServiceFigures) int {
		return cmp.Or(cmp.Compare(b.Incidents, a.Incidents), cmp.Compare(a.Service, b.Service))
	})
	return s
}

func (t *Tallies) name(n uint32) string {
	if n == 0 {
		return ""
	}
	return t.names.names[n]
}

// counts are those above zero, the most common first.
func (t *Tallies) counts(byName []int) []Count {
	counts := []Count{}
	for n, count := range byName {
		if n > 0 && count > 0 {
			counts = append(counts, Count{Name: t.name(uint32(n)), Count: count})
		}
	}
	slices.SortFunc(counts, func(a, b Count) int { return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Name, b.Name)) })
	return counts
}

// sum is what rows add up to; its slices go by the number of a name.
type sum struct {
	rehearsals                int
	services                  []*amount
	triggers, holds, outcomes []int
}

func newSum(names int) *sum {
	n := max(names, 1)
	return &sum{services: make([]*amount, n), triggers: make([]int, n), holds: make([]int, n), outcomes: make([]int, n)}
}

func (s *sum) add(row *tally) {
	if row.rehearsal {
		s.rehearsals++
		return
	}
	if s.services[row.service] == nil {
		s.services[row.service] = &amount{}
	}
	s.services[row.service].add(row)
	s.holds[row.heldBy]++
	s.outcomes[row.outcome]++
	for _, trigger := range row.triggers {
		s.triggers[trigger]++
	}
}

// all is every service's amount together.
func (s *sum) all() *amount {
	all := &amount{}
	for _, a := range s.services {
		if a != nil {
			all.merge(a)
		}
	}
	return all
}

// amount is what becomes Figures.
type amount struct {
	Figures

	ended, endedWell int
	took, detections []float32
}

func (a *amount) add(row *tally) {
	a.Incidents++
	a.Open += one(row.open)
	a.Shadow += one(row.shadow)
	a.FalseAlarms += one(row.falseAlarm)
	a.RollbacksStarted += int(row.started)
	a.RollbacksCompleted += int(row.completed)
	a.SLAKnown += one(row.slaKnown)
	a.SLAMet += one(row.slaMet)
	a.ended += int(row.ended)
	a.endedWell += int(row.completed)
	if known(row.took) {
		a.took = append(a.took, row.took)
	}
	if known(row.detection) {
		a.detections = append(a.detections, row.detection)
	}
}

func (a *amount) merge(b *amount) {
	a.Incidents += b.Incidents
	a.Open += b.Open
	a.Shadow += b.Shadow
	a.FalseAlarms += b.FalseAlarms
	a.RollbacksStarted += b.RollbacksStarted
	a.RollbacksCompleted += b.RollbacksCompleted
	a.SLAKnown += b.SLAKnown
	a.SLAMet += b.SLAMet
	a.ended += b.ended
	a.endedWell += b.endedWell
	a.took = append(a.took, b.took...)
	a.detections = append(a.detections, b.detections...)
}

func known(seconds float32) bool { return !math.IsNaN(float64(seconds)) }

func one(yes bool) int {
	if yes {
		return 1
	}
	return 0
}

// figures works out the rates and times.
func (a *amount) figures() Figures {
	f := a.Figures
	f.SuccessRate = rate(a.endedWell, a.ended)
	f.SLACompliance = rate(f.SLAMet, f.SLAKnown)
	slices.Sort(a.took)
	slices.Sort(a.detections)
	f.AverageSeconds, f.MedianSeconds, f.P95Seconds = average(a.took), quantile(a.took, 0.5), quantile(a.took, 0.95)
	f.DetectionMedianSeconds = quantile(a.detections, 0.5)
	return f
}

// rate is nil of nothing.
func rate(part, whole int) *float64 {
	if whole == 0 {
		return nil
	}
	return new(float64(part) / float64(whole))
}

func average(values []float32) *float64 {
	if len(values) == 0 {
		return nil
	}
	total := 0.0
	for _, v := range values {
		total += float64(v)
	}
	return new(total / float64(len(values)))
}

// quantile is the smallest of the sorted values that at least that share of them
// does not exceed; nil of none.
func quantile(sorted []float32, share float64) *float64 {
	if len(sorted) == 0 {
		return nil
	}
	i := int(math.Ceil(share*float64(len(sorted)))) - 1
	return new(float64(sorted[max(i, 0)]))
}
