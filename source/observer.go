package source

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Observer counts what the sources see of themselves. One Observer is shared by
// all sources of a daemon; it is safe for concurrent use. A nil *Observer counts
// nothing.
type Observer struct {
	up       *prometheus.GaugeVec
	errors   *prometheus.CounterVec
	notes    *prometheus.CounterVec
	blind    *prometheus.CounterVec
	skipped  prometheus.Counter
	received *prometheus.CounterVec
	rejected *prometheus.CounterVec
}

// NewObserver builds the metrics and registers them. Its error is the
// registerer's: the same metrics were registered there before.
func NewObserver(r prometheus.Registerer) (*Observer, error) {
	o := &Observer{
		up: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "rollbackd_source_up", Help: "Whether the source answered when it was last asked.",
		}, []string{"source"}),
		errors:   counterVec("rollbackd_source_errors_total", "Errors of a source, by reason.", "source", "reason"),
		notes:    counterVec("rollbackd_source_notes_total", "Warnings and infos that came with usable answers.", "source", "kind"),
		blind:    counterVec("rollbackd_blind_seconds_total", "Seconds in which the source could not be seen through.", "source"),
		received: counterVec("rollbackd_events_received_total", "Events received, good or bad.", "kind"),
		rejected: counterVec("rollbackd_events_rejected_total", "Events refused, by reason.", "reason"),
		skipped: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "rollbackd_evaluations_skipped_total", Help: "Ticks of the grid that were skipped because the one before overran.",
		}),
	}
	for _, c := range []prometheus.Collector{o.up, o.errors, o.notes, o.blind, o.skipped, o.received, o.rejected} {
		if err := r.Register(c); err != nil {
			return nil, err
		}
	}
	return o, nil
}

func counterVec(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
}

// SetUp records that the source answers.
func (o *Observer) SetUp(source string) { o.setUp(source, 1) }

// SetDown records that the source does not answer.
func (o *Observer) SetDown(source string) { o.setUp(source, 0) }

// Forget takes back what was said of a source that is no longer configured: it is
// neither up nor down.
func (o *Observer) Forget(source string) {
	if o != nil {
		o.up.DeleteLabelValues(source)
	}
}

func (o *Observer) setUp(source string, value float64) {
	if o != nil {
		o.up.WithLabelValues(source).Set(value)
	}
}

// Failed counts one error.
func (o *Observer) Failed(source, reason string) { o.FailedTimes(source, reason, 1) }

// FailedTimes counts n errors of one reason.
func (o *Observer) FailedTimes(source, reason string, n int) {
	if o != nil && n > 0 {
		o.errors.WithLabelValues(source, reason).Add(float64(n))
	}
}

// Noted counts a warning or info of an answer that is used all the same.
func (o *Observer) Noted(source, kind string) {
	if o != nil {
		o.notes.WithLabelValues(source, kind).Inc()
	}
}

// Blind adds time in which the source showed nothing.
func (o *Observer) Blind(source string, d time.Duration) {
	if o != nil && d > 0 {
		o.blind.WithLabelValues(source).Add(d.Seconds())
	}
}

// Skipped counts n ticks that were skipped.
func (o *Observer) Skipped(n int) {
	if o != nil && n > 0 {
		o.skipped.Add(float64(n))
	}
}

// Received counts an event of a kind: health, deploy, signal.
func (o *Observer) Received(kind string) {
	if o != nil {
		o.received.WithLabelValues(kind).Inc()
	}
}

// Rejected counts an event that was refused.
func (o *Observer) Rejected(reason string) {
	if o != nil {
		o.rejected.WithLabelValues(reason).Inc()
	}
}
