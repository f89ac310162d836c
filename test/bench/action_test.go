package bench_test

import (
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rollbackd/rollbackd/test/world"
)

// rollbacks is how many decisions are measured: two a second, as many as may run
// at the same time by default.
const (
	rollbacks = 100
	apart     = time.Second / 2
)

// standIn answers every query like a Prometheus of many services, of which one
// after the other turns bad once begun.
type standIn struct{ begun chan time.Time }

func (s *standIn) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	bad := -1
	select {
	case at := <-s.begun:
		s.begun <- at
		bad = int(time.Since(at) / apart)
	default:
	}
	var series []string
	for i := range rollbacks {
		value := "0"
		if i <= bad {
			value = "1"
		}
		series = append(series, fmt.Sprintf(`{"metric":{"service":"s%d"},"value":[%d,%q]}`, i, time.Now().Unix(), value))
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = io.WriteString(w, `{"status":"success","data":{"resultType":"vector","result":[`+strings.Join(series, ",")+`]}}`) // the daemon has gone
}

// blackHole takes connections and never says a word.
func blackHole(b *testing.B) (url string) {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = l.Close() })
	go func() {
		var open []net.Conn
		for {
			c, err := l.Accept()
			if err != nil {
				for _, c := range open {
					_ = c.Close()
				}
				return
			}
			open = append(open, c)
		}
	}()
	return "http://" + l.Addr().String() + "/"
}

const actionConfig = `
[prometheus]
url           = "%s"
poll_interval = "1s"
[metrics]
broken = { query = "broken", unit = "count" }
[guards]
max_concurrent = 1000
max_per_hour   = 1000
correlated     = { services = 1000 }
[journal]
path = "%s/journal.db"
[web]
socket = "%s/s"
listen = "127.0.0.1:0"
`

// BenchmarkDecisionToAction is the time from the answer that confirms a rollback
// to the start of its first step, while no receiver answers anything.
func BenchmarkDecisionToAction(b *testing.B) {
	program, hole := build(b), blackHole(b)
	server := httptest.NewServer(&standIn{begun: make(chan time.Time, 1)})
	defer server.Close()
	stand := server.Config.Handler.(*standIn)
	dir := shortDir(b)
	text := fmt.Sprintf(actionConfig, server.URL, dir, dir)
	for i := range 5 {
		text += fmt.Sprintf("[receivers.r%d]\nwebhook = { url = %q }\n", i, hole)
	}
	for i := range rollbacks {
		text += fmt.Sprintf(serviceConfig, i)
	}
	d := startDaemon(b, program, dir, text)
	last := fmt.Sprintf("s%d", rollbacks-1)
	d.AwaitTrigger(b, last, "broken", time.Minute, world.InTruth("ok"))
	for b.Loop() {
		stand.begun <- time.Now()
		world.Await(b, "all rollbacks to have begun", 3*time.Minute, func() (bool, string) {
			n := d.Sum(b, "rollbackd_decision_to_action_seconds")
			return n >= rollbacks, fmt.Sprint(n)
		})
		<-stand.begun
	}
	p50 := 1000 * quantile(b, d, "rollbackd_decision_to_action_seconds", 0.5)
	p99 := 1000 * quantile(b, d, "rollbackd_decision_to_action_seconds", 0.99)
	b.ReportMetric(p99, "ms")
	report(fmt.Sprintf("confirmed to first step, %d times, receivers black-holed", rollbacks),
		fmt.Sprintf("p50 %.1f ms, p99 %.1f ms", p50, p99), "p99 at most 50 ms")
}

const serviceConfig = `
[services.s%[1]d]
deployment = { required = false }
triggers   = { broken = { when = "broken > 0.5 for 2s", severity = "critical" } }
[[services.s%[1]d.rollback.steps]]
name = "undo"
exec = ["true"]
`

func shortDir(b *testing.B) string {
	b.Helper()
	dir, err := os.MkdirTemp("", "rbd") // a unix socket's path must be short
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// startDaemon starts a daemon with the configuration; its socket is dir/s.
func startDaemon(b *testing.B, program, dir, config string) *world.Daemon {
	b.Helper()
	file := filepath.Join(dir, "rollbackd.toml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		b.Fatal(err)
	}
	return world.StartDaemon(b, world.DaemonOptions{
		Program: program, Config: file, Socket: filepath.Join(dir, "s"), Log: filepath.Join(dir, "log"),
		Flags: []string{"--log.level", "warn"},
	})
}

// quantile estimates a quantile of a histogram as histogram_quantile does: within
// a bucket the observations are taken to lie evenly.
func quantile(b *testing.B, d *world.Daemon, name string, q float64) float64 {
	b.Helper()
	h := d.Family(b, name).GetMetric()[0].GetHistogram()
	rank := q * float64(h.GetSampleCount())
	lower, below := 0.0, 0.0
	for _, bucket := range h.GetBucket() {
		n := float64(bucket.GetCumulativeCount())
		if n >= rank && n > below && !math.IsInf(bucket.GetUpperBound(), 1) {
			return lower + (bucket.GetUpperBound()-lower)*(rank-below)/(n-below)
		}
		lower, below = bucket.GetUpperBound(), n
	}
	return lower
}
