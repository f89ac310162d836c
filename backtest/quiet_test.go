package backtest_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbackd/rollbackd/backtest"
	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/source/prom"
	"github.com/rollbackd/rollbackd/trigger"
)

// mostlyQuiet is a metric that is well nearly always, with single breaches, bursts
// of them, and gaps, long and short.
func mostlyQuiet(seed uint64) func(metric string, from time.Time, ticks int) *prom.History {
	levels := map[string][2]float64{"error_rate": {0.001, 0.08}, "latency": {0.1, 0.9}}
	return func(metric string, from time.Time, ticks int) *prom.History {
		h := prom.NewHistory(from, tick, ticks, []string{"cart", "checkout", "search"})
		for s := range h.Services {
			r := rand.New(rand.NewPCG(seed, uint64(from.Unix())+uint64(100*len(metric)+s)))
			until, reading := 0, trigger.KnownValue(levels[metric][0])
			for i := range ticks {
				if i >= until {
					reading = trigger.KnownValue(levels[metric][0])
				}
				if i >= until && r.IntN(200) == 0 {
					until = i + 1 + r.IntN(40)*r.IntN(2)
					switch r.IntN(4) {
					case 0:
						reading = trigger.UnknownBecause("nan")
					case 1:
						reading = trigger.Reading{Presence: trigger.Missing}
					default:
						reading = trigger.KnownValue(levels[metric][1])
					}
				}
				h.Set(i, s, reading)
			}
		}
		return h
	}
}

// Nearly all ticks of a month are quiet, and the brain is not told of them. It must
// decide as if it had been.
func TestWhatIsLeftOutChangesNothing(t *testing.T) {
	const ticks = 2500
	firings, rollbacks, closed := 0, 0, 0
	for seed := range uint64(40) {
		r := rand.New(rand.NewPCG(seed, 3))
		config := agreeing
		o := backtest.Options{From: midday(), To: midday().Add(ticks * tick)}
		for _, name := range []string{"cart", "checkout", "search"} {
			config += randomService(r, name)
			for i, at := 2, r.IntN(300); at < ticks; i, at = i+1, at+100+r.IntN(400) {
				d := deployed(name, fmt.Sprintf("v%d", i), fmt.Sprintf("v%d", i-1), at)
				d.At = d.At.Add(time.Duration(r.IntN(2)*7) * time.Second)
				o.Deployments = append(o.Deployments, d)
			}
		}
		o.Variants = variants(t, config)
		o.Transport = newPrometheus()
		whole, _, err := backtest.PlayMade(backtest.EveryTick(o), time.Now, mostlyQuiet(seed))
		if err != nil {
			t.Fatal(err)
		}
		part, _, err := backtest.PlayMade(o, time.Now, mostlyQuiet(seed))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(whole, part); diff != "" {
			t.Fatalf("seed %d (-told of every tick +told of what matters):\n%s", seed, diff)
		}
		totals := whole.Results[0].Totals
		firings, rollbacks = firings+totals.Firings, rollbacks+totals.Rollbacks
		for _, s := range whole.Results[0].Services {
			for _, inc := range s.Incidents {
				if inc.State == incident.Closed {
					closed++
				}
			}
		}
	}
	if firings < 200 || rollbacks < 20 || closed < 100 {
		t.Errorf("%d firings, %d rollbacks, %d closed incidents: these worlds prove too little", firings, rollbacks, closed)
	}
	t.Logf("%d firings, %d rollbacks, %d closed incidents", firings, rollbacks, closed)
}
