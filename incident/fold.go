package incident

import (
	"slices"
	"time"
)

// Fold rebuilds one incident from its own entries, in order. It is the same
// fold that the brain's memory uses: the journal holds no second truth.
func Fold(entries []Entry) *Incident {
	inc := &Incident{}
	for _, e := range entries {
		inc.fold(e)
	}
	return inc
}

// fold takes one entry into the incident.
func (inc *Incident) fold(e Entry) {
	inc.foldSamples(e.Samples)
	inc.foldMoment(momentOf(e))
	before := inc.wait()
	inc.foldKind(e)
	inc.foldWait(before, e)
	inc.foldTold(e)
}

// waiting is what a person is waited for.
type waiting struct {
	person bool
	state  State
	guard  Guard
	step   string
}

func (inc *Incident) wait() waiting {
	w := waiting{person: inc.waitsForPerson(), state: inc.State}
	if inc.State == Held {
		w.guard = inc.Decision.HeldBy
		if failed, is := inc.Decision.failed(); is {
			w.guard = failed.Guard // a pause that begins or ends beside it changes nothing
		}
	}
	if step := inc.approvalWaited(); step != nil {
		w.step = step.title()
	}
	return w
}

// foldWait begins a new wait for a person where what is waited for has changed:
// the escalation begins anew, and an earlier acknowledgement does not count.
func (inc *Incident) foldWait(before waiting, e Entry) {
	now := inc.wait()
	switch {
	case !now.person:
		inc.waitSince, inc.EscalationLevel, inc.acked = time.Time{}, 0, false
	case now != before:
		inc.waitSince, inc.EscalationLevel, inc.acked = e.At, 0, false
	}
}

// foldKind takes in what an entry of its kind says.
func (inc *Incident) foldKind(e Entry) {
	switch e.Kind {
	case KindOpened:
		inc.foldOpened(e)
	case KindDeployment:
		inc.foldDeployment(e.Deployment)
	case KindRunning:
		inc.foldDeployment(e.Running.Confirms)
	case KindPardon:
		inc.again = true
	case KindClock:
		inc.shift(e.Clock.By)
	case KindFired, KindCleared:
		inc.foldTrigger(e)
	case KindDecided:
		inc.foldDecided(e)
	case KindApproved:
		inc.foldApproved(e)
	case KindVetoed:
		inc.VetoedBy = e.Actor
		inc.Approvals = nil
		inc.owe(GuardVetoed, e)
	case KindAborted:
		inc.owe(GuardAborted, e)
	case KindAcked:
		inc.AckedBy, inc.acked = e.Actor, true
	case KindEscalated:
		inc.EscalatedAt, inc.EscalationLevel = e.At, e.Escalated.Level
		inc.reached = max(inc.reached, e.Escalated.Level)
		inc.escalated = inc.escalated || e.Escalated.Overdue
	case KindJoined:
		inc.Group, inc.Members, inc.again = e.Joined.Group, slices.Clone(e.Joined.Members), true
	case KindCaptured:
		r := e.Captured.Result
		inc.Captures = append(inc.Captures, StateBefore{
			Name: e.Captured.Name, State: r.State, ExitCode: r.ExitCode, Output: r.Output, Error: r.Error, At: e.At,
		})
	case KindStoodDown:
		inc.foldStoodDown(e)
	case KindPlanned, KindStepBegun, KindStepEnded, KindStopping, KindVerifying, KindSLAMissed, KindRunEnded, KindWaiting, KindEnough, KindVerified:
		if e.Kind == KindStopping || e.Kind == KindRunEnded {
			inc.owed = nil
		}
		inc.foldRun(e)
	case KindClosed:
		inc.State, inc.Outcome, inc.ClosedAt = Closed, e.Closed.Outcome, e.At
	case KindHorizon, KindReopened, KindImpact:
		inc.foldAfter(e)
	default: // of the service or the daemon; the line in the timeline is all
	}
}

// foldDeployment takes in the deployment that runs from here on. One that is only
// reported while its version source shows another runs nowhere yet.
func (inc *Incident) foldDeployment(d *Deployment) {
	if d == nil || inc.Rollback != nil && !inc.Rollback.State.Ended() {
		return
	}
	inc.again = true
	if d.Shows == "" {
		inc.Deployment = copyDeployment(d)
	}
}

// An incident that flaps for days keeps its beginning and its newest moments;
// the journal has all of them.
const keepFirst, keepMoments = 100, 400

func (inc *Incident) foldMoment(m Moment) {
	if len(inc.Timeline) >= keepMoments {
		inc.Timeline = append(inc.Timeline[:keepFirst:keepFirst], inc.Timeline[keepFirst+1:]...)
	}
	inc.moments++
	inc.Timeline = append(inc.Timeline, m)
}

