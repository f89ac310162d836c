package main

import "slices"

// bug is a mistake that is planted on purpose: one place of one file, written
// otherwise.
type bug struct {
	name string
	file string
	// right stands exactly once in the file, and wrong takes its place.
	right, wrong string
}

// bugs are the mistakes that the simulator must find. The first three are those
// that this field dies of: acting without writing it down, taking silence for
// health, and acting again too soon.
func bugs() []bug { return slices.Concat(deadly(), unlimited(), unverified()) }

// deadly are mistakes about what is written down, and about acting again.
func deadly() []bug {
	return []bug{
		{
			name: "skip the intent", file: "incident/run.go",
			right: "	return []Effect{Record{Entry: e}, start}\n}\n\n// title",
			wrong: "	return []Effect{start, Record{Entry: e}}\n}\n\n// title",
		},
		{
			name: "count unknown as ok", file: "trigger/evaluate.go",
			right: `		return Evaluation{Reason: orElse(r.Reason, "unknown")}` + "\n	case Missing:\n		return evaluateMissing",
			wrong: `		return Evaluation{Truth: OK, Reason: orElse(r.Reason, "unknown")}` + "\n	case Missing:\n		return evaluateMissing",
		},
		{
			name: "forget the cooldown", file: "incident/guards.go",
			right: "	return s.LastStepEnd.Add(o.Cooldown)\n",
			wrong: "	return s.LastStepEnd\n",
		},
		{
			name: "roll back twice for one deployment", file: "incident/guards.go",
			right: "		if run.Deployment == id && !run.Pardoned {\n",
			wrong: "		if run.Deployment == id && !run.Pardoned && false {\n",
		},
		{
			name: "forget what runs at the same time", file: "incident/guards.go",
			right: "	holds = append(holds, b.concurrencyHold(s)...)\n",
			wrong: "",
		},
		{
			name: "blame what was deployed since on the rollback", file: "incident/aftercare.go",
			right: "	if why := overtaken(s, inc); why != \"\" {\n",
			wrong: "	if why := overtaken(s, inc); why != \"\" && false {\n",
		},
	}
}

// unlimited are mistakes about what leaves a rollback to a person.
func unlimited() []bug {
	return []bug{
		{
			name: "let a trigger act that was never ok", file: "incident/guards.go",
			right: "	if b.opts.Guards.NeverOK && !s.SeenOK[",
			wrong: "	if b.opts.Guards.NeverOK && false && !s.SeenOK[",
		},
		{
			name: "undo what is not to be undone by itself", file: "incident/judge.go",
			right: "	if d := b.mem.service(inc.Service).Ledger.current(); d != nil && d.NoAutoRollback {\n",
			wrong: "	if d := b.mem.service(inc.Service).Ledger.current(); d != nil && d.NoAutoRollback && false {\n",
		},
		{
			name: "forget what a later report forbids", file: "incident/deploy.go",
			right: "	if in.NoAutoRollback && !d.NoAutoRollback {\n",
			wrong: "	if in.NoAutoRollback && !d.NoAutoRollback && false {\n",
		},
		{
			name: "act on health that nothing bears out", file: "incident/judge.go",
			right: "	if b.opts.Corroborate && ev.onBus()",
			wrong: "	if b.opts.Corroborate && false && ev.onBus()",
		},
	}
}

// unverified are mistakes about plans that nobody has tried, about culprits, and
// about what is verified.
func unverified() []bug {
	return []bug{
		{
			name: "let a rehearsal count for ever", file: "incident/rehearsal.go",
			right: "	if newest.OK && now.Sub(newest.At) <= within {\n",
			wrong: "	if newest.OK {\n",
		},
		{
			name: "let an older rehearsal make up for it", file: "incident/rehearsal.go",
			right: "	counts := func(r Rehearsal) bool { return r.PlanHash == hash &&",
			wrong: "	counts := func(r Rehearsal) bool { return r.OK && r.PlanHash == hash &&",
		},
		{
			name: "let a rehearsal of the old plan count", file: "incident/rehearsal.go",
			right: "	counts := func(r Rehearsal) bool { return r.PlanHash == hash &&",
			wrong: "	counts := func(r Rehearsal) bool { return r.Plan == p.Name &&",
		},
		{
			name: "act without a culprit", file: "incident/guards.go",
			right: "	case beforeDeployment(ev, d, o):\n",
			wrong: "	case false:\n",
		},
		{
			name: "act however many breach", file: "incident/correlated.go",
			right: "	if !reached {\n		return correlation{}\n	}\n",
			wrong: "	if !reached || true {\n		return correlation{}\n	}\n",
		},
		{
			name: "act while many breach after one change", file: "incident/correlated.go",
			right: "	c.limits = []limit{atMostApprove(GuardCorrelated, what+\": one at a time\")}\n",
			wrong: "",
		},
		{
			name: "forget what was ok before", file: "incident/finish.go",
			right: "	names = append(names, inc.OKBefore...)\n",
			wrong: "",
		},
		{
			name: "forget what fires while it is verified", file: "incident/finish.go",
			right: "b.allWell(l, inc.underVerification(), inc.Rollback, at)",
			wrong: "b.allWell(l, inc.Verification.Triggers, inc.Rollback, at)",
		},
		{
			name: "forget the other members when verifying", file: "incident/group.go",
			right: "	truth, which := trigger.OK, \"\"\n	for _, m := range inc.others() {\n",
			wrong: "	truth, which := trigger.OK, \"\"\n	for _, m := range inc.others()[:0] {\n",
		},
	}
}
