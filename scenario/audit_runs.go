package scenario

import (
	"slices"
	"time"

	"github.com/rollbackd/rollbackd/incident"
)

// auditedRun is what the auditor knows of a rollback.
type auditedRun struct {
	id, incident, service string
	plan                  incident.Plan
	automatic             bool
	leaves                bool
	// quarantines tells whether what it leaves is bad: a rehearsal leaves what is good.
	quarantines bool
	rehearses   bool // another service's plan: the version left is not a bad one
	// document is the plan as a rehearsal is of it, scope the part of it that is run.
	document, scope string
	fence           uint64
	// legs are from where to where it takes each service that it touches.
	legs []incident.Member
	// deployments and counts are those of the services when it was planned.
	deployments map[string]string
	counts      map[string]int
	budget      budget

	begun    bool // a changing step was
	acting   bool // neither verifying nor ended
	ended    bool
	enough   bool
	reached  bool          // a step that names the target is done
	stopping string        // why it was told to stop, by the journal
	stopped  time.Duration // when a person's stop was answered with yes
	stops    bool          // one was
	passed   bool          // verification has: what comes now is the follow-up

	seen verified
}

// services are those that a run touches.
func (r *auditedRun) services() []string {
	names := make([]string, len(r.legs))
	for i, leg := range r.legs {
		names[i] = leg.Service
	}
	return names
}

// touchesAny tells whether a run touches one of some services.
func (r *auditedRun) touchesAny(services []string) bool {
	return slices.ContainsFunc(r.legs, func(leg incident.Member) bool { return slices.Contains(services, leg.Service) })
}

// runEntry takes in an entry about a rollback.
func (a *auditor) runEntry(e incident.Entry) {
	if e.Planned != nil {
		a.planned(e)
		return
	}
	if e.Kind == incident.KindStepBegun {
		a.intents[e.Step.Ref] = true
	}
	r := a.runOf(e)
	if r == nil {
		if e.RunEnded != nil && e.RunEnded.State == incident.RunCompleted {
			a.report(8, "a rollback of %s is completed, and verification saw nothing: nobody planned it", e.Service)
		}
		return
	}
	switch e.Kind {
	case incident.KindStepBegun:
		a.stepBegun(r, *e.Step)
	case incident.KindStepEnded:
		a.stepEnded(r, *e.Step)
	case incident.KindStopping:
		r.stopping = e.Stopping.Reason
	case incident.KindEnough:
		r.enough = true
	case incident.KindVerified:
		a.checkVerified(r, incident.RunEndedEntry{Samples: e.Verified.Samples})
		r.passed = true
	case incident.KindVerifying:
		r.acting = false
		r.verifying(a.now - e.At.Sub(e.Verifying.From))
		if r.leaves && (r.reached || !namesTarget(r.plan) && !r.enough) {
			a.arrive(r)
		}
	case incident.KindRunEnded:
		r.acting, r.ended = false, true
		if r.rehearses {
			a.rehearsedRuns[r.id] = rehearsal{plan: r.document, scope: r.scope, ok: e.RunEnded.State == incident.RunCompleted && !r.enough}
		}
		a.runEnded(r, *e.RunEnded)
	default: // the caller sends no other kind
	}
}

// runOf is the run that an entry is about; nil where nobody planned it.
func (a *auditor) runOf(e incident.Entry) *auditedRun {
	switch {
	case e.Step != nil:
		return a.runs[e.Step.Ref.Run]
	case e.Stopping != nil:
		return a.runs[e.Stopping.Run]
	case e.Verifying != nil:
		return a.runs[e.Verifying.Run]
	case e.RunEnded != nil:
		return a.runs[e.RunEnded.Run]
	case e.Verified != nil:
		return a.runs[e.Verified.Run]
	}
	return nil
}

func namesTarget(p incident.Plan) bool {
	return slices.ContainsFunc(p.Steps, func(s incident.PlanStep) bool { return s.UsesTarget })
}

