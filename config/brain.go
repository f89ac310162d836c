package config

import (
	"maps"

	"github.com/rollbackd/rollbackd/evaluator"
	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/trigger"
)

// BrainOptions is the configuration as the brain takes it.
func (c *Config) BrainOptions() incident.Options {
	o := incident.Options{
		Hash:        c.Hash(),
		Poll:        c.Prometheus.PollInterval,
		MaxGap:      c.Prometheus.MaxGap,
		Corroborate: c.NATS.RequireCorroboration,
		Matrix:      c.Matrix,
		Decide: incident.Decide{
			Within: c.Decide.Within, OnDeadline: c.Decide.OnDeadline, Approvals: c.Decide.Approvals,
			EscalateAfter: c.Decide.EscalateAfter, ApprovalExpires: c.Decide.ApprovalExpires,
		},
		Guards: incident.Guards{
			PerServiceCount:  c.Guards.PerServiceCount,
			PerServiceWithin: c.Guards.PerServiceWithin,
			MaxConcurrent:    c.Guards.MaxConcurrent,
			MaxPerHour:       c.Guards.MaxPerHour,
			Correlated:       incident.Correlated(c.Guards.Correlated),
			NeverOK:          c.Guards.NeverOK,
			HoldWhen:         c.Guards.HoldWhen != "",
			RehearsedWithin:  c.Guards.RehearsedWithin,
		},
		Services:    map[string]incident.ServiceOptions{},
		Groups:      map[string]incident.Group{},
		ExternalURL: c.Web.ExternalURL,
	}
	for name, s := range c.Services {
		o.Services[name] = s.brainOptions()
	}
	for _, w := range c.Windows {
		if w.Cap == evaluator.Countdown {
			w.Wait = c.Decide.Countdown
		}
		o.Windows = append(o.Windows, w.Window)
	}
	for name, g := range c.Groups {
		o.Groups[name] = incident.Group{Name: name, Services: g.Services, Plan: g.Plan.brainPlan()}
	}
	return o
}

func (s *Service) brainOptions() incident.ServiceOptions {
	o := incident.ServiceOptions{
		Name:      s.Name,
		Tier:      s.Tier,
		Shadow:    s.Shadow,
		Quorum:    s.Health.Quorum,
		HealthTTL: s.Health.TTL,
		Vars:      s.Vars,
		Receivers: s.Receivers,
		Labels:    s.Labels,
		Deployment: incident.DeploymentOptions{
			HasSource:    s.Deployment.HasSource(),
			Required:     s.Deployment.Required,
			BlameWindow:  s.Deployment.BlameWindow,
			OnsetSlack:   s.Deployment.OnsetSlack,
			MaxBack:      s.Deployment.MaxBack,
			FinishWithin: s.Deployment.FinishWithin,
		},
		DependsOn: s.DependsOn,
		Triggers:  make([]trigger.Spec, 0, len(s.Triggers)),
		Plan:      s.Plan.brainPlan(),
		Cooldown:  s.Cooldown,
	}
	plans, scopes := map[string]*incident.Plan{}, map[string]string{}
	for _, t := range s.Triggers {
		o.Triggers = append(o.Triggers, t.Spec)
		if t.Plan != nil {
			plans[t.Spec.Name] = t.Plan.brainPlan()
		}
		if t.Scope != "" {
			scopes[t.Spec.Name] = t.Scope
		}
	}
	if len(plans) > 0 {
		o.TriggerPlans = plans
	}
	if len(scopes) > 0 {
		o.Scopes = scopes
	}
	return o
}

// brainPlan is the plan as the brain takes it; nil of none.
func (p *Plan) brainPlan() *incident.Plan {
	if p == nil {
		return nil
	}
	return &incident.Plan{
		Name:       p.Name,
		Checks:     brainSteps(p.Checks),
		Steps:      brainSteps(p.Steps),
		Finally:    brainSteps(p.Finally),
		FollowUp:   brainSteps(p.FollowUp),
		Monitor:    incident.Monitor{For: p.Monitor.For, When: p.Monitor.Conditions},
		Capture:    brainSteps(p.Capture),
		Reversible: p.Reversible.brainStep(),
		Forward:    brainSteps(p.Forward),
		StopDeploy: p.StopDeploy.brainStep(),
		Target:     p.Target,
		SLA:        p.SLA,
		Timeout:    p.Timeout,
		Verify: incident.Verify{
			Settle: p.Verify.Settle, Hold: p.Verify.Hold, Within: p.Verify.Within, When: p.Verify.Conditions,
		},
		UsesTarget: p.usesTarget(),
	}
}

func brainSteps(steps []Step) []incident.PlanStep {
	var out []incident.PlanStep
	for _, s := range steps {
		out = append(out, *s.brainStep())
	}
	return out
}

// brainStep is the step as the brain takes it; nil of none.
func (s *Step) brainStep() *incident.PlanStep {
	if s == nil {
		return nil
	}
	step := &incident.PlanStep{
		Name: s.Name, Phase: s.Phase, Timeout: s.Timeout, Retries: s.Retries, Idempotent: s.Idempotent,
		OnFailure: s.OnFailure, Changes: s.Changes, Do: s.Do.payload(),
		Each: s.Each, Soak: s.Soak, UnitSLA: s.UnitSLA, Only: s.Only, Enough: s.Enough,
		UsesTarget: s.usesTarget(),
	}
	if s.Probe != nil {
		step.Probe = s.Probe.payload()
	}
	if s.If != nil {
		step.If = s.If.payload()
	}
	if s.Do.Kind == "approval" {
		step.Approval = &incident.StepApproval{Text: s.Do.Text, Needs: maps.Clone(s.Do.Needs)}
	}
	return step
}
