package web

import (
	"fmt"
	"net/http"

	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/trigger"
)

// Signalled is something said of a service by a name: the body of POST signals.
type Signalled struct {
	Service string `json:"service"`
	Name    string `json:"name"`
	// Severity raises that of the triggers that wait for it; zero leaves theirs.
	Severity trigger.Severity `json:"severity,omitempty"`
	Reason   string           `json:"reason,omitempty"`
}

// signal takes in a signal in the name of the peer, and answers once it is on
// record or with a note why nothing follows from it.
func (s *Server) signal(w http.ResponseWriter, r *http.Request) {
	var body Signalled
	if !decode(w, r, &body) {
		return
	}
	if problem := body.problem(); problem != "" {
		fail(w, http.StatusBadRequest, problem)
		return
	}
	s.do(w, r, incident.Command{
		Verb: "signal", Service: body.Service, Name: body.Name, Severity: body.Severity, Source: "api", Reason: body.Reason,
	})
}

// problem is what is wrong with a signal; empty when nothing is.
func (b Signalled) problem() string {
	switch {
	case b.Service == "":
		return "service: say which service it is about"
	case b.Name == "":
		return "name: say what happened, in the word that a trigger waits for (event NAME)"
	case !trigger.IsSignalName(b.Name):
		return "name: want " + trigger.SignalNameWanted
	case !brief(b.Reason):
		return fmt.Sprintf("reason: want at most %d printable characters", maxNote)
	}
	return ""
}
