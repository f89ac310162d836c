package config

func (p *Plan) tree(how printing) tree {
	t := tree{"target": durationText(p.Target), "sla": durationText(p.SLA), "timeout": durationText(p.Timeout)}
	v := tree{"hold": durationText(p.Verify.Hold), "within": durationText(p.Verify.Within)}
	// A shared plan leaves the settle to its services, unless it is written.
	if p.Verify.settleWritten || p.Verify.Settle > 0 {
		v["settle"] = durationText(p.Verify.Settle)
	}
	v.set("when", p.Verify.When)
	t["verify"] = v
	t.set("capture", trees(p.Capture, func(s Step) tree { return s.checkTree(how) }))
	t.set("checks", trees(p.Checks, func(s Step) tree { return s.checkTree(how) }))
	t.set("steps", trees(p.Steps, func(s Step) tree { return s.tree(how) }))
	t.set("forward", trees(p.Forward, func(s Step) tree { return s.tree(how) }))
	t.set("finally", trees(p.Finally, func(s Step) tree { return s.tree(how) }))
	t.set("follow_up", trees(p.FollowUp, func(s Step) tree { return s.tree(how) }))
	if p.Monitor.For > 0 {
		t["monitor"] = tree{"for": durationText(p.Monitor.For), "when": p.Monitor.When}
	}
	if p.Reversible != nil {
		t["reversible"] = tree{"timeout": durationText(p.Reversible.Timeout), p.Reversible.Do.Kind: p.Reversible.Do.tree(how)}
	}
	if p.StopDeploy != nil {
		t["stop_deploy"] = p.StopDeploy.tree(how)
	}
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
	t["on_failure"] = s.OnFailure
	if s.Do.Kind != "approval" {
		// Both mean nothing for a question to people.
		t["retries"], t["idempotent"] = s.Retries, s.Idempotent
	}
	for key, ask := range map[string]*Action{"probe": s.Probe, "if": s.If} {
		if ask != nil {
			t[key] = tree{ask.Kind: ask.tree(how)}
		}
	}
	t.set("only", s.Only)
	t.set("each", s.Each)
	if len(s.Each) > 0 {
		t["soak"] = durationText(s.Soak)
	}
	if s.UnitSLA > 0 {
		t["unit_sla"] = durationText(s.UnitSLA)
	}
	if s.Enough > 0 {
		t["enough"] = tree{"within": durationText(s.Enough)}
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
	case "query":
		return tree{"expr": a.Expr, "hold": durationText(a.wait)}
	case "approval":
		t := tree{"text": a.Text}
		for role, n := range a.Needs {
			t[role] = n
		}
		return t
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
