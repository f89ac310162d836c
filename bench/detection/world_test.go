package main

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbackd/rollbackd/trigger"
)

func TestBucketsHoldAllRequests(t *testing.T) {
	for _, median := range []float64{latencyMedian, coldMedian, failedMedian} {
		sum := 0.0
		for _, share := range bucketShares(median) {
			if share < 0 {
				t.Errorf("median %v: a bucket has the share %v", median, share)
			}
			sum += share
		}
		wantNear(t, "sum of the shares", sum, 1, 1e-12)
	}
	// ln(500 ms / 80 ms) is 3.665 standard deviations.
	slow, healthy := 0.0, bucketShares(latencyMedian)
	for _, share := range healthy[5:] {
		slow += share
	}
	wantNear(t, "share of healthy requests over 500 ms", slow, 0.000124, 0.01)
}

// TestWorldHasItsTraffic counts what many worlds had.
func TestWorldHasItsTraffic(t *testing.T) {
	var before, after interval
	failed, checks := 0, 0
	const worlds = 40
	for number := range worlds {
		w := drawWorld(newDraw(1, number, "traffic"), setting{noise: quiet, rate: 50, fault: fault{errors: 0.05}})
		for i, x := range w.intervals {
			sum := &before
			if w.first+time.Duration(i)*tick > 0 {
				sum = &after
			}
			sum.total, sum.bad = sum.total+x.total, sum.bad+x.bad
		}
		for _, c := range w.checks {
			if c.at > 0 {
				checks++
				if c.failed {
					failed++
				}
			}
		}
	}
	hour := watchAfter.Seconds()
	wantNear(t, "requests a second", float64(after.total)/worlds/hour, 50, 0.005)
	wantNear(t, "errors before the deployment", float64(before.bad)/float64(before.total), usualErrors, 0.1)
	wantNear(t, "errors after it", float64(after.bad)/float64(after.total), 0.05+0.95*usualErrors, 0.02)
	wantNear(t, "failed checks", float64(failed)/float64(checks), 0.05+0.95*usualErrors, 0.1)
	wantNear(t, "checks an hour", float64(checks)/worlds, instances*hour/checkEvery.Seconds(), 0.01)
}

func TestAVersionThatIsGoneIsNotSeen(t *testing.T) {
	w := drawWorld(newDraw(1, 0, "gone"), setting{noise: quiet, rate: 50, fault: fault{gone: true}})
	r := w.read()
	var there []bool
	for at := -tick; at <= 4*tick; at += tick {
		there = append(there, r["error_rate"][w.tickAt(at)].there)
	}
	// A range of a minute holds two samples until 30 s after the last scrape.
	if diff := cmp.Diff([]bool{true, true, true, true, false, false}, there); diff != "" {
		t.Errorf("which ticks have a series (-want +got):\n%s", diff)
	}
	for _, c := range w.checks {
		if c.at > 0 {
			t.Fatalf("a check at %s, after the crash", c.at)
		}
	}
}

func TestReadingsAreWhatPrometheusWouldSay(t *testing.T) {
	x := func(total, bad int) interval { return interval{scraped: true, total: total, bad: bad} }
	w := &world{first: tick, intervals: []interval{x(1, 1), x(10, 0), x(20, 0), x(30, 6), {}, {}, {}, {}}}
	want := []struct {
		there bool
		value trigger.Reading
	}{
		{false, trigger.Reading{}}, // one sample is no rate
		{true, ratio(0, 10, 15)},
		{true, ratio(0, 30, 30)},
		{true, ratio(6, 60, 45)}, // the oldest of the four samples is where the growth begins
		{true, ratio(6, 50, 30)},
		{true, ratio(6, 30, 15)},
		{false, trigger.Reading{}},
		{false, trigger.Reading{}},
	}
	for i, c := range want {
		got := w.errorRatio(i, time.Minute)
		if diff := cmp.Diff(c.value, got.Reading); diff != "" || got.there != c.there {
			t.Errorf("tick %d: there %v, want %v; reading (-want +got):\n%s", i, got.there, c.there, diff)
		}
	}
	idle := &world{first: tick, intervals: []interval{x(0, 0), x(0, 0)}}
	if got := idle.errorRatio(1, time.Minute); got.Presence != trigger.Unknown || got.Reason != "no_traffic" || !got.there {
		t.Errorf("without traffic: %+v, want unknown because of no_traffic", got)
	}
	if got := idle.latency(1, time.Minute, 0.99); got.Presence != trigger.Unknown {
		t.Errorf("the latency of no request: %+v, want unknown", got)
	}
}

func ratio(bad, total int, seconds float64) trigger.Reading {
	r := trigger.KnownValue(float64(bad) / float64(total))
	r.Total, r.HasTotal = float64(total)/seconds, true
	return r
}

func TestQuantileInterpolates(t *testing.T) {
	// The buckets end at 25 ms, 50 ms, 100 ms, 250 ms, 500 ms, 1 s, 2.5 s, 5 s, never.
	for _, c := range []struct {
		name string
		slow [latencyBuckets + 1]int
		q    float64
		want float64
	}{
		{"within the first", [latencyBuckets + 1]int{100}, 0.5, 0.0125},
		{"at a bound", [latencyBuckets + 1]int{50, 50}, 0.5, 0.025},
		{"in the middle", [latencyBuckets + 1]int{0, 0, 90, 0, 10}, 0.95, 0.375},
		{"one in a hundred is not above p99", [latencyBuckets + 1]int{0, 0, 0, 0, 99, 1}, 0.99, 0.5},
		{"two in a hundred are", [latencyBuckets + 1]int{0, 0, 0, 0, 98, 2}, 0.99, 0.75},
		{"beyond the last bound", [latencyBuckets + 1]int{1, 0, 0, 0, 0, 0, 0, 0, 99}, 0.99, 5},
	} {
		x := interval{slow: c.slow}
		for _, n := range c.slow {
			x.total += n
		}
		if got := quantile(x, c.q); math.Abs(got-c.want) > 1e-9 {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

func TestColdCachesAreSlowForAWhile(t *testing.T) {
	slow := 0
	const worlds = 200
	for number := range worlds {
		w := drawWorld(newDraw(1, number, "cold"), setting{noise: quiet, rate: 500})
		r := w.read()["latency_p99"]
		if before := r[w.tickAt(-tick)]; before.Value < 0.2 || before.Value > 0.4 {
			t.Fatalf("p99 before the deployment is %v, want about a quarter of a second", before.Value)
		}
		if r[w.tickAt(2*time.Minute)].Value > 0.5 {
			slow++
		}
	}
	// The range is from 75 s to 120 s. One in fourteen cold requests takes longer
	// than 500 ms, so that one in a hundred does where the caches were cold until
	// 81 s: ln(81/60) is 0.6 standard deviations.
	wantNear(t, "share that is slow after two minutes", float64(slow)/worlds, 0.274, 0.25)
}
