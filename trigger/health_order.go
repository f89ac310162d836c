package trigger

import (
	"slices"
	"strings"
	"time"
)

// maxPastBoots is how many earlier boots of an instance are remembered, to
// tell their late checks from a new boot.
const maxPastBoots = 4

// order puts one instance's checks in order, by boot and sequence where the
// sender has them, else by the time they were received. The zero value has
// seen nothing.
type order struct {
	boot string
	seq  uint64
	past []string
}

// accepts tells whether a check comes after all that came before it. A check
// that is a duplicate or late must not count: two deliveries of one failure
// are not two failures.
func (o *order) accepts(c HealthCheck, last time.Time, silent bool) bool {
	if o.newBoot(c) {
		return !slices.Contains(o.past, c.Boot)
	}
	switch {
	case c.Seq == 0 || o.seq == 0:
		return c.At.After(last)
	case c.Seq >= o.seq:
		return c.Seq > o.seq
	}
	// A sender without boots that counts from one again after a restart would
	// never be heard again; once it has been silent it starts anew. With a
	// boot there is no doubt: the check is old.
	return o.boot == "" && silent && c.At.After(last)
}

// newBoot tells whether the check is of another boot than the last. A check
// that names none is of the present one.
func (o *order) newBoot(c HealthCheck) bool { return c.Boot != "" && c.Boot != o.boot }

// advance makes an accepted check the last one.
func (o *order) advance(c HealthCheck) {
	if o.newBoot(c) {
		if len(o.past) == maxPastBoots {
			o.past = slices.Delete(o.past, 0, 1)
		}
		if o.boot != "" {
			o.past = append(o.past, o.boot)
		}
		// The string may be part of a whole message, which need not live on.
		o.boot, o.seq = strings.Clone(c.Boot), 0
	}
	if c.Seq != 0 {
		o.seq = c.Seq
	}
}
