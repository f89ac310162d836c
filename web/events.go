package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

const (
	// streamBeat is how often a stream without events shows that it is alive.
	streamBeat = 15 * time.Second
	// streamWrite is how long a reader may take to let one write through.
	streamWrite = 20 * time.Second
	// streamRetry is after how long a reader comes back.
	streamRetry = 2 * time.Second
)

// follow is what a reader of events asks for.
type follow struct {
	service string // empty for all
	// after is the last event that it knows; resumes is false where it knows none.
	after   uint64
	resumes bool
}

// parseFollow reads the query, and the header that a browser sends by itself when
// it comes back, which counts more: it is newer.
func parseFollow(q url.Values, header string) (f follow, err error) {
	id := ""
	for key := range q {
		switch key {
		case "service":
			f.service = q.Get(key)
		case "last_event_id":
			id = q.Get(key)
		default:
			return f, fmt.Errorf("unknown parameter %q (want service or last_event_id)", key)
		}
	}
	if header != "" {
		id = header
	}
	if id == "" {
		return f, nil
	}
	if f.after, err = strconv.ParseUint(id, 10, 63); err != nil {
		return f, fmt.Errorf("last_event_id: %q is not the number of an event", id)
	}
	f.resumes = true
	return f, nil
}

// events streams the journal's entries as they become durable, until the reader
// goes, is too slow, or the server ends.
func (s *Server) events(w http.ResponseWriter, r *http.Request) {
	f, err := parseFollow(r.URL.Query(), r.Header.Get("Last-Event-ID"))
	if err != nil {
		fail(w, http.StatusBadRequest, err.Error())
		return
	}
	if s.o.Events == nil {
		fail(w, http.StatusServiceUnavailable, "there is no journal to follow")
		return
	}
	if s.unknownService(r.Context(), f.service) {
		s.noSuchService(r.Context(), w, f.service)
		return
	}
	stream, last := s.o.Events.join()
	if stream == nil {
		w.Header().Set("Retry-After", "10")
		fail(w, http.StatusServiceUnavailable, fmt.Sprintf("%d readers follow the events already: come back later", maxStreams))
		return
	}
	defer s.o.Events.leave(stream)
	w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
	w.Header().Set("X-Accel-Buffering", "no") // a proxy that collects them would keep them back
	w.WriteHeader(http.StatusOK)
	if r.Method == http.MethodHead {
		return
	}
	out := &wire{server: s, writer: w, control: http.NewResponseController(w)}
	// The limit on how long a request may take to arrive would end it half-way.
	_ = out.control.SetReadDeadline(time.Time{})
	if err := out.begin(r.Context(), f, last); err == nil {
		out.follow(r.Context(), f.service, stream)
	}
}

// unknownService tells whether a name is that of no service. A daemon that cannot be
// asked knows all of them: who follows its start must not be sent away.
func (s *Server) unknownService(ctx context.Context, name string) bool {
	if name == "" {
		return false
	}
	_, found, err := s.peek(ctx, func(m Memory, now time.Time) (any, bool) {
		_, ok := m.Service(name, now)
		return nil, ok
	})
	return err == nil && !found
}

// wire is one reader's connection.
type wire struct {
	server  *Server
	writer  http.ResponseWriter
	control *http.ResponseController
	// sent is the newest event that the reader has passed.
	sent uint64
	// told is the place that the reader knows of.
	told uint64
}

// begin gives the reader what it missed up to last, or tells it to load anew where
// that is too much, or from another journal.
func (c *wire) begin(ctx context.Context, f follow, last uint64) error {
	text := fmt.Appendf(nil, "retry: %d\n", streamRetry.Milliseconds())
	head, _ := c.server.o.Events.journal.Head()
	switch {
	case !f.resumes:
		text, c.sent = append(text, place(last)...), last
	case f.after > max(head, last) || f.after < last && last-f.after > maxResume:
		text, c.sent = append(text, reset(last)...), last
	default:
		text, c.sent = append(text, '\n'), f.after
	}
	c.told = c.sent
	if err := c.write(text); err != nil {
		return err
	}
	var gone error // of the reader
	err := readFrames(ctx, c.server.o.Events.journal, c.sent, last, func(one frame) error {
		if text := c.pass(nil, f.service, one); len(text) > 0 {
			gone = c.write(text)
		}
		return gone
	})
	if err == nil || gone != nil || ctx.Err() != nil {
		return err
	}
	c.server.o.Logger.Warn("what a reader of events has missed cannot be read: it is told to load anew", "err", err)
	c.sent, c.told = last, last
	return c.write(reset(last))
}

// pass adds a frame to what is to be written, unless it was written before or is
// about another service. What is about the daemon is for all.
func (c *wire) pass(text []byte, service string, f frame) []byte {
	if f.seq <= c.sent {
		return text
	}
	c.sent = f.seq
	if service != "" && f.service != "" && f.service != service {
		return text
	}
	c.told = f.seq
	return append(text, f.text...)
}

// follow writes what comes. Frames that wait are written together.
func (c *wire) follow(ctx context.Context, service string, from *stream) {
	beat := c.server.o.Clock.Ticker(streamBeat)
	defer beat.Stop()
	for {
		var text []byte
		select {
		case <-ctx.Done():
			return
		case <-c.server.ending:
			return
		case f, open := <-from.frames:
			if !open {
				return
			}
			text = c.pass(text, service, f)
			for range len(from.frames) {
				if f, open = <-from.frames; open {
					text = c.pass(text, service, f)
				}
			}
		case <-beat.C:
			text = append(text, ": still here\n\n"...)
			if c.told < c.sent {
				text, c.told = append(text, place(c.sent)...), c.sent
			}
		}
		if len(text) == 0 {
			continue
		}
		if err := c.write(text); err != nil {
			return
		}
	}
}

func (c *wire) write(text []byte) error {
	err := c.control.SetWriteDeadline(c.server.o.Clock.Now().Add(streamWrite))
	if err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	if _, err := c.writer.Write(text); err != nil {
		return err
	}
	return c.control.Flush()
}
