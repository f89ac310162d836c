package bench_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/rollbackd/rollbackd/test/world"
)

// BenchmarkIdle is the memory of a daemon that watches ten healthy services, on a
// real Prometheus and a real NATS server, and whose metrics are read every second:
// more often, and the reading would be what is measured. Its own is what is not a
// page of the program's file; of that file the kernel maps more than is used, and
// how much more depends on the kernel and on how the file was written.
func BenchmarkIdle(b *testing.B) {
	const services, ticks = 10, 45
	var targets []string
	text := ""
	for i := range services {
		s := world.NewService(b, fmt.Sprintf("s%d", i))
		targets = append(targets, s.Target())
		text += fmt.Sprintf(idleService, s.Name, s.Dir)
	}
	prometheus, bus, dir := world.NewPrometheus(b, world.PrometheusOptions{}, targets...), world.NewBus(b), shortDir(b)
	d := startDaemon(b, build(b), dir, fmt.Sprintf(idleConfig, prometheus.URL, bus.URL, dir)+text)
	c := bus.Connect(b)
	for i := range services {
		s := world.Service{Name: fmt.Sprintf("s%d", i)}
		s.Heartbeat(b, c, "i1", time.Second)
	}
	d.AwaitTrigger(b, "s9", "errors", time.Minute, world.InTruth("ok"))
	var now, most int64
	var asked time.Time
	n := 0.0
	for b.Loop() {
		world.Await(b, "some time to pass", 2*time.Minute, func() (bool, string) {
			now = d.Memory(b, "VmRSS")
			most = max(most, now)
			if time.Since(asked) >= time.Second {
				asked, n = time.Now(), d.Sum(b, "rollbackd_evaluation_duration_seconds")
			}
			return n >= ticks, fmt.Sprint(n)
		})
	}
	resident := float64(now) / mb
	own := float64(d.Memory(b, "RssAnon")) / mb
	b.ReportMetric(resident, "MB")
	b.ReportMetric(own, "MB-own")
	report(fmt.Sprintf("idle with %d services, RSS", services),
		fmt.Sprintf("%.1f MB (%.1f MB at its most; %.1f MB its own)", resident, float64(most)/mb, own), "at most 32 MB")
}

const idleConfig = `
[prometheus]
url           = "%s"
poll_interval = "1s"
[nats]
url = "%s"
[metrics]
error_rate  = { bad = 'sum by (service) (rate(http_requests_total{code=~"5.."}[10s]))', total = 'sum by (service) (rate(http_requests_total[10s]))' }
latency_p99 = 'histogram_quantile(0.99, sum by (service, le) (rate(http_request_duration_seconds_bucket[10s])))'
[receivers.ops]
webhook = { url = "http://127.0.0.1:9/" }
[journal]
path = "%[3]s/journal.db"
[web]
socket = "%[3]s/s"
listen = "127.0.0.1:0"
`

const idleService = `
[services.%[1]s]
deployment = { symlink = "%[2]s/current" }
[services.%[1]s.triggers]
errors = { when = "error_rate > 1%% for 10s",      severity = "critical" }
slow   = { when = "latency_p99 > 500ms for 10s",   severity = "high" }
health = { when = "3 consecutive health failures", severity = "critical" }
[[services.%[1]s.rollback.steps]]
name = "restart"
exec = ["true"]
`
