package web

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"

	"github.com/hashicorp/go-hclog"

	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/journal"
)

// EventLog is where events can be read again; a *journal.Journal is one.
type EventLog interface {
	// After gives the entries after a number, in order and at most limit of them.
	After(ctx context.Context, seq uint64, limit int) ([]journal.Numbered, error)
	// Head is the number of the newest entry, and its hash.
	Head() (seq uint64, hash string)
}

// The limits of the streams of events.
const (
	// maxStreams is how many there may be at a time.
	maxStreams = 1000
	// streamBuffer is how many events a reader may be behind before it is dropped.
	streamBuffer = 256
	// maxResume is how many entries a reader may have missed and still be given.
	maxResume = 10_000
	// readAtOnce is how many entries are read from the journal in one go.
	readAtOnce = 500
)

// Hub hands every entry that was published to all who read. It is safe for
// concurrent use, except that one goroutine at a time may publish.
type Hub struct {
	journal EventLog
	log     hclog.Logger

	mu      sync.Mutex
	last    uint64 // the newest that was published
	streams map[*stream]struct{}
}

// stream is one reader.
type stream struct{ frames chan frame }

// NewHub makes a hub without readers, which goes on after the newest entry of the
// journal.
func NewHub(j EventLog, log hclog.Logger) *Hub {
	head, _ := j.Head()
	return &Hub{journal: j, log: log, last: head, streams: map[*stream]struct{}{}}
}

// Publish hands an entry to all who read; it never waits for one of them, and
// drops those who are too slow. Entries that were left out before it are read from
// the journal first.
func (h *Hub) Publish(ctx context.Context, seq uint64, e incident.Entry) {
	h.mu.Lock()
	last := h.last
	h.mu.Unlock()
	if seq <= last {
		return
	}
	if err := h.fill(ctx, last, seq-1); err != nil {
		h.log.Warn("readers of events are sent away, to resume from the journal: it could not be read for all of them", "err", err)
		h.dropAll(seq)
		return
	}
	f, err := frameOf(seq, e)
	if err != nil {
		h.log.Error("an event cannot be shown", "err", err)
		return
	}
	h.send(f)
}

// fill publishes what lies between two entries.
func (h *Hub) fill(ctx context.Context, after, upTo uint64) error {
	if after >= upTo {
		return nil
	}
	return readFrames(ctx, h.journal, after, upTo, func(f frame) error {
		h.send(f)
		return nil
	})
}

// readFrames reads frames from the journal, after one number up to another.
func readFrames(ctx context.Context, j EventLog, after, upTo uint64, fn func(f frame) error) error {
	for after < upTo {
		found, err := j.After(ctx, after, int(min(readAtOnce, upTo-after)))
		if err != nil {
			return err
		}
		if len(found) == 0 {
			return fmt.Errorf("journal entry %d is not there", after+1)
		}
		for _, n := range found {
			var e incident.Entry
			if err := json.Unmarshal(n.Entry, &e); err != nil {
				return fmt.Errorf("journal entry %d cannot be read: %w", n.Seq, err)
			}
			f, err := frameOf(n.Seq, e)
			if err != nil {
				return err
			}
			if err := fn(f); err != nil {
				return err
			}
			after = n.Seq
		}
	}
	return nil
}

func (h *Hub) send(f frame) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.last = f.seq
	for s := range h.streams {
		select {
		case s.frames <- f:
		default: // it resumes from the journal, when it has time
			h.drop(s)
		}
	}
}

// drop ends a stream. The caller holds mu.
func (h *Hub) drop(s *stream) {
	if _, there := h.streams[s]; there {
		delete(h.streams, s)
		close(s.frames)
	}
}

// dropAll ends all streams, which have seen nothing up to an entry.
func (h *Hub) dropAll(seq uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.last = seq
	for s := range h.streams {
		h.drop(s)
	}
}

// join begins a stream: it gets all that comes after the entry that is returned.
// It is nil where there are too many.
func (h *Hub) join() (s *stream, last uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.streams) >= maxStreams {
		return nil, 0
	}
	s = &stream{frames: make(chan frame, streamBuffer)}
	h.streams[s] = struct{}{}
	return s, h.last
}

func (h *Hub) leave(s *stream) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.drop(s)
}
