package incident

import (
	"cmp"
	"slices"
	"time"

	"github.com/rollbackd/rollbackd/trigger"
)

// breaker is a service that breaches, how gravely and since when, and its present
// deployment.
type breaker struct {
	name       string
	severity   trigger.Severity
	onset      time.Time
	deployment *Deployment
}

// compare orders services that breach: the gravest first, then the one that
// broke first, then by name.
func (a breaker) compare(b breaker) int {
	return cmp.Or(cmp.Compare(b.severity, a.severity), a.onset.Compare(b.onset), cmp.Compare(a.name, b.name))
}

// before tells whether a service has its turn before another one.
func (a breaker) before(b breaker) bool { return a.compare(b) < 0 }

// gravity is how grave the breach of a service is: as its open incident says, or
// a trigger that fires and is in none yet. Zero where nothing is wrong. Whoever
// asks gets the same answer, or two services could each wait for the other.
func (b *Brain) gravity(name string) trigger.Severity {
	var severity trigger.Severity
	if s, known := b.mem.Services[name]; known && s.Open != nil {
		severity = s.Open.Severity
	}
	l := b.live[name]
	if l == nil {
		return severity
	}
	for _, spec := range l.watch.Triggers() {
		if spec.Severity <= severity {
			continue
		}
		if st, _ := l.watch.Status(spec.Name); st.State == trigger.Firing {
			severity = spec.Severity
		}
	}
	return severity
}

// gravestFirst puts services in the order in which they are looked at: those with
// something wrong first, so that the gravest has what is left of a budget.
func (b *Brain) gravestFirst(names []string) {
	slices.Sort(names)
	var grave []breaker
	for _, name := range names {
		if severity := b.gravity(name); severity > 0 {
			grave = append(grave, breaker{name: name, severity: severity, onset: b.brokeAt(name)})
		}
	}
	if len(grave) == 0 {
		return
	}
	slices.SortFunc(grave, breaker.compare)
	place := map[string]int{}
	for i, x := range grave {
		place[x.name] = i - len(grave)
	}
	slices.SortStableFunc(names, func(x, y string) int { return cmp.Compare(place[x], place[y]) })
}

// brokeAt is when a service began to breach: the onset of its open incident, else
// the earliest of its firing triggers.
func (b *Brain) brokeAt(name string) time.Time {
	if s, known := b.mem.Services[name]; known && s.Open != nil {
		return onset(s.Open)
	}
	var first time.Time
	for _, spec := range b.live[name].watch.Triggers() {
		st, _ := b.live[name].watch.Status(spec.Name)
		if st.State == trigger.Firing && (first.IsZero() || st.Since.Before(first)) {
			first = st.Since
		}
	}
	return first
}

// leavesRoom tells whether an incident that is about to act waits for the answer
// to a read of a graver one, asked at the same moment: where the budgets have no
// room for both, the order of the answers must not decide who is rolled back. It
// waits once, for no longer than a poll; then it reads again and acts.
func (b *Brain) leavesRoom(now time.Time, inc *Incident, own *confirmRead) bool {
	if inc.Decision.ByPerson || !own.askedAt.Before(nextTick(inc.decidedAt, b.opts.Poll)) {
		return false
	}
	me := breaker{name: inc.Service, severity: inc.Severity, onset: onset(inc)}
	ahead, running := 0, 0
	for name := range b.mem.open {
		s, l := b.mem.service(name), b.live[name]
		if s.acting() {
			running++
		}
		if l == nil || s.Open.State != Confirming || l.confirm.incident != s.Open.ID || l.confirm.answered || !l.confirm.askedAt.Equal(own.askedAt) {
			continue
		}
		if (breaker{name: name, severity: s.Open.Severity, onset: onset(s.Open)}).before(me) {
			ahead++
		}
	}
	if ahead == 0 {
		return false
	}
	g := b.opts.Guards
	charged, _ := b.allAutoRunsSince(now.Add(-time.Hour))
	return g.MaxConcurrent > 0 && running+ahead >= g.MaxConcurrent || g.MaxPerHour > 0 && charged+ahead >= g.MaxPerHour
}
