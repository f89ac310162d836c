package incident

import (
	"fmt"
	"slices"
	"time"

	"github.com/rollbackd/rollbackd/evaluator"
	"github.com/rollbackd/rollbackd/trigger"
)

// incidentRule is what is due for an open incident.
func (b *Brain) incidentRule(now time.Time, name string, l *live, s *serviceMemory) []Effect {
	inc := s.Open
	if e := b.evidenceRule(now, l, inc); e != nil {
		return e
	}
	if e := b.owedRule(now, inc); e != nil {
		return e
	}
	switch inc.State {
	case RollingBack, Verifying:
		if e := b.runRule(now, name, l, inc); e != nil {
			return e
		}
		return b.escalationRule(now, inc)
	case Firing, CountingDown, AwaitingApproval, Held, Confirming:
	case Closed:
		return nil
	}
	if e := b.closeRule(now, name, l, inc); e != nil {
		return e
	}
	if e := b.flappingRule(now, inc, s); e != nil {
		return e
	}
	if e := b.standDownRule(now, inc, s); e != nil {
		return e
	}
	if e := b.forbiddenRule(now, name, inc); e != nil {
		return e
	}
	if e := b.joinRule(now, inc); e != nil {
		return e
	}
	if e := b.approvedRule(now, name, inc); e != nil {
		return e
	}
	switch inc.State {
	case Confirming:
		if e := b.redecide(now, name, inc); e != nil {
			return e
		}
		return b.confirmRule(now, name, l, inc)
	case CountingDown:
		return b.countdownRule(now, name, inc)
	case Held:
		return b.heldRule(now, name, inc)
	case Firing:
		return b.redecide(now, name, inc)
	case AwaitingApproval:
		if e := b.redecide(now, name, inc); e != nil {
			return e
		}
		if e := b.planChangedRule(now, name, inc); e != nil {
			return e
		}
		if e := b.silenceRule(now, name, inc); e != nil {
			return e
		}
		if e := b.capsRule(now, name, inc); e != nil {
			return e
		}
		return b.escalationRule(now, inc)
	case RollingBack, Verifying, Closed:
	}
	return nil
}

// redecide judges again where something asked for it. While nothing has
// started, a response may only become more direct.
func (b *Brain) redecide(now time.Time, name string, inc *Incident) []Effect {
	if !inc.again {
		return nil
	}
	d, ok := b.judge(now, name, inc)
	if !ok {
		return nil
	}
	fresh := inc.decidedAt.IsZero() || inc.State == Firing || inc.State == Held
	sooner := d.State == CountingDown && inc.State == CountingDown && d.Deadline.Before(inc.Decision.Deadline)
	if fresh || sooner || d.State.directness() > inc.State.directness() {
		return b.decided(now, inc, d)
	}
	if len(d.releasing()) > 0 {
		return nil // asked again until those guards let go
	}
	return b.decided(now, inc, inc.keeping(d))
}

// forbiddenRule asks a person after all where it is said of a version, while its
// incident is on its way to acting by itself, that it must not be undone like that.
func (b *Brain) forbiddenRule(now time.Time, name string, inc *Incident) []Effect {
	byItself := inc.State == CountingDown || inc.State == Confirming || inc.State == AwaitingApproval && inc.Decision.Silence
	if !byItself || inc.Decision.ByPerson || inc.Decision.Response.Directness <= evaluator.Approve && !inc.Decision.Silence {
		return nil
	}
	for _, of := range append([]string{name}, namesOf(inc.others())...) {
		if d := b.mem.service(of).Ledger.current(); d == nil || !d.NoAutoRollback {
			continue
		}
		if d, ok := b.judge(now, name, inc); ok && d.Response.Directness <= evaluator.Approve && !d.Silence {
			return b.decided(now, inc, d)
		}
	}
	return nil
}

// keeping is the decision in force, with what a less direct one has to add.
func (inc *Incident) keeping(d Decision) Decision {
	kept := inc.Decision
	kept.Severity = d.Severity
	kept.Reason = d.Reason
	if d.State == inc.State {
		kept.Caps = d.Caps
	}
	if d.HeldBy == "" && d.State == inc.State && !kept.ByPerson {
		kept.Justified = slices.Compact(slices.Sorted(slices.Values(append(slices.Clone(kept.Justified), d.Justified...))))
	}
	return kept
}