func (inc *Incident) foldDecided(e Entry) {
	brakesOnly := inc.State == Held && e.Decided.State == Held && inc.Decision.sameBesideBrakes(*e.Decided)
	inc.escalated = inc.escalated && inc.Decision.Deadline.Equal(e.Decided.Deadline)
	inc.Decision = *e.Decided
	inc.State = e.Decided.State
	inc.Severity = e.Decided.Severity
	inc.decidedAt = e.At
	inc.lasting = inc.lasting || len(inc.Decision.stickyHolds()) > 0
	inc.again, inc.worse, inc.owed = false, false, nil
	if inc.State == Held && !brakesOnly {
		inc.Approvals = nil // a yes is for what was asked, not for what comes after
	}
}

func (inc *Incident) foldOpened(e Entry) {
	o := e.Opened
	inc.ID, inc.Service, inc.OpenedAt = e.Incident, e.Service, e.At
	inc.Severity, inc.Mode, inc.Manual, inc.ExternalID = o.Severity, o.Mode, o.Manual, o.ExternalID
	inc.Group, inc.Members = o.Group, slices.Clone(o.Members)
	inc.Rehearses, inc.Labels = o.Rehearses, o.Labels
	inc.State = Firing
	inc.Triggers = append([]Evidence{}, o.Triggers...)
	inc.OKBefore = append([]string(nil), o.OKBefore...)
	if o.Deployment != nil {
		d := *o.Deployment
		inc.Deployment = &d
	}
	if o.Manual {
		inc.AskedBy = e.Actor
	}
	inc.again = true
}

// foldApproved takes in a yes, to the incident's rollback or to an approval step.
func (inc *Incident) foldApproved(e Entry) {
	c := e.Command
	a := Approval{
		By: e.Actor, At: e.At, Reason: c.Reason, Overrides: c.Overrides, Roles: c.Roles, PlanHash: c.PlanHash, BreakGlass: c.BreakGlass,
	}
	if c.Step == nil {
		inc.Approvals = append(inc.Approvals, a)
	} else if run := inc.Rollback; run != nil {
		if step := run.step(*c.Step); step != nil {
			step.Approvals = append(slices.Clip(step.Approvals), a)
		}
	}
}

// foldStoodDown takes in that the confirm-read found it well: back to watching.
func (inc *Incident) foldStoodDown(e Entry) {
	inc.State = Firing
	inc.Decision = Decision{State: Firing, Reason: e.Text, Severity: inc.Severity}
	inc.Approvals = nil
	for i := range inc.Triggers {
		if inc.Triggers[i].ClearedAt.IsZero() {
			inc.Triggers[i].ClearedAt = e.At
		}
	}
}

// foldTrigger takes in that a trigger fired or cleared. A trigger that newly
// fires asks for a new decision.
func (inc *Incident) foldTrigger(e Entry) {
	i := inc.evidence(e.Trigger.Name)
	if e.Kind == KindCleared {
		if i >= 0 {
			inc.Triggers[i].ClearedAt = e.At
		}
		return
	}
	if i < 0 {
		inc.Triggers = append(inc.Triggers, *e.Trigger)
	} else {
		inc.Triggers[i] = *e.Trigger
	}
	inc.again = true
	if e.Trigger.Severity > inc.Severity {
		inc.Severity = e.Trigger.Severity
		inc.worse = true
	}
}

// evidence is the index of a trigger among the incident's, -1 when it is not there.
func (inc *Incident) evidence(name string) int {
	for i := range inc.Triggers {
		if inc.Triggers[i].Name == name {
			return i
		}
	}
	return -1
}

// foldRun takes an entry into the incident's newest run.
func (inc *Incident) foldRun(e Entry) {
	if e.Kind == KindPlanned {
		if inc.Rollback != nil {
			inc.EarlierRollbacks = append(inc.EarlierRollbacks, inc.Rollback)
		}
		run := *e.Planned
		run.Steps = append([]StepRun(nil), e.Planned.Steps...)
		inc.Rollback = &run
		if len(run.Members) > 0 {
			inc.Members = slices.Clone(run.Members)
		}
		if run.AskedBy != "" {
			inc.AskedBy = run.AskedBy
		}
		inc.State = RollingBack
		inc.Verification = Verification{Horizons: inc.Verification.Horizons} // those of an earlier run stay on record
		return
	}
	run := inc.Rollback
	if run == nil {
		return
	}
	switch e.Kind {
	case KindStepBegun, KindStepEnded:
		run.foldStep(e)
	case KindStopping:
		run.Stopping, run.StoppedBy = e.Stopping.Reason, e.Stopping.By
	case KindVerifying:
		run.State = RunVerifying
		inc.State = Verifying
		inc.Verification = Verification{From: e.Verifying.From, Until: e.Verifying.Until, Triggers: e.Verifying.Triggers, Horizons: inc.Verification.Horizons}
	case KindVerified:
		run.VerifiedAt = e.At
		inc.Verification.State, inc.Verification.Samples, inc.Verification.Reason = VerificationPassed, e.Verified.Samples, e.Text
	case KindWaiting:
		run.Waiting = e.Text
	case KindEnough:
		ref := e.Step.Ref
		run.Enough = &ref
	case KindSLAMissed:
		if e.Step == nil {
			run.SLATold = true
		} else if step := run.step(e.Step.Ref); step != nil {
			step.SLATold = true
		}
	case KindRunEnded:
		inc.foldRunEnded(e)
	default: // the caller sends no other kind
	}
}

