package incident

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"

	"github.com/rollbackd/rollbackd/evaluator"
	"github.com/rollbackd/rollbackd/trigger"
)

// correlation is what follows for one service from others breaching at the same
// time: the fault is then hardly its own, unless something singles it out.
type correlation struct {
	holds  []Hold
	limits []limit
	// elsewhere is true where the cause is looked for in another place: nothing is
	// then held against the service's own version.
	elsewhere bool
	// inTurn and after are those of the decision.
	inTurn bool
	after  string
}

// judged is the deployment that the open incident is about, also once a rollback
// has put another one there; without an incident the present one.
func (s *serviceMemory) judged() *Deployment {
	if s.Open != nil && s.Open.Deployment != nil {
		return s.Open.Deployment
	}
	return s.Ledger.current()
}

// correlation looks at the services that began to breach around the onset of an
// incident. Where they are many, three cases are told apart: one of them was
// deployed and broke first, and the others depend on it; they share a change; or
// neither, and then nothing goes by itself, each with a deployment of its own or not.
func (b *Brain) correlation(name string, inc *Incident) correlation {
	own := breaker{name, max(inc.Severity, b.unitGravity(name)), onset(inc), b.mem.service(name).judged()}
	all, total, reached := b.breachingTogether(own)
	if inc.Decision.InTurn {
		return b.oneAtATime(own, all, "it began to breach together with others") // to the end, however many are left
	}
	if !reached {
		return correlation{}
	}
	what := fmt.Sprintf("%d of %d services began to breach within %s (%s)",
		len(all), total, model.Duration(b.opts.Guards.Correlated.Within), listed(names(all)))
	if first, found := b.upstream(all); found {
		return upstreamCase(own, first, inc.Severity, what)
	}
	open := stillToJudge(own, all)
	if change := sharedChange(open); change != "" {
		return b.oneAtATime(own, all, what+" and share the change "+change)
	}
	why, elsewhere := what+": the cause is hardly one deployment", true
	if !slices.ContainsFunc(open, func(x breaker) bool { return !b.explained(x) }) {
		why, elsewhere = what+", each after a deployment of its own: which of them it is must be found out first", false
	}
	return correlation{elsewhere: elsewhere, holds: []Hold{{GuardCorrelated, why, "never by itself; approve, or a newer deployment"}}}
}

// stillToJudge leaves out the other services that one of our rollbacks has taken
// back already: their turn is over, and what was deployed there is ours.
func stillToJudge(own breaker, all []breaker) []breaker {
	return slices.DeleteFunc(slices.Clone(all), func(x breaker) bool {
		return x.name != own.name && x.deployment != nil && x.deployment.Own
	})
}

// breachingTogether are the services that breach together with one: around the onset
// that its incident has, or around the one that its windows show now. They differ
// where windows began anew, of all services at once: after a gap, or a clock that was set.
func (b *Brain) breachingTogether(own breaker) (all []breaker, total int, reached bool) {
	all, total, reached = b.breaching(own)
	l := b.live[own.name]
	if reached || l == nil {
		return all, total, reached
	}
	if now := l.breachNear(own.onset, forever); !now.IsZero() && !now.Equal(own.onset) {
		own.onset = now
		if near, of, many := b.breaching(own); many {
			return near, of, many
		}
	}
	return all, total, reached
}

// forever is within which any onset lies.
const forever = time.Duration(math.MaxInt64)

