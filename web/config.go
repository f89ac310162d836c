package web

import (
	"encoding/json"
	"fmt"
	"net/http"
)

// ConfigView is the configuration in force, for whoever may read: its secrets are
// masked.
type ConfigView struct {
	// Hash is what every entry of the journal names it by.
	Hash string `json:"hash"`
	// File is the file or folder that it was read from.
	File string `json:"file"`
	// Config is its tables, defaults filled in.
	Config map[string]any `json:"config"`
	// TOML is the same as a file.
	TOML []byte `json:"-"`
}

func (s *Server) config(w http.ResponseWriter, r *http.Request) {
	format := "json"
	for key, values := range r.URL.Query() {
		if format = values[0]; key != "format" || (format != "json" && format != "toml") {
			fail(w, http.StatusBadRequest, fmt.Sprintf("unknown parameter %s=%q (want format=json or format=toml)", key, values[0]))
			return
		}
	}
	if s.o.Config == nil {
		fail(w, http.StatusServiceUnavailable, "the configuration cannot be shown here")
		return
	}
	view, err := s.o.Config()
	if err != nil {
		s.unavailable(w, err)
		return
	}
	if format == "toml" {
		w.Header().Set("Content-Type", "application/toml; charset=utf-8")
		_, _ = fmt.Fprintf(w, "# %s, hash %s\n%s", view.File, view.Hash, view.TOML) // the reader has gone: nobody is left to tell
		return
	}
	data, err := json.Marshal(view)
	if err != nil {
		fail(w, http.StatusInternalServerError, err.Error())
		return
	}
	succeed(w, data)
}
