package web

import (
	"mime"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// hostGuard refuses requests whose Host is not ours. Without it a page on the
// internet could point a name of its own at 127.0.0.1 and read our answers with
// the browser of whoever looks at it. listened is the name of [web] listen.
func (s *Server) hostGuard(listened string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !s.ours(r.Host, listened) {
			strangeHost(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func strangeHost(w http.ResponseWriter, r *http.Request) {
	fail(w, http.StatusForbidden, "the Host "+r.Host+" is not ours (use localhost, an IP address, this machine's name, or set [web] external_url)")
}

// ours tells whether a Host is one that we are called by.
func (s *Server) ours(host, listened string) bool {
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	}
	name = strings.TrimSuffix(strings.TrimPrefix(name, "["), "]")
	if _, err := netip.ParseAddr(name); err == nil {
		return true
	}
	same := func(known string) bool { return known != "" && strings.EqualFold(name, known) }
	return same("localhost") || same(listened) || slices.ContainsFunc(s.o.Hosts, same)
}

// readGuard is hostGuard for reading on the socket, which somebody may have carried
// to a port of their own machine (ssh -L). There too a page on the internet could
// point its name. That name has a dot; what people call the socket by has none.
func (s *Server) readGuard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		reads := r.Method == http.MethodGet || r.Method == http.MethodHead
		if reads && strings.Contains(r.Host, ".") && !s.ours(r.Host, "") {
			strangeHost(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// sameOrigin refuses a change that another site's page asks for, and answers the
// request itself then. A browser says where a page is from; who does not say it
// is no browser.
//
// Programs may call the socket anything. A browser may not: somebody may have put
// a proxy in front, or carried it to a port.
func (s *Server) sameOrigin(w http.ResponseWriter, r *http.Request, d door) bool {
	if err := s.origins.Check(r); err != nil {
		fail(w, http.StatusForbidden, "the request comes from a page of another site ("+err.Error()+"): nothing is changed for it")
		return false
	}
	if d == socketDoor && fromBrowser(r) && !s.ours(r.Host, "") {
		strangeHost(w, r)
		return false
	}
	return true
}

// fromBrowser tells whether a request says of itself that a page made it.
func fromBrowser(r *http.Request) bool {
	return r.Header.Get("Origin") != "" || r.Header.Get("Sec-Fetch-Site") != ""
}

// isJSON wants a body to be called JSON, and answers the request itself when it
// is not: what a form of another site can send never is. A request without a
// body, which only a reload may be, needs no name for it. Neither does one on the
// socket, which no page can reach: there `curl -d` is enough.
func isJSON(w http.ResponseWriter, r *http.Request, d door) bool {
	kind := r.Header.Get("Content-Type")
	if kind == "" && r.ContentLength == 0 || d == socketDoor && !fromBrowser(r) {
		return true
	}
	media, _, err := mime.ParseMediaType(kind)
	if err == nil && media == "application/json" {
		return true
	}
	fail(w, http.StatusUnsupportedMediaType, "want Content-Type: application/json (curl: --json, or -H 'Content-Type: application/json')")
	return false
}
