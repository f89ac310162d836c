package bus

import (
	"context"
	"sync"
	"time"

	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/source"
)

// queueLength is how many events may wait for the brain.
const queueLength = 16384

// queue stands between the bus and the brain: a busy brain must not hold up the
// connection, for a slow consumer loses more than is dropped here. Events lost
// here or before are made up for by a gap, put exactly where they are missing.
// It is safe for concurrent use.
type queue struct {
	inputs chan incident.Input

	mu      sync.Mutex
	missing bool
}

func newQueue(length int) *queue { return &queue{inputs: make(chan incident.Input, length)} }

// offer takes an input in, or drops it when the queue is full, and tells which.
func (q *queue) offer(in incident.Input, now time.Time) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	need := 1
	if q.missing {
		need = 2
	}
	// Only this side adds, under the lock, so that what is free stays free.
	if cap(q.inputs)-len(q.inputs) < need {
		q.missing = true
		return false
	}
	if q.missing {
		q.inputs <- incident.HealthGap{At: now}
		q.missing = false
	}
	q.inputs <- in
	return true
}

// put takes an input in, and waits for room. It is for what can wait, such as the
// messages of a stream. It gives the context's error.
func (q *queue) put(ctx context.Context, in incident.Input, now time.Time, retry func(context.Context) error) error {
	for !q.offerKeeping(in, now) {
		if err := retry(ctx); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// offerKeeping is offer for one who will try again: a full queue loses nothing.
func (q *queue) offerKeeping(in incident.Input, now time.Time) bool {
	q.mu.Lock()
	full := cap(q.inputs)-len(q.inputs) < 2
	q.mu.Unlock()
	return !full && q.offer(in, now)
}

// lost notes that events are missing here.
func (q *queue) lost() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.missing = true
}

// mend tells of missing events now, rather than before the next event.
func (q *queue) mend(now time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.missing && len(q.inputs) < cap(q.inputs) {
		q.inputs <- incident.HealthGap{At: now}
		q.missing = false
	}
}

// drain hands everything to the sink, in order, until the context ends.
func (q *queue) drain(ctx context.Context, sink source.Sink) {
	for {
		select {
		case in := <-q.inputs:
			sink.Submit(in)
		case <-ctx.Done():
			return
		}
	}
}
