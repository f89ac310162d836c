package config

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/rollbackd/rollbackd/trigger"
)

// plans are the service's plan and those of its triggers.
func (s *Service) plans() []*Plan {
	var out []*Plan
	if s.Plan != nil {
		out = append(out, s.Plan)
	}
	for _, t := range s.Triggers {
		if t.Plan != nil {
			out = append(out, t.Plan)
		}
	}
	return out
}

// attachPlans gives a service its own copies of the plans that it and its
// triggers name.
func (r *resolver) attachPlans(s *Service) {
	if s.PlanName != "" {
		s.Plan = r.planOf(s.at.key("plan"), s.PlanName)
	}
	for i := range s.Triggers {
		t := &s.Triggers[i]
		t.Plan = r.planOf(t.at.key("plan"), t.PlanName)
	}
}

// planOf is a copy of a shared plan; nil where no name is written, or no plan has
// it, which is an error.
func (r *resolver) planOf(at *path, name string) *Plan {
	if name == "" {
		return nil
	}
	shared, ok := r.Plans[name]
	if !ok {
		r.errorf(at, "unknown plan %q%s", name, meant(name, slices.Sorted(maps.Keys(r.Plans))))
		return nil
	}
	return shared.copied()
}

// resolveVerify parses verify.when: comparisons that are true of a service that
// is well.
func (r *resolver) resolveVerify(p *Plan, vars map[string]string) {
	if p == nil {
		return
	}
	p.Verify.Conditions = r.resolveWishes(p.Verify.When, vars, p.Verify.at, "verify.hold says for how long it must be true")
	p.Monitor.Conditions = r.resolveWishes(p.Monitor.When, vars, p.Monitor.at, "monitor.for says for how long it must be true")
}

// resolveWishes parses conditions that are true of a service that is well.
func (r *resolver) resolveWishes(whens []string, vars map[string]string, table *path, instead string) []trigger.Expr {
	var all []trigger.Expr
	for i, when := range whens {
		at := table.key("when").index(i)
		e, ok := r.parseWhen(when, vars, at)
		if !ok {
			continue
		}
		if !e.Hold.None() {
			r.errorf(at, "takes no \"for\" and no \"in N of M samples\": %s", instead)
		}
		for _, c := range e.Conditions {
			if c.Kind != trigger.Compare {
				r.errorf(at, "want a comparison that is true of a service that is well, such as \"error_rate < 0.1%%\", not %q", c.Text)
			}
		}
		if !r.Prometheus.written {
			r.errorf(at, "reads metrics, and [prometheus] is not configured")
		}
		all = append(all, e)
	}
	return all
}

// resolveDurations fills in settle and cooldown, which depend on the ranges.
func (r *resolver) resolveDurations(s *Service) {
	for _, p := range s.plans() {
		r.resolveSettle(p, r.settleAfter(s, p))
	}
	settle := r.settleAfter(s, nil)
	if s.Plan != nil {
		settle = s.Plan.Verify.Settle
	}
	s.Cooldown = r.Guards.Cooldown
	if s.Cooldown == 0 {
		s.Cooldown = max(s.remembers(s.Plan)+settle, 5*time.Minute)
	}
}

// settleAfter is how long after a plan's last step the metrics of a service still
// remember the fault.
func (r *resolver) settleAfter(s *Service, p *Plan) time.Duration {
	return s.remembers(p) + 2*r.Prometheus.PollInterval
}

// remembers is how far the queries of the service's triggers, and of what verifies
// a plan, look back. The plan may be nil.
func (s *Service) remembers(p *Plan) time.Duration {
	var names []string
	for _, t := range s.Triggers {
		names = append(names, t.Spec.Expr.Metrics()...)
	}
	if p != nil {
		for _, e := range p.Verify.Conditions {
			names = append(names, e.Metrics()...)
		}
	}
	var longest time.Duration
	for _, u := range s.metrics {
		if slices.Contains(names, u.metric.Name) {
			longest = max(longest, u.lookBack)
		}
	}
	return longest
}

func (r *resolver) resolveSettle(p *Plan, settle time.Duration) {
	if p.Verify.settleWritten {
		return
	}
	p.Verify.Settle = settle
	r.checkWithin(p.Verify)
}

// resolveGroupSettle gives the plan of a group the settle of its slowest member.
func (r *resolver) resolveGroupSettle(g *Group) {
	if g.Plan == nil {
		return
	}
	longest := 2 * r.Prometheus.PollInterval
	for _, s := range r.members(g) {
		longest = max(longest, r.settleAfter(s, g.Plan))
	}
	r.resolveSettle(g.Plan, longest)
}

// checkWithin is for a settle that was filled in: what is written was checked
// before it was known.
func (r *resolver) checkWithin(v Verify) {
	if v.Within < v.Settle+v.Hold && v.Within >= v.Hold {
		r.errorf(v.at, "within (%s) is shorter than settle and hold together (%s): nothing could ever be verified",
			durationText(v.Within), durationText(v.Settle+v.Hold))
	}
}

