package main

import (
	"fmt"
	"math"
	"testing"
	"time"
)

// judge plays one world with one trigger.
func judge(t *testing.T, when string, w *world) (time.Duration, bool) {
	t.Helper()
	p, err := newPlayer(contender{when: when})
	if err != nil {
		t.Fatal(err)
	}
	return p.play(w, w.read())
}

// TestDelayIsWhatArithmeticSays compares what the brain does at high traffic with
// what can be worked out: with k of the n intervals of a range after the
// deployment, the ratio is the usual one plus k/n of the fault. The window opens
// at the first tick at which that is over the threshold, and is full its length
// later, which is a tick again.
func TestDelayIsWhatArithmeticSays(t *testing.T) {
	for _, c := range []struct {
		metric    string
		intervals float64 // that the range holds
		threshold float64
		hold      time.Duration
		errors    float64
	}{
		{"error_rate", 3, 0.01, 2 * time.Minute, 1}, // 2:15
		{"error_rate", 3, 0.01, time.Minute, 1},
		{"error_rate", 3, 0.01, 5 * time.Minute, 0.2},
		{"error_rate", 3, 0.01, 2 * time.Minute, 0.02}, // 2:30: one interval of three is not enough
		{"error_rate", 3, 0.05, time.Minute, 0.2},
		{"error_rate_5m", 19, 0.01, 2 * time.Minute, 0.05},
		{"error_rate_5m", 19, 0.01, 2 * time.Minute, 0.04}, // 3:15: the long range waits for a quarter of itself
		{"error_rate_5m", 19, 0.01, 5 * time.Minute, 1},
	} {
		breaches := math.Ceil(c.intervals * (c.threshold - usualErrors) / (c.errors * (1 - usualErrors)))
		want := time.Duration(breaches)*tick + c.hold
		when := fmt.Sprintf("%s > %v%% for %s", c.metric, 100*c.threshold, c.hold)
		w := drawWorld(newDraw(1, 0, when), setting{noise: quiet, rate: 5000, fault: fault{errors: c.errors}})
		if got, rolledBack := judge(t, when, w); !rolledBack || got != want {
			t.Errorf("%s at %v errors: rolled back %v after %s, want after %s", when, c.errors, rolledBack, got, want)
		}
	}
}

func TestDelayOfTheOtherKinds(t *testing.T) {
	for _, c := range []struct {
		when  string
		fault fault
		want  time.Duration
	}{
		// The fifth tick that breaches, the first of them at 0:15.
		{"error_rate > 1% in 5 of 8 samples", fault{errors: 1}, 5 * tick},
		// The windows run during the warm-up of five minutes, and fire at its end.
		{"latency_p99 > 500ms for 2m", fault{errors: 1}, 5 * time.Minute},
		{"latency_p99 > 500ms for 5m", fault{errors: 1}, tick + 5*time.Minute},
		{"error_rate > 1% and latency_p99 > 500ms for 2m", fault{errors: 1}, 5 * time.Minute},
		// That of health conditions is two minutes; a check comes right then.
		{"3 consecutive health failures", fault{errors: 1}, 2 * time.Minute},
		{"health failing", fault{errors: 1}, 2 * time.Minute},
		// The last tick with two samples in its range is that at 0:30.
		{"error_rate absent for 2m", fault{gone: true}, 3*tick + 2*time.Minute},
	} {
		w := drawWorld(newDraw(1, 0, c.when), setting{noise: quiet, rate: 500, fault: c.fault})
		if got, rolledBack := judge(t, c.when, w); !rolledBack || got != c.want {
			t.Errorf("%s: rolled back %v after %s, want after %s", c.when, rolledBack, got, c.want)
		}
	}
}

func TestKeysReachTheTrigger(t *testing.T) {
	w := drawWorld(newDraw(1, 0, "keys"), setting{noise: quiet, rate: 500, fault: fault{errors: 1}})
	for _, c := range []struct {
		contender contender
		want      time.Duration
	}{
		{contender{when: "latency_p99 > 500ms for 2m", keys: `warm_up = "0s"`}, tick + 2*time.Minute},
		// At 500 requests a second a million are there after 2000 s.
		{contender{when: "error_rate > 1% for 2m", keys: "min_requests = 1000000"}, 2010 * time.Second},
	} {
		p, err := newPlayer(c.contender)
		if err != nil {
			t.Fatal(err)
		}
		got, rolledBack := p.play(w, w.read())
		if off := (got - c.want).Abs(); !rolledBack || off > tick {
			t.Errorf("%s: rolled back %v after %s, want after %s", c.contender, rolledBack, got, c.want)
		}
	}
}

func TestAHealthyVersionStays(t *testing.T) {
	for _, c := range contenders() {
		if c.keys != "" && c.when == "latency_p99 > 500ms for 2m" {
			continue // without its warm-up it takes cold caches for a fault: that is what it is measured for
		}
		p, err := newPlayer(c)
		if err != nil {
			t.Fatal(err)
		}
		for number := range 5 {
			w := drawWorld(newDraw(1, number, "healthy"), setting{noise: quiet, rate: 50})
			if after, rolledBack := p.play(w, w.read()); rolledBack {
				t.Errorf("%s: deployment %d was rolled back after %s", c, number, after)
			}
		}
	}
}

// TestWhatBeganBeforeIsNotBlamed has a burst around the deployment. Had it begun
// with the deployment, it would be held against it.
func TestWhatBeganBeforeIsNotBlamed(t *testing.T) {
	ticks := int((fillBefore + lookBefore + watchAfter) / tick)
	for _, c := range []struct {
		from time.Duration
		want bool
	}{{-5 * time.Minute, false}, {0, true}} {
		n := drawShares(newDraw(1, 0, "burst"), quiet, -(fillBefore + lookBefore), ticks)
		n.bursts = []burst{{c.from, 10 * time.Minute}}
		w := drawUnder(newDraw(1, 1, "burst"), setting{noise: quiet, rate: 50}, n)
		if after, rolledBack := judge(t, "error_rate > 1% for 2m", w); rolledBack != c.want {
			t.Errorf("a burst from %s on: rolled back %v after %s, want %v", c.from, rolledBack, after, c.want)
		}
	}
}

func TestAConfigurationThatIsWrongSaysSo(t *testing.T) {
	if _, err := newPlayer(contender{when: "error_rat > 1%"}); err == nil {
		t.Error("a trigger on an unknown metric makes a player, want an error")
	}
}
