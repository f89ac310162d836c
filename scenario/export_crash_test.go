package scenario

import (
	"fmt"
	"slices"
	"time"

	"github.com/rollbackd/rollbackd/incident"
)

// PlayCrashed plays a case in which the daemon is killed right after its journal
// has that many entries, and starts again after down. Beside the standing checks
// it looks, when the case is over, at whether all came to rest and at what ran.
func (f *File) PlayCrashed(c *Case, after int, down time.Duration) Verdict {
	w := newWorld(c)
	w.killAfter, w.killDown = after, down
	w.play()
	w.checkRest()
	w.checkRanOnce()
	return f.verdict(w)
}

// checkRest looks, in the end, at every incident: it is closed, or it waits for
// a person who was told.
func (w *world) checkRest() {
	if w.brain == nil {
		w.fault("the daemon is not up at the end")
		return
	}
	for _, i := range w.brain.Incidents() {
		waits := i.State == incident.Held || i.State == incident.AwaitingApproval || w.asks(i)
		switch {
		case i.State == incident.Closed:
		case !waits:
			w.fault("incident %s of %s did not come to rest: it is %s", i.ID, i.Service, i.State)
		case !w.told.incidents[i.ID]:
			w.fault("incident %s of %s is %s, and nobody was told", i.ID, i.Service, i.State)
		}
	}
}

// asks tells whether an incident waits in an approval step.
func (w *world) asks(i *incident.Incident) bool {
	if i.State != incident.RollingBack || i.Rollback == nil {
		return false
	}
	return slices.ContainsFunc(i.Rollback.Steps, func(s incident.StepRun) bool {
		step, there := stepOf(&i.Rollback.Plan, incident.StepRef{Section: s.Section, Index: s.Index})
		return there && step.Approval != nil && s.State == incident.StepRunning
	})
}

// checkRanOnce counts what really ran in the world, whatever the journal says: a
// changing step that is not declared idempotent and has no probe ran once for
// each unit of it and each run, or said each time before that it had changed nothing.
func (w *world) checkRanOnce() {
	ran := map[string]int{}
	for ref, j := range w.jobs {
		run, known := w.journal.runs[ref.Run]
		step, there := stepOf(&run.plan, ref)
		if !known || !there || !j.changes || step.Idempotent || step.Probe != nil {
			continue
		}
		if j.over && !j.killed && j.does.exit(j.turn) == exitNothingChanged {
			continue
		}
		key := fmt.Sprintf("step %q of run %s", titled(ref.Name, ref.Unit), ref.Run)
		if ran[key]++; ran[key] == 2 {
			w.fault("%s ran twice, and nothing justified it", key)
		}
	}
}
