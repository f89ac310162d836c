package web

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/rollbackd/rollbackd/incident"
)

// commandTimeout bounds how long a command waits for its answer.
const commandTimeout = 30 * time.Second

// allServices is the name that stands for every service in a path.
const allServices = "_all"

// Done is the data of a command that was carried out.
type Done struct {
	// Incident is the incident it was about; empty where there is none.
	Incident string `json:"incident,omitempty"`
	// Note says of a signal why nothing follows from it; empty where something may.
	Note string `json:"note,omitempty"`
}

// rollback asks for a rollback of a service by a person.
func (s *Server) rollback(w http.ResponseWriter, r *http.Request) {
	var body rollbackBody
	if !decode(w, r, &body) || !reasonGiven(w, body.Reason) || !glassMayBreak(w, r, body.BreakGlass) {
		return
	}
	s.do(w, r, incident.Command{
		Verb: "rollback", Service: r.PathValue("service"), Reason: body.Reason, To: body.To, Unseen: body.Unseen,
		Severity: body.Severity, ExternalID: body.IncidentID, Scope: body.Scope, BreakGlass: body.BreakGlass,
	})
}

// brake pauses, resumes, locks or unlocks a service or all of them.
func (s *Server) brake(verb string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var body brakeBody
		if !decode(w, r, &body) || !reasonGiven(w, body.Reason) {
			return
		}
		if body.For != 0 && (verb == "resume" || verb == "unlock") {
			fail(w, http.StatusBadRequest, "for: "+verb+" takes no duration")
			return
		}
		c := incident.Command{Verb: verb, Service: r.PathValue("service"), Reason: body.Reason, For: time.Duration(body.For)}
		if c.Service == allServices {
			c.Service, c.All = "", true
		}
		s.do(w, r, c)
	}
}

// pardon lifts a version's quarantine.
func (s *Server) pardon(w http.ResponseWriter, r *http.Request) {
	var body pardonBody
	if !decode(w, r, &body) {
		return
	}
	if body.Version == "" {
		fail(w, http.StatusBadRequest, "version: say which version to pardon")
		return
	}
	s.do(w, r, incident.Command{Verb: "pardon", Service: r.PathValue("service"), Version: body.Version, Reason: body.Reason})
}

// approve is a person's yes, to the plan that they were shown where they say so.
func (s *Server) approve(w http.ResponseWriter, r *http.Request) {
	var body approveBody
	if !decode(w, r, &body) || !reasonGiven(w, body.Reason) || !glassMayBreak(w, r, body.BreakGlass) {
		return
	}
	id, ok := s.resolve(w, r, "approve")
	if ok {
		s.do(w, r, incident.Command{Verb: "approve", Incident: id, Reason: body.Reason, PlanHash: body.Plan, BreakGlass: body.BreakGlass})
	}
}

// word is any other word of a person on an incident: veto, abort, ack, close.
func (s *Server) word(verb string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var body wordBody
		if !decode(w, r, &body) || !reasonGiven(w, body.Reason) {
			return
		}
		id, ok := s.resolve(w, r, verb)
		if ok {
			s.do(w, r, incident.Command{Verb: verb, Incident: id, Reason: body.Reason})
		}
	}
}

// resolve turns the path's ID, or the name of a service with an open incident,
// into an ID. It answers the request itself when there is none. A no is passed on
// even where memory cannot be asked: it still counts while the daemon stops, and
// the brain understands both names.
func (s *Server) resolve(w http.ResponseWriter, r *http.Request, verb string) (id string, ok bool) {
	ctx, cancel := context.WithTimeout(r.Context(), readTimeout)
	defer cancel()
	name := r.PathValue("id")
	err := s.o.View(ctx, func(m Memory, _ time.Time) {
		var i *incident.Incident
		if i, ok = m.Incident(name); ok {
			id = i.ID
		}
	})
	switch {
	case err != nil && (verb == "abort" || verb == "veto"):
		return name, true
	case err != nil:
		s.unavailable(w, err)
		return "", false
	case !ok:
		fail(w, http.StatusNotFound, "there is no incident "+name+", and no service of that name with an open one")
	}
	return id, ok
}

// do carries out a command in the name of the peer, and answers.
func (s *Server) do(w http.ResponseWriter, r *http.Request, c incident.Command) {
	ctx, cancel := context.WithTimeout(r.Context(), commandTimeout)
	defer cancel()
	p := peerOf(r.Context())
	c.Actor, c.Roles = p.String(), s.o.Roles.Of(p.Name)
	reply, err := s.o.Do(ctx, c)
	if err != nil {
		s.unavailable(w, err)
		return
	}
	s.o.Logger.Info("command", "verb", c.Verb, "service", c.Service, "incident", reply.Incident, "actor", c.Actor, "reason", c.Reason, "err", reply.Err)
	if reply.Err != "" || reply.Code != "" {
		status := replyStatus(reply.Code)
		write(w, status, Envelope{
			Status: "error", ErrorType: errorType(status), Error: reply.Err, Guard: reply.Guard, Incident: reply.Incident,
		})
		return
	}
	data, err := json.Marshal(Done{Incident: reply.Incident, Note: reply.Note})
	if err != nil {
		fail(w, http.StatusInternalServerError, err.Error())
		return
	}
	succeed(w, data)
}

func replyStatus(code string) int {
	switch code {
	case "refused":
		return http.StatusConflict
	case "not_found":
		return http.StatusNotFound
	case "bad_request":
		return http.StatusBadRequest
	}
	return http.StatusInternalServerError
}

// reasonGiven refuses a command without a reason: the record is read by people
// who were not there.
func reasonGiven(w http.ResponseWriter, reason string) bool {
	if reason == "" {
		fail(w, http.StatusBadRequest, "reason: say why")
	}
	return reason != ""
}

func (s *Server) reload(w http.ResponseWriter, r *http.Request) {
	if err := s.o.Ready(); err != nil {
		fail(w, http.StatusServiceUnavailable, "nothing was reloaded: "+err.Error())
		return
	}
	if err := s.o.Reload(peerOf(r.Context()).String()); err != nil {
		fail(w, http.StatusInternalServerError, "the configuration was not reloaded, the old one stays in force: "+err.Error())
		return
	}
	s.o.Logger.Info("command", "verb", "reload", "actor", peerOf(r.Context()).String())
	succeed(w, json.RawMessage(`"the configuration was reloaded"`))
}
