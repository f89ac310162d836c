package web

import (
	"bytes"
	"context"
	"fmt"
	"mime"
	"net/http"
	"time"

	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/report"
)

// endings are what a saved report is called by its form.
func endings(a report.Ask) string {
	switch {
	case a.For != "":
		return "." + string(a.For) + ".txt"
	case a.Format == report.HTML:
		return ".html"
	case a.Format == report.JSON:
		return ".json"
	case a.Format == report.Metrics, a.Format == report.Failures:
		return "." + string(a.Format) + ".json"
	}
	return ".md"
}

// report answers with one incident written down. What it answers is the report
// itself, not an envelope around it.
func (s *Server) report(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	for key := range q {
		if key != "format" && key != "for" {
			fail(w, http.StatusBadRequest, fmt.Sprintf("unknown parameter %q (want format or for)", key))
			return
		}
	}
	ask, err := report.ParseAsk(q.Get("format"), q.Get("for"))
	if err != nil {
		fail(w, http.StatusBadRequest, err.Error())
		return
	}
	if inc, ok := s.asked(w, r); ok {
		s.writeReport(w, inc, ask)
	}
}

func (s *Server) writeReport(w http.ResponseWriter, inc *incident.Incident, ask report.Ask) {
	var body bytes.Buffer
	o := report.Options{Now: s.o.Clock.Now(), ExternalURL: s.o.ExternalURL}
	if err := report.Write(&body, inc, ask, o); err != nil {
		s.o.Logger.Error("a report could not be written", "incident", inc.ID, "err", err)
		fail(w, http.StatusInternalServerError, "the report cannot be written: "+err.Error())
		return
	}
	h := w.Header()
	h.Set("Content-Type", ask.ContentType())
	h.Set("Content-Disposition", mime.FormatMediaType("inline", map[string]string{"filename": inc.ID + endings(ask)}))
	h.Set("Content-Security-Policy", report.ContentSecurityPolicy)
	h.Set("Referrer-Policy", "no-referrer")
	_, _ = w.Write(body.Bytes()) // the reader has gone: nobody is left to tell
}

// anyIncident is an incident in its public form, from memory or from history.
func (s *Server) anyIncident(ctx context.Context, id string) (inc *incident.Incident, found bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	err = s.o.View(ctx, func(m Memory, _ time.Time) {
		if i, ok := m.Incident(id); ok {
			inc, found = i.Public(), true
		}
	})
	if err != nil || found || s.o.History == nil {
		return inc, found, err
	}
	if inc, found, err = s.o.History.Incident(ctx, id); err != nil || !found {
		return nil, false, err
	}
	return inc.Public(), true, nil
}
