package incident

import (
	"fmt"
	"time"

	"github.com/rollbackd/rollbackd/trigger"
)

// enoughTicks is how many ticks in a row must be known ok after a step before
// the rest of the plan counts as not needed. Verification decides in any case.
const enoughTicks = 2

// wellness counts the ok ticks since the step that may have been enough.
type wellness struct {
	run   string
	index int
	ticks int
}

// enoughRule waits after a step that may be enough, and ends the plan there when
// the service recovered.
func (b *Brain) enoughRule(now time.Time, l *live, inc *Incident, run *Run, i int) (effects []Effect, wait bool) {
	step := &run.Steps[i]
	if run.mayBeEnough() != step {
		return nil, false
	}
	if l.well.run == run.ID && l.well.index == step.Index && l.well.ticks >= enoughTicks {
		e := b.incidentEntry(now, KindEnough, inc, "rollbackd",
			fmt.Sprintf("the service recovered after %q: the rest of the plan is not needed", step.title()))
		e.Step = &StepEntry{Ref: inc.ref(step, step.Attempts)}
		return []Effect{Record{Entry: e}}, false
	}
	return nil, now.Before(step.EndedAt.Add(run.spec(step).Enough))
}

// mayBeEnough is the newest ended step of the main part, where the plan asks to
// look whether it was enough and there are steps after it; else nil.
func (run *Run) mayBeEnough() *StepRun {
	var last *StepRun
	for i := range run.Steps {
		step := &run.Steps[i]
		if step.Section != SectionSteps {
			continue
		}
		if step.due(run) == dueNot && step.State != StepRunning {
			last = step
			continue
		}
		if last == nil || step.Attempts > 0 || step.Index == last.Index {
			return nil
		}
		if last.State != StepDone || run.spec(last).Enough <= 0 {
			return nil
		}
		return last
	}
	return nil
}

// wellTick takes a grid tick into the question whether a step was enough.
func (b *Brain) wellTick(l *live, inc *Incident, at time.Time) {
	run := inc.Rollback
	step := run.mayBeEnough()
	if step == nil || !at.After(step.EndedAt) {
		l.well = wellness{}
		return
	}
	if l.well.run != run.ID || l.well.index != step.Index {
		l.well = wellness{run: run.ID, index: step.Index}
	}
	switch truth, _ := b.allWell(l, b.toVerify(inc), run, at); truth {
	case trigger.OK:
		l.well.ticks++
	case trigger.Breach:
		l.well.ticks = 0
	case trigger.NotKnown: // says nothing
	}
}