// releasing are the guards that hold a decision and release by themselves.
func (d Decision) releasing() []Guard {
	var guards []Guard
	for _, h := range d.Holds {
		if h.Guard.releasesByItself() {
			guards = append(guards, h.Guard)
		}
	}
	return guards
}

// letGo tells whether one of a decision's releasing guards no longer holds.
func (d Decision) letGo(now Decision) bool {
	holding := guardsOf(now.Holds)
	for _, g := range d.releasing() {
		if !slices.Contains(holding, g) {
			return true
		}
	}
	return false
}

// decided records a decision and tells people of it.
func (b *Brain) decided(now time.Time, inc *Incident, d Decision) []Effect {
	d.Approvals = nil
	if d.State == AwaitingApproval {
		d.Approvals = b.needs()
	}
	d.Untold = b.untold(now, inc, d)
	b.takeTurn(inc, &d)
	e := b.incidentEntry(now, KindDecided, inc, "rollbackd", decisionText(d))
	e.Decided = &d
	e = b.sampled(e, inc)
	return []Effect{Record{Entry: e, Message: b.decisionMessage(now, inc, d, e)}}
}

func decisionText(d Decision) string {
	switch d.State {
	case Held:
		return fmt.Sprintf("held (%s) instead of %s: %s; released when: %s", d.HeldBy, d.Response, d.Reason, d.ReleasesWhen)
	case Confirming:
		return fmt.Sprintf("%s: reading once more before acting (%s)", d.Response, d.Reason)
	case CountingDown:
		return fmt.Sprintf("%s: acting at %s unless vetoed (%s)", d.Response, shortTime(d.Deadline), d.Reason)
	case AwaitingApproval:
		return fmt.Sprintf("%s: waiting for a person (%s)", d.Response, d.Reason)
	case Firing, RollingBack, Verifying, Closed:
		return fmt.Sprintf("%s (%s)", d.Response, d.Reason)
	}
	return d.Reason
}

// sticky tells whether a guard holds for good: an incident never acts by itself
// again after a veto, an abort, a failed rollback or a failed verification.
func (g Guard) sticky() bool {
	switch g {
	case GuardVetoed, GuardAborted, GuardBlocked, GuardVerification, GuardPointOfNoReturn:
		return true
	default:
		return false
	}
}

// stickyHolds are the holds of a decision that stay.
func (d Decision) stickyHolds() []Hold {
	var holds []Hold
	for _, h := range d.Holds {
		if h.Guard.sticky() {
			holds = append(holds, h)
		}
	}
	return holds
}

// sameBesideBrakes tells whether two decisions are held by the same guards, pauses
// and locks aside: those come and go without changing what is asked.
func (d Decision) sameBesideBrakes(other Decision) bool {
	lasting := func(holds []Hold) []Guard {
		return slices.DeleteFunc(guardsOf(holds), func(g Guard) bool { return g == GuardPaused || g == GuardLocked })
	}
	return slices.Equal(lasting(d.Holds), lasting(other.Holds))
}

// heldRule decides again when the guards that hold let go, or when it got worse.
func (b *Brain) heldRule(now time.Time, name string, inc *Incident) []Effect {
	if sticky := inc.Decision.stickyHolds(); len(sticky) > 0 {
		return b.lastingRule(now, name, inc, sticky)
	}
	if inc.again {
		return b.redecide(now, name, inc)
	}
	if e := b.newBrakes(now, name, inc); e != nil {
		return e
	}
	if e := b.turnRule(now, name, inc); e != nil {
		return e
	}
	if len(inc.Decision.releasing()) == 0 || b.stillBlind(inc) {
		return b.escalationRule(now, inc)
	}
	d, ok := b.judge(now, name, inc)
	if !ok || !inc.Decision.letGo(d) {
		return b.escalationRule(now, inc)
	}
	if inc.Decision.HeldBy == GuardBlind && d.State == CountingDown {
		// The countdown ran before it went blind; what is left is to confirm.
		d.State, d.Deadline = Confirming, b.confirmDeadline(now, now, d.Severity)
	}
	return b.decided(now, inc, d)
}