// checkPlans checks what the plans of a service need of it.
func (r *resolver) checkPlans(s *Service) {
	for _, p := range s.plans() {
		var group *Group
		if s.group != nil && s.group.PlanName == p.Name && p.at == r.sharedAt(p.Name) {
			group = s.group
		}
		for _, step := range p.all() {
			r.checkQuery(step, s.Vars)
			for _, u := range step.uses {
				r.checkUse(s, u)
				r.checkVersionUse(group, u)
			}
		}
	}
	for _, t := range s.Triggers {
		r.checkScope(s, t)
	}
}

// sharedAt is where a plan of [plans] stands; nil where there is none by the name.
func (r *resolver) sharedAt(name string) *path {
	if p := r.Plans[name]; p != nil {
		return p.at
	}
	return nil
}

func (r *resolver) checkUse(s *Service, u use) {
	if name, isVar := cutVars(u.name); isVar {
		if _, ok := s.Vars[name]; !ok {
			r.errorf(u.at, "unknown ${%s}: service %q has no such variable%s", u.name, s.Name, meant(name, slices.Sorted(maps.Keys(s.Vars))))
		}
	}
	r.checkTarget(s, u)
}

// checkTarget checks that there is a way to know the version to go back to.
func (r *resolver) checkTarget(s *Service, u use) {
	if !u.needsTarget() || s.Deployment.HasSource() {
		return
	}
	if member, is := versionOf(u.name); is && member != s.Name {
		return
	}
	needs := fmt.Sprintf("uses ${%s}, and service %q has no version source (%s)", u.name, s.Name, s.Deployment.at)
	if s.Deployment.requiredFalse {
		r.errorf(u.at, "%s while required = false: nothing would ever say which version to go back to", needs)
		return
	}
	r.warnf(u.at, "%s: deployments must be reported by NATS, API or command line", needs)
}

// checkScope checks that a trigger's scope is one of the plans that it may lead
// to.
func (r *resolver) checkScope(s *Service, t Trigger) {
	if t.Scope == "" {
		return
	}
	at := t.at.key("scope")
	plans := []*Plan{t.Plan}
	if t.PlanName == "" {
		plans = []*Plan{s.Plan}
		if s.group != nil {
			plans = append(plans, s.group.Plan)
		}
	}
	planned := false
	for _, p := range plans {
		if p == nil {
			continue
		}
		planned = true
		if !p.hasScope(t.Scope) {
			r.errorf(at, "no step of plan %q has only = [%q]%s", p.Name, t.Scope, meant(t.Scope, p.scopes()))
		}
	}
	if !planned && t.PlanName == "" && s.PlanName == "" {
		r.errorf(at, "limits a rollback, and service %q has no rollback and no plan", s.Name)
	}
}

// checkQuery checks the PromQL of a query step. Variables are filled in as they
// will be; any other ${…} is one word by then.
func (r *resolver) checkQuery(s Step, vars map[string]string) {
	if s.Do.Kind != "query" || s.Do.Expr == "" {
		return
	}
	filled := placeholder().ReplaceAllStringFunc(s.Do.Expr, func(p string) string {
		if name, isVar := cutVars(p[2 : len(p)-1]); isVar && vars[name] != "" {
			return vars[name]
		}
		return "x"
	})
	if !r.Prometheus.written {
		r.errorf(s.Do.at, "asks Prometheus, and [prometheus] is not configured")
	}
	q, err := parseQuery(filled)
	if err != nil {
		r.errorf(s.Do.at, "%v", err)
		return
	}
	r.lintQuery(s.Do.at, q)
}

// checkUnusedPlans checks in plans that nothing uses what needs no service to be
// seen as wrong.
func (r *resolver) checkUnusedPlans() {
	used := map[*path]bool{}
	for _, s := range r.services() {
		for _, p := range s.plans() {
			used[p.at] = true
		}
	}
	for _, g := range r.groups() {
		if g.Plan != nil {
			used[g.Plan.at] = true
		}
	}
	for _, name := range slices.Sorted(maps.Keys(r.Plans)) {
		p := r.Plans[name]
		if used[p.at] {
			continue
		}
		for _, step := range p.all() {
			vars := map[string]string{}
			for _, u := range step.uses {
				if v, isVar := cutVars(u.name); isVar {
					vars[v] = "1"
				}
				r.checkVersionUse(nil, u)
			}
			r.checkQuery(step, vars)
		}
	}
}

// everyPlan are all plans as they are written: the shared ones, and those of
// services and groups.
func (r *resolver) everyPlan() []*Plan {
	var out []*Plan
	for _, name := range slices.Sorted(maps.Keys(r.Plans)) {
		out = append(out, r.Plans[name])
	}
	for _, s := range r.services() {
		if s.PlanName == "" && s.Plan != nil {
			out = append(out, s.Plan)
		}
	}
	for _, g := range r.groups() {
		if g.PlanName == "" && g.Plan != nil {
			out = append(out, g.Plan)
		}
	}
	return out
}
