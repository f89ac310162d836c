package notify

import (
	"sync"
	"time"
)

// settledRoom is how many keys are remembered.
const settledRoom = 4096

// settled remembers what was resolved by which message. A message that failed
// several times no longer holds up the later ones of its incident: without this it
// would open again what a later one has resolved, and nothing would resolve that.
// It is memory only: after a restart such a message may page once too often. The
// zero value remembers nothing yet; it is safe for concurrent use.
type settled struct {
	mu    sync.Mutex
	at    map[string]time.Time
	order []string // oldest first, to forget by
}

// settle keeps that a message of that time resolved a key.
func (s *settled) settle(key string, at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.at == nil {
		s.at = map[string]time.Time{}
	}
	earlier, known := s.at[key]
	if !known {
		s.order = append(s.order, key)
	}
	if !known || at.After(earlier) {
		s.at[key] = at
	}
	if len(s.order) > settledRoom {
		delete(s.at, s.order[0])
		s.order = s.order[1:]
	}
}

// before tells whether a key was resolved by a message later than that time.
func (s *settled) before(key string, at time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	resolved, known := s.at[key]
	return known && at.Before(resolved)
}
