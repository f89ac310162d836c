package incident

import (
	"fmt"
	"slices"
	"time"

	"github.com/rollbackd/rollbackd/trigger"
)

// endSteps is what comes after the last step: verification, or an exit state.
func (b *Brain) endSteps(now time.Time, inc *Incident, run *Run) []Effect {
	reason := run.halt()
	if reason == "" {
		return b.beginVerifying(now, inc, run)
	}
	end := &RunEndedEntry{Run: run.ID, State: RunPartial, Reason: reason, SLAMet: run.withinSLA(now), Held: GuardBlocked}
	switch {
	case run.pastReturn() != nil && run.Stopping == "":
		end.Held = GuardPointOfNoReturn
		if !run.Changed {
			end.State = RunBlocked
		}
	case run.StoppedBy != "" && run.Stopping != "":
		end.Held = run.StoppedBy
		if !run.Changed {
			end.State = RunAborted
		} else if run.StoppedBy != GuardAborted {
			end.Held = GuardBlocked // half done: no guard that lets go by itself may start it again
		}
	case !run.Changed:
		end.State = RunBlocked
	}
	return b.runEnded(now, inc, end)
}

func (run *Run) withinSLA(now time.Time) bool {
	return run.SLASeconds <= 0 || now.Sub(run.DecidedAt).Seconds() <= run.SLASeconds
}

func (b *Brain) runEnded(now time.Time, inc *Incident, end *RunEndedEntry) []Effect {
	// The SLA is from the decision to verified: what never was has not met it, however
	// soon it was over.
	end.SLAMet = end.SLAMet && end.State != RunPartial
	e := b.incidentEntry(now, KindRunEnded, inc, "rollbackd", fmt.Sprintf("rollback %s: %s", end.State, end.Reason))
	e.RunEnded = end
	return []Effect{Record{Entry: b.sampled(e, inc)}}
}

// afterRun closes an incident whose rollback was verified, and holds any other.
func (b *Brain) afterRun(now time.Time, inc *Incident, run *Run) []Effect {
	if e := b.rehearsedRule(now, inc, run); e != nil {
		return e
	}
	if run.State == RunCompleted {
		return b.closed(now, inc, RolledBack, fmt.Sprintf("%s verified", fromTo(run.From, run.To)), false)
	}
	if inc.recovered {
		return b.stoodDown(now, inc)
	}
	if inc.superseded {
		// What breaches from here on is judged as the newer version's.
		return b.closed(now, inc, Unresolved, run.Reason, true)
	}
	guard := inc.heldAfter
	if guard == "" {
		guard = GuardBlocked
	}
	d := inc.Decision
	d.Severity, d.Deadline, d.ByPerson = inc.Severity, time.Time{}, false
	holds := b.brakeHolds(now, b.mem.service(inc.Service))
	if guard.sticky() || len(holds) == 0 {
		holds = append(holds, Hold{
			guard, fmt.Sprintf("the rollback ended %s: %s", run.State, run.Reason),
			"never by itself: approve to try again, roll back by hand, or close; it is closed once all is known ok for long enough",
		})
	}
	d.hold(holds)
	return b.decided(now, inc, d)
}

// slaRule tells people once that the rollback takes longer than agreed; work goes on.
func (b *Brain) slaRule(now time.Time, inc *Incident, run *Run) []Effect {
	if e := b.unitSLARule(now, inc, run); e != nil {
		return e
	}
	if run.SLATold || run.withinSLA(now) || !run.VerifiedAt.IsZero() {
		return nil
	}
	e := b.incidentEntry(now, KindSLAMissed, inc, "rollbackd",
		fmt.Sprintf("the rollback takes longer than its SLA of %s; it goes on", time.Duration(run.SLASeconds*float64(time.Second))))
	return []Effect{Record{Entry: e, Message: b.message(now, inc, e, Acting, "sla_missed")}}
}

