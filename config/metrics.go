package config

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/rollbackd/rollbackd/trigger"
)

// Metric is one of [metrics]: what the poller asks.
type Metric struct {
	Name string
	// Query is the PromQL, or else Bad and Total are: the value is bad / total.
	Query, Bad, Total string
	// By is the label whose value tells the services apart.
	By string
	// Unit is the one written, or the one that the quantities it is compared
	// with imply.
	Unit trigger.Unit
	// Fresh is PromQL for the newest sample's timestamp; empty without one.
	Fresh string
	// PerService tells that a query names ${service} or ${vars.x}: it is then
	// asked once a service, filled in by For.
	PerService bool

	at *path
}

// queries are the metric's PromQL texts by their keys.
func (m Metric) queries() map[string]string {
	all := map[string]string{"query": m.Query, "bad": m.Bad, "total": m.Total, "fresh": m.Fresh}
	maps.DeleteFunc(all, func(_, text string) bool { return text == "" })
	return all
}

// For fills ${service} and ${vars.x} in for one service. The values are escaped
// for a quoted string, which is where they stand in PromQL.
func (m Metric) For(s *Service) Metric {
	fill := func(text string) string { return fillQuery(text, s.Match, s.Vars) }
	m.Query, m.Bad, m.Total, m.Fresh = fill(m.Query), fill(m.Bad), fill(m.Total), fill(m.Fresh)
	return m
}

// fillQuery replaces ${service} and ${vars.x}; what it does not know stays.
func fillQuery(text, service string, vars map[string]string) string {
	escape := strings.NewReplacer(`\`, `\\`, `"`, `\"`, `'`, `\'`, "\n", `\n`)
	return placeholder().ReplaceAllStringFunc(text, func(p string) string {
		name := p[2 : len(p)-1]
		if name == "service" {
			return escape.Replace(service)
		}
		if v, ok := vars[strings.TrimPrefix(name, "vars.")]; ok && strings.HasPrefix(name, "vars.") {
			return escape.Replace(v)
		}
		return p
	})
}

// placeholder matches ${…}.
func placeholder() *regexp.Regexp { return regexp.MustCompile(`\$\{[^{}]*\}`) }

func readMetrics(root *table) map[string]Metric {
	out := map[string]Metric{}
	group := root.sub("metrics", "")
	if group == nil {
		return out
	}
	if group.sketch != nil {
		form := root.table("[metrics.NAME]", group.key(anyName), nil)
		readMetric(form)
		group.each(object{"anyOf": []any{object{"type": "string", "minLength": 1, "description": "PromQL"}, form.sketch}})
	}
	name := regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_:.-]{0,127}$`)
	for _, k := range slices.Sorted(maps.Keys(group.vals)) {
		if !name.MatchString(k) {
			group.errorf(group.key(k), "a metric's name is at most 128 of letters, digits, '_', ':', '.' and '-'")
		}
		var m Metric
		switch v := group.vals[k].(type) {
		case string:
			m = Metric{Query: v, By: "service"}
			if v == "" {
				group.errorf(group.key(k), "must not be empty")
			}
		case map[string]any:
			m = readMetric(root.table("[metrics.NAME]", group.key(k), v))
		default:
			group.errorf(group.key(k), "want PromQL in a string, or a table with query or bad and total, not %s", typeName(v))
			// The name is known all the same, so that its triggers do not
			// complain as well.
			m = Metric{By: "service"}
		}
		m.Name, m.at = k, group.key(k)
		for _, text := range m.queries() {
			m.PerService = m.PerService || placeholder().MatchString(text)
		}
		out[k] = m
	}
	return out
}

func readMetric(t *table) Metric {
	m := Metric{
		Query: t.str("query", ""), Bad: t.str("bad", ""), Total: t.str("total", ""),
		By: t.str("by", "service"), Fresh: t.str("fresh", ""),
	}
	ratio := t.has("bad") || t.has("total")
	switch {
	case t.has("query") && ratio:
		t.errorf(t.path, "query stands beside bad and total: keep one of the two forms")
	case ratio && !t.has("bad"):
		t.missing("bad", " (total has it beside itself)")
	case ratio && !t.has("total"):
		t.missing("total", " (bad has it beside itself)")
	case !ratio && !t.has("query"):
		t.missing("query", " (or bad and total)")
	}
	if !regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`).MatchString(m.By) {
		t.errorf(t.key("by"), "%q is not a label's name", m.By)
	}
	m.Unit = t.unit()
	if ratio {
		m.Unit = t.ratio(m.Unit)
	}
	t.later("baseline_query", "floor")
	t.done()
	return m
}

func (t *table) unit() trigger.Unit {
	text, ok := value[string](t, "unit", "a string")
	t.says("unit", object{"enum": trigger.Units()})
	if !ok {
		return trigger.NoUnit
	}
	unit, err := trigger.ParseUnit(text)
	if err != nil {
		t.errorf(t.key("unit"), "%v", err)
	}
	return unit
}

// ratio is the unit of bad + total, whatever is written.
func (t *table) ratio(unit trigger.Unit) trigger.Unit {
	if unit != trigger.NoUnit && unit != trigger.Ratio {
		t.errorf(t.key("unit"), "bad and total make a ratio, not %q", unit)
	}
	return trigger.Ratio
}

// metricUse is one metric of one service, with what its queries look like once
// filled in.
type metricUse struct {
	metric   Metric
	lookBack time.Duration
	ranges   []time.Duration
}
