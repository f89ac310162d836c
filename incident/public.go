package incident

import "encoding/json"

// Public is a copy of the incident for everybody outside: the API, messages, the
// standard input of steps. It leaves out what the plan's steps do and the values
// filled into them, because those may hold what only the step should see. The
// copy shares nothing that changes.
func (inc *Incident) Public() *Incident {
	c := *inc
	c.Triggers = append([]Evidence{}, inc.Triggers...)
	c.Timeline = append([]Moment{}, inc.Timeline...)
	c.Approvals = append([]Approval(nil), inc.Approvals...)
	c.Deployment = copyDeployment(inc.Deployment)
	c.Rollback = inc.Rollback.public()
	c.EarlierRollbacks = nil
	for _, run := range inc.EarlierRollbacks {
		c.EarlierRollbacks = append(c.EarlierRollbacks, run.public())
	}
	return &c
}

func (run *Run) public() *Run {
	if run == nil {
		return nil
	}
	c := *run
	c.Checks, c.Steps = nil, []StepRun{}
	for _, s := range run.Steps {
		if s.Section == SectionPrepare || s.Section == SectionChecks {
			c.Checks = append(c.Checks, s)
		} else {
			c.Steps = append(c.Steps, s)
		}
	}
	c.Values = nil
	c.Plan.Checks = withoutWork(run.Plan.Checks)
	c.Plan.Steps = withoutWork(run.Plan.Steps)
	c.Plan.Finally = withoutWork(run.Plan.Finally)
	return &c
}

// All are the checks and the steps in the order in which they run, of a run in
// either form.
func (run *Run) All() []StepRun {
	return append(append([]StepRun{}, run.Checks...), run.Steps...)
}

func withoutWork(steps []PlanStep) []PlanStep {
	var out []PlanStep
	for _, s := range steps {
		s.Do, s.Probe = nil, nil
		out = append(out, s)
	}
	return out
}

// document is the incident as JSON for outside.
func (inc *Incident) document() json.RawMessage {
	data, err := json.Marshal(inc.Public())
	if err != nil {
		return nil // an incident came out of JSON, so it marshals
	}
	return data
}
