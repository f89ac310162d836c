package incident

import (
	"encoding/json"
	"fmt"
	"maps"
	"time"
)

// planRequest is what a run is made from.
type planRequest struct {
	to        string
	by        string
	automatic bool
	decidedAt time.Time
	// effects are carried out after the record, such as the reply to a command.
	effects []Effect
}

// plan records the run of an incident. The plan is copied into the journal, so
// that the run finishes on it whatever is reloaded.
func (b *Brain) plan(now time.Time, name string, inc *Incident, r planRequest) []Effect {
	s := b.mem.service(name)
	o := b.opts.Services[name]
	if hold, bad := b.badTarget(r.to, s, o); bad {
		d := inc.Decision
		d.hold([]Hold{hold})
		d.Deadline, d.ByPerson = time.Time{}, false
		return b.decided(now, inc, d)
	}
	run := &Run{
		ID: fmt.Sprintf("%s.%d", inc.ID, 1+len(inc.EarlierRollbacks)+present(inc.Rollback)), State: RunPlanned,
		From: s.Ledger.Running, To: r.to, By: r.by, Automatic: r.automatic, Fence: b.mem.Fence + 1,
		DecidedAt: r.decidedAt, StartedAt: now, SLASeconds: o.Plan.SLA.Seconds(), Plan: *o.Plan, Steps: planned(o.Plan),
	}
	run.Values = b.values(inc, run, s, o)
	e := b.incidentEntry(now, KindPlanned, inc, r.by, fmt.Sprintf("rolling back %s by plan %s", fromTo(run.From, run.To), o.Plan.Name))
	e.Planned = run
	return append([]Effect{Record{Entry: e, Message: b.message(now, inc, e, Acting, "acting")}}, r.effects...)
}

func present(run *Run) int {
	if run == nil {
		return 0
	}
	return 1
}

// badTarget refuses a destination that runs already or is quarantined. Where
// deployments are unknown there is no destination, and none is checked.
func (b *Brain) badTarget(to string, s *serviceMemory, o ServiceOptions) (Hold, bool) {
	switch {
	case o.Plan == nil:
		return Hold{GuardNoTarget, "the service has no rollback plan", "a plan is configured"}, true
	case to == "" && deploymentsUnknown(s, o):
		return Hold{}, false
	case to == "":
		return Hold{GuardNoTarget, "there is no version to go back to", "roll back with --to"}, true
	case to == s.Ledger.Running:
		return Hold{GuardNoTarget, fmt.Sprintf("%s is the running version", to), "roll back with --to another version"}, true
	case s.Ledger.quarantined(to):
		return Hold{GuardQuarantined, fmt.Sprintf("%s is quarantined", to), "pardon it"}, true
	}
	return Hold{}, false
}

// planned lists a plan's steps as a run shows them before any has begun.
func planned(p *Plan) []StepRun {
	steps := []StepRun{{Name: "plan can run", Section: SectionPrepare, State: StepPending}}
	add := func(section Section, from []PlanStep) {
		for i, step := range from {
			steps = append(steps, StepRun{Name: step.Name, Phase: step.Phase, Section: section, Index: i, State: StepPending})
		}
	}
	add(SectionChecks, p.Checks)
	add(SectionSteps, p.Steps)
	add(SectionFinally, p.Finally)
	return steps
}

// values fill the `${…}` of the plan's steps.
func (b *Brain) values(inc *Incident, run *Run, s *serviceMemory, o ServiceOptions) map[string]string {
	v := map[string]string{
		"service": inc.Service, "incident": inc.ID, "running_version": run.From, "target_version": run.To,
		"severity": inc.Severity.String(), "fence": fmt.Sprint(run.Fence), "opened_at": inc.OpenedAt.UTC().Format(time.RFC3339),
		"trigger": "manual",
	}
	if len(inc.Triggers) > 0 {
		v["trigger"] = inc.Triggers[0].Name
	}
	if d := s.Ledger.current(); d != nil {
		v["previous_version"] = d.Previous
		v["deployed_at"] = d.StartedAt.UTC().Format(time.RFC3339)
	}
	for name, value := range o.Vars {
		v["vars."+name] = value
	}
	return v
}

