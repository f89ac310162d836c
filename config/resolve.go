package config

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/rollbackd/rollbackd/trigger"
)

// resolver checks the tables against each other and fills in the defaults that
// depend on more than one of them.
type resolver struct {
	*walk
	*Config
	// parsed are the metrics that ask the same for every service, by name.
	parsed map[string]metricUse
	// units are those of all metrics, by name.
	units map[string]trigger.Unit
}

// services are all services in the order of their names.
func (r *resolver) services() []*Service {
	var out []*Service
	for _, name := range slices.Sorted(maps.Keys(r.Services)) {
		out = append(out, r.Services[name])
	}
	return out
}

func (r *resolver) resolve() {
	for _, s := range r.services() {
		r.attachPlan(s)
		r.checkTier(s)
		r.checkReceivers(s.at.key("receivers"), s.Receivers)
		if s.Deployment.VersionQuery != "" && !r.Prometheus.written {
			r.errorf(s.Deployment.at.key("version_query"), "asks Prometheus, and [prometheus] is not configured")
		}
	}
	r.inferUnits()
	r.parseMetrics()
	for _, s := range r.services() {
		for i := range s.Triggers {
			r.resolveTrigger(s, &s.Triggers[i])
		}
		r.resolveVerify(s)
		r.resolveMetrics(s)
		r.resolveDurations(s)
		r.checkPlan(s)
	}
}

// attachPlan gives a service its own copy of the plan it names.
func (r *resolver) attachPlan(s *Service) {
	if s.PlanName == "" {
		return
	}
	shared, ok := r.Plans[s.PlanName]
	if !ok {
		names := slices.Sorted(maps.Keys(r.Plans))
		r.errorf(s.at.key("plan"), "unknown plan %q%s", s.PlanName, meant(s.PlanName, names))
		return
	}
	plan := *shared
	s.Plan = &plan
}

func (r *resolver) checkTier(s *Service) {
	if s.Tier == "" {
		s.Tier = r.Tiers[0]
		return
	}
	if !slices.Contains(r.Tiers, s.Tier) {
		r.errorf(s.at.key("tier"), "the matrix has no tier %q%s", s.Tier, meant(s.Tier, r.Tiers))
	}
}

func (r *resolver) checkReceivers(at *path, names []string) {
	for i, name := range names {
		if _, ok := r.Receivers[name]; !ok {
			r.errorf(at.index(i), "unknown receiver %q%s", name, meant(name, slices.Sorted(maps.Keys(r.Receivers))))
		}
	}
}

// compared is where a metric is compared with a quantity of some unit.
type compared struct {
	unit trigger.Unit
	at   *path
}

// inferUnits gives the metrics without a written unit that of the quantities
// they are compared with.
func (r *resolver) inferUnits() {
	uses := map[string][]compared{}
	note := func(when string, s *Service, at *path) {
		// A mistake in the condition is reported when it is parsed.
		found, err := trigger.QuantityUnits(when, s.Vars)
		if err != nil {
			return
		}
		for metric, units := range found {
			for _, u := range units {
				uses[metric] = append(uses[metric], compared{unit: u, at: at})
			}
		}
	}
	for _, s := range r.services() {
		for _, t := range s.Triggers {
			note(t.When, s, t.at.key("when"))
		}
		if s.Plan != nil {
			for i, when := range s.Plan.Verify.When {
				note(when, s, s.Plan.Verify.at.key("when").index(i))
			}
		}
	}
	r.units = map[string]trigger.Unit{}
	for _, name := range slices.Sorted(maps.Keys(r.Metrics)) {
		m := r.Metrics[name]
		if m.Unit == trigger.NoUnit {
			m.Unit = r.oneUnit(m, uses[name])
			r.Metrics[name] = m
		}
		r.units[name] = m.Unit
	}
}

func (r *resolver) oneUnit(m Metric, uses []compared) trigger.Unit {
	if len(uses) == 0 {
		return trigger.NoUnit
	}
	for _, u := range uses[1:] {
		if u.unit != uses[0].unit {
			r.errorf(m.at, "is compared with two kinds of quantity (%s in %s, %s in %s): write its \"unit\"",
				uses[0].unit, uses[0].at, u.unit, u.at)
			return trigger.NoUnit
		}
	}
	return uses[0].unit
}

func (r *resolver) parseWhen(s *Service, when string, at *path) (trigger.Expr, bool) {
	if when == "" {
		return trigger.Expr{}, false
	}
	e, err := trigger.Parse(when, trigger.ParseOptions{Units: r.units, Vars: s.Vars})
	if err != nil {
		r.errorf(at, "%v", err)
		return trigger.Expr{}, false
	}
	return e, true
}

func (r *resolver) resolveTrigger(s *Service, t *Trigger) {
	r.checkReceivers(t.at.key("receivers"), t.Spec.Receivers)
	t.Spec.Poll, t.Spec.MaxGap = r.Prometheus.PollInterval, r.Prometheus.MaxGap
	if len(t.Spec.Receivers) == 0 {
		t.Spec.Receivers = s.Receivers
	}
	at := t.at.key("when")
	e, ok := r.parseWhen(s, t.When, at)
	if !ok {
		return
	}
	t.Spec.Expr = e
	if !t.warmUpWritten {
		t.Spec.WarmUp = warmUp(e, r.Metrics)
	}
	if len(e.Metrics()) > 0 && !r.Prometheus.written {
		r.errorf(at, "reads metrics, and [prometheus] is not configured")
	}
	if e.UsesHealth() && !r.NATS.written {
		r.errorf(at, "reads health, and [nats] is not configured")
	}
	if t.Spec.MinRequests > 0 && !r.countsRequests(e) {
		r.errorf(t.at.key("min_requests"), "none of the trigger's metrics has bad and total, so that requests cannot be counted")
	}
}

