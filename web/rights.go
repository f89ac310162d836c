package web

import (
	"fmt"
	"net/http"

	"github.com/rollbackd/rollbackd/incident"
)

// right is what somebody may do, as the roles of the configuration give it.
type right = incident.Right

const (
	mayRead    = incident.MayRead
	mayOperate = incident.MayOperate
	mayApprove = incident.MayApprove
)

// rightOf is the most that somebody may do who came in by a door. Reading needs
// no role: on TCP the toolkit has let in nobody but users, where there are any.
func (s *Server) rightOf(d door, p Peer) right {
	if d == socketDoor && (p.Root || len(s.o.Roles) == 0) {
		return mayApprove
	}
	return s.o.Roles.Right(p.Name)
}

// may tells whether somebody may do what an endpoint does. Whoever may open the
// socket may have the configuration loaded again: it is root's file, and taken
// whole or not at all.
func (s *Server) may(d door, p Peer, e endpoint) bool {
	return s.rightOf(d, p) >= e.needs || d == socketDoor && e.verb == verbReload
}

// forbidden says who may not do what, and what it would take.
func (s *Server) forbidden(w http.ResponseWriter, d door, p Peer, e endpoint) {
	needs := e.needs.Role()
	var text string
	switch {
	case d == tcpDoor && p.Name == "":
		text = fmt.Sprintf("TCP only reads, because nothing says who asks: %s needs the role %s, which a user of [web] config_file can have, or the unix socket", e.verb, needs)
	case len(s.o.Roles) == 0:
		text = fmt.Sprintf("TCP only reads, because [web] roles is not set: %s needs the role %s, and %s has none; over the unix socket no role is needed", e.verb, needs, p)
	default:
		text = s.o.Roles.Lacks(p.String(), e.verb, e.needs)
	}
	fail(w, http.StatusForbidden, text)
}

// glassMayBreak answers the request itself, and returns false, when somebody
// wants to break the glass who may not. It sets aside that others must approve,
// so it takes being on the host itself, as root.
func glassMayBreak(w http.ResponseWriter, r *http.Request, breaks bool) bool {
	p := peerOf(r.Context())
	if !breaks || p.Root {
		return true
	}
	fail(w, http.StatusForbidden, fmt.Sprintf("break_glass needs root on the unix socket, and %s is not: somebody else must approve", p))
	return false
}
