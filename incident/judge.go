package incident

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rollbackd/rollbackd/evaluator"
	"github.com/rollbackd/rollbackd/trigger"
)

// opinion is what one firing trigger leads to.
type opinion struct {
	evidence Evidence
	// matrix is the severity matrix's answer, response what the caps leave of it.
	matrix, response evaluator.Response
	holds            []Hold
	// caps are what lowered the response.
	caps []Hold
	// asks are all that allow no more than asking a person, also where the matrix
	// asks anyway: silence is then no yes.
	asks []Hold
}

// judge passes the firing triggers of an incident through the matrix and the
// guards. It returns false when no trigger fires: there is nothing to decide.
func (b *Brain) judge(now time.Time, name string, inc *Incident) (Decision, bool) {
	firing := b.stillFiring(inc)
	if len(firing) == 0 {
		return Decision{}, false
	}
	s := b.mem.service(name)
	o := b.opts.Services[name]
	var opinions []opinion
	for _, ev := range firing {
		opinions = append(opinions, b.opinion(inc, ev, firing))
	}
	d := Decision{Severity: max(inc.Severity, worst(firing))}
	best := strongest(opinions)
	d.Trigger, d.Scope = best.evidence.Name, o.Scopes[best.evidence.Name]
	plan := b.planFor(inc, d.Trigger)
	if plan == nil {
		best.lower(limit{evaluator.Response{Directness: evaluator.Notify}, Hold{Reason: "the service has no rollback plan"}})
	}
	if t, ok := b.target(name, now); ok && plan != nil && plan.leaves(d.Scope) {
		d.Target = t.Version
		best.lower(targetLimits(t, o)...)
	}
	best.lower(b.presentLimits(now, name, inc)...)
	best.lower(b.memberLimits(now, inc)...)
	best.lower(b.rehearsalLimits(now, inc, d.Trigger, d.Scope)...)
	if inc.lasting {
		best.lower(atMostApprove("", "after a veto, an abort or a failed rollback only a person's word acts"))
	}
	d.Response, d.Caps = best.response, byPrecedence(best.caps)
	d.Justified = justifying(opinions, d.Response.Directness)
	d.Reason = reasonText(best, b.deploymentOf(name))
	if d.Response.Directness <= evaluator.Notify {
		d.State = Firing
		d.hold(append(b.suppressed(now, name), s.flappingHold(now)...))
		return d, true
	}
	d.hold(b.inScope(inc, d, b.holdsFor(now, inc, best.holds, d.Response)))
	if d.HeldBy == "" {
		d.State, d.Deadline = b.stateFor(now, d)
		d.Silence = d.State == AwaitingApproval && len(best.asks) == 0 && !inc.lasting && !d.Deadline.IsZero() && b.opts.Decide.OnDeadline[d.Severity]
	}
	d.PlanHash = b.hashNow(now, inc, plan, d)
	return d, true
}

// inScope leaves out the guard of a missing target where the decision's scope
// goes to none: flags off, for example, leaves no version.
func (b *Brain) inScope(inc *Incident, d Decision, holds []Hold) []Hold {
	p := b.planFor(inc, d.Trigger)
	if p == nil || p.leaves(d.Scope) {
		return holds
	}
	return slices.DeleteFunc(holds, func(h Hold) bool { return h.Guard == GuardNoTarget })
}

// stillFiring are the incident's triggers that fire at this moment. Where only
// blindness kept an incident from being confirmed, a trigger that is seen to
// breach again counts: its window was full before the source went silent.
func (b *Brain) stillFiring(inc *Incident) []Evidence {
	var firing []Evidence
	for _, ev := range inc.Triggers {
		if !ev.ClearedAt.IsZero() {
			continue
		}
		st, ok := b.statusOf(inc, ev.Name)
		seenAgain := inc.Decision.HeldBy == GuardBlind && st.Truth == trigger.Breach
		if ok && (st.State == trigger.Firing || seenAgain) {
			firing = append(firing, ev)
		}
	}
	return firing
}

// opinion is what one trigger leads to by the matrix, the caps and the guards
// that look at the trigger itself.
func (b *Brain) opinion(inc *Incident, ev Evidence, firing []Evidence) opinion {
	home, own := inc.home(ev.Name)
	matrix := b.opts.Matrix.Respond(b.opts.Services[home].Tier, ev.Severity)
	op := opinion{evidence: ev, matrix: matrix, response: matrix}
	if ev.FromNoData {
		op.lower(atMostApprove("", `it rests on no_data = "breach"`))
	}
	if b.opts.Corroborate && ev.onBus() && !slices.ContainsFunc(firing, func(e Evidence) bool { return !e.onBus() }) {
		op.lower(atMostApprove(GuardCorroboration, ev.uncorroborated()))
	}
	// That of the service that the incident is of, whosever trigger this is: what the
	// other members of its group forbid is among their limits.
	if d := b.mem.service(inc.Service).Ledger.current(); d != nil && d.NoAutoRollback {
		op.lower(atMostApprove("", d.Version+" was deployed with no_auto_rollback"))
	}
	if op.response.Directness > evaluator.Notify {
		bare := ev
		bare.Name = own
		op.holds = b.triggerHolds(bare, home)
	}
	return op
}