// unitSLARule tells people once that one unit takes longer than agreed.
func (b *Brain) unitSLARule(now time.Time, inc *Incident, run *Run) []Effect {
	step := run.underWay()
	if step == nil || step.SLATold {
		return nil
	}
	sla := run.spec(step).UnitSLA
	if sla <= 0 || now.Sub(step.StartedAt) <= sla {
		return nil
	}
	e := b.incidentEntry(now, KindSLAMissed, inc, "rollbackd", fmt.Sprintf("%s takes longer than its SLA of %s; it goes on", step.title(), sla))
	e.Step = &StepEntry{Ref: inc.ref(step, step.Attempts)}
	return []Effect{Record{Entry: e, Message: b.message(now, inc, e, Acting, "sla_missed")}}
}

// beginVerifying says what must be seen well, from when and until when.
func (b *Brain) beginVerifying(now time.Time, inc *Incident, run *Run) []Effect {
	from := run.LastChangeAt
	if from.IsZero() {
		from = now
	}
	v := &VerifyingEntry{Run: run.ID, From: from, Until: run.verifyUntil(from), Triggers: b.toVerify(inc)}
	e := b.incidentEntry(now, KindVerifying, inc, "rollbackd",
		fmt.Sprintf("all steps done; verifying until %s: settle %s, then %s of known ok", shortTime(v.Until), run.Plan.Verify.Settle, run.Plan.Verify.Hold))
	e.Verifying = v
	return []Effect{Record{Entry: e}}
}

// verifyUntil is the end of the time within which a rollback must be verified. It
// counts from the last change, unless steps after it that change nothing, a wait or
// a question to people, have left too little of it to see anything.
func (run *Run) verifyUntil(from time.Time) time.Time {
	until, v := from.Add(run.Plan.Verify.Within), run.Plan.Verify
	for i := range run.Steps {
		step := &run.Steps[i]
		waits := (step.Section == SectionSteps || step.Section == SectionFinally) && !run.spec(step).Changes && step.State == StepDone
		if waits && step.EndedAt.Add(v.Hold).After(until) {
			until = step.EndedAt.Add(v.Within)
		}
	}
	return until
}

