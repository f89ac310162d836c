package bench_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/rollbackd/rollbackd/test/world"
)

// peerOptions are the settings that decide how late an alert is.
type peerOptions struct{ name, evaluation, wait, interval string }

// peer starts a Prometheus with the alert and an Alertmanager that posts it.
func peer(b *testing.B, recorder string, o peerOptions, targets []string) *world.Prometheus {
	b.Helper()
	rules := filepath.Join(b.TempDir(), "rules.yml")
	if err := os.WriteFile(rules, []byte(alertRule), 0o600); err != nil {
		b.Fatal(err)
	}
	a := world.NewAlertmanager(b, recorder+"/alert/"+o.name, o.wait, o.interval)
	return world.NewPrometheus(b, world.PrometheusOptions{
		Evaluation: o.evaluation,
		More: fmt.Sprintf("rule_files: [%q]\nalerting:\n  alertmanagers:\n    - static_configs:\n        - targets: [%q]\n",
			rules, a.Address),
	}, targets...)
}

const overshootConfig = `
[prometheus]
url           = "%s"
poll_interval = "1s"
[metrics]
error_rate = { bad = 'sum by (service) (rate(http_requests_total{code=~"5.."}[10s]))', total = 'sum by (service) (rate(http_requests_total[10s]))' }
[guards]
max_concurrent = 100
max_per_hour   = 1000
correlated     = { services = 1000 }
[journal]
path = "%[2]s/journal.db"
[web]
socket = "%[2]s/s"
listen = "127.0.0.1:0"
`

const overshootService = `
[services.%[1]s]
deployment = { required = false }
triggers   = { errors = { when = "error_rate > 1%% for 10s", severity = "critical" } }
[[services.%[1]s.rollback.steps]]
name = "undo"
http = { method = "POST", url = "%[2]s/act/%[1]s" }
`