// lastingRule looks after an incident that never acts by itself again: it asks
// when it got worse, shows the brakes that hold too, and climbs the ladder.
func (b *Brain) lastingRule(now time.Time, name string, inc *Incident, sticky []Hold) []Effect {
	if inc.worse {
		if e := b.askBecauseWorse(now, name, inc); e != nil {
			return e
		}
	}
	if e := b.showBrakes(now, name, inc, sticky); e != nil {
		return e
	}
	return b.escalationRule(now, inc)
}

// newBrakes adds a pause or lock that was set while other guards held already.
// Where people are only told, there is nothing that a brake could hold.
func (b *Brain) newBrakes(now time.Time, name string, inc *Incident) []Effect {
	if inc.Decision.Response.Directness <= evaluator.Notify {
		return nil
	}
	holding := guardsOf(inc.Decision.Holds)
	asks := inc.Decision.Response.Directness == evaluator.Approve // a pause does not keep from asking
	added := slices.DeleteFunc(b.brakeHolds(now, b.mem.service(name)), func(h Hold) bool {
		return slices.Contains(holding, h.Guard) || asks && h.Guard.limitsAutomatic()
	})
	if len(added) == 0 {
		return nil
	}
	d := inc.Decision
	d.hold(append(added, inc.Decision.Holds...))
	return b.decided(now, inc, d)
}

// showBrakes keeps the pauses and locks that hold beside a lasting guard true:
// the first of all that hold is the one shown.
func (b *Brain) showBrakes(now time.Time, name string, inc *Incident, sticky []Hold) []Effect {
	s := b.mem.service(name)
	holds := append(b.brakeHolds(now, s), sticky...)
	if !slices.Contains(guardsOf(sticky), GuardPointOfNoReturn) {
		holds = append(holds, s.flappingHold(now)...)
	}
	d := inc.Decision
	d.hold(holds)
	if slices.Equal(guardsOf(d.Holds), guardsOf(inc.Decision.Holds)) {
		return nil
	}
	return b.decided(now, inc, d)
}

// stillBlind tells whether an incident that could not be confirmed still cannot
// be seen: none of its triggers is known.
func (b *Brain) stillBlind(inc *Incident) bool {
	if inc.Decision.HeldBy != GuardBlind {
		return false
	}
	for _, ev := range inc.Triggers {
		if st, ok := b.statusOf(inc, ev.Name); ok && st.Truth != trigger.NotKnown {
			return false
		}
	}
	return true
}

// askBecauseWorse asks for approval when the severity of an incident rose that
// may not act by itself any more.
func (b *Brain) askBecauseWorse(now time.Time, name string, inc *Incident) []Effect {
	d, ok := b.judge(now, name, inc)
	if !ok || d.Response.Directness < evaluator.Approve {
		return nil
	}
	if slices.Contains(guardsOf(d.Holds), GuardWindow) {
		return nil // a window in which nobody is asked: once it ends
	}
	r := planRequest{to: d.Target, scope: d.Scope, plan: b.planFor(inc, d.Trigger)}
	if len(b.holdsForPerson(now, inc, b.mem.service(name), r)) > 0 {
		return nil // a yes would be refused: it stays held, by what refuses it too
	}
	d.Response = evaluator.Response{Directness: evaluator.Approve}
	d.State, d.HeldBy, d.Holds = AwaitingApproval, "", nil
	d.Reason = fmt.Sprintf("it got worse (%s) after it was held (%s): %s", d.Severity, inc.Decision.HeldBy, d.Reason)
	d.ReleasesWhen = ""
	if within, limited := b.opts.Decide.Within[d.Severity]; limited {
		d.Deadline = now.Add(within)
	}
	return b.decided(now, inc, d)
}

// countdownRule acts when the countdown ends, or earlier when it got worse.
func (b *Brain) countdownRule(now time.Time, name string, inc *Incident) []Effect {
	if e := b.redecide(now, name, inc); e != nil {
		return e
	}
	if now.Before(inc.Decision.Deadline) {
		return nil
	}
	d, ok := b.judge(now, name, inc)
	if !ok || d.Response.Directness < inc.Decision.Response.Directness {
		// What led to the countdown does not fire at its end: read once more, which
		// either stands it down or finds that it breaches. A lesser trigger that
		// fires instead justifies nothing.
		d = inc.Decision
		d.HeldBy, d.Holds = "", nil
	}
	if d.HeldBy == "" {
		d.State, d.Deadline = Confirming, b.confirmDeadline(now, inc.OpenedAt, inc.Severity)
		d.Response = inc.Decision.Response
		d.Reason = "the countdown ended without a veto: " + inc.Decision.Reason
		if len(d.Justified) == 0 {
			d.Justified = inc.Decision.Justified
		}
	}
	return b.decided(now, inc, d)
}