func (inc *Incident) foldRunEnded(e Entry) {
	run, end := inc.Rollback, e.RunEnded
	run.State, run.Reason, run.EndedAt = end.State, end.Reason, e.At
	run.DurationSeconds = e.At.Sub(run.DecidedAt).Seconds()
	if !run.VerifiedAt.IsZero() {
		run.DurationSeconds = run.VerifiedAt.Sub(run.DecidedAt).Seconds() // what follows is no part of going back
	}
	inc.heldAfter, inc.superseded, inc.recovered = end.Held, end.Superseded, end.Recovered
	for i := range run.Steps {
		if run.Steps[i].State == StepPending {
			run.Steps[i].State = StepSkipped
		}
	}
	met := end.SLAMet
	run.SLAMet = &met
	if run.TargetSeconds > 0 {
		hoped := run.DurationSeconds <= run.TargetSeconds
		run.TargetMet = &hoped
	}
	run.PhaseSeconds = run.phaseSeconds()
	if end.Verification != "" {
		inc.Verification.State = end.Verification
		inc.Verification.Reason = end.Reason
		inc.Verification.Samples = end.Samples
	}
}

// foldStep takes in the intent or the end of an attempt.
func (run *Run) foldStep(e Entry) {
	step := run.step(e.Step.Ref)
	if step == nil {
		return
	}
	if e.Kind == KindStepBegun {
		run.foldBegun(step, e)
		return
	}
	r := e.Step.Result
	step.State, step.ExitCode, step.Output, step.Error = r.State, r.ExitCode, r.Output, r.Error
	step.EndedAt = e.At
	step.NothingChanged, step.Interrupted = r.NothingChanged, r.Interrupted
	if run.spec(step).Approval != nil {
		run.Waited += e.At.Sub(step.StartedAt)
	}
	if r.NothingChanged {
		step.TriedAgain++
	}
	if !e.Step.Changes {
		return
	}
	if r.NothingChanged || r.State == StepSkipped {
		step.Touched--
		run.Changed = run.touched()
		if !run.Changed {
			return
		}
	}
	run.LastChangeAt = e.At
	run.Changed = run.touched()
}

func (run *Run) foldBegun(step *StepRun, e Entry) {
	step.State, step.Attempts = StepRunning, e.Step.Ref.Attempt
	step.ExitCode, step.Error = nil, ""
	if step.StartedAt.IsZero() {
		step.StartedAt = e.At
	}
	step.EndedAt = time.Time{}
	step.Used = false
	if rev := run.reversible(step); rev != nil {
		rev.Used = true
	}
	if e.Step.Changes {
		step.Touched++
		run.Changed = true
	}
	switch step.Section {
	case SectionPrepare, SectionChecks:
		run.State = RunChecking
	case SectionReversible: // it comes before the first change and between two
	case SectionFollowUp: // the rollback is verified
	case SectionStopDeploy, SectionSteps, SectionForward, SectionFinally:
		run.State = RunRunning
	}
}

// touched tells whether any step changed something, or may have.
func (run *Run) touched() bool {
	for _, s := range run.Steps {
		if s.Touched > 0 {
			return true
		}
	}
	return false
}

// step finds the step that a reference names; nil when the plan has none such.
func (run *Run) step(ref StepRef) *StepRun {
	for i := range run.Steps {
		if run.Steps[i].Section == ref.Section && run.Steps[i].Index == ref.Index && run.Steps[i].Unit == ref.Unit {
			return &run.Steps[i]
		}
	}
	return nil
}

// phaseSeconds adds up the time of the steps by phase; a step without a phase
// counts for its section.
func (run *Run) phaseSeconds() map[string]float64 {
	phases := map[string]float64{}
	for _, s := range run.Steps {
		if s.StartedAt.IsZero() || s.EndedAt.IsZero() {
			continue
		}
		name := s.Phase
		if name == "" {
			name = string(s.Section)
		}
		phases[name] += s.EndedAt.Sub(s.StartedAt).Seconds()
	}
	return phases
}
