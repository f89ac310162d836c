package web

import (
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// hostGuard refuses requests whose Host is not ours. Without it a page on the
// internet could point a name of its own at 127.0.0.1 and read our answers with
// the browser of whoever looks at it.
func (s *Server) hostGuard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !s.ours(r.Host) {
			fail(w, http.StatusForbidden, "the Host "+r.Host+" is not ours (use localhost, an IP address, this machine's name, or set [web] external_url)")
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (s *Server) ours(host string) bool {
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	}
	name = strings.TrimSuffix(strings.TrimPrefix(name, "["), "]")
	if _, err := netip.ParseAddr(name); err == nil {
		return true
	}
	same := func(known string) bool { return known != "" && strings.EqualFold(name, known) }
	return same("localhost") || slices.ContainsFunc(s.o.Hosts, same)
}