// runRule is what is due for a run.
func (b *Brain) runRule(now time.Time, name string, l *live, inc *Incident) []Effect {
	run := inc.Rollback
	if run == nil {
		return nil
	}
	if run.State.Ended() {
		return b.afterRun(now, inc, run)
	}
	if e := b.slaRule(now, inc, run); e != nil {
		return e
	}
	if run.State == RunVerifying {
		return b.verifyRule(now, name, l, inc)
	}
	if step := run.underWay(); step != nil {
		return b.resume(now, l, inc, step)
	}
	if e := b.stoppingRule(now, inc, run); e != nil {
		return e
	}
	return b.nextStep(now, inc, run)
}

// underWay is the step that was begun and has not ended; nil when there is none.
func (run *Run) underWay() *StepRun {
	for i := range run.Steps {
		if run.Steps[i].State == StepRunning {
			return &run.Steps[i]
		}
	}
	return nil
}

// resume looks after a step that an earlier process began: this one has not
// started it and must not start it again.
func (b *Brain) resume(now time.Time, l *live, inc *Incident, step *StepRun) []Effect {
	ref := inc.ref(step, step.Attempts)
	if l.begun == ref {
		return nil
	}
	l.begun = ref
	start := b.start(now, inc, step, step.Attempts)
	start.Resume, start.StartedAt = true, step.StartedAt
	return []Effect{start}
}

// stoppingRule records that the run ends at this boundary, where a newer
// deployment or the plan's hard timeout asks for it.
func (b *Brain) stoppingRule(now time.Time, inc *Incident, run *Run) []Effect {
	if run.Stopping != "" || run.stepsOver() {
		return nil
	}
	if l := b.live[inc.Service]; l != nil && l.stop != nil && l.stop.Run == run.ID {
		want := l.stop
		e := b.incidentEntry(now, KindStopping, inc, "rollbackd", "stopping at this step boundary: "+want.Reason)
		e.Stopping = want
		return []Effect{Record{Entry: e}}
	}
	reason := ""
	if newer := b.newerThan(inc, run); newer != "" {
		reason = newer + " was deployed meanwhile"
	}
	if run.Plan.Timeout > 0 && !now.Before(run.StartedAt.Add(run.Plan.Timeout)) {
		reason = fmt.Sprintf("the plan's timeout of %s is over", run.Plan.Timeout)
	}
	if reason == "" {
		return nil
	}
	e := b.incidentEntry(now, KindStopping, inc, "rollbackd", "stopping at this step boundary: "+reason)
	e.Stopping = &StoppingEntry{Run: run.ID, Reason: reason, By: GuardBlocked}
	return []Effect{Record{Entry: e}}
}

// newerThan is a version that was deployed since the run began; empty when none
// was. Where there is a version source, an event alone supersedes nothing until
// the source agrees.
func (b *Brain) newerThan(inc *Incident, run *Run) string {
	d := b.mem.service(inc.Service).Ledger.current()
	if d == nil || d.Own || !d.NotedAt.After(run.StartedAt) || d.Version == run.To {
		return ""
	}
	if b.opts.Services[inc.Service].Deployment.HasSource && !d.Seen {
		return ""
	}
	return d.Version
}

// stepsOver tells whether no step of the main part is left to begin, or to
// begin once more.
func (run *Run) stepsOver() bool {
	for i := range run.Steps {
		s := &run.Steps[i]
		if s.Section != SectionSteps {
			continue
		}
		again := (s.State == StepFailed || s.State == StepUncertain) && run.mayRetry(s)
		if s.State == StepPending || again {
			return false
		}
	}
	return true
}

// nextStep begins what comes next, or ends the run.
func (b *Brain) nextStep(now time.Time, inc *Incident, run *Run) []Effect {
	for i := range run.Steps {
		step := &run.Steps[i]
		halted := run.halt()
		if halted != "" && step.Section != SectionFinally {
			break
		}
		if e, wait := b.dueStep(now, inc, run, step); e != nil || wait {
			return e
		}
	}
	if run.Changed {
		for i := range run.Steps {
			if step := &run.Steps[i]; step.Section == SectionFinally {
				if e, wait := b.dueStep(now, inc, run, step); e != nil || wait {
					return e
				}
			}
		}
	}
	return b.endSteps(now, inc, run)
}

