package web

import (
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/rollbackd/rollbackd/incident"
)

// gateHeader carries a step's own token, so that it need not stand in a URL.
const gateHeader = "X-Rollbackd-Gate-Token"

// quarantined is the standing of a version that was rolled back from.
const quarantined = "quarantined"

// Gate is the answer of an open gate.
type Gate struct {
	Service string `json:"service"`
	Version string `json:"version,omitempty"`
	// Open is always true: a closed gate is an error.
	Open bool `json:"open"`
}

// shut is why nothing is to be deployed now. The zero value is an open gate.
type shut struct {
	guard    incident.Guard
	incident string
	reason   string
}

// gate tells a pipeline whether it may deploy. Whatever it does not understand
// keeps it shut: a misspelled parameter must not let a bad version out again.
func (s *Server) gate(w http.ResponseWriter, r *http.Request) {
	name, query := r.PathValue("service"), r.URL.Query()
	if problem := gateProblem(query); problem != "" {
		fail(w, http.StatusBadRequest, problem)
		return
	}
	token := r.Header.Get(gateHeader)
	if token == "" {
		token = query.Get("token")
	}
	version := query.Get("version")
	var why shut
	data, found, err := s.peek(r.Context(), func(m Memory, now time.Time) (any, bool) {
		service, ok := m.Service(name, now)
		if !ok {
			return nil, false
		}
		running := rollbackOf(m, name)
		if running == nil || !s.ownStep(running.Rollback.ID, token) {
			why = shutFor(m, service, running, version, now)
		}
		return Gate{Service: name, Version: version, Open: true}, true
	})
	s.answerGate(w, r, gateAnswer{service: name, data: data, found: found, shut: why, err: err})
}

// gateAnswer is what was found out for a pipeline.
type gateAnswer struct {
	service string
	data    json.RawMessage
	found   bool
	shut    shut
	err     error
}

func (s *Server) answerGate(w http.ResponseWriter, r *http.Request, a gateAnswer) {
	switch {
	case a.err != nil:
		s.unavailable(w, a.err)
	case !a.found:
		s.noSuchService(r.Context(), w, a.service)
	case a.shut.reason != "":
		write(w, http.StatusLocked, Envelope{
			Status: "error", ErrorType: ErrorLocked, Error: a.shut.reason, Guard: a.shut.guard, Incident: a.shut.incident,
		})
	default:
		succeed(w, a.data)
	}
}

// gateProblem is what is wrong with a gate's query; empty when nothing is.
func gateProblem(query url.Values) string {
	for key, values := range query {
		switch {
		case key != "version" && key != "token":
			return fmt.Sprintf("unknown parameter %q (want version or token)", key)
		case len(values) > 1:
			return key + ": want one"
		case values[0] == "":
			return key + ": is empty (leave it out to ask for the service alone)"
		}
	}
	if v := query.Get("version"); v != "" && !versionRule.MatchString(v) {
		return "version: " + versionWanted
	}
	return ""
}

// rollbackOf is the open incident whose rollback runs for a service, its own or
// that of its group; nil when there is none.
func rollbackOf(m Memory, service string) *incident.Incident {
	for _, i := range m.Incidents() {
		if i.State == incident.Closed || i.Rollback == nil || i.Rollback.State.Ended() {
			continue
		}
		member := func(m incident.Member) bool { return m.Service == service }
		if i.Service == service || slices.ContainsFunc(i.Rollback.Members, member) {
			return i
		}
	}
	return nil
}

// ownStep tells whether a token is that of a run's own steps, in a time that says
// nothing about how much of it is right.
func (s *Server) ownStep(run, token string) bool {
	if s.o.GateToken == nil || token == "" {
		return false
	}
	return subtle.ConstantTimeCompare([]byte(s.o.GateToken(run)), []byte(token)) == 1
}

// shutFor is why a service's gate is shut; the zero value when it is open.
func shutFor(m Memory, service incident.ServiceView, running *incident.Incident, version string, now time.Time) shut {
	if running != nil {
		r := running.Rollback
		return shut{
			guard: incident.GuardConcurrency, incident: running.ID,
			reason: fmt.Sprintf("a rollback of %s from %q to %q is %s (incident %s): deploy when it has ended", service.Service, r.From, r.To, r.State, running.ID),
		}
	}
	for _, b := range service.Brakes {
		if b.Kind == incident.Lock {
			return shut{
				guard: incident.GuardLocked, incident: service.Incident,
				reason: fmt.Sprintf("%s is locked by %s until %s: %s", service.Service, b.By, b.Until.UTC().Format(time.RFC3339), b.Why),
			}
		}
	}
	for _, v := range m.Versions(service.Service, now) {
		if version != "" && v.Version == version && v.Standing == quarantined {
			return shut{
				guard: incident.GuardQuarantined, incident: service.Incident,
				reason: fmt.Sprintf("%s is quarantined (%s): deploy another version, or rollbackd pardon %s --version %s", version, v.Why, service.Service, version),
			}
		}
	}
	return shut{}
}
