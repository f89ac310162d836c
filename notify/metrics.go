package notify

import "github.com/prometheus/client_golang/prometheus"

// Metrics counts what becomes of messages. Make it once for a process: it
// outlives the outboxes of several configurations.
type Metrics struct {
	notifications *prometheus.CounterVec
}

// The results of an attempt, as the metric names them.
const (
	delivered = "delivered"
	retried   = "retried"
	gaveUp    = "gave_up"
	withheld  = "withheld"
)

// NewMetrics registers the metrics. A nil registerer registers nothing.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	m := &Metrics{notifications: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "rollbackd_notifications_total",
		Help: "Attempts to deliver a message, by what became of it: delivered, retried (it failed and will be tried again), gave_up, withheld (the receiver's rate_limit).",
	}, []string{"receiver", "result"})}
	if reg != nil {
		reg.MustRegister(m.notifications)
	}
	return m
}

// announce makes a receiver's series before anything happened, so that the
// first failure is an increase and not a new series.
func (m *Metrics) announce(receiver string) {
	for _, result := range []string{delivered, retried, gaveUp, withheld} {
		m.notifications.WithLabelValues(receiver, result)
	}
}

func (m *Metrics) count(receiver, result string) {
	m.notifications.WithLabelValues(receiver, result).Inc()
}
