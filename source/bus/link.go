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

// set records that we are connected or not, and tells how long it was as it was
// until now. Being connected twice in a row is a new connection all the same.
func (l *link) set(up bool, now time.Time) (was bool, lasted time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	was, lasted = l.up, now.Sub(l.since)
	l.up, l.since = up, now
	if up {
		l.epoch++
	}
	close(l.changed)
	l.changed = make(chan struct{})
	return was, lasted
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
