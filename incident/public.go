package incident

import (
	"encoding/json"
	"maps"
	"math"
	"slices"
)

// Public is a copy of the incident for everybody outside: the API, messages, the
// standard input of steps. It leaves out what the plan's steps do and the values
// filled into them, because those may hold what only the step should see. The
// copy shares nothing that changes.
func (inc *Incident) Public() *Incident {
	c := *inc
	c.Triggers = append([]Evidence{}, inc.Triggers...)
	c.Timeline = append([]Moment{}, inc.Timeline...)
	c.Approvals = append([]Approval(nil), inc.Approvals...)
	c.Captures = append([]StateBefore(nil), inc.Captures...)
	c.Decision.HeldBy = inc.Decision.Shown()
	if step := inc.approvalWaited(); step != nil {
		c.Decision.PlanHash = inc.questionHash(step) // what a yes is for now
	}
	c.Deployment = copyDeployment(inc.Deployment)
	c.Needs = inc.needs()
	c.Rollback = inc.Rollback.public()
	c.EarlierRollbacks = nil
	for _, run := range inc.EarlierRollbacks {
		c.EarlierRollbacks = append(c.EarlierRollbacks, run.public())
	}
	return &c
}

// needs are the approvals that are still missing, for the incident's rollback or
// the approval step it waits at. One that has expired meanwhile counts here: it
// is asked for again when it is used.
func (inc *Incident) needs() []Need {
	if step := inc.approvalWaited(); step != nil {
		return missing(inc.Rollback.spec(step).Approval.Needs, step.Approvals)
	}
	if inc.State != AwaitingApproval {
		return nil
	}
	given := slices.DeleteFunc(slices.Clone(inc.Approvals), func(a Approval) bool { return a.PlanHash != inc.Decision.PlanHash })
	return missing(inc.Decision.Approvals, given)
}

func (run *Run) public() *Run {
	if run == nil {
		return nil
	}
	c := *run
	c.Checks, c.Steps = nil, []StepRun{}
	for _, s := range run.Steps {
		if s.Section == SectionPrepare || s.Section == SectionChecks || s.Section == SectionReversible {
			c.Checks = append(c.Checks, s)
		} else {
			c.Steps = append(c.Steps, s)
		}
	}
	c.Values = nil
	c.DurationSeconds = millis(run.DurationSeconds)
	c.PhaseSeconds = maps.Clone(run.PhaseSeconds)
	for phase, took := range c.PhaseSeconds {
		c.PhaseSeconds[phase] = millis(took)
	}
	c.Plan.Checks = withoutWork(run.Plan.Checks)
	c.Plan.Steps = withoutWork(run.Plan.Steps)
	c.Plan.Finally, c.Plan.FollowUp = withoutWork(run.Plan.Finally), withoutWork(run.Plan.FollowUp)
	c.Plan.Capture, c.Plan.Forward = withoutWork(run.Plan.Capture), withoutWork(run.Plan.Forward)
	c.Plan.Reversible, c.Plan.StopDeploy = run.Plan.Reversible.withoutWork(), run.Plan.StopDeploy.withoutWork()
	return &c
}

// millis is a time in seconds to the millisecond; what was shorter is kept as it is.
func millis(seconds float64) float64 {
	if math.Abs(seconds) < 0.001 {
		return seconds
	}
	return math.Round(seconds*1000) / 1000
}

// All are the checks and the steps in the order in which they run, of a run in
// either form.
func (run *Run) All() []StepRun {
	return append(append([]StepRun{}, run.Checks...), run.Steps...)
}

func withoutWork(steps []PlanStep) []PlanStep {
	var out []PlanStep
	for _, s := range steps {
		out = append(out, *s.withoutWork())
	}
	return out
}

// withoutWork is a step without what it does; nil for none.
func (s *PlanStep) withoutWork() *PlanStep {
	if s == nil {
		return nil
	}
	c := *s
	c.Do, c.Probe, c.If = nil, nil, nil
	return &c
}

// document is the incident as JSON for outside.
func (inc *Incident) document() json.RawMessage {
	public := inc.Public()
	public.Samples = fewer(public.Samples)
	data, err := json.Marshal(public)
	if err != nil {
		return nil // an incident came out of JSON, so it marshals
	}
	return data
}
