package incident

import (
	"fmt"
	"time"
)

// nextStep begins what comes next, or ends the run: the checks and the steps in
// file order, past the point of no return the forward part instead, and finally
// what must happen once anything was changed.
func (b *Brain) nextStep(now time.Time, l *live, inc *Incident, run *Run) []Effect {
	for _, part := range []func(time.Time, *live, *Incident, *Run) ([]Effect, bool){b.mainPart, b.forwardPart, b.finallyPart} {
		if e, wait := part(now, l, inc, run); e != nil || wait {
			return e
		}
	}
	return b.endSteps(now, inc, run)
}

// mainPart begins the next check or step. It says to wait where the next is
// not due yet.
func (b *Brain) mainPart(now time.Time, l *live, inc *Incident, run *Run) (effects []Effect, wait bool) {
	if run.halt() != "" || run.Enough != nil {
		return nil, false
	}
	for i := range run.Steps {
		step := &run.Steps[i]
		switch step.Section {
		case SectionForward, SectionFinally, SectionFollowUp:
			return nil, false
		case SectionReversible:
			continue // asked when its step is due
		case SectionPrepare, SectionChecks, SectionStopDeploy, SectionSteps:
		}
		if e, wait := b.mainStep(now, l, inc, run, i); e != nil || wait {
			return e, wait
		}
	}
	return nil, false
}

// mainStep begins one step of the main part where it is due.
func (b *Brain) mainStep(now time.Time, l *live, inc *Incident, run *Run, i int) (effects []Effect, wait bool) {
	step := &run.Steps[i]
	switch step.due(run) {
	case dueNot:
		return b.enoughRule(now, l, inc, run, i)
	case dueFirst, dueAgain:
	}
	if now.Before(step.dueAt(run, i)) {
		return nil, true
	}
	if step.Section == SectionStopDeploy || step.Section == SectionSteps {
		if e, wait := b.beforeChange(now, l, inc, run); e != nil || wait {
			return e, wait
		}
	}
	if step.Section == SectionStopDeploy && !b.rolling(inc, run) {
		return nil, false // there is nothing to stop
	}
	if rev := run.reversible(step); rev != nil && !rev.freshAt(now) {
		return b.begin(now, inc, rev, rev.Attempts+1), false
	}
	return b.begin(now, inc, step, step.Attempts+1), false
}

// forwardPart begins the next step of what may be done past the point of no
// return. A run that somebody stopped does nothing more.
func (b *Brain) forwardPart(now time.Time, _ *live, inc *Incident, run *Run) (effects []Effect, wait bool) {
	if run.pastReturn() == nil || run.Stopping != "" || run.sectionFailed(SectionForward) != "" {
		return nil, false
	}
	return b.sectionStep(now, inc, run, SectionForward)
}

// finallyPart begins the next step of what must happen once anything was
// changed, however the plan ended. One that fails keeps no other from its turn.
func (b *Brain) finallyPart(now time.Time, _ *live, inc *Incident, run *Run) (effects []Effect, wait bool) {
	if !run.Changed {
		return nil, false
	}
	return b.sectionStep(now, inc, run, SectionFinally)
}

// sectionStep begins the next step of a section that is due.
func (b *Brain) sectionStep(now time.Time, inc *Incident, run *Run, section Section) (effects []Effect, wait bool) {
	for i := range run.Steps {
		step := &run.Steps[i]
		if step.Section != section || step.due(run) == dueNot {
			continue
		}
		if now.Before(step.dueAt(run, i)) {
			return nil, true
		}
		return b.begin(now, inc, step, step.Attempts+1), false
	}
	return nil, false
}

// due is whether a step is to be begun.
type due int

const (
	dueNot   due = iota // it has ended for good
	dueFirst            // it was never begun
	dueAgain            // it may be tried once more
)

func (step *StepRun) due(run *Run) due {
	switch step.State {
	case StepPending:
		return dueFirst
	case StepFailed, StepUncertain:
		if run.mayRetry(step) {
			return dueAgain
		}
	case StepRunning, StepDone, StepSkipped:
	}
	return dueNot
}

