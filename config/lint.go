package config

import (
	"maps"
	"os/exec"
	"slices"
	"strings"
	"time"
)

// lint warns of what is allowed and probably not meant.
func (r *resolver) lint() {
	for _, m := range r.unusedPerService() {
		r.parseMetric(m)
	}
	for _, s := range r.services() {
		r.lintResponses(s)
		for _, t := range s.Triggers {
			r.lintHold(s, t)
		}
	}
	for _, p := range r.everyPlan() {
		for _, step := range p.all() {
			r.lintTools(step)
		}
	}
	r.lintSteps()
	r.lintEscalation()
	r.lintReceivers()
}

// unusedPerService are the metrics with placeholders that no service reads,
// filled with something that fits anywhere, so that their PromQL is checked all
// the same.
func (r *resolver) unusedPerService() []Metric {
	used := map[string]bool{}
	for _, s := range r.services() {
		for _, u := range s.metrics {
			used[u.metric.Name] = true
		}
	}
	var out []Metric
	for _, name := range slices.Sorted(maps.Keys(r.Metrics)) {
		m := r.Metrics[name]
		if !m.PerService || used[name] {
			continue
		}
		vars := map[string]string{}
		for _, text := range m.queries() {
			for _, p := range placeholder().FindAllString(text, -1) {
				if v, isVar := cutVars(p[2 : len(p)-1]); isVar {
					vars[v] = "1"
				}
			}
		}
		out = append(out, m.For(&Service{Match: "service", Vars: vars}))
	}
	return out
}

// lintQuery warns of a range too short for rate() to see two samples. How often
// Prometheus scrapes is not known here: two polls stand for two scrapes.
func (r *resolver) lintQuery(at *path, q query) {
	poll := r.Prometheus.PollInterval
	for _, rng := range q.ranges {
		if rng < 2*poll && !r.Prometheus.pollWrong {
			r.warnf(at, "the range %s is shorter than two polls (%s): with a scrape interval like the poll interval, rate() finds no two samples in it",
				durationText(rng), durationText(2*poll))
			break
		}
	}
	if q.bareRatio {
		r.warnf(at, "the ratio's numerator is filtered and has no `or`: without a single match it is missing instead of 0 (write bad and total, or add \"or on() vector(0)\")")
	}
}

// lintHold warns of a `for` shorter than the range below it.
func (r *resolver) lintHold(s *Service, t Trigger) {
	hold := t.Spec.Expr.Hold.For
	if hold == 0 {
		return
	}
	for _, name := range t.Spec.Expr.Metrics() {
		for _, u := range s.metrics {
			longest := longestOf(u.ranges)
			if u.metric.Name == name && hold < longest {
				r.warnf(t.at.key("when"), "for %s is shorter than the range of metric %q (%s): a single burst stays in the range for longer than that",
					durationText(hold), name, durationText(longest))
			}
		}
	}
}

func longestOf(all []time.Duration) time.Duration {
	if len(all) == 0 {
		return 0
	}
	return slices.Max(all)
}

// lintTools warns of programs that are not there.
func (r *resolver) lintTools(s Step) {
	r.lintTool(s.at.key("exec"), s.Do)
	if s.Probe != nil {
		r.lintTool(s.at.key("probe").key("exec"), *s.Probe)
	}
	if s.If != nil {
		r.lintTool(s.at.key("if").key("exec"), *s.If)
	}
}

func (r *resolver) lintTool(at *path, a Action) {
	if a.Kind != "exec" || len(a.Argv) == 0 || a.Argv[0] == "" || strings.Contains(a.Argv[0], "${") {
		return
	}
	if _, err := exec.LookPath(a.Argv[0]); err != nil {
		r.warnf(at, "the program %q is not there, or not executable", a.Argv[0])
	}
}
