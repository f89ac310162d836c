package incident

import (
	"slices"
	"time"

	"github.com/rollbackd/rollbackd/trigger"
)

// RehearsalAsk is what somebody wants to rehearse.
type RehearsalAsk struct {
	Service string
	// Plan is the name of one of the service's plans; empty means its own.
	Plan string
	// To is the version to go back to; empty means the one that a rollback would
	// go to by itself.
	To    string
	Scope string
	Actor string
	// Unseen lets it go to a version that was never seen, reported or named.
	Unseen bool
}

// Rehearsing is what a rollback of a service would go by if a person asked for it
// now: made by the same rules, and remembered by nobody. It holds what the plan's
// steps do and must not leave the daemon.
type Rehearsing struct {
	Service  string
	PlanHash string
	// Run is the run as it would be planned; its steps are in the order in which
	// they would run. Why says what makes its target one, or why there is none.
	Run *Run
	Why string
	// Refused is why such a run would not be planned; nil where it would.
	Refused *Hold
	// Quarantined are the service's versions that no rollback may go to.
	Quarantined []string
	// Person are the guards that would refuse a person at present, and Automatic is
	// what a critical breach that began now would lead to.
	Person    []Hold
	Automatic Decision
	// Receivers are those that the service and its triggers name; none means all.
	Receivers []string
	// Before is the newest rehearsal; nil where there was none. Measured are the
	// runs of this plan that went all the way, newest first.
	Before   *RehearsalView
	Measured []MeasuredRun
	starts   []RehearsalStep
}

// Steps are the steps of the run, each as its first attempt would be started.
func (r *Rehearsing) Steps() []RehearsalStep { return r.starts }

// RehearsalStep is one step, or one of its units, as it would be started. Spec is
// the plan's own words on it.
type RehearsalStep struct {
	Start Start
	Spec  PlanStep
	Phase string
}

// MeasuredRun is what one rollback, or a rehearsal in another service, took from
// the decision to its verified end.
type MeasuredRun struct {
	At      time.Time `json:"at"`
	Seconds float64   `json:"seconds"`
	// Incident is that of a rollback in earnest, In the service of a rehearsal.
	Incident string `json:"incident,omitempty"`
	In       string `json:"in,omitempty"`
}

// RehearsalView is a remembered rehearsal with its age.
type RehearsalView struct {
	Rehearsal

	AgeSeconds float64 `json:"age_seconds"`
	// Stale says why it does not count for the plan as it stands; empty where it
	// does.
	Stale string `json:"stale,omitempty"`
}

// NotKnownError is a question about something that is not there.
type NotKnownError struct{ text string }

// Error says what is not there.
func (e *NotKnownError) Error() string { return e.text }

// Rehearsing plans a rollback of a service and keeps nothing of it. Its error is
// a *NotKnownError: a service, a plan, a scope or a version that is not there.
func (b *Brain) Rehearsing(ask RehearsalAsk, now time.Time) (*Rehearsing, error) {
	now = now.UTC().Round(0)
	o, ok := b.opts.Services[ask.Service]
	if !ok {
		return nil, &NotKnownError{b.notConfigured(ask.Service)}
	}
	p := b.planNamed(ask.Service, ask.Plan)
	if p == nil {
		return nil, &NotKnownError{b.noPlan(ask.Service, ask.Plan)}
	}
	if !p.hasScope(ask.Scope) {
		return nil, &NotKnownError{noScope(p, ask.Scope)}
	}
	s := b.mem.service(ask.Service)
	inc := b.rehearsalIncident(now, ask, p)
	request := planRequest{to: ask.To, unseen: ask.Unseen, by: ask.Actor, askedBy: ask.Actor, scope: ask.Scope, plan: p, decidedAt: now}
	r := &Rehearsing{
		Service: ask.Service, PlanHash: b.rehearsalHash(ask.Service, p), Why: "asked for", Quarantined: s.Ledger.allQuarantined(),
		Automatic: b.ifCritical(now, ask.Service, s), Receivers: receiversOf(o),
		Before: b.rehearsalView(ask.Service, now), Measured: b.measured(ask.Service, p, ask.Scope),
	}
	if ask.To == "" {
		t, _ := b.target(ask.Service, now)
		request.to, r.Why = t.Version, t.Why
	}
	r.Person = b.personNow(now, inc, s, request)
	hold, bad := b.badTarget(ask.Service, request)
	if unknown, is := b.unknownTarget(ask.Service, request); bad && is && unknown == hold {
		return nil, &NotKnownError{hold.Reason}
	}
	if bad {
		r.Refused = &hold
	}
	run, missing := b.newRun(now, inc, request)
	if missing != "" {
		hold := memberMissing(missing)
		r.Refused = &hold
		run.Values = b.values(inc, run, o)
	}
	r.Run, inc.Rollback = run, run
	for i := range run.Steps {
		step := &run.Steps[i]
		if step.Section != SectionPrepare { // its steps are looked at one by one
			r.starts = append(r.starts, RehearsalStep{Start: b.start(now, inc, step, 1), Spec: run.spec(step), Phase: step.Phase})
		}
	}
	return r, nil
}

