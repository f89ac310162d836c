package web

import (
	"context"
	"net/http"
	"time"

	"github.com/rollbackd/rollbackd/incident"
)

// noSuchService answers about a service that is not in the configuration, in the
// words that commands about it are refused with.
func (s *Server) noSuchService(ctx context.Context, w http.ResponseWriter, service string) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	var names []string
	err := s.o.View(ctx, func(m Memory, now time.Time) {
		for _, one := range m.Services(now) {
			names = append(names, one.Service)
		}
	})
	if err != nil {
		s.unavailable(w, err)
		return
	}
	fail(w, http.StatusNotFound, incident.NotConfigured(service, names))
}
