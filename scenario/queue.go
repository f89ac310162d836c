package scenario

import (
	"container/heap"
	"time"
)

// rank orders what happens at one instant.
type rank int

const (
	// rankSource is what the daemon's surroundings do before anything else: it
	// comes up again, a bus connects again.
	rankSource rank = iota
	rankEvent
	// rankStep is the end of a step: its `then` is there for the tick.
	rankStep
	rankTick
	// rankEffect is what came of all that: answers to reads, wakes.
	rankEffect
)

// happening is something that happens at one instant of the simulated world.
type happening struct {
	at   time.Duration
	rank rank
	// order is the order of its making, which settles ties.
	order int
	do    func()
}

// queue is what is still to happen, a heap of the earliest first.
type queue struct {
	heap  happenings
	order int
}

func (q *queue) push(at time.Duration, r rank, do func()) {
	q.order++
	heap.Push(&q.heap, happening{at: at, rank: r, order: q.order, do: do})
}

// pop takes out the next happening; false when there is none up to until.
func (q *queue) pop(until time.Duration) (happening, bool) {
	if len(q.heap) == 0 || q.heap[0].at > until {
		return happening{}, false
	}
	next, ok := heap.Pop(&q.heap).(happening)
	return next, ok
}

// happenings implements heap.Interface.
type happenings []happening

func (h happenings) Len() int { return len(h) }

func (h happenings) Less(i, j int) bool {
	a, b := h[i], h[j]
	switch {
	case a.at != b.at:
		return a.at < b.at
	case a.rank != b.rank:
		return a.rank < b.rank
	}
	return a.order < b.order
}

func (h happenings) Swap(i, j int) { h[i], h[j] = h[j], h[i] }

// Push implements heap.Interface.
func (h *happenings) Push(x any) {
	if next, ok := x.(happening); ok {
		*h = append(*h, next)
	}
}

// Pop implements heap.Interface.
func (h *happenings) Pop() any {
	old := *h
	last := old[len(old)-1]
	*h = old[:len(old)-1]
	return last
}