// dueAt is the earliest moment for the next attempt: after the pause between two
// attempts, or after the soak that follows the unit before.
func (step *StepRun) dueAt(run *Run, i int) time.Time {
	if step.State != StepPending {
		return step.EndedAt.Add(step.pause())
	}
	soak := run.spec(step).Soak
	for j := i - 1; soak > 0 && j >= 0; j-- {
		before := &run.Steps[j]
		if before.Section == step.Section && before.Index == step.Index {
			if before.State == StepSkipped {
				return time.Time{}
			}
			return before.EndedAt.Add(soak)
		}
	}
	return time.Time{}
}

// stepsOver tells whether no step of the main part is left to begin, or to
// begin once more.
func (run *Run) stepsOver() bool {
	if run.Enough != nil {
		return true
	}
	for i := range run.Steps {
		if s := &run.Steps[i]; s.Section == SectionSteps && s.due(run) != dueNot {
			return false
		}
	}
	return true
}

// maxTryAgain is how often "nothing was changed, try again" (exit 75) is followed.
const maxTryAgain = 3

// maxInterrupted bounds the attempts of an idempotent step over crashes.
const maxInterrupted = 10

// mayRetry tells whether an attempt that did not end well may be repeated. Only
// what is known to have changed nothing, or is declared idempotent, or has a
// probe that says it is not done, is ever run again.
func (run *Run) mayRetry(step *StepRun) bool {
	spec := run.spec(step)
	used := step.Attempts - 1
	repeatable := spec.Idempotent || spec.Probe != nil
	switch {
	case step.Section == SectionPrepare || spec.Approval != nil:
		return false
	case step.Section == SectionReversible:
		// Its answer counts at once, whatever it is; one that our own crash cut off is none.
		return step.Interrupted && used < maxInterrupted
	case step.NothingChanged && step.State == StepUncertain:
		return used < maxInterrupted
	case step.NothingChanged:
		return step.TriedAgain <= maxTryAgain && step.EndedAt.Sub(step.StartedAt) < spec.Timeout
	case step.State == StepFailed:
		return used < spec.Retries
	case step.Interrupted && (spec.Idempotent || step.Section == SectionChecks):
		return used < maxInterrupted // a check changes nothing: it may always be asked again
	default:
		return repeatable && !step.Interrupted && used < spec.Retries
	}
}

// pause is how long to wait before the next attempt: a second, doubled each
// time, at most ten. An attempt that a crash interrupted is repeated at once.
func (step *StepRun) pause() time.Duration {
	if step.Interrupted {
		return 0
	}
	return min(time.Second<<min(step.Attempts-1, 4), 10*time.Second)
}

// halt says why the main part of the run goes no further; empty while it does.
func (run *Run) halt() string {
	if run.Stopping != "" && !run.stepsOver() {
		return run.Stopping
	}
	if rev := run.pastReturn(); rev != nil {
		return "past the point of no return: " + rev.failure()
	}
	for _, section := range []Section{SectionPrepare, SectionChecks, SectionStopDeploy, SectionSteps} {
		if failure := run.sectionFailed(section); failure != "" {
			return failure
		}
	}
	return ""
}

// sectionFailed says which step of a section failed for good; empty when none did.
func (run *Run) sectionFailed(section Section) string {
	for i := range run.Steps {
		step := &run.Steps[i]
		if step.Section != section || step.State != StepFailed && step.State != StepUncertain || run.mayRetry(step) {
			continue
		}
		if run.spec(step).OnFailure == "continue" && step.State == StepFailed && (section == SectionSteps || section == SectionStopDeploy) {
			continue
		}
		return step.failure()
	}
	return ""
}

// failure says in a line how a step did not end well.
func (step *StepRun) failure() string {
	what := "failed"
	if step.State == StepUncertain {
		what = "ended uncertain"
	}
	text := fmt.Sprintf("%s %q %s", step.Section, step.title(), what)
	if step.Error != "" {
		text += ": " + step.Error
	} else if step.ExitCode != nil {
		text += fmt.Sprintf(": exit %d", *step.ExitCode)
	}
	return text
}
