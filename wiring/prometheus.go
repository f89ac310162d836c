package wiring

import (
	"maps"
	"slices"

	"github.com/rollbackd/rollbackd/config"
	"github.com/rollbackd/rollbackd/source/prom"
)

// Prometheus is whom to ask for what. The sink, the clock, the log and the
// observer are the caller's to add.
func Prometheus(c *config.Config) prom.Options {
	p := c.Prometheus
	o := prom.Options{
		URLs: p.URLs, HTTP: &p.HTTP, Poll: p.PollInterval, Timeout: p.Timeout, MaxGap: p.MaxGap,
		AcceptPartial: p.AcceptPartial, MaxBody: p.MaxBody, MaxSeries: p.MaxSeries, HoldWhen: c.Guards.HoldWhen,
	}
	for _, name := range slices.Sorted(maps.Keys(c.Metrics)) {
		m := c.Metrics[name]
		o.Metrics = append(o.Metrics, prom.Metric{
			Name: name, Query: m.Query, Bad: m.Bad, Total: m.Total, By: m.By, Unit: m.Unit, Fresh: m.Fresh,
		})
	}
	for _, name := range slices.Sorted(maps.Keys(c.Services)) {
		s := c.Services[name]
		o.Services = append(o.Services, prom.Service{Name: name, Match: s.Match, Vars: s.Vars})
	}
	return o
}