// dueStep begins one step where it is pending or may be tried again. It says
// to wait where a next attempt is due later.
func (b *Brain) dueStep(now time.Time, inc *Incident, run *Run, step *StepRun) (effects []Effect, wait bool) {
	if step.Section == SectionFinally && !run.Changed {
		return nil, false
	}
	if step.Section == SectionFinally && run.halt() == "" && !run.stepsOver() {
		return nil, false
	}
	switch step.State {
	case StepPending:
		return b.begin(now, inc, step, 1), false
	case StepFailed, StepUncertain:
		if !run.mayRetry(step) {
			return nil, false
		}
		if now.Before(step.EndedAt.Add(step.pause())) {
			return nil, true
		}
		return b.begin(now, inc, step, step.Attempts+1), false
	case StepRunning, StepDone, StepSkipped:
	}
	return nil, false
}

// maxTryAgain is how often "nothing was changed, try again" (exit 75) is followed.
const maxTryAgain = 3

// maxInterrupted bounds the attempts of an idempotent step over crashes.
const maxInterrupted = 10

// mayRetry tells whether an attempt that did not end well may be repeated. Only
// what is known to have changed nothing, or is declared idempotent, or has a
// probe that says it is not done, is ever run again.
func (run *Run) mayRetry(step *StepRun) bool {
	spec := run.spec(step)
	used := step.Attempts - 1
	repeatable := spec.Idempotent || spec.Probe != nil
	switch {
	case step.Section == SectionPrepare:
		return false
	case step.NothingChanged && step.State == StepUncertain:
		return used < maxInterrupted
	case step.NothingChanged:
		return step.TriedAgain <= maxTryAgain && step.EndedAt.Sub(step.StartedAt) < spec.Timeout
	case step.State == StepFailed:
		return used < spec.Retries
	case step.Interrupted && (spec.Idempotent || step.Section == SectionChecks):
		return used < maxInterrupted // a check changes nothing: it may always be asked again
	default:
		return repeatable && !step.Interrupted && used < spec.Retries
	}
}

// pause is how long to wait before the next attempt: a second, doubled each
// time, at most ten. An attempt that a crash interrupted is repeated at once.
func (step *StepRun) pause() time.Duration {
	if step.Interrupted {
		return 0
	}
	return min(time.Second<<min(step.Attempts-1, 4), 10*time.Second)
}

// spec is the plan's own words on a step.
func (run *Run) spec(step *StepRun) PlanStep {
	var list []PlanStep
	switch step.Section {
	case SectionPrepare:
		return PlanStep{Name: step.Name, Timeout: prepareTimeout, OnFailure: "stop"}
	case SectionChecks:
		list = run.Plan.Checks
	case SectionSteps:
		list = run.Plan.Steps
	case SectionFinally:
		list = run.Plan.Finally
	}
	if step.Index < len(list) {
		return list[step.Index]
	}
	return PlanStep{}
}

// prepareTimeout bounds the built-in first check.
const prepareTimeout = 30 * time.Second

// halt says why the main part of the run goes no further; empty while it does.
func (run *Run) halt() string {
	if run.Stopping != "" && !run.stepsOver() {
		return run.Stopping
	}
	for i := range run.Steps {
		step := &run.Steps[i]
		if step.State != StepFailed && step.State != StepUncertain || step.Section == SectionFinally || run.mayRetry(step) {
			continue
		}
		if run.spec(step).OnFailure == "continue" && step.State == StepFailed && step.Section == SectionSteps {
			continue
		}
		return step.failure()
	}
	return ""
}

