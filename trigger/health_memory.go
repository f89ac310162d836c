package trigger

import (
	"strings"
	"time"
)

// add begins the stream of an instance that was not heard before.
func (h *Health) add(c HealthCheck) {
	if len(h.instances) >= maxInstances {
		h.drop(h.oldest)
	}
	in := &instance{name: strings.Clone(c.Instance)}
	h.instances[in.name] = in
	h.take(in, c)
	h.link(in)
	h.forget(c.At)
}

// promote moves an instance to the newest end of the list.
func (h *Health) promote(in *instance) {
	if h.newest == in {
		return
	}
	h.unlink(in)
	h.link(in)
}

// forget drops those that have been silent for a day past their ttl.
func (h *Health) forget(now time.Time) {
	for in := h.oldest; in != nil && now.Sub(in.lastAt) > forgetAfter+h.ttlOf(in); in = h.oldest {
		h.drop(in)
	}
}

// Shift moves the times of all that was received along with a wall clock that was
// set by so much: no instance falls silent by it, and none is late.
func (h *Health) Shift(by time.Duration) {
	if !h.gapAt.IsZero() {
		h.gapAt = h.gapAt.Add(by)
	}
	for in := h.newest; in != nil; in = in.older {
		in.lastAt = in.lastAt.Add(by)
		in.standsUntil += int64(by)
		if !in.runStart.IsZero() {
			in.runStart = in.runStart.Add(by)
		}
	}
}

func (h *Health) drop(in *instance) {
	h.unlink(in)
	delete(h.instances, in.name)
}

func (h *Health) link(in *instance) {
	in.older = h.newest
	if h.newest != nil {
		h.newest.younger = in
	} else {
		h.oldest = in
	}
	h.newest = in
}

func (h *Health) unlink(in *instance) {
	if in.younger != nil {
		in.younger.older = in.older
	} else {
		h.newest = in.older
	}
	if in.older != nil {
		in.older.younger = in.younger
	} else {
		h.oldest = in.younger
	}
	in.older, in.younger = nil, nil
}
