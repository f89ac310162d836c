package web

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/rollbackd/rollbackd/web/page"
)

// pagePolicy lets a page load what is ours and nothing else, and run no script but
// the one file beside it.
const pagePolicy = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

const (
	// pageRefresh is after how many seconds a page without script is loaded again,
	// formRefresh where somebody may be writing into a form.
	pageRefresh = 15
	formRefresh = 120
)

// pages are what the page at / stands on, beside what the API does.
type pages struct {
	draw    *page.Renderer
	cache   pageCache
	answers answers
	tokens  formTokens
	daemon  daemonState
}

func newPages() *pages {
	return &pages{draw: page.New(), tokens: newFormTokens()}
}

// pageRequest is what a page is drawn for.
type pageRequest struct {
	// name is the service or the incident; empty where the page is about neither.
	name   string
	query  url.Values
	viewer page.Viewer
}

// pageKind is one kind of page. Only the parameters named in query count, so that
// nobody fills the cache with others.
type pageKind struct {
	at, name string
	query    []string
	draw     func(ctx context.Context, r pageRequest) (page.Fragment, error)
	// events is the query of the events that may change it.
	events func(name string) string
}

// noSuchPageError is a page about something that is not there.
type noSuchPageError struct{ text string }

// Error says what is not there.
func (e *noSuchPageError) Error() string { return e.text }

// movedError is a page that has an address of its own: a service's name may stand
// for its open incident, but only as long as that is open.
type movedError struct{ to string }

// Error says where it is.
func (e *movedError) Error() string { return "it is at " + e.to }

// badPageError is a query that cannot be read.
type badPageError struct{ error }

// addPages puts the pages beside the API, with what each door lets people do.
func (s *Server) addPages(mux *http.ServeMux, d door) {
	all := func(string) string { return "" }
	kinds := map[string]pageKind{
		"/{$}":             {at: "services", query: []string{"find", "from"}, draw: s.drawServices, events: all},
		"/services/{name}": {at: "services", name: "name", draw: s.drawService, events: func(name string) string { return "?service=" + url.QueryEscape(name) }},
		"/incidents/{id}":  {name: "id", draw: s.drawIncident, events: all},
		"/history":         {at: "history", query: []string{"days", "service", "before"}, draw: s.drawHistory, events: all},
	}
	for path, kind := range kinds {
		mux.HandleFunc(path, s.pageOf(d, kind))
	}
	mux.HandleFunc("/assets/{name}", s.asset)
	for path, form := range s.forms() {
		mux.HandleFunc(path, s.formed(d, form))
	}
}

// pageOf shows a page, or only the part of it that changes.
func (s *Server) pageOf(d door, kind pageKind) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		pageHeaders(w)
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			s.problem(w, r, d, problemPage{http.StatusMethodNotAllowed, "That is not done this way", r.Method + " is not allowed here."})
			return
		}
		who, viewer := s.viewer(r, d)
		request := pageRequest{name: r.PathValue(kind.name), query: url.Values{}, viewer: viewer}
		for _, name := range kind.query {
			if v := r.URL.Query().Get(name); v != "" {
				request.query.Set(name, v)
			}
		}
		drawn, err := s.cached(r, kind, request)
		if err != nil {
			s.pageFailed(w, r, d, err)
			return
		}
		token := s.pages.tokens.of(d, who)
		if r.URL.Query().Get("fragment") != "" {
			s.sendFragment(w, r, drawn, token)
			return
		}
		frame := page.Frame{
			At: kind.at, Events: "/api/v1/events" + kind.events(request.name), Refresh: pageRefresh, Viewer: viewer,
			Answer: s.pages.answers.find(r.URL.Query().Get("answer"), s.o.Clock.Now()), Now: s.o.Clock.Now(),
		}
		if viewer.Operate {
			frame.Refresh = formRefresh
		}
		s.sendPage(w, http.StatusOK, frame, drawn.fragment, token)
	}
}

