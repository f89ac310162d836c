package web

import (
	"net/http"
	"slices"

	"github.com/rollbackd/rollbackd/web/page"
)

// viewer is who looks at a page, and what forms are drawn for them. On TCP a name
// is believed here as the toolkit let it through: a form that is drawn changes
// nothing, and whoever sends it must prove the name.
func (s *Server) viewer(r *http.Request, d door) (Peer, page.Viewer) {
	p := peerOf(r.Context())
	if d == tcpDoor {
		p = s.claimed(r)
	}
	right := s.rightOf(d, p)
	v := page.Viewer{Name: p.Name, Operate: right >= mayOperate, Approve: right >= mayApprove}
	switch {
	case right >= mayApprove:
	case d == tcpDoor && p.Name == "":
		v.Only = "Over TCP this page only reads, because nothing says who asks. Users of [web] config_file with a role can act here; on the host the command line can."
	case len(s.o.Roles) == 0:
		v.Only = "Over TCP this page only reads, because [web] roles is not set. On the host the command line can act."
	case right == mayRead:
		v.Only = "Acting needs the role operator or approver of [web] roles, which you do not have."
	default:
		v.Only = "Approving, vetoing, aborting and closing need the role approver of [web] roles, which you do not have."
	}
	return p, v
}

// claimed is the user whom a request on TCP names, where there are users at all.
func (s *Server) claimed(r *http.Request) Peer {
	name, _, ok := r.BasicAuth()
	if s.o.ConfigFile == "" || !ok {
		return Peer{}
	}
	for _, users := range s.o.Roles {
		if slices.Contains(users, name) {
			return Peer{Name: name}
		}
	}
	return Peer{} // without a role it makes no difference, and it is anybody's text
}
