package bus

import (
	"context"
	"sync"
	"time"
)

// link is whether we are connected, as others wait for it. It is safe for
// concurrent use.
type link struct {
	mu      sync.Mutex
	up      bool
	epoch   int // how often we connected
	since   time.Time
	changed chan struct{}
}

func newLink(now time.Time) *link { return &link{changed: make(chan struct{}), since: now} }

// raise records a new connection. It tells how long there was none; being
// connected twice in a row is a new connection all the same.
func (l *link) raise(now time.Time) (down time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.up {
		down = now.Sub(l.since)
	}
	l.up = true
	l.epoch++
	l.announce(now)
	return down
}

// drop records that there is no connection.
func (l *link) drop(now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.up = false
	l.announce(now)
}

func (l *link) announce(now time.Time) {
	l.since = now
	close(l.changed)
	l.changed = make(chan struct{})
}

// state is whether we are connected, by which connection, and what is closed when
// that changes.
func (l *link) state() (up bool, epoch int, changed <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.up, l.epoch, l.changed
}

// waitUp waits until we are connected, and gives the connection's number.
func (l *link) waitUp(ctx context.Context) (epoch int, err error) {
	for {
		up, epoch, changed := l.state()
		if up {
			return epoch, ctx.Err()
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
}
