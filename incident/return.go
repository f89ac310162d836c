package incident

import "time"

// reversibleFresh is how long the answer that one can still go back stands: it
// is asked right before each changing step, and after a crash in between once more.
const reversibleFresh = 30 * time.Second

// reversible finds the question that is asked right before a changing step; nil
// where none is asked.
func (run *Run) reversible(step *StepRun) *StepRun {
	index := step.Index
	if step.Section == SectionStopDeploy {
		index = beforeStopDeploy
	} else if step.Section != SectionSteps {
		return nil // what looks only, and what may be done past the point of no return
	}
	for i := range run.Steps {
		rev := &run.Steps[i]
		if rev.Section == SectionReversible && rev.Index == index && rev.Unit == step.Unit {
			return rev
		}
	}
	return nil
}

// beforeStopDeploy is the index of the question before the plan's stop_deploy.
const beforeStopDeploy = -1

// freshAt tells whether a question was answered right before the next attempt of
// its step: no attempt has followed the answer yet, and no crash that took its time.
func (rev *StepRun) freshAt(now time.Time) bool {
	return rev.State == StepDone && !rev.Used && now.Sub(rev.EndedAt) <= reversibleFresh
}

// pastReturn is the question whose answer was that there is no way back: any end
// but done, because acting on a guess here cannot be undone. Nil while there is
// a way back.
func (run *Run) pastReturn() *StepRun {
	for i := range run.Steps {
		rev := &run.Steps[i]
		if rev.Section == SectionReversible && (rev.State == StepFailed || rev.State == StepUncertain) && !run.mayRetry(rev) {
			return rev
		}
	}
	return nil
}

// wentForward tells whether what changed was the plan's forward part, done to its
// end, and nothing of the way back.
func (run *Run) wentForward() bool {
	forward := false
	for i := range run.Steps {
		step := &run.Steps[i]
		switch step.Section {
		case SectionForward:
			if step.State != StepDone && step.State != StepSkipped {
				return false
			}
			forward = true
		case SectionSteps, SectionStopDeploy:
			if step.Touched > 0 {
				return false
			}
		case SectionPrepare, SectionChecks, SectionReversible, SectionFinally, SectionFollowUp:
		}
	}
	return forward && run.pastReturn() != nil
}

// moved tells whether the run's steps have taken the service to its target. A
// plan that never names its target has, once it was gone through.
func (run *Run) moved() bool {
	if !run.Leaves || run.To == "" {
		return false
	}
	if !run.Plan.namesTarget() {
		return run.Enough == nil
	}
	for i := range run.Steps {
		step := &run.Steps[i]
		if step.Section == SectionSteps && step.State == StepDone && run.spec(step).UsesTarget {
			return true
		}
	}
	return false
}
