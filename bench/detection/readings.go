package main

import (
	"math"
	"time"

	"github.com/rollbackd/rollbackd/trigger"
)

// readings are what Prometheus answers for each tick of a world, by metric.
type readings map[string][]reading

// reading is an answer for the service; false where it has no series.
type reading struct {
	trigger.Reading
	there bool
}

// read asks a world for every metric that the contenders look at.
func (w *world) read() readings {
	all := readings{}
	for name, m := range metrics() {
		list := make([]reading, len(w.intervals))
		for i := range w.intervals {
			list[i] = m(w, i)
		}
		all[name] = list
	}
	return all
}

// tickAt is the newest tick at a moment.
func (w *world) tickAt(at time.Duration) int {
	return max(0, min(int((at-w.first)/tick), len(w.intervals)-1))
}

// metrics are the metrics by their names in the configuration.
func metrics() map[string]func(*world, int) reading {
	return map[string]func(*world, int) reading{
		"error_rate":    func(w *world, i int) reading { return w.errorRatio(i, time.Minute) },
		"error_rate_5m": func(w *world, i int) reading { return w.errorRatio(i, 5*time.Minute) },
		"latency_p99":   func(w *world, i int) reading { return w.latency(i, time.Minute, 0.99) },
	}
}

// over adds up what rate() sees over a range that ends with tick i. A range of a
// minute holds the four newest samples of a counter that is scraped every 15 s,
// which is the growth of three intervals. With fewer than two samples there is no
// rate.
func (w *world) over(i int, length time.Duration) (sum interval, seconds float64, there bool) {
	samples := 0
	for k := max(0, i+1-int(length/tick)); k <= i; k++ {
		x := w.intervals[k]
		if !x.scraped {
			continue
		}
		samples++
		if samples == 1 {
			continue // the oldest sample is where the growth is counted from
		}
		sum.total += x.total
		sum.bad += x.bad
		for b, n := range x.slow {
			sum.slow[b] += n
		}
	}
	return sum, float64(samples-1) * tick.Seconds(), samples >= 2
}

// errorRatio is a bad + total metric, as the poller makes a reading of the two.
func (w *world) errorRatio(i int, length time.Duration) reading {
	sum, seconds, there := w.over(i, length)
	if !there {
		return reading{}
	}
	r := trigger.UnknownBecause("no_traffic")
	if sum.total > 0 {
		r = trigger.NewReading(float64(sum.bad)/float64(sum.total), trigger.Ratio)
	}
	r.Total, r.HasTotal = float64(sum.total)/seconds, true
	return reading{r, true}
}

// latency is histogram_quantile over the range.
func (w *world) latency(i int, length time.Duration, q float64) reading {
	sum, _, there := w.over(i, length)
	if !there {
		return reading{}
	}
	return reading{trigger.NewReading(quantile(sum, q), trigger.Seconds), true}
}

// quantile interpolates in the bucket that holds the quantile, as
// histogram_quantile does; beyond the last bound it is that bound. Without
// requests there is none.
func quantile(x interval, q float64) float64 {
	if x.total == 0 {
		return math.NaN()
	}
	rank, below, lower := q*float64(x.total), 0.0, 0.0
	for i, bound := range bounds() {
		n := float64(x.slow[i])
		if below+n >= rank {
			return lower + (bound-lower)*(rank-below)/n
		}
		below, lower = below+n, bound
	}
	return lower
}
