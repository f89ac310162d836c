package config

import "github.com/rollbackd/rollbackd/trigger"

func (s *Service) tree(how printing) tree {
	mode := "live"
	if s.Shadow {
		mode = "shadow"
	}
	t := tree{"match": s.Match, "tier": s.Tier, "mode": mode}
	t.set("vars", s.Vars)
	t.set("depends_on", s.DependsOn)
	t.set("receivers", s.Receivers)
	t.set("labels", s.Labels)
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
	out.set("plan", t.PlanName)
	out.set("scope", t.Scope)
	return out
}

func (d Deployment) tree() tree {
	t := tree{
		"blame_window": durationText(d.BlameWindow), "onset_slack": durationText(d.OnsetSlack), "max_back": d.MaxBack,
		"finish_within": durationText(d.FinishWithin),
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
