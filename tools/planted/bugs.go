package main

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
func bugs() []bug {
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
