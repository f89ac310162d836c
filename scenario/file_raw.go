package scenario

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"

	"github.com/rollbackd/rollbackd/engine"
	"github.com/rollbackd/rollbackd/source/prom"
	"github.com/rollbackd/rollbackd/wiring"
)

// rawSeries is a series as Prometheus would have scraped it, one sample an
// interval.
type rawSeries struct {
	labels engine.Labels
	series
}

// maxRaw bounds the samples that a raw series may have in a case: unlike values
// they are kept.
const maxRaw = 1_000_000

// readRaw reads [case.series]: series by name. What is in it must be in some
// query, and what is asked must be a query.
func (r *fileReader) readRaw(t *table, interval time.Duration) []rawSeries {
	rt, ok := t.table("series")
	if !ok {
		return nil
	}
	r.queries = r.askedQueries(rt)
	var all []rawSeries
	for _, name := range sortedKeys(rt.values) {
		one, ok := r.readRawOne(rt, name, interval)
		if !ok {
			continue
		}
		if slices.ContainsFunc(all, func(o rawSeries) bool { return maps.Equal(o.labels, one.labels) }) {
			rt.problem(name, "the series is there twice (the order of labels makes no difference)")
			continue
		}
		all = append(all, one)
	}
	return all
}

// readRawOne reads one raw series; false where it has mistakes.
func (r *fileReader) readRawOne(t *table, name string, interval time.Duration) (rawSeries, bool) {
	before := len(t.findings.problems)
	values, err := parseSeries(t.text(name), interval)
	t.problems(name, err)
	labels, err := engine.ParseSeries(name)
	switch {
	case err != nil:
		t.problem(name, "not a series: %v", err)
	case len(r.known) > 0 && !slices.ContainsFunc(r.queries, func(q engine.Query) bool { return q.Selects(labels) }):
		t.problem(name, "no query selects it")
	}
	return rawSeries{labels: labels, series: values}, len(t.findings.problems) == before
}

// askedQueries are all queries of the case's configurations. It reports those
// that cannot be evaluated.
func (r *fileReader) askedQueries(t *table) []engine.Query {
	texts := map[string]string{} // query → where it is
	for _, s := range r.known {
		maps.Copy(texts, queriesOf(s, func(where string, err error) { t.findings.add(t.path, "%s: %v", where, err) }))
	}
	all := []engine.Query{} // never nil: asked once a case
	for _, text := range sortedKeys(texts) {
		q, err := engine.ParseQuery(text)
		if err != nil {
			t.findings.add(t.path, "%s cannot be evaluated: %v", texts[text], err)
			continue
		}
		all = append(all, q)
	}
	return all
}

// queriesOf are the queries that a configuration has asked at ticks, each with
// the place it comes from.
func queriesOf(s setting, failed func(where string, err error)) map[string]string {
	texts := map[string]string{}
	add := func(text, where string) {
		if text != "" {
			texts[text] = where
		}
	}
	o := wiring.Prometheus(s.config)
	for _, m := range o.Metrics {
		where := "metrics." + m.Name
		for _, text := range []string{m.Query, m.Bad, m.Total, m.Fresh} {
			if !strings.Contains(text, "${") {
				add(text, where)
				continue
			}
			for _, service := range o.Services {
				expanded, err := prom.Expand(text, service)
				if err != nil {
					failed(where+" of "+service.Name, err)
				}
				add(expanded, where)
			}
		}
	}
	add(o.HoldWhen, "guards.hold_when")
	for _, q := range wiring.Versions(s.config).Queries {
		add(q.Query, "services."+q.Service+".deployment.version_query")
	}
	return texts
}

// isRaw tells whether a key of a step's `then` names a raw series: by its labels,
// or because the case has a series of just that name.
func (r *fileReader) isRaw(key string) bool {
	return strings.Contains(key, "{") || slices.ContainsFunc(r.raw, func(s rawSeries) bool {
		return len(s.labels) == 1 && s.labels[model.MetricNameLabel] == key
	})
}

// readThen reads a step's `then`: values, and raw series.
func (r *fileReader) readThen(t *table, interval time.Duration) (map[seriesKey]series, []rawSeries) {
	tt, ok := t.table("then")
	if !ok {
		return nil, nil
	}
	var raw []rawSeries
	rest := &table{findings: tt.findings, path: tt.path, values: map[string]any{}}
	for _, key := range sortedKeys(tt.values) {
		if !r.isRaw(key) {
			rest.values[key] = tt.values[key]
			continue
		}
		if r.queries == nil {
			r.queries = r.askedQueries(tt)
		}
		if one, ok := r.readRawOne(tt, key, interval); ok {
			raw = append(raw, one)
		}
	}
	return r.valuesOf(rest, interval), raw
}
