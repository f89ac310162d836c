package web

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/rollbackd/rollbackd/web/page"
)

// What JournalView.State may be.
const (
	// JournalOK: entries are written, and there is room.
	JournalOK = "ok"
	// JournalLow: its disk has less than [journal] min_free.
	JournalLow = "low"
	// JournalFailing: nothing new can be written, so nothing new is begun.
	JournalFailing = "failing"
)

// JournalView is whether the journal can be written. While it cannot, rollbackd
// watches and does not act.
type JournalView struct {
	Path string `json:"path"`
	// State is ok, low or failing.
	State string `json:"state"`
	// Problem is what is wrong and ToDo what helps, in a few words; Since is when it
	// began. All are empty where State is ok.
	Problem string    `json:"problem,omitempty"`
	Since   time.Time `json:"since,omitzero"`
	ToDo    string    `json:"to_do,omitempty"`
	// FreeBytes is the free space on its disk; nil where that cannot be read.
	// MinFreeBytes is [journal] min_free.
	FreeBytes    *uint64 `json:"free_bytes"`
	MinFreeBytes uint64  `json:"min_free_bytes"`
}

// journal answers without asking the brain, which may be what waits for the disk.
func (s *Server) journal(w http.ResponseWriter, _ *http.Request) {
	if s.o.Journal == nil {
		fail(w, http.StatusServiceUnavailable, "there is no journal here")
		return
	}
	data, err := json.Marshal(s.o.Journal())
	if err != nil {
		fail(w, http.StatusInternalServerError, err.Error())
		return
	}
	succeed(w, data)
}

// pageJournal is the journal's state as pages begin with it.
func (s *Server) pageJournal() page.Journal {
	if s.o.Journal == nil {
		return page.Journal{}
	}
	v := s.o.Journal()
	return page.Journal{Failing: v.State == JournalFailing, Problem: v.Problem, Since: v.Since, ToDo: v.ToDo}
}
