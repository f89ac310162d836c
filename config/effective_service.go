package config

import "github.com/rollbackd/rollbackd/trigger"

func (s *Service) tree(how printing) tree {
	mode := "live"
	if s.Shadow {
		mode = "shadow"
	}
	t := tree{"match": s.Match, "tier": s.Tier, "mode": mode}
	t.set("vars", s.Vars)
	t.set("receivers", s.Receivers)
	triggers := tree{}
	for _, tr := range s.Triggers {
		triggers[tr.Spec.Name] = tr.tree()
	}
	t.set("triggers", triggers)
	t.set("deployment", s.Deployment.tree())
	t.set("health", s.Health.tree())
	t.set("plan", s.PlanName)
	if s.Plan != nil && s.PlanName == "" {
		t.set("rollback", s.Plan.tree(how))
	}
	return t
}

func (t Trigger) tree() tree {
	out := tree{
		"when": t.When, "severity": t.Spec.Severity.String(), "no_data": noDataWord(t.Spec.NoData),
		"min_samples": t.minSamples(), "min_requests": t.Spec.MinRequests, "warm_up": durationText(t.Spec.WarmUp),
	}
	out.set("receivers", t.Spec.Receivers)
	return out
}

func (d Deployment) tree() tree {
	t := tree{
		"blame_window": durationText(d.BlameWindow), "onset_slack": durationText(d.OnsetSlack), "max_back": d.MaxBack,
	}
	// Not written and false are not quite the same: what is written also says
	// that nobody will report deployments.
	if d.Required || d.requiredFalse {
		t["required"] = d.Required
	}
	t.set("symlink", d.Symlink)
	if d.VersionQuery != "" {
		t["version_query"], t["version_label"] = d.VersionQuery, d.VersionLabel
	}
	return t
}

func (h Health) tree() tree {
	t := tree{"instances": quorumText(h.Quorum), "min_instances": h.Quorum.MinInstances}
	if h.TTL > 0 {
		t["ttl"] = durationText(h.TTL)
	}
	return t
}

func quorumText(q trigger.Quorum) string {
	switch {
	case q.Any:
		return "any"
	case q.All:
		return "all"
	}
	return shareText(q.Share)
}

func (p *Plan) tree(how printing) tree {
	t := tree{"target": durationText(p.Target), "sla": durationText(p.SLA), "timeout": durationText(p.Timeout)}
	v := tree{"hold": durationText(p.Verify.Hold), "within": durationText(p.Verify.Within)}
	// A shared plan leaves the settle to its services, unless it is written.
	if p.Verify.settleWritten || p.Verify.Settle > 0 {
		v["settle"] = durationText(p.Verify.Settle)
	}
	v.set("when", p.Verify.When)
	t["verify"] = v
	t.set("checks", trees(p.Checks, func(s Step) tree { return s.checkTree(how) }))
	t.set("steps", trees(p.Steps, func(s Step) tree { return s.tree(how) }))
	t.set("finally", trees(p.Finally, func(s Step) tree { return s.tree(how) }))
	return t
}

func trees(steps []Step, one func(Step) tree) []tree {
	var out []tree
	for _, s := range steps {
		out = append(out, one(s))
	}
	return out
}

func (s Step) checkTree(how printing) tree {
	t := tree{"name": s.Name, "timeout": durationText(s.Timeout)}
	t.set("phase", s.Phase)
	t[s.Do.Kind] = s.Do.tree(how)
	return t
}

func (s Step) tree(how printing) tree {
	t := s.checkTree(how)
	t["retries"], t["idempotent"], t["on_failure"] = s.Retries, s.Idempotent, s.OnFailure
	if s.Probe != nil {
		t["probe"] = tree{s.Probe.Kind: s.Probe.tree(how)}
	}
	return t
}

// tree is the action's value: an array for exec, a duration for wait, else a
// table.
func (a Action) tree(how printing) any {
	switch a.Kind {
	case "exec":
		return a.Argv
	case "wait":
		return a.For
	case "symlink":
		return tree{"link": a.Link, "to": a.To}
	}
	t := tree{"method": a.Method, "url": how.address(a.URL)}
	t.set("headers", a.Headers)
	t.set("header_files", a.headerFiles)
	t.set("body", a.Body)
	if len(a.Expect) > 0 {
		t["expect"] = a.Expect
	}
	return t
}
