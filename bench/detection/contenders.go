package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/rollbackd/rollbackd/config"
	"github.com/rollbackd/rollbackd/incident"
)

// contender is a trigger that is measured.
type contender struct {
	when string
	// keys are further keys of the trigger, as TOML; empty leaves all at their
	// defaults.
	keys string
}

// String is the trigger as the page shows it.
func (c contender) String() string {
	if c.keys != "" {
		return c.when + ", " + c.keys
	}
	return c.when
}

// contenders are the triggers that are measured, in the order of the page.
func contenders() []contender {
	const counted = "min_requests = 100"
	return []contender{
		{when: "error_rate > 1% for 1m"},
		{when: "error_rate > 1% for 1m", keys: counted},
		{when: "error_rate > 1% for 2m"},
		{when: "error_rate > 1% for 2m", keys: counted},
		{when: "error_rate > 1% for 5m"},
		{when: "error_rate > 1% for 5m", keys: counted},
		{when: "error_rate > 1% in 5 of 8 samples"},
		{when: "error_rate > 1% in 5 of 8 samples", keys: counted},
		{when: "error_rate > 5% for 1m"},
		{when: "error_rate > 5% for 1m", keys: counted},
		{when: "error_rate > 5% for 2m"},
		{when: "error_rate > 5% for 5m"},
		{when: "error_rate > 50% for 1m"},
		{when: "error_rate_5m > 1% for 2m"},
		{when: "error_rate_5m > 1% for 5m"},
		{when: "latency_p99 > 500ms for 2m"},
		{when: "latency_p99 > 500ms for 2m", keys: `warm_up = "0s"`},
		{when: "latency_p99 > 500ms for 5m"},
		{when: "error_rate > 1% and latency_p99 > 500ms for 2m"},
		{when: "3 consecutive health failures"},
		{when: "health failing"},
		{when: "error_rate absent for 2m"},
	}
}

// healthAlone tells that the traffic makes no difference to the trigger.
func (c contender) healthAlone() bool { return strings.Contains(c.when, "health") }

// service is the one service of a simulated world.
const service = "shop"

// configuration is that of the README with one trigger, everything else left at
// its default. The trigger is critical, so that nothing but the trigger itself
// takes time.
const configuration = `
[prometheus]
url = "http://127.0.0.1:9090"

[nats]
url = "nats://127.0.0.1:4222"

[metrics]
error_rate    = { bad = 'sum by (service) (rate(http_requests_total{code=~"5.."}[1m]))', total = 'sum by (service) (rate(http_requests_total[1m]))' }
error_rate_5m = { bad = 'sum by (service) (rate(http_requests_total{code=~"5.."}[5m]))', total = 'sum by (service) (rate(http_requests_total[5m]))' }
latency_p99   = { query = 'histogram_quantile(0.99, sum by (service, le) (rate(http_request_duration_seconds_bucket[1m])))', unit = "seconds" }

[receivers.ops]
webhook = { url = "http://127.0.0.1:9999/hook" }

[services.shop.triggers]
bad = { when = %q, severity = "critical"%s }

[services.shop.deployment]
symlink = "/srv/shop/current"

[[services.shop.rollback.steps]]
name    = "previous release"
symlink = { link = "/srv/shop/current", to = "/srv/shop/releases/${target_version}" }
`

// options are what the brain gets.
func (c contender) options() (incident.Options, error) {
	keys := c.keys
	if keys != "" {
		keys = ", " + keys
	}
	loaded, report := config.Parse("detection.toml", fmt.Appendf(nil, configuration, c.when, keys))
	if loaded == nil {
		var lines []string
		for _, p := range report.Errors {
			lines = append(lines, p.String())
		}
		return incident.Options{}, errors.New(strings.Join(lines, "\n"))
	}
	return loaded.BrainOptions(), nil
}