// planned takes in a run that is about to begin, and holds it to all that must be
// true before one does.
func (a *auditor) planned(e incident.Entry) {
	p := e.Planned
	r := &auditedRun{
		id: p.ID, incident: e.Incident, service: e.Service, plan: p.Plan, automatic: p.Automatic, leaves: p.Leaves,
		quarantines: p.Leaves && p.Rehearses == nil, fence: p.Fence,
		rehearses: p.Rehearses != nil, document: document(p.Plan, runVars(p.Values)), scope: p.Scope,
		deployments: map[string]string{}, counts: map[string]int{}, acting: true,
		legs: []incident.Member{{Service: e.Service, From: p.From, To: p.To}},
	}
	for _, m := range p.Members {
		if m.Service != e.Service {
			r.legs = append(r.legs, m)
		}
	}
	for _, name := range r.services() {
		v := a.service(name).versions
		r.deployments[name], r.counts[name] = v.deployment, v.count
	}
	g := a.options.Guards
	r.budget = budget{g.PerServiceCount, g.PerServiceWithin, g.MaxPerHour}
	if i := a.incidents[e.Incident]; i != nil {
		i.members = membersBeside(e.Service, p.Members)
	}
	a.checkTarget(r)
	a.checkConcurrent(r)
	a.checkHalted(r)
	if r.automatic {
		a.checkCooldown(r)
		a.checkJustified(r)
		a.checkFrozen(r, e.At)
		a.checkForbidden(r)
		a.checkRehearsed(r)
	}
	if p.Fence <= a.fence && a.fence > 0 {
		a.report(1, "rollback %s has fence %d, and one before it had %d", p.ID, p.Fence, a.fence)
	}
	a.fence = max(a.fence, p.Fence)
	a.runs[p.ID] = r
}

// stepBegun takes in the intent of an attempt. With the first that changes
// something a run is charged.
func (a *auditor) stepBegun(r *auditedRun, s incident.StepEntry) {
	if !s.Changes {
		return
	}
	if i := a.incidents[r.incident]; i != nil {
		i.touched++
	}
	if r.leaves && !r.rehearses && s.Ref.Section == incident.SectionSteps {
		a.leave(r)
	}
	if !r.begun && r.automatic {
		a.charge(r)
	}
	r.begun = true
}

// stepEnded takes in the end of an attempt.
func (a *auditor) stepEnded(r *auditedRun, s incident.StepEntry) {
	nothing := s.Result.NothingChanged || s.Result.State == incident.StepSkipped
	done := s.Result.State == incident.StepDone && s.Ref.Section == incident.SectionSteps && s.Ref.Index < len(r.plan.Steps)
	r.reached = r.reached || done && r.plan.Steps[s.Ref.Index].UsesTarget
	if !s.Changes {
		return
	}
	if !nothing {
		a.cool(r)
	}
	if i := a.incidents[r.incident]; i != nil {
		if nothing {
			i.touched--
		}
		if i.touched <= 0 {
			a.untouched(r)
		}
	}
}

// start holds a step that is about to run to what must be true then.
func (a *auditor) start(s incident.Start) {
	ref := s.Ref
	if !a.intents[ref] {
		a.report(1, "step %q of %s started without a durable intent", ref.Name, ref.Service)
	}
	r := a.runs[ref.Run]
	switch {
	case r == nil || r.ended:
		a.report(2, "step %q of %s started for a run that nobody knows", ref.Name, ref.Service)
		return
	case ref.Fence != r.fence:
		a.report(1, "step %q of %s started with fence %d, and its run has %d", ref.Name, ref.Service, ref.Fence, r.fence)
	case s.Resume:
		return
	}
	if (ref.Section == incident.SectionFollowUp) != r.passed {
		a.report(8, "step %q of %s (%s) started while verification had %s", ref.Name, ref.Service, ref.Section, map[bool]string{true: "passed", false: "not passed"}[r.passed])
	}
	switch ref.Section {
	case incident.SectionSteps, incident.SectionStopDeploy, incident.SectionForward, incident.SectionFollowUp:
	case incident.SectionPrepare, incident.SectionChecks, incident.SectionReversible, incident.SectionFinally:
		return
	}
	if r.stopping != "" {
		a.report(11, "step %q of %s started after its run was to stop: %s", ref.Name, ref.Service, r.stopping)
	}
	if r.stops && a.now-r.stopped > stopWithin {
		a.report(11, "step %q of %s started %s after somebody was told that it stops", ref.Name, ref.Service, a.now-r.stopped)
	}
	for _, other := range a.runs {
		if other != r && !other.ended && other.touchesAny(r.services()) {
			a.report(2, "step %q of %s started, and rollback %s that touches it is under way", ref.Name, ref.Service, other.id)
		}
	}
	if want := r.legs[0].To; r.leaves && want != "" && s.Values != nil && s.Values["target_version"] != want {
		a.report(4, "step %q of %s goes to %q, and its run to %s", ref.Name, ref.Service, s.Values["target_version"], want)
	}
}
