package incident

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// planRequest is what a run is made from.
type planRequest struct {
	to        string
	unseen    bool // to a version that nothing is known of
	by        string
	askedBy   string // a person who asked of their own accord
	scope     string
	plan      *Plan
	automatic bool
	decidedAt time.Time
	// effects are carried out after the record, such as the reply to a command.
	effects []Effect
}

// plan records the run of an incident. The plan is copied into the journal, so
// that the run finishes on it whatever is reloaded.
func (b *Brain) plan(now time.Time, name string, inc *Incident, r planRequest) []Effect {
	if hold, bad := b.badTarget(name, r); bad {
		d := inc.Decision
		d.hold([]Hold{hold})
		d.Deadline, d.ByPerson = time.Time{}, false
		return b.decided(now, inc, d)
	}
	run, missing := b.newRun(now, inc, r)
	if missing != "" {
		d := inc.Decision
		d.hold([]Hold{memberMissing(missing)})
		d.Deadline, d.ByPerson = time.Time{}, false
		return b.decided(now, inc, d)
	}
	text := fmt.Sprintf("rolling back %s by plan %s", fromTo(run.From, run.To), run.Plan.Name)
	if run.Scope != "" {
		text += ", scope " + run.Scope
	}
	e := b.incidentEntry(now, KindPlanned, inc, r.by, text)
	e.Planned = run
	return append([]Effect{Record{Entry: e, Message: b.message(now, inc, e, Acting, "acting")}}, r.effects...)
}

// newRun is the run that a request leads to. It names the member of the group that
// has nowhere to go back to.
func (b *Brain) newRun(now time.Time, inc *Incident, r planRequest) (run *Run, missing string) {
	o := b.opts.Services[inc.Service]
	run = &Run{
		ID: fmt.Sprintf("%s.%d", inc.ID, 1+len(inc.EarlierRollbacks)+present(inc.Rollback)), State: RunPlanned,
		From: b.running(inc.Service), To: r.to, By: r.by, AskedBy: r.askedBy, Automatic: r.automatic, Fence: b.mem.Fence + 1,
		DecidedAt: r.decidedAt, StartedAt: now, SLASeconds: r.plan.SLA.Seconds(), TargetSeconds: r.plan.Target.Seconds(),
		Plan: b.withApprovals(*r.plan), Scope: r.scope, Steps: planned(r.plan, r.scope), Leaves: r.plan.leaves(r.scope),
	}
	if b.insists(inc.Service, r) {
		run.From = b.mem.service(inc.Service).Ledger.Running
	}
	if of := inc.Rehearses; of != nil {
		run.Rehearses = &RehearsalOf{Service: of.Service, Plan: of.Plan, Hash: b.rehearsalHash(of.Service, r.plan)}
	}
	if !run.Leaves {
		run.To = "" // what runs in this scope goes nowhere
	} else if run.Members, missing = b.memberRuns(now, inc, run.To); missing != "" {
		return run, missing
	}
	run.Values = b.values(inc, run, o)
	if t, ok := b.target(inc.Service, now); ok && !run.Leaves {
		run.Values["target_version"] = t.Version // a check may ask for it though nothing goes there
	}
	return run, ""
}

// memberMissing is what holds a group of which one member has nowhere to go.
func memberMissing(member string) Hold {
	return Hold{
		GuardNoTarget, member + " has no version to go back to, or has changed since, and the group goes back as one", "roll back by hand",
	}
}

// withApprovals fills in what [decide] asks for where an approval step says
// nothing of its own, so that the run finishes on what was in force when it began.
func (b *Brain) withApprovals(p Plan) Plan {
	fill := func(steps []PlanStep) []PlanStep {
		steps = slices.Clone(steps)
		for i, s := range steps {
			if s.Approval != nil && len(s.Approval.Needs) == 0 {
				steps[i].Approval = &StepApproval{Text: s.Approval.Text, Needs: b.needs()}
			}
		}
		return steps
	}
	p.Steps, p.Forward, p.Finally = fill(p.Steps), fill(p.Forward), fill(p.Finally)
	return p
}

func present(run *Run) int {
	if run == nil {
		return 0
	}
	return 1
}

