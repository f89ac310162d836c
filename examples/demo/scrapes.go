package main

import (
	"bufio"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// window is the range of the queries in rollbackd.toml.
const window = 10 * time.Second

// kept is how long scrapes are remembered: far more than any window, so that a
// range query after a restart of rollbackd finds what it needs.
const kept = 10 * time.Minute

// scrape is what the shop's counters said at one instant: value by series, the
// series written as in the text format.
type scrape struct {
	at     time.Time
	values map[string]float64
}

// scrapes are the last scrapes of one target, oldest first. It is safe for
// concurrent use.
type scrapes struct {
	mu   sync.Mutex
	list []scrape
}

// add remembers one scrape and forgets those that are too old.
func (s *scrapes) add(one scrape) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.list = append(s.list, one)
	old := one.at.Add(-kept)
	s.list = slices.DeleteFunc(s.list, func(x scrape) bool { return !x.at.After(old) })
}

// counter is one series within a window.
type counter struct {
	samples             int
	first, last         time.Time
	firstValue, current float64
	grown               float64
}

// rates is how fast each counter grew, per second, over the window that ends at
// a time. A series with fewer than two samples in the window has no rate.
func (s *scrapes) rates(at time.Time) map[string]float64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	counters := map[string]*counter{}
	for _, one := range s.list {
		if !one.at.After(at.Add(-window)) || one.at.After(at) {
			continue
		}
		for series, value := range one.values {
			if counters[series] == nil {
				counters[series] = &counter{first: one.at, firstValue: value, current: value}
			}
			counters[series].add(one.at, value)
		}
	}
	rates := map[string]float64{}
	for series, c := range counters {
		if c.samples >= 2 {
			rates[series] = c.rate(at)
		}
	}
	return rates
}

// add takes in the next sample.
func (c *counter) add(at time.Time, value float64) {
	c.grown += increase(c.current, value)
	c.last, c.current = at, value
	c.samples++
}

// rate is Prometheus's own reckoning: what was seen to grow, extended to the
// window's ends where samples come close to them, else by half an interval, and
// never to before the counter was zero. So a series that has just begun does not
// look as if it had always been there.
func (c *counter) rate(at time.Time) float64 {
	seen := c.last.Sub(c.first).Seconds()
	interval := seen / float64(c.samples-1)
	before := c.first.Sub(at.Add(-window)).Seconds()
	after := at.Sub(c.last).Seconds()
	if c.grown > 0 {
		before = min(before, seen*c.firstValue/c.grown)
	}
	if before >= 1.1*interval {
		before = interval / 2
	}
	if after >= 1.1*interval {
		after = interval / 2
	}
	return c.grown * (seen + before + after) / seen / window.Seconds()
}

// increase is how much a counter grew between two samples. One that fell was
// restarted from zero.
func increase(from, to float64) float64 {
	if to < from {
		return to
	}
	return to - from
}

// parseScrape reads Prometheus's text format as the shop writes it: a series, a
// space, a value; comments are skipped.
func parseScrape(at time.Time, body io.Reader) (scrape, error) {
	one := scrape{at: at, values: map[string]float64{}}
	lines := bufio.NewScanner(body)
	for lines.Scan() {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		cut := strings.LastIndexByte(line, ' ')
		if cut < 0 {
			return scrape{}, fmt.Errorf("not a sample: %q", line)
		}
		value, err := strconv.ParseFloat(line[cut+1:], 64)
		if err != nil {
			return scrape{}, fmt.Errorf("not a sample: %q", line)
		}
		one.values[line[:cut]] = value
	}
	return one, lines.Err()
}

// sumOf adds up the rates of the series whose name and labels begin and contain
// what is asked for; false when there is none.
func sumOf(rates map[string]float64, prefix, contains string) (sum float64, found bool) {
	for series, rate := range rates {
		if strings.HasPrefix(series, prefix) && strings.Contains(series, contains) {
			sum, found = sum+rate, true
		}
	}
	return sum, found
}

// bucket is one bucket of a histogram: how many a second were at most its bound.
type bucket struct{ bound, rate float64 }

// bucketsOf are the buckets of one histogram, in the order of their bounds.
func bucketsOf(rates map[string]float64, prefix string) []bucket {
	var buckets []bucket
	for series, rate := range rates {
		_, rest, found := strings.Cut(series, `le="`)
		text, _, closed := strings.Cut(rest, `"`)
		bound, err := strconv.ParseFloat(text, 64)
		if strings.HasPrefix(series, prefix) && found && closed && err == nil {
			buckets = append(buckets, bucket{bound, rate})
		}
	}
	slices.SortFunc(buckets, func(a, b bucket) int { return int(math.Copysign(1, a.bound-b.bound)) })
	return buckets
}

// quantile estimates a quantile as Prometheus does: by a straight line within
// the bucket that holds it, and as the last finite bound above that. It is false
// when nothing was counted.
func quantile(q float64, buckets []bucket) (float64, bool) {
	if len(buckets) < 2 || !math.IsInf(buckets[len(buckets)-1].bound, 1) || buckets[len(buckets)-1].rate <= 0 {
		return 0, false
	}
	rank := q * buckets[len(buckets)-1].rate
	at := slices.IndexFunc(buckets, func(b bucket) bool { return b.rate >= rank })
	if at == len(buckets)-1 {
		return buckets[at-1].bound, true
	}
	var below bucket
	if at > 0 {
		below = buckets[at-1]
	}
	if buckets[at].rate == below.rate {
		return buckets[at].bound, true
	}
	return below.bound + (buckets[at].bound-below.bound)*(rank-below.rate)/(buckets[at].rate-below.rate), true
}
