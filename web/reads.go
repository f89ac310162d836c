package web

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"time"
)

// readTimeout bounds how long a read waits for its turn with the brain.
const readTimeout = 10 * time.Second

// look answers a request from memory. f returns false when the service that was
// asked for does not exist. Its answer becomes JSON after the view, so that nobody waits
// for that: it must share nothing with memory that may change.
func (s *Server) look(w http.ResponseWriter, r *http.Request, service string, f func(m Memory, now time.Time) (any, bool)) {
	data, found, err := s.peek(r.Context(), f)
	switch {
	case err != nil:
		s.unavailable(w, err)
	case !found:
		s.noSuchService(r.Context(), w, service)
	default:
		succeed(w, data)
	}
}

func (s *Server) peek(ctx context.Context, f func(m Memory, now time.Time) (any, bool)) (data json.RawMessage, found bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	var answer any
	err = s.o.View(ctx, func(m Memory, now time.Time) { answer, found = f(m, now) })
	if err != nil || !found {
		return nil, false, err
	}
	data, err = json.Marshal(answer)
	return data, true, err
}

// unavailable says that the brain could not be asked. While rollbackd starts or
// stops that is as it should be, and whoever waits asks again and again: it is
// logged once.
func (s *Server) unavailable(w http.ResponseWriter, err error) {
	why := s.o.Ready()
	switch {
	case why == nil:
		s.o.Logger.Warn("a request could not be answered", "err", err)
	case s.saidWhy.Swap(why.Error()) != why.Error():
		s.o.Logger.Info("requests are not answered now", "why", why)
	}
	text := err.Error()
	if !strings.HasPrefix(text, "rollbackd ") {
		text = "rollbackd cannot answer just now: " + text
	}
	fail(w, http.StatusServiceUnavailable, text)
}

func (s *Server) services(w http.ResponseWriter, r *http.Request) {
	s.look(w, r, "", func(m Memory, now time.Time) (any, bool) { return list(m.Services(now)), true })
}

func (s *Server) service(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("service")
	s.look(w, r, name, func(m Memory, now time.Time) (any, bool) { return m.Service(name, now) })
}

func (s *Server) why(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("service")
	s.look(w, r, name, func(m Memory, now time.Time) (any, bool) {
		why, ok := m.Why(name, now)
		if why.Incident != nil {
			why.Incident = why.Incident.Public()
		}
		return why, ok
	})
}

func (s *Server) versions(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("service")
	s.look(w, r, name, func(m Memory, now time.Time) (any, bool) {
		_, ok := m.Service(name, now)
		return list(m.Versions(name, now)), ok
	})
}

// list makes a nil list an empty one, so that JSON has [] and not null.
func list[T any](items []T) []T {
	if items == nil {
		return []T{}
	}
	return items
}

func (s *Server) healthy(w http.ResponseWriter, _ *http.Request) {
	succeed(w, json.RawMessage(`"rollbackd is healthy"`))
}

func (s *Server) ready(w http.ResponseWriter, _ *http.Request) {
	if err := s.o.Ready(); err != nil {
		fail(w, http.StatusServiceUnavailable, "rollbackd is not ready: "+err.Error())
		return
	}
	succeed(w, json.RawMessage(`"rollbackd is ready"`))
}
