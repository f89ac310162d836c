package config

import (
	"slices"
	"time"

	"github.com/rollbackd/rollbackd/trigger"
)

// Plan is what a rollback does: a table of [plans], or a service's or group's own.
type Plan struct {
	// Name is that of the plan, or of the service or group whose own it is.
	Name string
	// Target is hoped for, SLA is decision to verified, Timeout is hard.
	Target, SLA, Timeout   time.Duration
	Verify                 Verify
	Checks, Steps, Finally []Step
	// Capture is looked at when an incident opens.
	Capture []Step
	// Reversible is asked right before each changing step; nil without a point of
	// no return. Forward is what may be done past it.
	Reversible *Step
	Forward    []Step
	// StopDeploy stops a deployment that is still rolling out; nil waits for it.
	StopDeploy *Step
	// FollowUp is done once the rollback is verified.
	FollowUp []Step
	Monitor  Monitor

	at *path
}

// Monitor is `monitor`: a closer look for a while after a verified rollback, which
// ends by itself. Its zero value does not look.
type Monitor struct {
	For time.Duration
	// When are the conditions as written; Conditions are the same, parsed for the
	// service that has the plan.
	When       []string
	Conditions []trigger.Expr

	at *path
}

// Verify is `verify`: when a rollback counts as having worked.
type Verify struct {
	// Settle is zero in a shared plan that leaves it to each service, and
	// filled in wherever a service has the plan.
	Settle       time.Duration
	Hold, Within time.Duration
	// When are the conditions as written; Conditions are the same, parsed for
	// the service that has the plan.
	When       []string
	Conditions []trigger.Expr

	settleWritten bool
	at            *path
}

func readPlans(root *table) map[string]*Plan {
	out := map[string]*Plan{}
	root.names("plans", "[plans.NAME]", func(name string, t *table) {
		out[name] = readPlan(name, t)
	})
	return out
}

func readPlan(name string, t *table) *Plan {
	p := &Plan{
		Name:    name,
		Target:  t.duration("target", 10*time.Minute),
		SLA:     t.duration("sla", 15*time.Minute),
		Timeout: t.duration("timeout", 30*time.Minute),
		Verify:  readVerify(t.orEmpty("verify", "[plans.NAME.verify]")),
		at:      t.path,
	}
	if !t.has("target") {
		p.Target = min(p.Target, p.SLA)
	}
	if t.has("target") && p.Target > p.SLA {
		t.errorf(t.key("target"), "must not be longer than sla (%s)", durationText(p.SLA))
	}
	for i, c := range t.list("checks", "[[plans.NAME.checks]]") {
		p.Checks = append(p.Checks, readCheck(c, i))
	}
	p.Capture = readCaptures(t)
	p.Reversible = readReversible(t)
	p.StopDeploy = readStopDeploy(t)
	p.Steps = readSteps(t, partSteps)
	p.Forward = readSteps(t, partForward)
	p.Finally = readSteps(t, partFinally)
	p.FollowUp = readSteps(t, partFollowUp)
	p.Monitor = readMonitor(t)
	written := t.must("steps", ": a rollback that changes nothing is no rollback")
	if list, ok := t.vals["steps"].([]any); written && ok && len(list) == 0 {
		t.errorf(t.key("steps"), "must not be empty: a rollback that changes nothing is no rollback")
	}
	if t.has("forward") && !t.has("reversible") {
		t.errorf(t.key("forward"), "needs reversible: without it nothing says that the point of no return is passed, and this would never run")
	}
	t.uniqueSteps(p)
	t.done()
	return p
}

// readMonitor reads the closer look after a rollback.
func readMonitor(plan *table) Monitor {
	t := plan.sub("monitor", "[plans.NAME.monitor]")
	if t == nil {
		return Monitor{}
	}
	m := Monitor{For: t.duration("for", 0), When: t.strings("when"), at: t.path}
	t.must("for", ": it would never end")
	t.must("when", ": there would be nothing to look at")
	t.done()
	return m
}

// readStopDeploy reads the one step that stops a deployment; nil without one.
func readStopDeploy(plan *table) *Step {
	t := plan.sub("stop_deploy", "[[plans.NAME.steps]]")
	if t == nil {
		return nil
	}
	s := readStep(t, partStopDeploy, 0)
	t.done()
	return &s
}

func readVerify(t *table) Verify {
	v := Verify{
		Settle: t.durationOrZero("settle", 0),
		Hold:   t.duration("hold", 5*time.Minute),
		Within: t.duration("within", 15*time.Minute),
		When:   t.strings("when"),
		at:     t.path, settleWritten: t.has("settle"),
	}
	if v.Within < v.Settle+v.Hold {
		t.errorf(t.key("within"), "must not be shorter than settle and hold together (%s): nothing could ever be verified", durationText(v.Settle+v.Hold))
	}
	t.done()
	return v
}

// uniqueSteps refuses two steps by one name: the journal, the report and the
// resume after a crash tell them apart by it.
func (t *table) uniqueSteps(p *Plan) {
	seen := map[string]*path{}
	for _, s := range p.all() {
		if first, twice := seen[s.Name]; twice {
			t.errorf(s.at.key("name"), "the name %q is taken by %s", s.Name, first)
			continue
		}
		seen[s.Name] = s.at
	}
}

// all are the plan's checks and steps of every part, in the order in which they
// may run.
func (p *Plan) all() []Step {
	out := slices.Clone(p.Capture)
	out = append(out, p.Checks...)
	if p.Reversible != nil {
		out = append(out, *p.Reversible)
	}
	if p.StopDeploy != nil {
		out = append(out, *p.StopDeploy)
	}
	out = append(out, p.Steps...)
	out = append(out, p.Forward...)
	out = append(out, p.Finally...)
	return append(out, p.FollowUp...)
}

// usesTarget tells whether any of the plan's steps goes to the target.
func (p *Plan) usesTarget() bool { return slices.ContainsFunc(p.Steps, Step.usesTarget) }

// usesTarget tells whether the step goes to the target: it changes something, and
// it, or what is asked about it, names the version to go back to. A query that
// only looks at that version brings nobody there.
func (s Step) usesTarget() bool { return s.Changes && slices.ContainsFunc(s.uses, use.needsTarget) }

// hasScope tells whether a step is for a scope by name.
func (p *Plan) hasScope(scope string) bool { return slices.Contains(p.scopes(), scope) }

// scopes are the scopes that the plan's steps name.
func (p *Plan) scopes() []string {
	var names []string
	for _, s := range p.Steps {
		names = append(names, s.Only...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// copied is the plan for one service more: what is filled in for it is its own.
func (p *Plan) copied() *Plan {
	own := *p
	own.Verify.Conditions, own.Monitor.Conditions = nil, nil
	return &own
}
