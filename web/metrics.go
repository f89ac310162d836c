package web

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/trigger"
)

// scrapeTimeout bounds how long a scrape waits for its turn with the brain.
const scrapeTimeout = 5 * time.Second

// Triggers is a collector of the triggers' states and values. It asks at each
// scrape and keeps nothing: a gauge kept for each state of ten thousand
// services' triggers would cost a hundred megabytes.
type Triggers struct {
	view         View
	state, value *prometheus.Desc
}

// NewTriggers makes a collector. It shows the triggers that are not inactive.
func NewTriggers(view View) *Triggers {
	return &Triggers{
		view: view,
		state: prometheus.NewDesc("rollbackd_trigger_state",
			"1 for the state a trigger is in: pending, firing or unknown. Inactive triggers are left out.",
			[]string{"service", "trigger", "state"}, nil),
		value: prometheus.NewDesc("rollbackd_trigger_value",
			"The latest value of a trigger's condition, in the metric's own unit.", []string{"service", "trigger"}, nil),
	}
}

// Describe sends the two descriptions.
func (t *Triggers) Describe(ch chan<- *prometheus.Desc) {
	ch <- t.state
	ch <- t.value
}

// Collect asks the brain. Where it does not answer in time there are no
// series: an old state would be taken for the present one.
func (t *Triggers) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), scrapeTimeout)
	defer cancel()
	var services []incident.ServiceView
	if err := t.view(ctx, func(m Memory, now time.Time) { services = m.Services(now) }); err != nil {
		return
	}
	for _, s := range services {
		for _, tr := range s.Triggers {
			if tr.State == trigger.Inactive {
				continue
			}
			ch <- prometheus.MustNewConstMetric(t.state, prometheus.GaugeValue, 1, s.Service, tr.Name, tr.State.String())
			if tr.HasValue {
				ch <- prometheus.MustNewConstMetric(t.value, prometheus.GaugeValue, tr.Value, s.Service, tr.Name)
			}
		}
	}
}
