package responder

import (
	"context"
	"sync"
	"time"

	"github.com/rollbackd/rollbackd/incident"
)

// queued is an input with the time at which it came.
type queued struct {
	in incident.Input
	at time.Time
}

// queue gives inputs one order. It holds back those who bring more than the
// brain can take, except for health checks, of which there may be any number:
// what is too much of them is dropped, and a gap stands in its place.
type queue struct {
	limit int
	// ready has a token whenever there may be something to pop.
	ready chan struct{}

	mu     sync.Mutex
	room   sync.Cond
	ring   []queued // of which count are in use, from head on
	head   int
	count  int
	closed bool
	// gap is true while the newest health input is a gap: what is dropped now
	// belongs to it.
	gap bool
}

func newQueue(limit int) *queue {
	q := &queue{limit: limit, ready: make(chan struct{}, 1)}
	q.room.L = &q.mu
	return q
}

// countsWhileStopping tells whether an input is taken in even while the daemon
// stops: the end of a step, and a person's no, which must not wait for the next
// start to find a rollback to stop.
func countsWhileStopping(in incident.Input) bool {
	switch in := in.(type) {
	case incident.StepEnded:
		return true
	case incident.Command:
		return Halts(in.Verb)
	default:
		return false
	}
}

// push adds an input. It waits for room until ctx ends, and returns its error.
// Dropped is true for a health check that found none. A closed queue takes only
// what counts while stopping and silently forgets the rest.
func (q *queue) push(ctx context.Context, next queued) (dropped bool, err error) {
	// Somebody who waits below must also learn that ctx has ended.
	if ctx.Done() != nil {
		defer context.AfterFunc(ctx, func() {
			q.mu.Lock()
			defer q.mu.Unlock()
			q.room.Broadcast()
		})()
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if _, ok := next.in.(incident.Health); ok {
		return q.pushHealth(next), nil
	}
	// Of ends of steps there are few, and each is awaited: they need no room.
	_, ended := next.in.(incident.StepEnded)
	for !ended && q.count >= q.limit && !q.closed && ctx.Err() == nil {
		q.room.Wait()
	}
	if !ended && ctx.Err() != nil {
		return false, ctx.Err()
	}
	if !q.closed || countsWhileStopping(next.in) {
		q.append(next)
	}
	return false, nil
}

func (q *queue) pushHealth(next queued) (dropped bool) {
	switch {
	case q.closed:
		return false
	case q.count < q.limit:
		q.gap = false
		q.append(next)
		return false
	case !q.gap:
		// One past the limit: where it stands tells which checks were lost.
		q.gap = true
		q.append(queued{in: incident.HealthGap{At: next.at.Round(0).UTC()}, at: next.at})
	}
	return true
}

// append adds to the ring, which grows to what was needed and stays so.
func (q *queue) append(next queued) {
	if q.count == len(q.ring) {
		larger := make([]queued, max(64, 2*q.count))
		n := copy(larger, q.ring[q.head:])
		copy(larger[n:], q.ring[:q.head])
		q.ring, q.head = larger, 0
	}
	q.ring[(q.head+q.count)%len(q.ring)] = next
	q.count++
	select {
	case q.ready <- struct{}{}:
	default:
	}
}

// pop takes the oldest input; false where there is none.
func (q *queue) pop() (queued, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.count == 0 {
		return queued{}, false
	}
	next := q.ring[q.head]
	q.ring[q.head] = queued{}
	q.head = (q.head + 1) % len(q.ring)
	q.count--
	if q.count < q.limit {
		q.room.Signal()
	}
	return next, true
}

// close refuses everything but what counts while stopping from here on.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.room.Broadcast()
}

func (q *queue) length() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.count
}
