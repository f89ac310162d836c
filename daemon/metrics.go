package daemon

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/collectors/version"
)

// newRegistry makes the registry of one run, with what every Go program shows.
func newRegistry() *prometheus.Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		version.NewCollector("rollbackd"),
	)
	return r
}

// reloads shows whether the file on disk is the configuration in force.
type reloads struct{ ok, at prometheus.Gauge }

func newReloads(r prometheus.Registerer) reloads {
	m := reloads{
		ok: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "rollbackd_config_last_reload_successful",
			Help: "Whether the last attempt to load the configuration worked.",
		}),
		at: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "rollbackd_config_last_reload_success_timestamp_seconds",
			Help: "When the configuration in force was loaded.",
		}),
	}
	r.MustRegister(m.ok, m.at)
	return m
}

// note records one attempt.
func (m reloads) note(now time.Time, err error) {
	if err != nil {
		m.ok.Set(0)
		return
	}
	m.ok.Set(1)
	m.at.Set(float64(now.UnixMilli()) / 1000)
}
