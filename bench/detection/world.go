package main

import (
	"math"
	"math/rand/v2"
	"time"
)

// The times of a simulated deployment: it happens at zero, is watched for an hour
// (the default blame window), and rollbackd has been looking on before.
const (
	lookBefore = 10 * time.Minute
	watchAfter = time.Hour
	// fillBefore is how long the counters count before rollbackd first looks, so
	// that its longest range is full.
	fillBefore = 5 * time.Minute
)

// fault is what a version does.
type fault struct {
	// errors is the share of requests that fails from the deployment on.
	errors float64
	// gone: it crashes at once and is not seen again, neither by a scrape nor by a
	// health check.
	gone bool
}

// setting is what deployments are simulated under.
type setting struct {
	noise noise
	// rate is requests a second, all instances together.
	rate  float64
	fault fault
}

// interval is what the counters counted between two scrapes.
type interval struct {
	// scraped tells that the scrape at its end found the service.
	scraped    bool
	total, bad int
	// slow is how many requests fell into each bucket of the latency histogram.
	slow [latencyBuckets + 1]int
}

// check is one health check.
type check struct {
	at       time.Duration
	instance int
	failed   bool
}

// world is one deployment as it happened, whoever looks at it.
type world struct {
	// first is the time of the end of the first interval.
	first     time.Duration
	intervals []interval
	checks    []check
}

// The latency of requests is lognormal; p99 of a healthy service is about 250 ms.
// Requests that fail take ten times as long, and for a while after a deployment,
// while caches are cold, the others three times.
const (
	latencyMedian = 0.080
	failedMedian  = 0.800
	coldMedian    = 0.240
	latencySigma  = 0.5

	coldFor      = time.Minute // the median
	coldForSigma = 0.5         // of the logarithm

	latencyBuckets = 8
)

// bounds are the upper bounds of the latency histogram, in seconds: those of the
// Prometheus client libraries that matter here. One more bucket has no bound.
func bounds() [latencyBuckets]float64 { return [...]float64{0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5} }

// bucketShares is how a lognormal latency falls into the buckets.
func bucketShares(median float64) (shares buckets) {
	below := 0.0
	for i, bound := range bounds() {
		upTo := 0.5 * math.Erfc(-math.Log(bound/median)/latencySigma/math.Sqrt2)
		shares[i], below = upTo-below, upTo
	}
	shares[latencyBuckets] = 1 - below
	return shares
}

// buckets is which share of requests falls into each bucket.
type buckets [latencyBuckets + 1]float64

// mixed is the buckets where so large a share of the requests is cold.
func mixed(warm, cold buckets, share float64) buckets {
	for i := range warm {
		warm[i] += share * (cold[i] - warm[i])
	}
	return warm
}

// drawWorld draws one deployment.
func drawWorld(r *rand.Rand, s setting) *world {
	ticks := int((fillBefore + lookBefore + watchAfter) / tick)
	return drawUnder(r, s, drawShares(r, s.noise, -(fillBefore+lookBefore), ticks))
}

// drawUnder draws one deployment under a noise that is already drawn.
func drawUnder(r *rand.Rand, s setting, n shares) *world {
	coldUntil := time.Duration(float64(coldFor) * math.Exp(coldForSigma*r.NormFloat64()))
	w := &world{first: n.from + tick, intervals: make([]interval, len(n.rate))}
	warm, cold, failed := bucketShares(latencyMedian), bucketShares(coldMedian), bucketShares(failedMedian)
	for i := range w.intervals {
		to := w.first + time.Duration(i)*tick
		share, good := n.during(to-tick, to), warm
		if to > 0 {
			if s.fault.gone {
				break
			}
			share = either(share, s.fault.errors)
			good = mixed(warm, cold, max(0, min(1, (coldUntil-(to-tick)).Seconds()/tick.Seconds())))
		}
		w.intervals[i] = drawInterval(r, s.rate*tick.Seconds(), share, good, failed)
	}
	w.checks = drawChecks(r, n, s.fault)
	return w
}

// drawInterval draws the requests of one interval. Each bucket of good and of
// failed requests is a Poisson number of its own, which is the same as a Poisson
// number of requests of which each fails, and is slow, by chance.
func drawInterval(r *rand.Rand, expected, share float64, good, failed buckets) interval {
	x := interval{scraped: true}
	for i := range x.slow {
		ok, bad := poisson(r, expected*(1-share)*good[i]), poisson(r, expected*share*failed[i])
		x.slow[i] = ok + bad
		x.total += ok + bad
		x.bad += bad
	}
	return x
}

// The health checks: a request to each instance, which fails as any other does.
const (
	instances  = 3
	checkEvery = 10 * time.Second
)

func drawChecks(r *rand.Rand, n shares, f fault) []check {
	var checks []check
	for round := -lookBefore; round <= watchAfter; round += checkEvery {
		for i := range instances {
			at := round + time.Duration(i)*checkEvery/instances
			if at > 0 && f.gone {
				return checks
			}
			share := n.at(at)
			if at > 0 {
				share = either(share, f.errors)
			}
			checks = append(checks, check{at: at, instance: i, failed: r.Float64() < share})
		}
	}
	return checks
}