// strongest is the opinion with the most direct response among those that no
// guard of their own holds; where all are held, the most direct of all.
func strongest(opinions []opinion) opinion {
	best := -1
	for i, op := range opinions {
		if best < 0 || stronger(op, opinions[best]) {
			best = i
		}
	}
	return opinions[best]
}

func stronger(a, b opinion) bool {
	aActs := len(a.holds) == 0 && a.response.Directness > evaluator.Notify
	bActs := len(b.holds) == 0 && b.response.Directness > evaluator.Notify
	if aActs != bActs {
		return aActs
	}
	if a.response.Directness != b.response.Directness {
		return a.response.Directness > b.response.Directness
	}
	return a.response.Wait < b.response.Wait // of two countdowns the shorter is the more direct
}

// justifying are the triggers that stand behind a response, no guard of their
// own against them.
func justifying(opinions []opinion, d evaluator.Directness) []string {
	var names []string
	for _, op := range opinions {
		if len(op.holds) == 0 && op.response.Directness >= d {
			names = append(names, op.evidence.Name)
		}
	}
	if len(names) == 0 {
		for _, op := range opinions {
			names = append(names, op.evidence.Name)
		}
	}
	return names
}

// holdsFor are all guards that hold a response. Those that only limit what
// happens automatically do not keep rollbackd from asking a person.
func (b *Brain) holdsFor(now time.Time, inc *Incident, own []Hold, r evaluator.Response) []Hold {
	holds := append([]Hold(nil), own...)
	service := append(b.serviceHolds(now, inc.Service, inc, b.mem.service(inc.Service)), b.groupHolds(now, inc, false)...)
	for _, h := range service {
		if r.Directness == evaluator.Approve && h.Guard.limitsAutomatic() {
			continue
		}
		holds = append(holds, h)
	}
	return holds
}

// limitsAutomatic tells whether a guard limits only what happens without a person.
func (g Guard) limitsAutomatic() bool {
	switch g {
	case GuardPaused, GuardHoldWhen, GuardOnce, GuardCooldown, GuardBudget, GuardConcurrency:
		return true
	default:
		return false
	}
}

// hold records the guards that hold, in the order of precedence; the first is shown.
func (d *Decision) hold(holds []Hold) {
	if len(holds) == 0 {
		return
	}
	order := precedence()
	slices.SortStableFunc(holds, func(a, b Hold) int { return slices.Index(order, a.Guard) - slices.Index(order, b.Guard) })
	d.State, d.Holds, d.HeldBy = Held, holds, holds[0].Guard
	d.Reason = holds[0].Reason
	d.ReleasesWhen = holds[0].ReleasesWhen
	if failed, is := d.failed(); is && failed.Guard != d.HeldBy {
		// What went wrong is not over when a pause is, and is what people must know.
		d.Reason = failed.Reason + "; also " + d.Reason
		d.ReleasesWhen = failed.ReleasesWhen
	}
}

// failed is the guard among those that hold which stands for something that went
// wrong, whatever else holds too; false where none does.
func (d Decision) failed() (Hold, bool) {
	for _, h := range d.Holds {
		if h.Guard.failure() {
			return h, true
		}
	}
	return Hold{}, false
}

// stateFor is the state that an unheld response leads to, and its deadline.
func (b *Brain) stateFor(now time.Time, d Decision) (State, time.Time) {
	within, limited := b.opts.Decide.Within[d.Severity]
	var deadline time.Time
	if limited {
		deadline = now.Add(within)
	}
	switch d.Response.Directness {
	case evaluator.Rollback:
		return Confirming, b.confirmDeadline(now, now, d.Severity)
	case evaluator.Countdown:
		return CountingDown, now.Add(d.Response.Wait)
	case evaluator.Approve:
		return AwaitingApproval, deadline
	case evaluator.Notify, evaluator.NoResponse:
		return Firing, time.Time{}
	}
	return Firing, time.Time{}
}

// confirmDeadline is until when a confirm-read may stay without an answer: the
// time to decide, from the incident's opening. Where a late approval comes after
// that, the time counts from the approval. A severity without a decision deadline
// gets that of critical.
func (b *Brain) confirmDeadline(now, opened time.Time, s trigger.Severity) time.Time {
	within, ok := b.opts.Decide.Within[s]
	if !ok {
		within = b.opts.Decide.Within[trigger.Critical]
	}
	if within <= 0 {
		within = defaultWithin
	}
	if deadline := opened.Add(within); deadline.After(now) {
		return deadline
	}
	return now.Add(within)
}

// defaultWithin is CONTRACT.md's deadline for critical.
const defaultWithin = 5 * time.Minute

// directness orders an incident's states before anything has started.
func (s State) directness() int {
	switch s {
	case Firing, Held:
		return 0
	case AwaitingApproval:
		return 1
	case CountingDown:
		return 2
	case Confirming:
		return 3
	case RollingBack, Verifying, Closed:
		return 4
	}
	return 4
}

func reasonText(op opinion, d *Deployment) string {
	parts := []string{evidenceText(op.evidence, d)}
	for _, h := range op.caps {
		parts = append(parts, h.Reason)
	}
	return strings.Join(parts, "; ")
}

// listed joins names for a sentence, at most five of them.
func listed(names []string) string {
	const most = 5
	if len(names) > most {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
	}
	return strings.Join(names, ", ")
}
