package scenario

import (
	"slices"
	"time"

	"github.com/rollbackd/rollbackd/incident"
)

// What every case is held to about the order of a plan: the way back and the way
// forward, units, and services that change together.

// wayBack is what is known of a run's way back: the newest answer to the
// question whether one can still go back, when it was, since the start, and
// whether something was changed after it.
type wayBack struct {
	asked   incident.StepRef
	answer  incident.StepResult
	at      time.Duration
	changed bool
	passed  bool // the point of no return is
}

// keep takes an entry that has just become durable into what the checks know.
func (j *journal) keep(e incident.Entry, now time.Duration) {
	if e.Planned != nil {
		run := plannedRun{plan: e.Planned.Plan, scope: e.Planned.Scope, services: []string{e.Service}}
		for _, m := range e.Planned.Members {
			run.services = append(run.services, m.Service)
		}
		j.runs[e.Planned.ID] = run
	}
	s := e.Step
	switch {
	case s == nil:
	case e.Kind == incident.KindStepBegun:
		j.intents[s.Ref] = s.Changes
	case s.Result != nil:
		j.ends[s.Ref] = *s.Result
		j.learn(*s, now)
	}
}

// learn takes the end of a step into what is known of the way back. An answer
// that a crash lost is none: the question may be asked again.
func (j *journal) learn(s incident.StepEntry, now time.Duration) {
	way := j.ways[s.Ref.Run]
	switch {
	case s.Ref.Section == incident.SectionReversible:
		way.asked, way.answer, way.at, way.changed = s.Ref, *s.Result, now, false
		way.passed = way.passed || s.Result.State != incident.StepDone && !s.Result.Interrupted
	case s.Changes && s.Result.State != incident.StepSkipped:
		way.changed = true
	}
	j.ways[s.Ref.Run] = way
}

// answerStands is how long the answer that one can still go back stands, by a
// clock that may be set a little without anybody's notice.
const answerStands = 30 * time.Second

// checkOrder looks at the place of a step in its plan.
func (w *world) checkOrder(s incident.Start) {
	ref := s.Ref
	run, way := w.journal.runs[ref.Run], w.journal.ways[ref.Run]
	switch {
	case ref.Section == incident.SectionForward && (way.asked.Run == "" || way.answer.State == incident.StepDone):
		w.violated(5, "step %q of %s went forward, and one could still go back", ref.Name, ref.Service)
	case ref.Section != incident.SectionSteps && ref.Section != incident.SectionStopDeploy:
	case !w.journal.intents[ref] || run.plan.Reversible == nil:
	case way.passed:
		w.violated(5, "step %q of %s started past the point of no return", titled(ref.Name, ref.Unit), ref.Service)
	case way.answer.State != incident.StepDone || way.asked.Unit != ref.Unit ||
		ref.Section == incident.SectionSteps && way.asked.Index != ref.Index:
		w.violated(5, "step %q of %s started, and it was not asked whether one can still go back", titled(ref.Name, ref.Unit), ref.Service)
	case way.changed || w.now-way.at > answerStands+clockSlack:
		w.violated(5, "step %q of %s started on an old answer that one can still go back", titled(ref.Name, ref.Unit), ref.Service)
	}
}

// checkAlone looks at a step that is about to run beside what runs already: one
// change at a time of a service, of a step's units, and of services that change
// together.
func (w *world) checkAlone(j *job) {
	ref := j.start.Ref
	for _, other := range w.jobs {
		was := other.start.Ref
		if other.over || !other.changes || !j.changes {
			continue
		}
		switch {
		case was.Run == ref.Run && was.Section == ref.Section && was.Index == ref.Index:
			w.violated(2, "step %q of %s started while %q still runs", titled(ref.Name, ref.Unit), ref.Service, titled(was.Name, was.Unit))
		case was.Service == ref.Service:
			w.violated(2, "step %q of %s started while %q still runs", ref.Name, ref.Service, was.Name)
		case was.Run != ref.Run && w.together(was.Run, ref.Run):
			w.violated(2, "step %q of %s started while %q of %s still runs: they change together", ref.Name, ref.Service, was.Name, was.Service)
		}
	}
}

// together tells whether two runs touch a service in common: with a group's plan
// one touches all of its members.
func (w *world) together(a, b string) bool {
	return slices.ContainsFunc(w.journal.runs[a].services, func(name string) bool {
		return slices.Contains(w.journal.runs[b].services, name)
	})
}

// stepOf is the plan's own step that an attempt is of.
func stepOf(p *incident.Plan, ref incident.StepRef) (incident.PlanStep, bool) {
	var list []incident.PlanStep
	switch ref.Section {
	case incident.SectionChecks:
		list = p.Checks
	case incident.SectionSteps:
		list = p.Steps
	case incident.SectionForward:
		list = p.Forward
	case incident.SectionFinally:
		list = p.Finally
	case incident.SectionFollowUp:
		list = p.FollowUp
	case incident.SectionStopDeploy:
		if p.StopDeploy != nil {
			return *p.StopDeploy, true
		}
	case incident.SectionPrepare, incident.SectionReversible:
	}
	if ref.Index < 0 || ref.Index >= len(list) {
		return incident.PlanStep{}, false
	}
	return list[ref.Index], true
}
