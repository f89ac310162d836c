package web

import (
	"fmt"
	"net/http"
	"slices"
)

// right is what somebody may do. Each includes those before it.
type right int

const (
	mayRead right = iota
	mayOperate
	mayApprove
)

// The roles that give rights. Any other name in Options.Roles is a role for
// approvals only.
const (
	roleViewer   = "viewer"
	roleOperator = "operator"
	roleApprover = "approver"
)

// role is the one that gives a right.
func (r right) role() string {
	switch r {
	case mayRead:
		return roleViewer
	case mayOperate:
		return roleOperator
	case mayApprove:
		return roleApprover
	}
	return roleApprover
}

// rightOf is the most that somebody may do who came in by a door. Reading needs
// no role: on TCP the toolkit has let in nobody but users, where there are any.
func (s *Server) rightOf(d door, p Peer) right {
	if d == socketDoor && (p.Root || len(s.o.Roles) == 0) {
		return mayApprove
	}
	for _, r := range []right{mayApprove, mayOperate} {
		if p.Name != "" && slices.Contains(s.o.Roles[r.role()], p.Name) {
			return r
		}
	}
	return mayRead
}

// rolesOf are all roles that somebody is listed in, in order: what counts for
// approvals by role.
func (s *Server) rolesOf(p Peer) []string {
	var roles []string
	for role, users := range s.o.Roles {
		if p.Name != "" && slices.Contains(users, p.Name) {
			roles = append(roles, role)
		}
	}
	slices.Sort(roles)
	return roles
}

// may tells whether somebody may do what an endpoint does. Whoever may open the
// socket may have the configuration loaded again: it is root's file, and taken
// whole or not at all.
func (s *Server) may(d door, p Peer, e endpoint) bool {
	return s.rightOf(d, p) >= e.needs || d == socketDoor && e.verb == verbReload
}

// forbidden says who may not do what, and what it would take.
func (s *Server) forbidden(w http.ResponseWriter, d door, p Peer, e endpoint) {
	needs := e.needs.role()
	var text string
	switch {
	case d == tcpDoor && p.Name == "":
		text = fmt.Sprintf("TCP only reads, because nothing says who asks: %s needs the role %s, which a user of [web] config_file can have, or the unix socket", e.verb, needs)
	case len(s.o.Roles) == 0:
		text = fmt.Sprintf("TCP only reads, because [web] roles is not set: %s needs the role %s, and %s has none; over the unix socket no role is needed", e.verb, needs, p)
	default:
		text = fmt.Sprintf("%s needs the role %s of [web] roles, and %s has %s", e.verb, needs, p, s.has(d, p))
	}
	fail(w, http.StatusForbidden, text)
}

// has is the role that somebody has, in words.
func (s *Server) has(d door, p Peer) string {
	r := s.rightOf(d, p)
	if r == mayRead && !slices.Contains(s.o.Roles[roleViewer], p.Name) {
		return "none"
	}
	return r.role()
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
