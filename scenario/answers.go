package scenario

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/rollbackd/rollbackd/config"
	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/trigger"
)

// metrics are the configured metrics, as far as this world needs them.
type metrics struct {
	names         []string // sorted
	units         map[string]trigger.Unit
	acceptPartial bool
}

func metricsOf(c *config.Config) metrics {
	m := metrics{units: make(map[string]trigger.Unit, len(c.Metrics)), acceptPartial: c.Prometheus.AcceptPartial}
	m.names = slices.Sorted(maps.Keys(c.Metrics))
	for name, metric := range c.Metrics {
		m.units[name] = metric.Unit
	}
	return m
}

// asked is what is asked at each tick: every metric and, where it is configured,
// whether everything is to be held.
func (w *world) asked() []string {
	if !w.options.Guards.HoldWhen {
		return w.metrics.names
	}
	return append(slices.Clone(w.metrics.names), incident.HoldWhenMetric)
}

// answers are what Prometheus says of some metrics at a time, with whatever is
// wrong with it then.
func (w *world) answers(since time.Duration, names []string) map[string]trigger.Answer {
	broken, _ := w.holds(faultPrometheus, since)
	answers := make(map[string]trigger.Answer, len(names))
	silent, is := w.silent(broken.how)
	if is {
		for _, name := range names {
			answers[name] = silent
		}
		return answers
	}
	asked := w.fromRaw(since, names)
	for _, name := range names {
		answers[name] = w.answer(since, name, asked[name])
		if broken.how == "nan" {
			for service := range answers[name].Services {
				answers[name].Services[service] = trigger.UnknownBecause("nan")
			}
		}
	}
	return answers
}

// silent is the answer of a Prometheus that is broken in a way that says nothing
// of any service.
func (w *world) silent(how string) (trigger.Answer, bool) {
	switch {
	case how == "error":
		return trigger.Answer{Err: "http_5xx"}, true
	case how == "timeout", how == "partial" && !w.metrics.acceptPartial:
		return trigger.Answer{Err: how}, true
	case how == "empty":
		return trigger.Answer{Services: map[string]trigger.Reading{}}, true
	}
	return trigger.Answer{}, false
}

// answer is a metric's: of each service what the values say, else what was asked
// of the raw series.
func (w *world) answer(since time.Duration, metric string, asked trigger.Answer) trigger.Answer {
	a := trigger.Answer{Services: map[string]trigger.Reading{}}
	valued := false
	for _, service := range w.readFor(metric) {
		var r trigger.Reading
		var there bool
		if w.hasValues(since, metric, service) {
			valued = true
			r, there = w.reading(since, metric, service)
		} else if reason := cmp.Or(asked.Err, asked.Failed[service]); reason != "" {
			if a.Failed == nil {
				a.Failed = map[string]string{}
			}
			a.Failed[service] = reason
		} else {
			r, there = asked.Services[service]
		}
		if there {
			a.Services[service] = r
		}
	}
	if asked.Err != "" && !valued {
		return asked
	}
	return a
}

// readFor are the services that a metric is read for.
func (w *world) readFor(metric string) []string {
	if metric == incident.HoldWhenMetric {
		return []string{""}
	}
	return w.record.services
}

// reading is a metric's value for one service; false where it has no series.
func (w *world) reading(since time.Duration, metric, service string) (trigger.Reading, bool) {
	s := w.values[seriesKey{metric: metric, service: service}].at(since)
	if s.kind != present {
		return trigger.Reading{}, false
	}
	r := trigger.NewReading(s.value, w.metrics.units[metric])
	if total := w.values[seriesKey{metric: metric, service: service, total: true}].at(since); total.kind == present {
		r.Total, r.HasTotal = total.value, true
		if total.value == 0 {
			r = trigger.UnknownBecause("no_traffic")
		}
	}
	return r, true
}