// cached is a page as it was drawn for this change, by whoever asked first.
func (s *Server) cached(r *http.Request, kind pageKind, request pageRequest) (*drawnPage, error) {
	v := request.viewer
	key := fmt.Sprintf("%s?%s#%t %t %s", r.URL.EscapedPath(), request.query.Encode(), v.Operate, v.Approve, v.Only)
	return s.pages.cache.get(key, s.o.Clock.Now(), s.o.Events.newest(), func() (page.Fragment, error) {
		// Others wait for it too: it is drawn to its end though who asked first leaves.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), readTimeout)
		defer cancel()
		return kind.draw(ctx, request)
	})
}

// sendFragment sends the part of a page that changes, or that it has not.
func (s *Server) sendFragment(w http.ResponseWriter, r *http.Request, drawn *drawnPage, token string) {
	w.Header().Set("ETag", drawn.etag)
	if r.Header.Get("If-None-Match") == drawn.etag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = w.Write(s.pages.draw.WithToken(drawn.fragment.HTML, token)) // the reader has gone: nobody is left to tell
}

func (s *Server) sendPage(w http.ResponseWriter, status int, frame page.Frame, body page.Fragment, token string) {
	var b bytes.Buffer
	if err := s.pages.draw.Write(&b, frame, body, token); err != nil {
		s.o.Logger.Error("a page cannot be drawn", "err", err)
		fail(w, http.StatusInternalServerError, "the page cannot be drawn (the daemon's log says more)")
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes()) // the reader has gone: nobody is left to tell
}

// pageHeaders are those of every page, beside those of every answer. The referrer
// stays among ourselves; without any, a browser would not say where a form is from.
func pageHeaders(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Content-Security-Policy", pagePolicy)
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Permissions-Policy", "camera=(), microphone=(), geolocation=()")
}

// problemPage is why there is no page.
type problemPage struct {
	status      int
	title, text string
}

// pageFailed says why a page cannot be shown.
func (s *Server) pageFailed(w http.ResponseWriter, r *http.Request, d door, err error) {
	var missing *noSuchPageError
	var moved *movedError
	var bad badPageError
	switch {
	case errors.As(err, &moved):
		http.Redirect(w, r, moved.to, http.StatusFound)
	case errors.As(err, &missing):
		s.problem(w, r, d, problemPage{http.StatusNotFound, "There is no such page", missing.text})
	case errors.As(err, &bad):
		s.problem(w, r, d, problemPage{http.StatusBadRequest, "That cannot be shown", bad.Error()})
	default:
		s.o.Logger.Warn("a page could not be shown", "err", err)
		s.problem(w, r, d, problemPage{http.StatusServiceUnavailable, "rollbackd cannot answer just now", strings.TrimSuffix(err.Error(), ".") + "."})
	}
}

func (s *Server) problem(w http.ResponseWriter, r *http.Request, d door, p problemPage) {
	body, err := s.pages.draw.Problem(page.Problem{Title: p.title, Text: p.text, Back: "/", BackText: "To the services"})
	if err != nil {
		s.o.Logger.Error("a page cannot be drawn", "err", err)
		fail(w, p.status, p.text)
		return
	}
	_, viewer := s.viewer(r, d)
	s.sendPage(w, p.status, page.Frame{Refresh: pageRefresh, Viewer: viewer, Now: s.o.Clock.Now()}, body, "")
}

// asset sends one of the files beside the pages, to be kept for as long as there
// is room: another content has another name.
func (s *Server) asset(w http.ResponseWriter, r *http.Request) {
	asset, ok := s.pages.draw.Assets().Find(r.PathValue("name"))
	if !ok || r.Method != http.MethodGet && r.Method != http.MethodHead {
		fail(w, http.StatusNotFound, "there is nothing at "+r.URL.Path)
		return
	}
	pageHeaders(w)
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	w.Header().Set("Content-Type", asset.Type)
	w.Header().Set("ETag", `"`+asset.Hash+`"`)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(asset.Content))
}
