package web

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/rollbackd/rollbackd/incident"
)

// RehearsalTimeout is how long whoever asks for a rehearsal should wait for its
// answer: it runs the plan's checks, which may look at much.
const RehearsalTimeout = 10 * time.Minute

// ErrRehearsing refuses a rehearsal while another one goes on.
var ErrRehearsing = errors.New("another rehearsal goes on: try again once it has ended")

// rehearse looks at what a rollback of a service would need and changes nothing;
// with `in` it carries the service's plan out for another one.
func (s *Server) rehearse(w http.ResponseWriter, r *http.Request) {
	var body rehearseBody
	if !decode(w, r, &body) {
		return
	}
	if body.To != "" && !versionRule.MatchString(body.To) {
		fail(w, http.StatusBadRequest, fmt.Sprintf("to: %q is not a version: %s", body.To, versionWanted))
		return
	}
	service := r.PathValue("service")
	if body.In != "" {
		if s.mayRehearseIn(w, r) && reasonGiven(w, body.Reason) {
			s.do(w, r, incident.Command{
				Verb: "rollback", Service: body.In, Rehearses: service, Plan: body.Plan, To: body.To, Unseen: body.Unseen, Scope: body.Scope, Reason: body.Reason,
			})
		}
		return
	}
	takeTime(w)
	ask := incident.RehearsalAsk{Service: service, Plan: body.Plan, To: body.To, Unseen: body.Unseen, Scope: body.Scope, Actor: peerOf(r.Context()).String()}
	report, err := s.o.Rehearse(r.Context(), ask, body.Reason)
	if err != nil {
		s.notRehearsed(w, err)
		return
	}
	s.o.Logger.Info("rehearsal", "service", service, "plan", report.Plan, "actor", ask.Actor, "problems", report.Problems)
	data, err := json.Marshal(report)
	if err != nil {
		fail(w, http.StatusInternalServerError, err.Error())
		return
	}
	succeed(w, data)
}

// takeTime takes the connection's deadlines away until its next request: the answer
// may take longer than any other, and a deadline for reading that passes would end
// the request's context. What bounds it is the rehearsal itself.
func takeTime(w http.ResponseWriter) {
	c := http.NewResponseController(w)
	_ = errors.Join(c.SetReadDeadline(time.Time{}), c.SetWriteDeadline(time.Time{})) // a writer that knows no deadline has none
}

// mayRehearseIn answers the request itself, and returns false, when somebody wants
// to carry a plan out who may not roll back.
func (s *Server) mayRehearseIn(w http.ResponseWriter, r *http.Request) bool {
	d, p := doorOf(r.Context()), peerOf(r.Context())
	e := endpoint{verb: "rehearse with in, which rolls back in earnest,", needs: mayApprove}
	if s.may(d, p, e) {
		return true
	}
	s.forbidden(w, d, p, e)
	return false
}

func (s *Server) notRehearsed(w http.ResponseWriter, err error) {
	if _, is := errors.AsType[*incident.NotKnownError](err); is {
		fail(w, http.StatusNotFound, err.Error())
		return
	}
	if errors.Is(err, ErrRehearsing) {
		fail(w, http.StatusConflict, err.Error())
		return
	}
	s.unavailable(w, err)
}
