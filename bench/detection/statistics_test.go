package main

import (
	"testing"
	"time"
)

func delays(seconds ...int) (list []time.Duration) {
	for _, s := range seconds {
		list = append(list, time.Duration(s)*time.Second)
	}
	return list
}

func TestInterval95(t *testing.T) {
	// The bounds are the roots of (p-q)² = z² q(1-q)/n, solved apart from this program.
	for _, c := range []struct {
		found, of int
		low, high float64
	}{
		{0, 4000, 0, 0.000960}, {128, 4000, 0.026979, 0.037919}, {5, 10, 0.236593, 0.763407}, {10, 10, 0.722467, 1}, {0, 0, 0, 1},
	} {
		o := outcome{deployments: c.of, delays: delays(make([]int, c.found)...)}
		low, high := o.interval95()
		if off := max(low-c.low, c.low-low, high-c.high, c.high-high); off > 1e-6 {
			t.Errorf("%d of %d: %.6f to %.6f, want %.6f to %.6f", c.found, c.of, low, high, c.low, c.high)
		}
	}
}

func TestDelay(t *testing.T) {
	twenty := outcome{}
	for i := 20; i > 0; i-- {
		twenty.add(outcome{deployments: 2, delays: delays(i)})
	}
	for _, c := range []struct {
		outcome outcome
		q       float64
		want    int
	}{{twenty, 0.5, 10}, {twenty, 0.95, 19}, {twenty, 1, 20}, {twenty, 0, 1}, {outcome{delays: delays(7)}, 0.5, 7}, {outcome{}, 0.5, 0}} {
		if got := c.outcome.delay(c.q); got != time.Duration(c.want)*time.Second {
			t.Errorf("quantile %v of %d delays = %s, want %d s", c.q, len(c.outcome.delays), got, c.want)
		}
	}
	if share := twenty.share(); share != 0.5 {
		t.Errorf("share = %v, want 0.5", share)
	}
}
