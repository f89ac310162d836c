package config

import (
	"time"

	promconfig "github.com/prometheus/common/config"
)

// Prometheus is [prometheus]. Its durations have their defaults even where the
// table is not written: the grid of ticks is there without a Prometheus.
type Prometheus struct {
	// URLs are tried in order; empty means that no Prometheus is configured.
	URLs []string
	// PollInterval is the grid, at least a second.
	PollInterval time.Duration
	// Timeout is that of one query.
	Timeout time.Duration
	// MaxGap is the longest stretch without a known sample a window survives.
	MaxGap time.Duration
	// AcceptPartial takes answers with warnings that do not begin with "PromQL"
	// for known (partial = "accept").
	AcceptPartial bool
	// MaxBody is the longest answer in bytes, MaxSeries the most series in one.
	MaxBody   int64
	MaxSeries int
	// HTTP are the client's options, file names made absolute.
	HTTP promconfig.HTTPClientConfig

	// http are the options as they were written.
	http map[string]any
	// written tells that the table is there, with or without mistakes.
	written bool
	// pollWrong tells that poll_interval is refused: what depends on it is not looked at.
	pollWrong bool
}

// Configured tells whether there is a Prometheus to ask.
func (p Prometheus) Configured() bool { return len(p.URLs) > 0 }

func readPrometheus(root *table) Prometheus {
	t := root.orEmpty("prometheus", "[prometheus]")
	before := len(t.report.Errors)
	p := Prometheus{PollInterval: t.duration("poll_interval", 15*time.Second), written: root.has("prometheus")}
	if p.PollInterval < time.Second {
		t.errorf(t.key("poll_interval"), "must be at least 1s")
		p.PollInterval = time.Second
	}
	p.pollWrong = len(t.report.Errors) > before
	p.URLs = t.prometheusURLs()
	if p.written && len(p.URLs) == 0 && !t.has("url") && !t.has("urls") {
		t.missing("url", "")
	}
	p.Timeout = t.duration("timeout", p.PollInterval/2)
	if p.Timeout > p.PollInterval {
		t.errorf(t.key("timeout"), "must not be longer than poll_interval (%s)", durationText(p.PollInterval))
	}
	p.MaxGap = t.duration("max_gap", 3*p.PollInterval)
	if p.MaxGap < p.PollInterval {
		t.errorf(t.key("max_gap"), "must not be shorter than poll_interval (%s)", durationText(p.PollInterval))
	}
	t.withoutDefault("timeout", "max_gap")
	p.AcceptPartial = t.choice("partial", "unknown", "unknown", "accept") == "accept"
	p.MaxBody = t.size("max_body", 64<<20)
	p.MaxSeries = t.integer("max_series", 20000, 1)
	p.HTTP, p.http = t.httpClient("http")
	t.done()
	return p
}

func (t *table) prometheusURLs() []string {
	if t.has("url") && t.has("urls") {
		t.errorf(t.key("urls"), "url and urls are both written: keep one")
	}
	one := t.url("url", "http", "https")
	if t.has("urls") {
		list := t.strings("urls")
		for i, u := range list {
			t.checkURL(t.key("urls").index(i), u, "http", "https")
		}
		if len(list) == 0 {
			t.errorf(t.key("urls"), "must not be empty")
		}
		return list
	}
	if one != "" {
		return []string{one}
	}
	return nil
}