// failure says in a line how a step did not end well.
func (step *StepRun) failure() string {
	what := "failed"
	if step.State == StepUncertain {
		what = "ended uncertain"
	}
	text := fmt.Sprintf("%s %q %s", step.Section, step.Name, what)
	if step.Error != "" {
		text += ": " + step.Error
	} else if step.ExitCode != nil {
		text += fmt.Sprintf(": exit %d", *step.ExitCode)
	}
	return text
}

// begin records the intent of an attempt and then starts it.
func (b *Brain) begin(now time.Time, inc *Incident, step *StepRun, attempt int) []Effect {
	spec := inc.Rollback.spec(step)
	text := fmt.Sprintf("%s: %s", step.Section, step.Name)
	if attempt > 1 {
		text += fmt.Sprintf(" (attempt %d)", attempt)
	}
	e := b.incidentEntry(now, KindStepBegun, inc, "rollbackd", text)
	e.Step = &StepEntry{Ref: inc.ref(step, attempt), Changes: spec.Changes}
	start := b.start(now, inc, step, attempt)
	start.StartedAt = now
	start.ProbeFirst = attempt > 1 && spec.Probe != nil
	return []Effect{Record{Entry: e}, start}
}

func (inc *Incident) ref(step *StepRun, attempt int) StepRef {
	return StepRef{
		Incident: inc.ID, Service: inc.Service, Run: inc.Rollback.ID, Section: step.Section, Index: step.Index,
		Name: step.Name, Attempt: attempt, Fence: inc.Rollback.Fence,
	}
}

// start makes the effect that starts or resumes an attempt.
func (b *Brain) start(now time.Time, inc *Incident, step *StepRun, attempt int) Start {
	run := inc.Rollback
	spec := run.spec(step)
	if step.Section == SectionPrepare {
		spec.Do = prepareList(run.Plan)
	}
	values := maps.Clone(run.Values)
	values["now"] = now.UTC().Format(time.RFC3339)
	return Start{
		Ref: inc.ref(step, attempt), Do: spec.Do, Probe: spec.Probe, Values: values, IncidentJSON: inc.document(),
		Reason: inc.Decision.Reason, Timeout: spec.Timeout,
	}
}

// prepareList is everything that the built-in check looks at before anything runs.
func prepareList(p Plan) json.RawMessage {
	type one struct {
		Name  string          `json:"name"`
		Do    json.RawMessage `json:"do"`
		Probe json.RawMessage `json:"probe,omitempty"`
	}
	var list []one
	for _, part := range [][]PlanStep{p.Checks, p.Steps, p.Finally} {
		for _, s := range part {
			list = append(list, one{s.Name, s.Do, s.Probe})
		}
	}
	document, err := json.Marshal(list)
	if err != nil {
		return nil // the plan was decoded from JSON, so it marshals
	}
	return document
}

// stepEnded turns the end of an attempt into its entry.
func (b *Brain) stepEnded(now time.Time, in StepEnded) []Effect {
	s := b.mem.service(in.Ref.Service)
	if s.Open == nil || s.Open.Rollback == nil || s.Open.ID != in.Ref.Incident || s.Open.Rollback.ID != in.Ref.Run {
		return nil
	}
	inc := s.Open
	step := inc.Rollback.step(in.Ref)
	if step == nil || step.State != StepRunning || step.Attempts != in.Ref.Attempt {
		return nil
	}
	result := in.Result
	result.StartedAt, result.EndedAt = result.StartedAt.UTC().Round(0), result.EndedAt.UTC().Round(0)
	e := b.incidentEntry(now, KindStepEnded, inc, "rollbackd", endText(step, result))
	e.Step = &StepEntry{Ref: in.Ref, Changes: inc.Rollback.spec(step).Changes, Result: &result}
	return []Effect{Record{Entry: e, Message: b.escalateMessage(now, inc, step, result, e)}}
}

func endText(step *StepRun, r StepResult) string {
	text := fmt.Sprintf("%s: %s %s", step.Section, step.Name, r.State)
	if r.ExitCode != nil && *r.ExitCode != 0 {
		text += fmt.Sprintf(", exit %d", *r.ExitCode)
	}
	if r.Error != "" {
		text += ": " + r.Error
	}
	return text
}
