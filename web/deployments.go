package web

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/rollbackd/rollbackd/incident"
)

// A deployment may be reported a little ahead of our clock, not more.
const maxAhead = time.Minute

// Reported is a deployment as it is reported: the body of POST deployments.
type Reported struct {
	Service  string `json:"service"`
	Version  string `json:"version"`
	Previous string `json:"previous,omitempty"`
	// StartedAt is when the version began to run; zero means At.
	StartedAt time.Time `json:"started_at,omitzero"`
	// At is when the deployer noted it; zero means now.
	At             time.Time `json:"at,omitzero"`
	By             string    `json:"by,omitempty"`
	URL            string    `json:"url,omitempty"`
	Change         string    `json:"change,omitempty"`
	NoAutoRollback bool      `json:"no_auto_rollback,omitempty"`
}

// deployment takes in a deployment that a person or a pipeline reports.
func (s *Server) deployment(w http.ResponseWriter, r *http.Request) {
	var body Reported
	if !decode(w, r, &body) {
		return
	}
	now := s.o.Clock.Now().UTC()
	if problem := body.problem(now); problem != "" {
		fail(w, http.StatusBadRequest, problem)
		return
	}
	if !s.configured(w, r, body.Service) {
		return
	}
	started := body.StartedAt
	if started.IsZero() {
		started = body.At
	}
	s.o.Submit(incident.Deployed{
		Service: body.Service, Version: body.Version, Previous: body.Previous, StartedAt: started,
		At: now, By: cmp.Or(body.By, Actor(r.Context())), URL: body.URL, Change: body.Change, Source: "api",
		NoAutoRollback: body.NoAutoRollback,
	})
	succeed(w, json.RawMessage(`{}`))
}

// problem is what is wrong with a report; empty when nothing is.
func (d Reported) problem(now time.Time) string {
	switch {
	case d.Service == "":
		return "service: say which service was deployed"
	case d.Version == "":
		return "version: say which version was deployed"
	case d.StartedAt.After(now.Add(maxAhead)):
		return "started_at: lies in the future"
	case d.At.After(now.Add(maxAhead)):
		return "at: lies in the future"
	}
	return ""
}

// configured answers the request itself when the service is not known.
func (s *Server) configured(w http.ResponseWriter, r *http.Request, service string) (ok bool) {
	ctx, cancel := context.WithTimeout(r.Context(), readTimeout)
	defer cancel()
	err := s.o.View(ctx, func(m Memory, now time.Time) { _, ok = m.Service(service, now) })
	switch {
	case err != nil:
		s.unavailable(w, err)
		return false
	case !ok:
		fail(w, http.StatusNotFound, "service "+service+" is not known")
	}
	return ok
}