// badTarget refuses a destination that runs already, is quarantined or is not
// known, and a scope that the plan does not have. Where deployments are unknown
// there is no destination, and none is checked.
func (b *Brain) badTarget(service string, r planRequest) (Hold, bool) {
	s, o, to := b.mem.service(service), b.opts.Services[service], r.to
	switch {
	case r.plan == nil:
		return Hold{GuardNoTarget, "the service has no rollback plan", "a plan is configured"}, true
	case !r.plan.hasScope(r.scope):
		return Hold{GuardNoTarget, fmt.Sprintf("no step of plan %s is in scope %q (it has %s)", r.plan.Name, r.scope, r.plan.scopesText()), "another scope"}, true
	case !r.plan.leaves(r.scope), to == "" && deploymentsUnknown(s, o):
		return Hold{}, false
	case to == "":
		return Hold{GuardNoTarget, "there is no version to go back to", "roll back with --to"}, true
	case to == b.running(service) && !b.insists(service, r):
		why := fmt.Sprintf("%s is the running version", to)
		if more := b.notShown(service); more != "" {
			why += ": " + more
		}
		return Hold{GuardNoTarget, why, "roll back with --to another version"}, true
	case s.Ledger.quarantined(to):
		return Hold{GuardQuarantined, fmt.Sprintf("%s is quarantined", to), "pardon it"}, true
	}
	return b.unknownTarget(service, r)
}

// planFor is the plan of an incident's group, else the one that a trigger asks
// for itself, else the service's own; nil when there is none. A rehearsal has that
// of the service whose plan it rehearses, however often it is tried.
func (b *Brain) planFor(inc *Incident, trigger string) *Plan {
	if of := inc.Rehearses; of != nil {
		return b.planNamed(of.Service, of.Plan)
	}
	if g, ok := b.opts.Groups[inc.Group]; ok && inc.Group != "" && g.Plan != nil {
		return g.Plan
	}
	o := b.opts.Services[inc.Service]
	if p, ok := o.TriggerPlans[trigger]; ok && p != nil {
		return p
	}
	return o.Plan
}

// hashNow names what an approval is for: the plan, the versions it goes to, the
// values that fill its steps, and the scope. An approval given for one of them is
// none for another.
func (b *Brain) hashNow(now time.Time, inc *Incident, p *Plan, d Decision) string {
	if p == nil {
		return ""
	}
	members, _ := b.memberRuns(now, inc, d.Target)
	document, err := json.Marshal(struct {
		Plan    *Plan             `json:"plan"`
		Target  string            `json:"target"`
		Scope   string            `json:"scope"`
		Vars    map[string]string `json:"vars"`
		Members []Member          `json:"members"`
	}{p, d.Target, d.Scope, b.opts.Services[inc.Service].Vars, members})
	if err != nil {
		return "" // a plan is decoded from a file, so it marshals
	}
	sum := sha256.Sum256(document)
	return hex.EncodeToString(sum[:6])
}

// inScope tells whether a step runs in a scope.
func (s PlanStep) inScope(scope string) bool {
	return scope == "" || len(s.Only) == 0 || slices.Contains(s.Only, scope)
}

// hasScope tells whether any step is for a scope by name.
func (p *Plan) hasScope(scope string) bool {
	return scope == "" || slices.Contains(p.scopes(), scope)
}

