package source

import (
	"sync"
	"time"

	"github.com/benbjohnson/clock"
)

// seldomKeys bounds the memory of a Seldom: keys may come from outside.
const seldomKeys = 1000

// Seldom limits how often the same thing is said. Whoever is on call reads one
// line about a broken query, not one every tick. It is safe for concurrent use.
type Seldom struct {
	clock clock.Clock
	every time.Duration

	mu   sync.Mutex
	last map[string]time.Time
}

// NewSeldom lets each key through once in every interval.
func NewSeldom(c clock.Clock, every time.Duration) *Seldom {
	return &Seldom{clock: c, every: every, last: map[string]time.Time{}}
}

// Allow tells whether the key may be said now. When more keys are known than are
// worth remembering, all are forgotten.
func (s *Seldom) Allow(key string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.clock.Now()
	if last, said := s.last[key]; said && now.Sub(last) < s.every && !now.Before(last) {
		return false
	}
	if len(s.last) >= seldomKeys {
		clear(s.last)
	}
	s.last[key] = now
	return true
}

// Forget makes the next Allow of the key pass: the trouble was over in between.
func (s *Seldom) Forget(key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.last, key)
}
