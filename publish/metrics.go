package publish

import "github.com/prometheus/client_golang/prometheus"

// Metrics count what becomes of events. Make them once for a process: they
// outlive the publishers of several configurations. Safe for concurrent use.
type Metrics struct {
	published *prometheus.CounterVec
	waiting   prometheus.Gauge
}

// What became of an event, as the metric names it.
const (
	resultPublished = "published" // a server has it
	resultDuplicate = "duplicate" // a stream had it already
	resultRetried   = "retried"   // it failed and will be tried again
	resultRefused   = "refused"   // no server will ever take it
	resultDropped   = "dropped"   // it became too old, or too many were waiting
)

// NewMetrics registers the metrics. A nil registerer registers nothing.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	m := &Metrics{
		published: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "rollbackd_events_published_total",
			Help: "Attempts to publish an event on NATS, by what became of it: published, duplicate (a stream had it already), retried " +
				"(it failed and will be tried again), refused (no server will ever take it), dropped (it became too old, or too many were waiting).",
		}, []string{"kind", "result"}),
		waiting: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "rollbackd_events_waiting", Help: "Journal entries that have not been published on NATS yet; 0 where no NATS is configured.",
		}),
	}
	if reg != nil {
		reg.MustRegister(m.published, m.waiting)
	}
	return m
}

// Idle says that nothing is to be published any more, so that nothing waits.
func (m *Metrics) Idle() { m.waiting.Set(0) }

func (m *Metrics) count(kind, result string) { m.published.WithLabelValues(kind, result).Inc() }
