package scenario

import (
	"slices"
	"time"

	"github.com/rollbackd/rollbackd/evaluator"
	"github.com/rollbackd/rollbackd/incident"
)

// What every case is held to, whatever it expects. Each is one of the
// invariants of the design; a case in which one does not hold has failed.

// checkEntry looks at an entry that has just become durable.
func (w *world) checkEntry(e incident.Entry) {
	if e.Pardon != nil {
		delete(w.journal.automatic[e.Service], noneKnown)
	}
	if r := e.Planned; r != nil && r.To != "" && r.To == r.From {
		w.fault("a rollback of %s from %s towards the version that runs", e.Service, r.From)
	}
	if r := e.RunEnded; r != nil && r.State == incident.RunCompleted && r.Samples == 0 {
		w.fault("a rollback of %s is completed, and verification saw nothing", e.Service)
	}
	if e.At.IsZero() || e.At.Location() != time.UTC || e.Actor == "" || e.Text == "" {
		w.fault("entry %s has no time in UTC, no actor or no text", e.Kind)
	}
}

// checkTold looks, in the end, at what waits for a person: somebody must have
// been told.
func (w *world) checkTold() {
	if w.brain == nil {
		return
	}
	for _, i := range w.brain.Incidents() {
		waits := i.State == incident.Held || i.State == incident.AwaitingApproval
		if waits && !w.told.incidents[i.ID] && !w.suppressed(i) {
			w.fault("incident %s of %s is %s, and nobody was told", i.ID, i.Service, i.State)
		}
	}
}

// suppressed tells whether nobody is told of what holds an incident because the
// configuration says so: a window that suppresses.
func (w *world) suppressed(i *incident.Incident) bool {
	return i.Decision.HeldBy == incident.GuardWindow && slices.ContainsFunc(w.options.Windows, func(win incident.Window) bool {
		return win.Cap == evaluator.NoResponse && (len(win.Services) == 0 || slices.Contains(win.Services, i.Service))
	})
}

// checkStart looks at a step that is about to run.
func (w *world) checkStart(s incident.Start) {
	if _, intended := w.journal.intents[s.Ref]; !intended {
		w.fault("step %q of %s started without a durable intent", s.Ref.Name, s.Ref.Service)
	}
	if !s.Resume {
		w.checkOrder(s)
	}
	i, known := w.brain.Incident(s.Ref.Incident)
	if !known || i.Rollback == nil || i.Rollback.ID != s.Ref.Run {
		w.fault("step %q of %s started for a run that nobody knows", s.Ref.Name, s.Ref.Service)
		return
	}
	if s.Resume {
		return
	}
	w.checkAgain(s, i)
	if s.Ref.Section != incident.SectionSteps {
		return
	}
	if i.Rollback.Stopping != "" {
		w.fault("step %q of %s started after its run was to stop: %s", s.Ref.Name, s.Ref.Service, i.Rollback.Stopping)
	}
	if view, ok := w.brain.Service(s.Ref.Service, w.clock()); ok {
		for _, b := range view.Brakes {
			if b.Kind == incident.Lock || i.Rollback.Automatic && b.Kind == incident.Pause {
				w.fault("step %q of %s started under a %s", s.Ref.Name, s.Ref.Service, b.Kind)
			}
		}
	}
	w.checkOnce(i)
	w.checkMembers(s.Ref)
}

// checkAgain looks at a step that runs more than once in its run: only a step
// that is declared idempotent may, one that says that it changed nothing, or one
// that failed before our eyes and whose probe says that it is not done.
func (w *world) checkAgain(s incident.Start, i *incident.Incident) {
	if !w.journal.intents[s.Ref] {
		return // what only looks or waits may be asked again
	}
	plan, there := stepOf(&i.Rollback.Plan, s.Ref)
	if !there {
		w.fault("step %d of %s started, which the plan does not have", s.Ref.Index, s.Ref.Service)
		return
	}
	for ref := range w.jobs {
		if !sameStep(ref, s.Ref) {
			continue
		}
		end, ended := w.journal.ends[ref]
		harmless := ended && (end.NothingChanged || !end.Interrupted && s.ProbeFirst && plan.Probe != nil)
		if !plan.Idempotent && !harmless {
			w.fault("step %q of %s ran a second time, and is not idempotent", titled(s.Ref.Name, s.Ref.Unit), s.Ref.Service)
			return
		}
	}
}

// noneKnown stands for the deployment of a service whose deployments are unknown.
const noneKnown = "none known"

// checkOnce holds automatic rollbacks to one a deployment.
func (w *world) checkOnce(i *incident.Incident) {
	if !i.Rollback.Automatic {
		return
	}
	deployment := noneKnown
	if d := i.Deployment; d != nil {
		deployment = d.Version + " from " + d.StartedAt.String()
	}
	runs := w.journal.automatic[i.Service]
	if runs == nil {
		runs = map[string]string{}
		w.journal.automatic[i.Service] = runs
	}
	if earlier, done := runs[deployment]; done && earlier != i.Rollback.ID {
		w.fault("a second automatic rollback of %s for the same deployment (%s)", i.Service, deployment)
	}
	runs[deployment] = i.Rollback.ID
}
