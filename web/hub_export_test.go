package web

import (
	"runtime"
	"testing"
)

// Join is a stream that nobody writes out.
func (h *Hub) Join() <-chan frame {
	s, _ := h.join()
	return s.frames
}

// WaitFor waits until a stream was read to its end.
func (*Hub) WaitFor(frames <-chan frame) {
	for len(frames) > 0 {
		runtime.Gosched()
	}
}

// Drained waits until every stream was taken from.
func (h *Hub) Drained(t *testing.T) {
	t.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	for s := range h.streams {
		h.WaitFor(s.frames)
	}
}
