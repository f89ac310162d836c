package trigger

import (
	"slices"
	"time"
)

const (
	// minTTL is the least ttl that is ever learned, and the ttl while nothing is.
	minTTL = 30 * time.Second
	// maxTTL is the greatest, the same as the greatest a check may carry.
	maxTTL = 24 * time.Hour
	// ttlIntervals is how many intervals an instance may miss before it counts
	// as silent.
	ttlIntervals = 3
)

// cadence learns the interval at which an instance is checked: the median of
// its latest distances. The zero value has learned nothing.
//
// A distance beyond the ttl is most likely a silence and not an interval, so
// one alone is not learned, only remembered. But a checker that is slower than
// the least ttl produces nothing else: when the very next distance is beyond
// the ttl as well and about as long (within a factor of two), both are taken
// for the interval and what was learned before is dropped. An outage in the
// middle of a faster rhythm never does that, because the distance after it is
// short again.
type cadence struct {
	distances [5]time.Duration
	filled    int
	next      int
	interval  time.Duration
	// overlong is the last distance if it was beyond the ttl, else 0.
	overlong time.Duration
}

// ttl is three learned intervals, within bounds.
func (c *cadence) ttl() time.Duration {
	if c.interval > maxTTL/ttlIntervals {
		return maxTTL
	}
	return max(minTTL, ttlIntervals*c.interval)
}

// learn takes in the distance of two successive checks.
func (c *cadence) learn(d time.Duration) {
	switch {
	case d <= c.ttl():
		c.overlong = 0
		c.add(d)
	case c.overlong > 0 && d <= 2*c.overlong && c.overlong <= 2*d:
		before := c.overlong
		*c = cadence{}
		c.add(before)
		c.add(d)
	default:
		c.overlong = d
	}
}

func (c *cadence) add(d time.Duration) {
	c.distances[c.next] = d
	c.next = (c.next + 1) % len(c.distances)
	c.filled = min(c.filled+1, len(c.distances))
	sorted := c.distances
	slices.Sort(sorted[:c.filled])
	c.interval = sorted[c.filled/2]
}
