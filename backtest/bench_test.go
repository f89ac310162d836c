package backtest_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rollbackd/rollbackd/backtest"
	"github.com/rollbackd/rollbackd/source/prom"
	"github.com/rollbackd/rollbackd/trigger"
)

// hundred is a configuration of a hundred services with three triggers each.
func hundred() string {
	var b strings.Builder
	b.WriteString(`
[prometheus]
url = "http://prometheus:9090"
[metrics]
error_rate = { query = 'error_rate', unit = "ratio" }
latency = { query = 'latency', unit = "seconds" }
saturation = { query = 'saturation', unit = "ratio" }
`)
	for i := range 100 {
		fmt.Fprintf(&b, `
[services.s%02d]
triggers.errors = { when = "error_rate > 1%% for 2m", severity = "critical" }
triggers.slow = { when = "latency > 500ms for 5m", severity = "high" }
triggers.full = { when = "saturation > 90%% in 8 of 10 samples", severity = "medium" }
rollback.steps = [{ name = "undo", exec = ["/bin/true"] }]
deployment = { required = false }
`, i)
	}
	return b.String()
}

// noisy is a metric that every service has, with noise that now and then breaches
// for a tick, and an hour of one service in which it breaches all the time.
func noisy(metric string, from time.Time, ticks int) *prom.History {
	names := make([]string, 100)
	for i := range names {
		names[i] = fmt.Sprintf("s%02d", i)
	}
	base := map[string]float64{"error_rate": 0.004, "latency": 0.2, "saturation": 0.4}[metric]
	h := prom.NewHistory(from, tick, ticks, names)
	random := rand.New(rand.NewPCG(uint64(from.Unix()), uint64(len(metric))))
	for s := range names {
		for i := range ticks {
			v := base * (1 + random.NormFloat64()/4)
			if random.IntN(500) == 0 || i/240 == s && s%10 == 0 {
				v = base * 3
			}
			h.Set(i, s, trigger.KnownValue(max(0, v)))
		}
	}
	return h
}

// processor is how much processor time this process has taken.
func processor(b *testing.B) time.Duration {
	b.Helper()
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// BenchmarkThirtyDays plays 30 days at 15 s for 100 services with three triggers
// each. The seconds it reports are those of playing: the brain, its carrier, and
// the survey of gaps.
func BenchmarkThirtyDays(b *testing.B) {
	path := write(b, hundred())
	for b.Loop() {
		before := processor(b)
		v, err := backtest.Variants(path, nil, nil)
		if err != nil {
			b.Fatal(err)
		}
		o := backtest.Options{Variants: v, From: midday(), To: midday().Add(30 * 24 * time.Hour)}
		report, took, err := backtest.PlayMade(o, time.Now, noisy)
		if err != nil {
			b.Fatal(err)
		}
		if got := report.Results[0].Totals.Firings; got == 0 {
			b.Fatal("nothing fired")
		}
		b.ReportMetric(took.Seconds(), "play-s/op")
		b.ReportMetric((processor(b) - before).Seconds(), "cpu-s/op") // making the history included
		b.ReportMetric(float64(report.Results[0].Totals.Firings), "firings")
	}
}
