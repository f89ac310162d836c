package scenario

import (
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
	for _, name := range names {
		answers[name] = w.answer(since, name, broken.how)
	}
	return answers
}

func (w *world) answer(since time.Duration, metric, how string) trigger.Answer {
	switch {
	case how == "error":
		return trigger.Answer{Err: "http_5xx"}
	case how == "timeout", how == "partial" && !w.metrics.acceptPartial:
		return trigger.Answer{Err: how}
	case how == "empty":
		return trigger.Answer{Services: map[string]trigger.Reading{}}
	}
	services := map[string]trigger.Reading{}
	of := w.record.services
	if metric == incident.HoldWhenMetric {
		of = []string{""}
	}
	for _, service := range of {
		r, there := w.reading(since, metric, service)
		if there && how == "nan" {
			r = trigger.UnknownBecause("nan")
		}
		if there {
			services[service] = r
		}
	}
	return trigger.Answer{Services: services}
}

// reading is a metric's value for one service; false where it has no series.
func (w *world) reading(since time.Duration, metric, service string) (trigger.Reading, bool) {
	s := w.values[seriesKey{metric: metric, service: service}].at(since)
	if s.kind == absent {
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
