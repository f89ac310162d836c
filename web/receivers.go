package web

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/rollbackd/rollbackd/web/page"
)

// receiversWithin is how long a page waits to learn who is not told: it is worth
// more without that line than late.
const receiversWithin = time.Second

// ReceiverView is a receiver that messages wait for, because it does not take them.
type ReceiverView struct {
	Name string `json:"name"`
	// Waiting is how many messages wait, Since when the oldest of them was made.
	Waiting int       `json:"waiting"`
	Since   time.Time `json:"since"`
	// Problem is why the last attempt failed.
	Problem string `json:"problem"`
}

// receivers answers without asking the brain: who is not told has nothing to do
// with what is decided.
func (s *Server) receivers(w http.ResponseWriter, r *http.Request) {
	if s.o.Receivers == nil || s.o.Ready() != nil {
		fail(w, http.StatusServiceUnavailable, "who is told is not known yet")
		return
	}
	waiting, err := s.o.Receivers(r.Context())
	if err != nil {
		s.unavailable(w, err)
		return
	}
	data, err := json.Marshal(waiting)
	if err != nil {
		fail(w, http.StatusInternalServerError, err.Error())
		return
	}
	succeed(w, data)
}

// pageReceivers are the receivers that messages wait for, as pages begin with them.
// What cannot be read, or not soon, is not shown: the journal's own state says why.
func (s *Server) pageReceivers(ctx context.Context) (all []page.Waiting) {
	if s.o.Receivers == nil || s.o.Ready() != nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, receiversWithin)
	defer cancel()
	waiting, err := s.o.Receivers(ctx)
	if err != nil {
		return nil
	}
	for _, r := range waiting {
		all = append(all, page.Waiting{Receiver: r.Name, Messages: r.Waiting, Since: r.Since, Problem: r.Problem})
	}
	return all
}