func (r *resolver) countsRequests(e trigger.Expr) bool {
	return slices.ContainsFunc(e.Metrics(), func(name string) bool { return r.Metrics[name].Total != "" })
}

// resolveVerify parses verify.when: comparisons that are true of a service that
// is well.
func (r *resolver) resolveVerify(s *Service) {
	if s.Plan == nil {
		return
	}
	for i, when := range s.Plan.Verify.When {
		at := s.Plan.Verify.at.key("when").index(i)
		e, ok := r.parseWhen(s, when, at)
		if !ok {
			continue
		}
		if !e.Hold.None() {
			r.errorf(at, "takes no \"for\" and no \"in N of M samples\": verify.hold says for how long it must be true")
		}
		for _, c := range e.Conditions {
			if c.Kind != trigger.Compare {
				r.errorf(at, "want a comparison that is true of a service that is well, such as \"error_rate < 0.1%%\", not %q", c.Text)
			}
		}
		if !r.Prometheus.written {
			r.errorf(at, "reads metrics, and [prometheus] is not configured")
		}
		s.Plan.Verify.Conditions = append(s.Plan.Verify.Conditions, e)
	}
}

// parseMetrics checks the queries that are the same for every service, and those
// that no service uses.
func (r *resolver) parseMetrics() {
	r.parsed = map[string]metricUse{}
	for name, m := range r.Metrics {
		if !m.PerService {
			r.parsed[name] = r.parseMetric(m)
		}
	}
}

// resolveMetrics finds the metrics a service reads, and how far they look back.
func (r *resolver) resolveMetrics(s *Service) {
	var names []string
	for _, t := range s.Triggers {
		names = append(names, t.Spec.Expr.Metrics()...)
	}
	if s.Plan != nil {
		for _, e := range s.Plan.Verify.Conditions {
			names = append(names, e.Metrics()...)
		}
	}
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		use, ok := r.parsed[name]
		if !ok {
			use = r.parseMetric(r.Metrics[name].For(s))
		}
		s.metrics = append(s.metrics, use)
	}
}

func (r *resolver) parseMetric(m Metric) metricUse {
	use := metricUse{metric: m}
	queries := m.queries()
	for _, key := range slices.Sorted(maps.Keys(queries)) {
		at := m.at
		if _, asTable := r.places[m.at.key(key).text]; asTable {
			at = m.at.key(key)
		}
		if r.unfilled(at, queries[key]) {
			continue
		}
		q, err := parseQuery(queries[key])
		if err != nil {
			r.errorf(at, "%v", err)
			continue
		}
		use.lookBack = max(use.lookBack, q.lookBack)
		use.ranges = append(use.ranges, q.ranges...)
		r.lintQuery(at, q)
	}
	return use
}

// resolveDurations fills in settle and cooldown, which depend on the ranges.
func (r *resolver) resolveDurations(s *Service) {
	settle := r.LongestRange(s.Name) + 2*r.Prometheus.PollInterval
	switch {
	case s.Plan == nil:
	case s.Plan.Verify.settleWritten:
		settle = s.Plan.Verify.Settle
	default:
		s.Plan.Verify.Settle = settle
		r.checkWithin(s.Plan.Verify)
	}
	s.Cooldown = r.Guards.Cooldown
	if s.Cooldown == 0 {
		s.Cooldown = max(r.LongestRange(s.Name)+settle, 5*time.Minute)
	}
}

// checkWithin is for a settle that was filled in: what is written was checked
// before it was known.
func (r *resolver) checkWithin(v Verify) {
	if v.Within < v.Settle+v.Hold && v.Within >= v.Hold {
		r.errorf(v.at, "within (%s) is shorter than settle and hold together (%s): nothing could ever be verified",
			durationText(v.Within), durationText(v.Settle+v.Hold))
	}
}

// checkPlan checks what a plan needs of the service that has it.
func (r *resolver) checkPlan(s *Service) {
	if s.Plan == nil {
		return
	}
	for _, step := range s.Plan.all() {
		for _, u := range step.uses {
			r.checkUse(s, u)
		}
	}
}

func (r *resolver) checkUse(s *Service, u use) {
	if name, isVar := cutVars(u.name); isVar {
		if _, ok := s.Vars[name]; !ok {
			r.errorf(u.at, "unknown ${%s}: service %q has no such variable%s", u.name, s.Name, meant(name, slices.Sorted(maps.Keys(s.Vars))))
		}
	}
	if u.name != "target_version" || s.Deployment.HasSource() {
		return
	}
	needs := fmt.Sprintf("uses ${target_version}, and service %q has no version source (%s)", s.Name, s.Deployment.at)
	if s.Deployment.requiredFalse {
		r.errorf(u.at, "%s while required = false: nothing would ever say which version to go back to", needs)
		return
	}
	r.warnf(u.at, "%s: deployments must be reported by NATS, API or command line", needs)
}