// breaching are the services with a pending or firing trigger whose onset is near
// that of one of them, that one included, in the order of their names; and
// whether they are as many as the guard is configured for. Services of a group
// that share a change count as one: that they break together is what is expected.
func (b *Brain) breaching(own breaker) (all []breaker, total int, reached bool) {
	c := b.opts.Guards.Correlated
	own.onset = own.onset.UTC()
	units := map[string]breaker{}
	for _, name := range slices.Sorted(maps.Keys(b.live)) {
		unit := b.unitOf(name, own.name)
		if units[unit].name == "" {
			units[unit] = breaker{name: unit, severity: b.unitGravity(unit), deployment: b.mem.service(unit).judged()}
		}
		since := b.live[name].breachNear(own.onset, c.Within)
		if name == own.name {
			since = own.onset
		}
		if u := units[unit]; !since.IsZero() && (u.onset.IsZero() || since.Before(u.onset) && unit != own.name) {
			u.onset = since
			units[unit] = u
		}
	}
	for _, unit := range slices.Sorted(maps.Keys(units)) {
		if !units[unit].onset.IsZero() {
			all = append(all, units[unit])
		}
	}
	n, total := len(all), len(units)
	if c.Services <= 0 || total < 2 {
		return nil, total, false
	}
	if total < 5 {
		return all, total, n == total
	}
	return all, total, n >= c.Services && float64(n) >= c.Share*float64(total)
}

// unitOf is what a service counts as: itself, or the first of those of its group
// that share its change, and the one that is looked at where it is among them.
func (b *Brain) unitOf(name, own string) string {
	together := b.sameChange(name)
	if slices.Contains(together, own) {
		return own
	}
	if len(together) > 0 {
		return together[0]
	}
	return name
}

// unitGravity is how grave the breach of a service is, and of those of its group
// that share its change: they count as one.
func (b *Brain) unitGravity(name string) trigger.Severity {
	severity := b.gravity(name)
	for _, other := range b.sameChange(name) {
		severity = max(severity, b.gravity(other))
	}
	return severity
}

// breachNear is the earliest onset of the service's pending and firing triggers
// within a distance of another onset; zero when there is none.
func (l *live) breachNear(onset time.Time, within time.Duration) time.Time {
	var first time.Time
	for _, spec := range l.watch.Triggers() {
		st, _ := l.watch.Status(spec.Name)
		if st.State != trigger.Pending && st.State != trigger.Firing || st.Since.Sub(onset).Abs() > within {
			continue
		}
		if first.IsZero() || st.Since.Before(first) {
			first = st.Since
		}
	}
	return first
}

// explained tells whether a service's own deployment explains its breach: it
// began before the onset, which lies in its blame window.
func (b *Brain) explained(x breaker) bool {
	o, ev := b.opts.Services[x.name], Evidence{Since: x.onset}
	d := x.deployment
	return d != nil && !d.Own && !d.FirstLook && !beforeDeployment(ev, d, o) && !pastBlame(ev, d, o)
}

// upstream finds the one service whose deployment explains its breach, if it
// breached before every other and every other depends on it.
func (b *Brain) upstream(all []breaker) (first breaker, found bool) {
	for _, x := range all {
		if !b.explained(x) {
			continue
		}
		if found {
			return breaker{}, false
		}
		first, found = x, true
	}
	for _, x := range all {
		if x.name != first.name && (!first.onset.Before(x.onset) || !b.dependsOn(x.name, first.name, map[string]bool{})) {
			return breaker{}, false
		}
	}
	return first, found
}

// dependsOn tells whether a service depends on another, be it through others.
func (b *Brain) dependsOn(name, on string, seen map[string]bool) bool {
	seen[name] = true
	for _, next := range b.opts.Services[name].DependsOn {
		if next == on || !seen[next] && b.dependsOn(next, on, seen) {
			return true
		}
	}
	return false
}

// upstreamCase is what follows where one service explains the others: it alone
// may be blamed, by itself only where it is critical.
func upstreamCase(own, first breaker, severity trigger.Severity, what string) correlation {
	if own.name != first.name {
		why := fmt.Sprintf("%s: %s was deployed and broke first, and this depends on it", what, first.name)
		return correlation{elsewhere: true, holds: []Hold{{GuardCorrelated, why, "never by itself; approve, or a newer deployment"}}}
	}
	if severity >= trigger.Critical {
		return correlation{}
	}
	return correlation{limits: []limit{atMostApprove(GuardCorrelated, what+": it was deployed and broke first, and the others depend on it")}}
}

// sharedChange is the change that the present deployments of all have in common;
// empty when there is none.
func sharedChange(all []breaker) string {
	change := ""
	for i, x := range all {
		d := x.deployment
		if d == nil || d.Own || d.FirstLook || d.Change == "" || i > 0 && d.Change != change {
			return ""
		}
		change = d.Change
	}
	return change
}