// silenceRule acts at the deadline of a question that nobody answered, where the
// configuration says that silence is a yes and people were told so.
func (b *Brain) silenceRule(now time.Time, name string, inc *Incident) []Effect {
	if !inc.Decision.Silence || now.Before(inc.Decision.Deadline) {
		return nil
	}
	d := inc.Decision
	d.Silence = false
	if fresh, ok := b.judge(now, name, inc); ok && (fresh.HeldBy != "" || !fresh.Silence) {
		return b.decided(now, inc, fresh)
	}
	d.Response = evaluator.Response{Directness: evaluator.Rollback}
	d.State, d.Deadline = Confirming, b.confirmDeadline(now, now, inc.Severity)
	d.Reason = "nobody answered until the deadline, and on_deadline says to roll back then: " + d.Reason
	return b.decided(now, inc, d)
}

// standDownRule ends an incident that a newer deployment overtakes while
// nothing has started: watching starts anew for the new version.
func (b *Brain) standDownRule(now time.Time, inc *Incident, s *serviceMemory) []Effect {
	if e := b.dissolvedRule(now, inc); e != nil {
		return e
	}
	d := s.Ledger.current()
	if d == nil || d.Own || inc.decidedAt.IsZero() {
		return nil
	}
	if since := b.confirmed(inc.Service, d); !since.After(inc.OpenedAt) || !inc.decidedAt.Before(since) {
		return nil
	}
	waiting := inc.State == CountingDown || inc.State == AwaitingApproval || inc.State == Confirming
	if !waiting && !vetoed(inc) || inc.changed() {
		return nil
	}
	text := fmt.Sprintf("%s was deployed: this incident is stood down and watching starts anew", d.Version)
	return b.closed(now, inc, FixedForward, text, true)
}

// vetoed tells whether a person's no holds an incident.
func vetoed(inc *Incident) bool {
	return inc.State == Held && slices.Contains(guardsOf(inc.Decision.Holds), GuardVetoed)
}

// dissolvedRule stands down an incident of a group when one of its other members
// has another deployment: they no longer share the change.
func (b *Brain) dissolvedRule(now time.Time, inc *Incident) []Effect {
	member := b.redeployed(inc)
	if member == "" || inc.changed() || inc.State == Firing || len(inc.Decision.stickyHolds()) > 0 && !vetoed(inc) {
		return nil
	}
	return b.closed(now, inc, FixedForward, member+" was deployed: the group no longer shares its change, and watching starts anew", true)
}

// changed tells whether a rollback of the incident changed anything.
func (inc *Incident) changed() bool {
	if inc.Rollback != nil && inc.Rollback.Changed {
		return true
	}
	for _, run := range inc.EarlierRollbacks {
		if run.Changed {
			return true
		}
	}
	return false
}

// approved is the decision that follows from enough people's yes.
func (b *Brain) approved(now time.Time, name string, inc *Incident) []Effect {
	d := inc.Decision
	d.Response = evaluator.Response{Directness: evaluator.Rollback}
	d.ByPerson, d.Severity, d.Silence = true, inc.Severity, false
	d.State, d.Deadline = Confirming, b.confirmDeadline(now, inc.OpenedAt, inc.Severity)
	d.Reason = "approved by " + listed(inc.approvers())
	overridden := inc.Decision.setAside()
	d.HeldBy, d.Holds, d.Caps, d.ReleasesWhen = "", nil, nil, ""
	if len(d.Justified) == 0 {
		for _, ev := range inc.Triggers {
			d.Justified = append(d.Justified, ev.Name)
		}
	}
	if t, ok := b.target(name, now); ok {
		d.Target = t.Version
	}
	d.Overrides = overridden
	return b.decided(now, inc, d)
}

func guardsOf(holds []Hold) []Guard {
	var guards []Guard
	for _, h := range holds {
		guards = append(guards, h.Guard)
	}
	return guards
}

func (inc *Incident) approvers() []string {
	var names []string
	seen := map[string]bool{}
	for _, a := range inc.Approvals {
		if !seen[a.By] {
			seen[a.By] = true
			names = append(names, a.By)
		}
	}
	return names
}
