package incident_test

import (
	"math/rand/v2"
	"time"

	"github.com/rollbackd/rollbackd/incident"
)

// variety gives a service a plan with chance's choice of everything that a plan
// can have, and people who must be asked.
func variety(o *incident.Options, service string, r *rand.Rand) {
	maybe := func() bool { return r.IntN(3) == 0 }
	o.Decide.EscalateAfter = []time.Duration{0, 5 * time.Minute, 15 * time.Minute}
	if maybe() {
		o.Decide.Approvals = map[string]int{"any": 1, "dba": 1}
	}
	s := o.Services[service]
	s.Deployment.FinishWithin = time.Minute
	plan := *s.Plan
	plan.Steps = []incident.PlanStep{step("flip"), step("restart")}
	first, second := &plan.Steps[0], &plan.Steps[1]
	if maybe() {
		first.UsesTarget, first.Enough = false, 2*time.Minute
	}
	if maybe() {
		second.Each, second.Soak, second.UnitSLA = []string{"a", "b", "c"}, 20*time.Second, time.Minute
	}
	if maybe() {
		first.Only, second.Only = []string{"flags"}, []string{"application"}
		s.Scopes = map[string]string{"errors": []string{"flags", "application"}[r.IntN(2)]}
	}
	if maybe() {
		first.OnFailure = []string{"continue", "escalate"}[r.IntN(2)]
	}
	if maybe() {
		ask := step("reversible", looks)
		plan.Reversible = &ask
		plan.Forward = []incident.PlanStep{step("flag off")}
	}
	if maybe() {
		stop := step("stop it", func(s *incident.PlanStep) { s.UsesTarget = false })
		plan.StopDeploy = &stop
	}
	if maybe() {
		plan.Steps = append(plan.Steps, step("data ok?", looks, func(s *incident.PlanStep) {
			s.Approval, s.Timeout = &incident.StepApproval{}, 10*time.Minute
		}), step("migrate"))
	}
	if maybe() {
		plan.Finally = []incident.PlanStep{step("maintenance off")}
	}
	if maybe() {
		plan.Capture = []incident.PlanStep{step("logs", looks)}
	}
	s.Plan = &plan
	o.Services[service] = s
}

// planChance lets one thing happen that only matters to whole plans.
func planChance(w *world, r *rand.Rand) {
	service := []string{"auth", "shop"}[r.IntN(2)]
	switch r.IntN(7) {
	case 6:
		w.setClock([]time.Duration{-time.Hour, -10 * time.Second, 10 * time.Second, 90 * time.Minute}[r.IntN(4)])
	case 0:
		states := []incident.StepState{incident.StepDone, incident.StepFailed, incident.StepUncertain}
		w.results["reversible"] = []incident.StepResult{{State: incident.StepDone}, {State: states[r.IntN(3)]}}
	case 1:
		w.results["restart b"] = []incident.StepResult{{State: []incident.StepState{incident.StepDone, incident.StepFailed, incident.StepSkipped}[r.IntN(3)]}}
	case 2:
		if w.opts.Services[service].Deployment.Required {
			w.give(incident.Deployed{Service: service, Version: "v4", Previous: "v3", At: w.now, Source: "nats", Rolling: r.IntN(2) == 0})
		}
	case 3:
		w.give(incident.Command{ID: "s", Verb: "rollback", Service: service, Actor: "alice", Scope: []string{"", "flags"}[r.IntN(2)]})
	case 4:
		w.give(incident.Command{ID: "s", Verb: "approve", Service: service, Actor: []string{"ben", "dora"}[r.IntN(2)], Roles: []string{"dba"}, BreakGlass: r.IntN(8) == 0})
	case 5:
		w.give(incident.VersionSeen{Service: service, Version: "v1", At: w.now, Source: "version_query", Census: []incident.VersionCount{{Version: "v1", Units: 3}, {Version: "v2", Units: r.IntN(2)}}})
	}
}

// pointOfNoReturn follows the question of each run whether one can still go back.
type pointOfNoReturn struct {
	passed map[string]bool // runs past it
	fresh  map[string]bool // runs whose last entry was that one can go back
}

// entry checks invariant 5, by the journal alone.
func (p *pointOfNoReturn) entry(a *auditor, e incident.Entry) {
	if e.Step == nil || e.Kind != incident.KindStepBegun && e.Kind != incident.KindStepEnded {
		return
	}
	ref := e.Step.Ref
	if e.Kind == incident.KindStepEnded {
		if ref.Section == incident.SectionReversible {
			r := e.Step.Result
			p.fresh[ref.Run] = r.State == incident.StepDone
			p.passed[ref.Run] = p.passed[ref.Run] || r.State != incident.StepDone && !r.Interrupted
		}
		return
	}
	back := ref.Section == incident.SectionSteps || ref.Section == incident.SectionStopDeploy
	asked := a.acting[e.Service].Plan.Reversible != nil
	switch {
	case !e.Step.Changes:
	case back && p.passed[ref.Run]:
		a.t.Errorf("invariant 5: %s of %s was begun past the point of no return", ref.Name, ref.Run)
	case back && asked && !p.fresh[ref.Run]:
		a.t.Errorf("invariant 5: %s of %s was begun without asking right before whether one can go back", ref.Name, ref.Run)
	case ref.Section == incident.SectionForward && !p.passed[ref.Run]:
		a.t.Errorf("invariant 5: the forward step %s of %s was begun while one could go back", ref.Name, ref.Run)
	}
	p.fresh[ref.Run] = false
}