// receiversOf are all that a service and its triggers name, in order; nil where
// one of them names none, which means all that there are.
func receiversOf(o ServiceOptions) []string {
	lists := [][]string{o.Receivers}
	for _, spec := range o.Triggers {
		if len(spec.Receivers) > 0 {
			lists = append(lists, spec.Receivers)
		}
	}
	if len(o.Receivers) == 0 {
		return nil
	}
	names := slices.Concat(lists...)
	slices.Sort(names)
	return slices.Compact(names)
}

// rehearsalIncident is an incident that never was: what a person's rollback would
// open. Its ID is of a form of its own, so that nothing takes it for a real one.
func (b *Brain) rehearsalIncident(now time.Time, ask RehearsalAsk, p *Plan) *Incident {
	inc := &Incident{
		ID: ask.Service + "-rehearsal-" + now.Format("20060102-150405"), Service: ask.Service, Severity: trigger.High, Mode: b.mode(ask.Service),
		State: RollingBack, OpenedAt: now, Manual: true, AskedBy: ask.Actor, Triggers: []Evidence{}, Timeline: []Moment{},
		Deployment: copyDeployment(b.deploymentOf(ask.Service)), Decision: Decision{Reason: "a rehearsal: nothing is to be changed", Severity: trigger.High},
	}
	if !b.groupsPlan(ask.Service, p) {
		return inc
	}
	g, _ := b.groupOf(ask.Service)
	inc.Group = g.Name
	for _, name := range slices.Sorted(slices.Values(g.Services)) {
		inc.Members = append(inc.Members, Member{Service: name, From: b.running(name)})
	}
	return inc
}

// personNow are the guards that would refuse a person's rollback at present, but
// for what is wrong with its target, which stands for itself.
func (b *Brain) personNow(now time.Time, inc *Incident, s *serviceMemory, r planRequest) []Hold {
	holds := b.holdsForPerson(now, inc, s, r)
	return slices.DeleteFunc(holds, func(h Hold) bool { return h.Guard == GuardNoTarget || h.Guard == GuardQuarantined })
}

// allQuarantined are the versions that are quarantined, in order.
func (l *ledger) allQuarantined() []string {
	var versions []string
	for v := range l.Marks {
		if l.quarantined(v) {
			versions = append(versions, v)
		}
	}
	slices.Sort(versions)
	return versions
}

// keepMeasured is how many runs an expectation rests on.
const keepMeasured = 10

// measured are the newest runs of a plan that went all the way and were verified:
// rollbacks of the service, and rehearsals of the plan in another one.
func (b *Brain) measured(service string, p *Plan, scope string) []MeasuredRun {
	s := b.mem.service(service)
	hash := b.rehearsalHash(service, p)
	list := []MeasuredRun{}
	for _, inc := range s.Closed {
		for _, run := range append([]*Run{inc.Rollback}, inc.EarlierRollbacks...) {
			whole := run != nil && run.State == RunCompleted && run.Enough == nil && run.Rehearses == nil
			if whole && run.Scope == scope && run.hash() == hash {
				list = append(list, MeasuredRun{At: run.EndedAt, Seconds: run.DurationSeconds, Incident: inc.ID})
			}
		}
	}
	for _, r := range s.Rehearsals {
		if r.In != "" && r.OK && r.Scope == scope && r.PlanHash == hash {
			list = append(list, MeasuredRun{At: r.At, Seconds: r.TookSeconds, In: r.In})
		}
	}
	slices.SortStableFunc(list, func(x, y MeasuredRun) int { return y.At.Compare(x.At) })
	return list[:min(len(list), keepMeasured)]
}

// rehearsalView is the newest rehearsal of a service, of whichever of its plans;
// nil where there was none.
func (b *Brain) rehearsalView(service string, now time.Time) *RehearsalView {
	r, ok := b.mem.service(service).newestRehearsal(func(Rehearsal) bool { return true })
	if !ok {
		return nil
	}
	v := &RehearsalView{Rehearsal: r, AgeSeconds: max(0, now.Sub(r.At).Seconds())}
	within := b.opts.Guards.RehearsedWithin
	p := b.planNamed(service, r.Plan)
	switch {
	case p == nil:
		v.Stale = "the service no longer has this plan"
	case b.rehearsalHash(service, p) != r.PlanHash:
		v.Stale = "the plan has changed since"
	case within > 0 && now.Sub(r.At) > within:
		v.Stale = "it is older than rehearsed_within"
	}
	return v
}
