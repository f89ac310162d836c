package config

import (
	"encoding/json"

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
			Within: c.Decide.Within, Approvals: map[string]int{"any": c.Decide.Approvals}, ApprovalExpires: c.Decide.ApprovalExpires,
		},
		Guards: incident.Guards{
			PerServiceCount:  c.Guards.PerServiceCount,
			PerServiceWithin: c.Guards.PerServiceWithin,
			MaxConcurrent:    c.Guards.MaxConcurrent,
			MaxPerHour:       c.Guards.MaxPerHour,
			Correlated:       incident.Correlated(c.Guards.Correlated),
			NeverOK:          c.Guards.NeverOK,
		},
		Services:    map[string]incident.ServiceOptions{},
		ExternalURL: c.Web.ExternalURL,
	}
	for name, s := range c.Services {
		o.Services[name] = s.brainOptions()
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
		Deployment: incident.DeploymentOptions{
			HasSource:   s.Deployment.HasSource(),
			Required:    s.Deployment.Required,
			BlameWindow: s.Deployment.BlameWindow,
			OnsetSlack:  s.Deployment.OnsetSlack,
			MaxBack:     s.Deployment.MaxBack,
		},
		Triggers: make([]trigger.Spec, 0, len(s.Triggers)),
		Cooldown: s.Cooldown,
	}
	for _, t := range s.Triggers {
		o.Triggers = append(o.Triggers, t.Spec)
	}
	if s.Plan != nil {
		o.Plan = s.Plan.brainPlan()
	}
	return o
}

func (p *Plan) brainPlan() *incident.Plan {
	return &incident.Plan{
		Name:    p.Name,
		Checks:  brainSteps(p.Checks),
		Steps:   brainSteps(p.Steps),
		Finally: brainSteps(p.Finally),
		Target:  p.Target,
		SLA:     p.SLA,
		Timeout: p.Timeout,
		Verify: incident.Verify{
			Settle: p.Verify.Settle, Hold: p.Verify.Hold, Within: p.Verify.Within, When: p.Verify.Conditions,
		},
		UsesTarget: p.usesTarget(),
	}
}

func brainSteps(steps []Step) []incident.PlanStep {
	var out []incident.PlanStep
	for _, s := range steps {
		step := incident.PlanStep{
			Name: s.Name, Phase: s.Phase, Timeout: s.Timeout, Retries: s.Retries, Idempotent: s.Idempotent,
			OnFailure: s.OnFailure, Changes: s.Changes, Do: s.Do.payload(),
		}
		if s.Probe != nil {
			step.Probe = s.Probe.payload()
		}
		out = append(out, step)
	}
	return out
}

// payload is the action as JSON. Strings, numbers and maps of strings always
// have one.
func (a Action) payload() json.RawMessage {
	data, err := json.Marshal(a)
	if err != nil {
		return nil
	}
	return data
}
