package incident

import (
	"fmt"
	"maps"
	"time"
)

// runRule is what is due for a run.
func (b *Brain) runRule(now time.Time, name string, l *live, inc *Incident) []Effect {
	run := inc.Rollback
	if run == nil || run.State.Ended() && inc.decidedAt.After(run.StartedAt) {
		return b.neverPlanned(now, inc)
	}
	if run.State.Ended() {
		return b.afterRun(now, inc, run)
	}
	if e := b.slaRule(now, inc, run); e != nil {
		return e
	}
	if run.State == RunVerifying {
		return b.verifyRule(now, name, l, inc)
	}
	if step := run.underWay(); step != nil {
		if run.spec(step).Approval != nil {
			return b.approvalStepRule(now, inc, step)
		}
		return b.resume(now, l, inc, step)
	}
	if e := b.stoppingRule(now, inc, run); e != nil {
		return e
	}
	return b.nextStep(now, l, inc, run)
}

// neverPlanned holds an incident whose rollback a person asked for and whose plan
// was not written down any more: the daemon was stopped in between, or the
// journal was full. Whoever asked had no answer, so it is not begun behind their back.
func (b *Brain) neverPlanned(now time.Time, inc *Incident) []Effect {
	d := inc.Decision
	d.Severity, d.Deadline, d.ByPerson = inc.Severity, time.Time{}, false
	d.hold(append(b.brakeHolds(now, b.mem.service(inc.Service)), Hold{
		GuardBlocked, "it was asked for and never began, because rollbackd was stopped or its journal could not be written: nothing was changed",
		"never by itself: ask again, or close",
	}))
	return b.decided(now, inc, d)
}

// underWay is the step that was begun and has not ended; nil when there is none.
func (run *Run) underWay() *StepRun {
	for i := range run.Steps {
		if run.Steps[i].State == StepRunning {
			return &run.Steps[i]
		}
	}
	return nil
}

// resume looks after a step that an earlier process began: this one has not
// started it and must not start it again.
func (b *Brain) resume(now time.Time, l *live, inc *Incident, step *StepRun) []Effect {
	ref := inc.ref(step, step.Attempts)
	if l.begun == ref {
		return nil
	}
	l.begun = ref
	start := b.start(now, inc, step, step.Attempts)
	start.Resume, start.StartedAt = true, step.StartedAt
	return []Effect{start}
}

// stoppingRule records that the run ends at this boundary, where a newer
// deployment or the plan's hard timeout asks for it.
func (b *Brain) stoppingRule(now time.Time, inc *Incident, run *Run) []Effect {
	if run.Stopping != "" || run.stepsOver() {
		return nil
	}
	if l := b.live[inc.Service]; l != nil && l.stop != nil && l.stop.Run == run.ID {
		want := l.stop
		e := b.incidentEntry(now, KindStopping, inc, "rollbackd", "stopping at this step boundary: "+want.Reason)
		e.Stopping = want
		return []Effect{Record{Entry: e}}
	}
	if guard, why := b.brakedMeanwhile(now, inc, run); guard != "" {
		e := b.incidentEntry(now, KindStopping, inc, "rollbackd", "stopping at this step boundary: "+why)
		e.Stopping = &StoppingEntry{Run: run.ID, Reason: why, By: guard}
		return []Effect{Record{Entry: e}}
	}
	reason := ""
	if newer := b.newerThan(inc, run); newer != "" {
		reason = newer + " was deployed meanwhile"
	}
	if end := run.timeoutAt(); !end.IsZero() && !now.Before(end) {
		reason = fmt.Sprintf("the plan's timeout of %s is over", run.Plan.Timeout)
	}
	if reason == "" {
		return nil
	}
	e := b.incidentEntry(now, KindStopping, inc, "rollbackd", "stopping at this step boundary: "+reason)
	e.Stopping = &StoppingEntry{Run: run.ID, Reason: reason, By: GuardBlocked}
	return []Effect{Record{Entry: e}}
}

// brakedMeanwhile is the brake that was put on since a run began. The command
// stops the runs it finds; but between the two entries the daemon can be killed,
// and what it forgot to stop must not go on, also where the brake has ended since.
func (b *Brain) brakedMeanwhile(now time.Time, inc *Incident, run *Run) (Guard, string) {
	pauses, locks := []*BrakeEntry{b.mem.PauseAll}, []*BrakeEntry{b.mem.LockAll}
	for _, name := range append([]string{inc.Service}, namesOf(inc.others())...) {
		s := b.mem.service(name)
		pauses, locks = append(pauses, s.Pause), append(locks, s.Lock)
	}
	for _, lock := range locks { // no run begins under a lock
		if lock.inForce(now) || lock != nil && !lock.Since.Before(run.StartedAt) {
			return GuardLocked, "locked by " + lock.By
		}
	}
	for _, pause := range pauses {
		if pause.inForce(now) && run.Automatic || pause != nil && pause.Since.After(run.StartedAt) {
			return GuardPaused, "paused by " + pause.By
		}
	}
	return "", ""
}

