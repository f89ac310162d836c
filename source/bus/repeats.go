package bus

import "time"

// Bounds of how many ids of signals are remembered, and for how long: past that a
// repeated one is stale by its own time.
const (
	maxIDs      = 4096
	rememberIDs = staleAfter + maxAhead
)

// repeats remembers the ids of signals, so that one that is delivered twice, or
// played back by somebody, counts once: it may come after what ended the first. It
// is not safe for concurrent use.
type repeats struct {
	seen  map[string]time.Time
	order []string // oldest first
}

func newRepeats() *repeats { return &repeats{seen: map[string]time.Time{}} }

// take remembers the id that a signal of a service has, and tells whether it is new.
// A signal without one always is.
func (r *repeats) take(service, id string, now time.Time) bool {
	if id == "" {
		return true
	}
	id = service + " " + id
	for len(r.order) > 0 && (len(r.order) >= maxIDs || now.Sub(r.seen[r.order[0]]) > rememberIDs) {
		delete(r.seen, r.order[0])
		r.order = r.order[1:]
	}
	if _, known := r.seen[id]; known {
		return false
	}
	r.seen[id] = now
	r.order = append(r.order, id)
	return true
}
