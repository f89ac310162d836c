package scenario

import (
	"slices"
	"strings"

	"github.com/rollbackd/rollbackd/engine"
	"github.com/rollbackd/rollbackd/source/prom"
	"github.com/rollbackd/rollbackd/wiring"
)

// checkHidden reports values that hide raw series: a service's metric has its
// values where there are any, and a series that feeds the same one would change
// nothing, in silence.
func (r *fileReader) checkHidden(t *table, values map[seriesKey]series) {
	for _, key := range sortedSeries(values) {
		for _, raw := range r.raw {
			if slices.ContainsFunc(r.known, func(s setting) bool { return feeds(s, key, raw.labels) }) {
				t.problem("series", "%q has values for %s, which win: this case's series for it would change nothing (leave one of them out)", key.metric, key.service)
				break
			}
		}
	}
}

// sortedSeries are the keys of values, in order.
func sortedSeries(values map[seriesKey]series) []seriesKey {
	keys := make([]seriesKey, 0, len(values))
	for key := range values {
		keys = append(keys, key)
	}
	slices.SortFunc(keys, func(a, b seriesKey) int {
		return strings.Compare(a.metric+" "+a.service, b.metric+" "+b.service)
	})
	return keys
}

// feeds tells whether a raw series is one that a service's metric is made from: one
// of its queries selects it, and it carries the service's name.
func feeds(s setting, key seriesKey, labels engine.Labels) bool {
	o := wiring.Prometheus(s.config)
	m := slices.IndexFunc(o.Metrics, func(m prom.Metric) bool { return m.Name == key.metric })
	of := slices.IndexFunc(o.Services, func(s prom.Service) bool { return s.Name == key.service })
	if m < 0 || of < 0 {
		return false
	}
	metric, service := o.Metrics[m], o.Services[of]
	by, match := metric.By, service.Match
	if by == "" {
		by = "service"
	}
	if match == "" {
		match = service.Name
	}
	if labels[by] != match {
		return false
	}
	for _, text := range []string{metric.Query, metric.Bad, metric.Total} {
		expanded, err := prom.Expand(text, service)
		if err != nil || expanded == "" {
			continue
		}
		if q, err := engine.ParseQuery(expanded); err == nil && q.Selects(labels) {
			return true
		}
	}
	return false
}