// timeoutAt is when the plan's hard timeout is over; zero when it has none. The
// time in which people were waited for does not count.
func (run *Run) timeoutAt() time.Time {
	if run.Plan.Timeout <= 0 {
		return time.Time{}
	}
	return run.StartedAt.Add(run.Plan.Timeout + run.Waited)
}

// newerThan is a version that was deployed since the run began, of the service or
// of a member of its group; empty when none was. Where there is a version source,
// an event alone supersedes nothing until the source agrees.
func (b *Brain) newerThan(inc *Incident, run *Run) string {
	for _, name := range append([]string{inc.Service}, namesOf(inc.others())...) {
		d := b.mem.service(name).Ledger.current()
		if d == nil || d.Own || !d.NotedAt.After(run.StartedAt) || d.Version == run.legOf(name).To {
			continue
		}
		if !b.opts.Services[name].Deployment.HasSource || d.Seen {
			return d.Version
		}
	}
	return ""
}

// begin records the intent of an attempt and then starts it. An approval step
// starts nothing: people are told, and the brain waits for them.
func (b *Brain) begin(now time.Time, inc *Incident, step *StepRun, attempt int) []Effect {
	spec := inc.Rollback.spec(step)
	text := fmt.Sprintf("%s: %s", step.Section, step.title())
	if attempt > 1 {
		text += fmt.Sprintf(" (attempt %d)", attempt)
	}
	e := b.incidentEntry(now, KindStepBegun, inc, "rollbackd", text)
	e.Step = &StepEntry{Ref: inc.ref(step, attempt), Changes: spec.Changes}
	if spec.Approval != nil {
		e.Text = "waiting for approval: " + step.title()
		if spec.Approval.Text != "" {
			e.Text += ": " + spec.Approval.Text
		}
		return []Effect{Record{Entry: e, Message: b.message(now, inc, e, WaitingForYou, "approval_needed")}}
	}
	start := b.start(now, inc, step, attempt)
	start.StartedAt = now
	start.ProbeFirst = attempt > 1 && spec.Probe != nil
	return []Effect{Record{Entry: e}, start}
}

// title is the step's name, with the unit that it is for.
func (step *StepRun) title() string {
	if step.Unit == "" {
		return step.Name
	}
	return step.Name + " " + step.Unit
}

func (inc *Incident) ref(step *StepRun, attempt int) StepRef {
	return StepRef{
		Incident: inc.ID, Service: inc.Service, Run: inc.Rollback.ID, Section: step.Section, Index: step.Index,
		Name: step.Name, Unit: step.Unit, Attempt: attempt, Fence: inc.Rollback.Fence,
	}
}

// start makes the effect that starts or resumes an attempt.
func (b *Brain) start(now time.Time, inc *Incident, step *StepRun, attempt int) Start {
	run := inc.Rollback
	spec := run.spec(step)
	if step.Section == SectionPrepare {
		spec.Do = prepareList(run.Plan)
	}
	values := maps.Clone(run.Values)
	values["now"] = now.UTC().Format(time.RFC3339)
	if step.Unit != "" {
		values["each"] = step.Unit
	}
	return Start{
		Ref: inc.ref(step, attempt), Do: spec.Do, Probe: spec.Probe, If: spec.If, Values: values, IncidentJSON: inc.document(),
		Reason: inc.Decision.Reason, Timeout: spec.Timeout,
	}
}

// stepEnded turns the end of an attempt into its entry.
func (b *Brain) stepEnded(now time.Time, in StepEnded) []Effect {
	s := b.mem.service(in.Ref.Service)
	if s.Open == nil || s.Open.Rollback == nil || s.Open.ID != in.Ref.Incident || s.Open.Rollback.ID != in.Ref.Run {
		return nil
	}
	inc := s.Open
	step := inc.Rollback.step(in.Ref)
	if step == nil || step.State != StepRunning || step.Attempts != in.Ref.Attempt {
		return nil
	}
	return b.ended(now, inc, step, in.Result)
}

// ended records the end of the attempt that is under way.
func (b *Brain) ended(now time.Time, inc *Incident, step *StepRun, result StepResult) []Effect {
	result.StartedAt, result.EndedAt = result.StartedAt.UTC().Round(0), result.EndedAt.UTC().Round(0)
	e := b.incidentEntry(now, KindStepEnded, inc, "rollbackd", endText(step, result))
	e.Step = &StepEntry{Ref: inc.ref(step, step.Attempts), Changes: inc.Rollback.spec(step).Changes, Result: &result}
	return []Effect{Record{Entry: e, Message: b.escalateMessage(now, inc, step, result, e)}}
}

func endText(step *StepRun, r StepResult) string {
	text := fmt.Sprintf("%s: %s %s", step.Section, step.title(), r.State)
	if r.ExitCode != nil && *r.ExitCode != 0 {
		text += fmt.Sprintf(", exit %d", *r.ExitCode)
	}
	if r.Error != "" {
		text += ": " + r.Error
	}
	return text
}
