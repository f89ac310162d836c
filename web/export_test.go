package web

import (
	"net/http"
	"slices"
)

// Verbs are those of all endpoints that change something.
func Verbs() []string {
	var verbs []string
	for _, e := range New(Options{}).endpoints() {
		if e.method == http.MethodPost {
			verbs = append(verbs, e.verb)
		}
	}
	slices.Sort(verbs)
	return verbs
}

// HTTP is the server of one door, as Serve makes it.
func (s *Server) HTTP(h http.Handler) *http.Server { return s.server(h) }

// KeysKept is how many keys are remembered.
const KeysKept = keysKept

// ListeningAs is the handler of a TCP listener that has a name.
func (s *Server) ListeningAs(name string) http.Handler { return s.tcp(name) }