// toVerify are the incident's triggers and those that were ok before it; for a
// service where neither is known, all of its triggers.
func (b *Brain) toVerify(inc *Incident) []string {
	var names []string
	for _, ev := range inc.Triggers {
		names = append(names, ev.Name)
	}
	names = append(names, inc.OKBefore...)
	if l := b.live[inc.Service]; len(names) == 0 && l != nil {
		for _, spec := range l.watch.Triggers() {
			names = append(names, spec.Name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// underVerification are the triggers that a verification looks at: those that it
// began with, and what has fired since, which is the incident's as well.
func (inc *Incident) underVerification() []string {
	names := slices.Clone(inc.Verification.Triggers)
	for _, ev := range inc.Triggers {
		if !slices.Contains(names, ev.Name) {
			names = append(names, ev.Name)
		}
	}
	return names
}

// progress is how far a verification has come in this process. It is not
// journalled: after a restart the hold begins anew, and the deadline stands.
type progress struct {
	run string
	// ok is the time credited: stretches between ticks that were both known ok.
	ok      time.Duration
	lastAt  time.Time
	last    trigger.Truth
	samples int
	// worst says which trigger was last not ok.
	worst string
	// arrived is true once a version source showed the target.
	arrived bool
}

// runTick takes a grid tick into a run: whether a step was enough, or how far its
// verification has come.
func (b *Brain) runTick(name string, l *live, at time.Time) {
	inc := b.mem.service(name).Open
	switch {
	case inc == nil || inc.Rollback == nil:
	case inc.State == RollingBack && !inc.Rollback.State.Ended():
		b.wellTick(l, inc, at)
	case inc.State == Verifying:
		b.progressTick(l, inc, at)
	}
}

// progressTick takes a grid tick into a verification.
func (b *Brain) progressTick(l *live, inc *Incident, at time.Time) {
	v := inc.Rollback.Plan.Verify
	if at.Before(inc.Verification.From.Add(v.Settle)) {
		return
	}
	p := &l.progress
	if p.run != inc.Rollback.ID {
		*p = progress{run: inc.Rollback.ID}
	}
	truth, which := b.allWell(l, inc.underVerification(), inc.Rollback, at)
	if which != "" {
		which += " is not ok"
	}
	if others, member := b.membersWell(inc, at); others == trigger.Breach || truth == trigger.OK {
		if truth != trigger.Breach && others != trigger.OK {
			truth, which = others, member
		}
	}
	if straggler := b.straggler(l, inc.Rollback, inc.Rollback.legOf(inc.Service), at); straggler != "" {
		truth, which = trigger.Breach, straggler
	}
	switch truth {
	case trigger.OK:
		if p.last == trigger.OK && at.Sub(p.lastAt) <= b.opts.Poll { // a skipped tick is unknown: it pauses
			p.ok += at.Sub(p.lastAt)
		}
		p.samples++
	case trigger.Breach:
		p.ok, p.samples = 0, 0
	case trigger.NotKnown: // pauses: nothing is credited
	}
	p.lastAt, p.last, p.worst = at, truth, which
}

// allWell joins everything that must be well: one breach is a breach, and one
// unknown makes the tick unknown.
func (b *Brain) allWell(l *live, triggers []string, run *Run, at time.Time) (trigger.Truth, string) {
	truth, which, seen := trigger.OK, "", false
	take := func(t trigger.Truth, name string) {
		seen = true
		if t == trigger.Breach || t == trigger.NotKnown && truth == trigger.OK {
			truth, which = t, name
		}
	}
	for _, name := range triggers {
		st, ok := l.watch.Status(name)
		if ok && st.Unseen {
			st.Truth = trigger.NotKnown // a service that shows nothing any more is not well
		}
		if ok {
			take(st.Truth, name)
		}
	}
	for _, e := range run.Plan.Verify.When {
		switch l.watch.Evaluate(e, at).Truth {
		case trigger.Breach: // the wished condition is true
			take(trigger.OK, e.Text)
		case trigger.OK:
			take(trigger.Breach, e.Text)
		case trigger.NotKnown:
			take(trigger.NotKnown, e.Text)
		}
	}
	if !seen {
		return trigger.NotKnown, "nothing to verify by"
	}
	return truth, which
}

// minVerifySamples is how many known ok ticks a verification needs at least,
// however short its hold.
const minVerifySamples = 2

// verifyRule ends a verification that has seen enough, or whose time is over.
func (b *Brain) verifyRule(now time.Time, _ string, l *live, inc *Incident) []Effect {
	run, p := inc.Rollback, l.progress
	if !run.VerifiedAt.IsZero() {
		return b.followUpRule(now, l, inc, run)
	}
	if run.StoppedBy == GuardAborted {
		return b.runEnded(now, inc, &RunEndedEntry{
			Run: run.ID, State: RunPartial, Verification: VerificationUnknown, Reason: run.Stopping,
			SLAMet: run.withinSLA(now), Held: GuardAborted,
		})
	}
	if newer := b.newerThan(inc, run); newer != "" {
		return b.runEnded(now, inc, &RunEndedEntry{
			Run: run.ID, State: RunPartial, Verification: VerificationUnknown, SLAMet: run.withinSLA(now), Superseded: true,
			Reason: fmt.Sprintf("%s was deployed before %s was verified: what is seen now is not its doing", newer, run.To),
		})
	}
	if back := b.putBack(l, inc, run); back != "" {
		return b.runEnded(now, inc, &RunEndedEntry{
			Run: run.ID, State: RunPartial, Verification: VerificationFailed, SLAMet: run.withinSLA(now), Held: GuardVerification, Reason: back,
		})
	}
	if p.run == run.ID && p.ok >= run.Plan.Verify.Hold && p.samples >= minVerifySamples && p.last == trigger.OK {
		end := verified(now, run, p)
		switch left := run.left(SectionFollowUp); {
		case left > 0 && end.State == RunCompleted:
			return b.passed(now, inc, run, p)
		case left > 0:
			// What was left behind may still be needed, and a person is.
			end.Reason += fmt.Sprintf("; %d of the follow-up steps were left out", left)
		}
		return b.runEnded(now, inc, end)
	}
	if now.Before(inc.Verification.Until) {
		return nil
	}
	if p.worst == "" {
		p.worst = fmt.Sprintf("it was not known ok for %s at a stretch", run.Plan.Verify.Hold)
	}
	end := &RunEndedEntry{
		Run: run.ID, State: RunPartial, Verification: VerificationFailed, Held: GuardVerification, Samples: p.samples,
		Reason: fmt.Sprintf("not verified by %s: %s", shortTime(inc.Verification.Until), p.worst),
	}
	if p.run != run.ID || p.last == trigger.NotKnown {
		end.Verification = VerificationUnknown
		end.Reason = fmt.Sprintf("not verified by %s: it could not be seen whether the service is well", shortTime(inc.Verification.Until))
	}
	return b.runEnded(now, inc, end)
}

// verified is the end of a run that verification has passed. Where something that
// must happen finally did not, maintenance may still be on: that is a person's business.
func verified(now time.Time, run *Run, p progress) *RunEndedEntry {
	end := &RunEndedEntry{
		Run: run.ID, State: RunCompleted, Verification: VerificationPassed, Samples: p.samples, SLAMet: run.withinSLA(now),
		Reason: fmt.Sprintf("every trigger was known ok for %s (%d samples)", run.Plan.Verify.Hold, p.samples),
	}
	failure := run.sectionFailed(SectionFinally)
	if failure == "" {
		failure = run.failedUnit()
	}
	if failure != "" {
		end.State, end.Held, end.Reason = RunPartial, GuardBlocked, end.Reason+", but "+failure
	}
	return end
}

// failedUnit says which unit of a step did not end well although the plan went
// on: a fleet of which one runs something else is not rolled back. Empty for none.
func (run *Run) failedUnit() string {
	for i := range run.Steps {
		if step := &run.Steps[i]; step.Section == SectionSteps && step.Unit != "" && step.State == StepFailed {
			return step.failure()
		}
	}
	return ""
}

// closeRule closes an incident when everything has been known ok for long
// enough: the window's length or verify.hold, the longer.
func (b *Brain) closeRule(now time.Time, name string, l *live, inc *Incident) []Effect {
	hold := defaultHold
	if p := b.opts.Services[name].Plan; p != nil {
		hold = p.Verify.Hold
	}
	if breachesAnywhere(l) || b.membersBreach(inc) || !b.allOKFor(now, l, inc, hold) || len(b.mem.service(name).flappingHold(now)) > 0 {
		return nil
	}
	outcome := Recovered
	switch {
	case inc.Rollback != nil && inc.Rollback.wentForward() && len(inc.EarlierRollbacks) == 0:
		outcome = FixedForward
	case inc.changed():
		outcome = Unresolved
	case inc.VetoedBy != "":
		outcome = Vetoed
	}
	text := fmt.Sprintf("every trigger has been known ok for %s", max(hold, longest(inc)))
	if run := inc.Rollback; outcome == Unresolved && run != nil && run.State != RunCompleted {
		text = fmt.Sprintf("the service is well (%s), and the rollback is %s and was never verified: look at what is in which state", text, run.State)
	}
	return b.closed(now, inc, outcome, text, false)
}

// defaultHold is CONTRACT.md's verify.hold, for a service without a plan.
const defaultHold = 5 * time.Minute

func longest(inc *Incident) time.Duration {
	var most time.Duration
	for _, ev := range inc.Triggers {
		most = max(most, ev.Length)
	}
	return most
}

// allOKFor tells whether everything that must be ok has been known ok for a
// hold, or for its own window where that is longer. What was seen before a
// rollback ended unverified says nothing of after it.
func (b *Brain) allOKFor(now time.Time, l *live, inc *Incident, hold time.Duration) bool {
	from := time.Time{}
	run := inc.Rollback
	unverified := run != nil && run.State.Ended() && run.State != RunCompleted
	if unverified {
		from = run.EndedAt
	}
	if len(inc.Triggers) == 0 && from.IsZero() {
		from = inc.OpenedAt // nothing fired: well for that long since it was opened
	}
	known := 0
	for _, name := range b.toClose(l, inc) {
		of, own := l.watch, name
		if home, short := inc.home(name); home != inc.Service && b.live[home] != nil {
			of, own = b.live[home].watch, short // another member of the group
		}
		if _, ok := of.Status(own); !ok {
			continue // removed by a reload
		}
		known++
		since, last := of.OK(own)
		if since.IsZero() {
			return false
		}
		if since.Before(from) {
			since = from
		}
		length := hold
		if i := inc.evidence(name); i >= 0 {
			length = max(length, inc.Triggers[i].Length)
		}
		if last.Sub(since) < length {
			return false
		}
	}
	if unverified && !b.wishesHold(l, run, now) {
		return false
	}
	return known > 0 || len(inc.Triggers) > 0 && now.Sub(inc.OpenedAt) >= hold
}

// wishesHold tells whether the plan's own verify.when conditions are true now.
func (b *Brain) wishesHold(l *live, run *Run, now time.Time) bool {
	for _, e := range run.Plan.Verify.When {
		if l.watch.Evaluate(e, now).Truth != trigger.Breach {
			return false
		}
	}
	return true
}

// breachesAnywhere tells whether any trigger of the service is pending or firing.
func breachesAnywhere(l *live) bool {
	for _, spec := range l.watch.Triggers() {
		if st, _ := l.watch.Status(spec.Name); st.State == trigger.Pending || st.State == trigger.Firing {
			return true
		}
	}
	return false
}

// toClose are the triggers that must be ok: the incident's and those that a
// verification looked at, or all of the service's where neither is known.
func (b *Brain) toClose(l *live, inc *Incident) []string {
	var names []string
	for _, ev := range inc.Triggers {
		names = append(names, ev.Name)
	}
	names = append(names, inc.Verification.Triggers...)
	if len(names) == 0 {
		for _, spec := range l.watch.Triggers() {
			names = append(names, spec.Name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// closed records the end of an incident.
func (b *Brain) closed(now time.Time, inc *Incident, outcome Outcome, text string, fresh bool) []Effect {
	e := b.incidentEntry(now, KindClosed, inc, "rollbackd", fmt.Sprintf("closed as %s: %s", outcome, text))
	e.Closed = &ClosedEntry{Outcome: outcome, Reason: text, Fresh: fresh}
	head := RecoveredHead
	if fresh {
		head = HeldHeadline // it was closed without being known to be well
	}
	e = b.sampled(e, inc)
	broken, again := false, false
	if outcome == RolledBack {
		broken, again = b.brokenAtItsEnd(now, inc)
	}
	if again || inc.Decision.Untold && !inc.told {
		// What is opened again in the same breath is told as that, and what nobody was
		// told of is not taken back either.
		return []Effect{Record{Entry: e}}
	}
	if broken {
		head = HeldHeadline
	}
	m := b.message(now, inc, e, head, "closed")
	if inc.Rollback != nil && inc.Rollback.Rehearses == nil {
		m.Signals = []string{SignalRootCause}
	}
	return []Effect{Record{Entry: e, Message: m}}
}