// scopes are the scopes that the plan's steps name, in order.
func (p *Plan) scopes() []string {
	var names []string
	for _, s := range p.Steps {
		names = append(names, s.Only...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func (p *Plan) scopesText() string {
	if names := p.scopes(); len(names) > 0 {
		return listed(names)
	}
	return "none"
}

// leaves tells whether a run of the plan in a scope takes the service away from
// its running version. Flags off, for example, does not: the bad version goes on
// running. A plan that never names its target can only be believed whole.
func (p *Plan) leaves(scope string) bool {
	if !p.namesTarget() {
		return scope == ""
	}
	return slices.ContainsFunc(p.Steps, func(s PlanStep) bool { return s.UsesTarget && s.inScope(scope) })
}

// namesTarget tells whether any of the plan's steps needs ${target_version}.
func (p *Plan) namesTarget() bool {
	return slices.ContainsFunc(p.Steps, func(s PlanStep) bool { return s.UsesTarget })
}

// planned lists a plan's steps as a run shows them before any has begun.
func planned(p *Plan, scope string) []StepRun {
	steps := []StepRun{{Name: "plan can run", Section: SectionPrepare, State: StepPending}}
	add := func(section Section, from []PlanStep) {
		for i, step := range from {
			for _, unit := range step.units() {
				if section == SectionSteps && p.Reversible != nil && step.Changes && step.inScope(scope) {
					steps = append(steps, StepRun{
						Name: "reversible", Unit: unit, Section: SectionReversible, Index: i, State: StepPending,
					})
				}
				if section != SectionSteps || step.inScope(scope) {
					steps = append(steps, StepRun{Name: step.Name, Unit: unit, Phase: step.Phase, Section: section, Index: i, State: StepPending})
				}
			}
		}
	}
	add(SectionChecks, p.Checks)
	if p.StopDeploy != nil {
		if p.Reversible != nil {
			steps = append(steps, StepRun{Name: "reversible", Section: SectionReversible, Index: beforeStopDeploy, State: StepPending})
		}
		add(SectionStopDeploy, []PlanStep{*p.StopDeploy})
	}
	add(SectionSteps, p.Steps)
	add(SectionForward, p.Forward)
	add(SectionFinally, p.Finally)
	add(SectionFollowUp, p.FollowUp)
	return steps
}

// units are those that a step is done for; one without a name where there are none.
func (s PlanStep) units() []string {
	if len(s.Each) == 0 {
		return []string{""}
	}
	return s.Each
}

// values fill the `${…}` of the plan's steps.
func (b *Brain) values(inc *Incident, run *Run, o ServiceOptions) map[string]string {
	v := map[string]string{
		"service": inc.Service, "incident": inc.ID, "running_version": run.From, "target_version": run.To,
		"severity": inc.Severity.String(), "fence": fmt.Sprint(run.Fence), "opened_at": inc.OpenedAt.UTC().Format(time.RFC3339),
		"trigger": "manual",
	}
	if len(inc.Triggers) > 0 {
		v["trigger"] = inc.Triggers[0].Name
	}
	if d := b.deploymentOf(inc.Service); d != nil {
		v["previous_version"] = d.Previous
		v["deployed_at"] = d.StartedAt.UTC().Format(time.RFC3339)
	}
	groupValues(v, run.Members)
	for name, value := range o.Vars {
		v["vars."+name] = value
	}
	return v
}

// spec is the plan's own words on a step.
func (run *Run) spec(step *StepRun) PlanStep {
	var list []PlanStep
	switch step.Section {
	case SectionPrepare:
		return PlanStep{Name: step.Name, Timeout: prepareTimeout, OnFailure: "stop"}
	case SectionReversible:
		if run.Plan.Reversible != nil {
			return *run.Plan.Reversible
		}
	case SectionStopDeploy:
		if run.Plan.StopDeploy != nil {
			list = []PlanStep{*run.Plan.StopDeploy}
		}
	case SectionChecks:
		list = run.Plan.Checks
	case SectionSteps:
		list = run.Plan.Steps
	case SectionForward:
		list = run.Plan.Forward
	case SectionFinally:
		list = run.Plan.Finally
	case SectionFollowUp:
		list = run.Plan.FollowUp
	}
	if step.Index >= 0 && step.Index < len(list) {
		return list[step.Index]
	}
	return PlanStep{}
}

// prepareTimeout bounds the built-in first check.
const prepareTimeout = 30 * time.Second

// prepareList is everything that the built-in check looks at before anything
// runs: each step of the plan once, and the values of its units.
func prepareList(p Plan) json.RawMessage {
	type one struct {
		Name  string          `json:"name"`
		Do    json.RawMessage `json:"do"`
		Probe json.RawMessage `json:"probe,omitempty"`
		If    json.RawMessage `json:"if,omitempty"`
		Each  []string        `json:"each,omitempty"`
	}
	var list []one
	parts := [][]PlanStep{p.Checks, p.Steps, p.Forward, p.Finally, p.FollowUp}
	for _, single := range []*PlanStep{p.Reversible, p.StopDeploy} {
		if single != nil {
			parts = append(parts, []PlanStep{*single})
		}
	}
	for _, part := range parts {
		for _, s := range part {
			list = append(list, one{s.Name, s.Do, s.Probe, s.If, s.Each})
		}
	}
	document, err := json.Marshal(list)
	if err != nil {
		return nil // the plan was decoded from JSON, so it marshals
	}
	return document
}
