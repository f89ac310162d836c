package config

import (
	"maps"
	"slices"

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
	for _, name := range r.serviceNames() {
		out = append(out, r.Services[name])
	}
	return out
}

func (r *resolver) serviceNames() []string { return slices.Sorted(maps.Keys(r.Services)) }

func (r *resolver) resolve() {
	for _, s := range r.services() {
		r.attachPlans(s)
		r.checkTier(s)
		r.checkReceivers(s.at.key("receivers"), s.Receivers)
		if s.Deployment.VersionQuery != "" && !r.Prometheus.written {
			r.errorf(s.Deployment.at.key("version_query"), "asks Prometheus, and [prometheus] is not configured")
		}
	}
	for _, g := range r.groups() {
		r.attachGroup(g)
	}
	r.inferUnits()
	r.parseMetrics()
	for _, g := range r.groups() {
		r.resolveVerify(g.Plan, r.groupVars(g))
	}
	for _, s := range r.services() {
		for i := range s.Triggers {
			r.resolveTrigger(s, &s.Triggers[i])
		}
		for _, p := range s.plans() {
			r.resolveVerify(p, s.Vars)
		}
		r.resolveMetrics(s)
		r.resolveDurations(s)
		r.checkPlans(s)
	}
	for _, g := range r.groups() {
		r.resolveGroupSettle(g)
		r.checkGroupPlan(g)
	}
	r.checkUnusedPlans()
	for _, w := range r.Windows {
		r.checkServices(w.at.key("services"), w.Services)
	}
	r.checkDepends()
	r.checkPeople()
	r.checkHoldWhen()
	r.checkReports()
}

// checkHoldWhen checks that there is a Prometheus to ask.
func (r *resolver) checkHoldWhen() {
	if r.Guards.HoldWhen == "" {
		return
	}
	at := r.Guards.at.key("hold_when")
	if !r.Prometheus.written {
		r.errorf(at, "asks Prometheus, and [prometheus] is not configured")
	}
	r.lintQuery(at, r.Guards.holdWhen)
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
	note := func(when string, vars map[string]string, at *path) {
		// A mistake in the condition is reported when it is parsed.
		found, err := trigger.QuantityUnits(when, vars)
		if err != nil {
			return
		}
		for metric, units := range found {
			for _, u := range units {
				uses[metric] = append(uses[metric], compared{unit: u, at: at})
			}
		}
	}
	ofPlan := func(p *Plan, vars map[string]string) {
		for i, when := range p.Verify.When {
			note(when, vars, p.Verify.at.key("when").index(i))
		}
	}
	for _, s := range r.services() {
		for _, t := range s.Triggers {
			note(t.When, s.Vars, t.at.key("when"))
		}
		for _, p := range s.plans() {
			ofPlan(p, s.Vars)
		}
	}
	for _, g := range r.groups() {
		if g.Plan != nil {
			ofPlan(g.Plan, r.groupVars(g))
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

func (r *resolver) parseWhen(when string, vars map[string]string, at *path) (trigger.Expr, bool) {
	if when == "" {
		return trigger.Expr{}, false
	}
	e, err := trigger.Parse(when, trigger.ParseOptions{Units: r.units, Vars: vars})
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
	e, ok := r.parseWhen(t.When, s.Vars, at)
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
	plans := s.plans()
	if s.group != nil && s.group.Plan != nil {
		plans = append(plans, s.group.Plan)
	}
	for _, p := range plans {
		for _, e := range slices.Concat(p.Verify.Conditions, p.Monitor.Conditions) {
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