// oneAtATime asks a person about one service after the other, the gravest first,
// and of those the first to breach: what cures one may cure all.
func (b *Brain) oneAtATime(own breaker, all []breaker, what string) correlation {
	c := correlation{inTurn: true}
	if c.after = b.ahead(own, all); c.after != "" {
		c.holds = []Hold{{
			GuardCorrelated, fmt.Sprintf("%s: one at a time, this after %s", what, c.after),
			fmt.Sprintf("nobody is asked about %s any more, and it is not being rolled back; or approve", c.after),
		}}
		return c
	}
	c.limits = []limit{atMostApprove(GuardCorrelated, what+": one at a time")}
	return c
}

// ahead is the service that has its turn before another: one that people are
// asked about or that is being rolled back, or a graver one, or one that broke
// earlier, that is about to be. Empty where there is none.
func (b *Brain) ahead(own breaker, all []breaker) string {
	var first *breaker
	for _, x := range b.withQueue(own, all) {
		s := b.mem.service(x.name)
		comesFirst := s.asksOrActs() || x.before(own) && b.aboutTo(x.name, s)
		if x.name != own.name && comesFirst && (first == nil || x.before(*first)) {
			first = &x
		}
	}
	if first == nil {
		return ""
	}
	return first.name
}

// withQueue adds those that wait for their turn or have it, although they breach
// no more, or never did near this one: the order lasts until all are through.
func (b *Brain) withQueue(own breaker, all []breaker) []breaker {
	queue := slices.Clone(all)
	for _, name := range slices.Sorted(maps.Keys(b.mem.open)) {
		s := b.mem.service(name)
		in := slices.ContainsFunc(all, func(x breaker) bool { return x.name == name })
		if !in && name != own.name && s.Open.Decision.InTurn {
			queue = append(queue, breaker{name, b.unitGravity(name), onset(s.Open), s.judged()})
		}
	}
	return queue
}

// asksOrActs tells whether people are asked about a service, or it is being
// rolled back.
func (s *serviceMemory) asksOrActs() bool {
	if s.Open == nil {
		return false
	}
	switch s.Open.State {
	case AwaitingApproval, RollingBack, Verifying:
		return true
	case Firing, CountingDown, Held, Confirming, Closed:
	}
	return false
}

// aboutTo tells whether something is about to be decided for a service, or to
// follow from what was decided.
func (b *Brain) aboutTo(name string, s *serviceMemory) bool {
	l := b.live[name]
	fires := l != nil && b.anyFiring(l)
	if s.Open == nil {
		return fires
	}
	switch s.Open.State {
	case CountingDown, Confirming:
		return true
	case Firing, Held:
		waits := s.Open.Decision.After != "" && len(s.Open.Decision.Holds) == 1 // for its turn, and nothing else
		return fires && (waits || s.Open.again)
	case AwaitingApproval, RollingBack, Verifying, Closed:
	}
	return false
}

// takeTurn notes in a decision whose turn it is.
func (b *Brain) takeTurn(inc *Incident, d *Decision) {
	d.After = ""
	if d.Response.Directness <= evaluator.Notify || d.ByPerson {
		return
	}
	c := b.correlation(inc.Service, inc)
	d.InTurn = d.InTurn || c.inTurn
	if slices.Contains(guardsOf(d.Holds), GuardCorrelated) {
		d.After = c.after
	}
}

// turnRule decides again about a service whose turn it is now, or that comes
// after another one now.
func (b *Brain) turnRule(now time.Time, name string, inc *Incident) []Effect {
	if inc.Decision.After == "" || b.correlation(name, inc).after == inc.Decision.After {
		return nil
	}
	d, ok := b.judge(now, name, inc)
	if !ok {
		return nil
	}
	return b.decided(now, inc, d)
}

func names(all []breaker) []string {
	var list []string
	for _, x := range all {
		list = append(list, x.name)
	}
	slices.SortFunc(list, strings.Compare)
	return list
}
