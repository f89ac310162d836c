package scenario

import (
	"slices"
	"time"

	"github.com/rollbackd/rollbackd/evaluator"
	"github.com/rollbackd/rollbackd/incident"
)

// That everything comes to rest, or waits for somebody who knows of it: the one
// invariant that is about what the public view shows when a case is over.

// checkTold looks, in the end, at what waits for a person: somebody must have
// been told.
func (w *world) checkTold() {
	for _, i := range w.brain.Incidents() {
		waits := i.State == incident.Held || i.State == incident.AwaitingApproval
		if waits && !w.told.incidents[i.ID] && !w.suppressed(i) {
			w.violated(7, "incident %s of %s is %s, and nobody was told", i.ID, i.Service, i.State)
		}
	}
}

// suppressed tells whether nobody is told of what holds an incident because the
// configuration says so: a window that suppresses.
func (w *world) suppressed(i *incident.Incident) bool {
	return i.Decision.Untold && slices.ContainsFunc(w.options.Windows, func(win incident.Window) bool {
		return win.Cap == evaluator.NoResponse && (len(win.Services) == 0 || slices.Contains(win.Services, i.Service))
	})
}

// stuckAfter is how long an incident may be past the moment at which it should
// have gone on.
const stuckAfter = 10 * time.Minute

// checkStuck looks, in the end, at what is neither over nor waits for a person: it
// must not be long past the moment at which it should have gone on.
func (w *world) checkStuck() {
	if w.disturbed() {
		return
	}
	for _, i := range w.brain.Incidents() {
		until := time.Time{}
		switch i.State {
		case incident.CountingDown, incident.Confirming:
			until = i.Decision.Deadline
		case incident.Verifying:
			until = i.Verification.Until
			if run := i.Rollback; run != nil && !run.VerifiedAt.IsZero() {
				until = goesOn(i) // what follows up takes its time
			}
		case incident.RollingBack:
			until = goesOn(i)
		case incident.Firing, incident.AwaitingApproval, incident.Held, incident.Closed:
		}
		if late := w.clock().Sub(until); !until.IsZero() && late > stuckAfter {
			w.violated(7, "incident %s of %s is still %s, %s after it should have gone on", i.ID, i.Service, i.State, late)
		}
	}
}

// disturbed tells whether the daemon was kept from going on just now: it began, the
// host slept, its journal was full, or is lost until the next start.
func (w *world) disturbed() bool {
	recently := w.now - 2*w.options.Poll
	return w.disk.lost || w.lived.began > recently || w.host.wakes > recently ||
		slices.ContainsFunc(w.c.faults, func(f fault) bool { return f.kind == faultJournal && f.from <= w.now && f.to > recently })
}

// goesOn is when a run that waits for nothing that the world does must have gone on
// at the latest: between two steps. Zero where it waits for a step, or for what
// nobody can foresee.
func goesOn(i *incident.Incident) time.Time {
	run := i.Rollback
	if run == nil || run.State.Ended() || run.Waiting != "" || run.Waited > 0 || len(i.Timeline) == 0 {
		return time.Time{}
	}
	if slices.ContainsFunc(run.Steps, func(s incident.StepRun) bool { return s.State == incident.StepRunning }) {
		return time.Time{}
	}
	var pause time.Duration
	for _, step := range slices.Concat(run.Plan.Steps, run.Plan.FollowUp) {
		pause = max(pause, step.Soak+step.Enough)
	}
	return i.Timeline[len(i.Timeline)-1].At.Add(pause)
}
