package page

import (
	"bytes"
	"crypto/rand"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"html/template"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/rollbackd/rollbackd/incident"
)

//go:embed templates
var templates embed.FS

// Renderer draws pages. It is safe for concurrent use.
type Renderer struct {
	t      func() *template.Template
	assets *Assets
	// blank stands for the form token until a page is sent: what is drawn once is
	// sent to many, and each has a token of their own.
	blank string
}

// New makes a renderer. Its templates are read at the first page, for nobody looks
// at most daemons most of the time; where those in the program are broken, which no
// configuration can bring about, that page panics.
func New() *Renderer {
	secret := make([]byte, 16)
	_, _ = rand.Read(secret) // it never fails: it ends the program first
	r := &Renderer{assets: newAssets(), blank: "token-" + hex.EncodeToString(secret)}
	functions := template.FuncMap{
		"token": func() string { return r.blank },
		"words": func(name any) string { return words(fmt.Sprint(name)) },
		"full":  full,
		"dict":  dict,
	}
	r.t = sync.OnceValue(func() *template.Template {
		return template.Must(template.New("page").Funcs(functions).ParseFS(templates, "templates/*.html"))
	})
	return r
}

// dict makes the argument of a template from names and values.
func dict(pairs ...any) (map[string]any, error) {
	d := map[string]any{}
	for i := 0; i+1 < len(pairs); i += 2 {
		name, ok := pairs[i].(string)
		if !ok {
			return nil, errors.New("dict: a name is no text")
		}
		d[name] = pairs[i+1]
	}
	return d, nil
}

// Assets are the files beside the pages.
func (r *Renderer) Assets() *Assets { return r.assets }

// Fragment is the part of a page that changes with time: all but its frame. The
// form token is left out of it.
type Fragment struct {
	Title string
	HTML  []byte
}

// drawnPage is what a template is given. Say is what a screen reader is told when
// it changes.
type drawnPage struct {
	Title, Say string
	Page       any
}

func (r *Renderer) fragment(name, title, say string, page any) (Fragment, error) {
	var b bytes.Buffer
	if err := r.t().ExecuteTemplate(&b, name, drawnPage{Title: title + " – rollbackd", Say: say, Page: page}); err != nil {
		return Fragment{}, fmt.Errorf("the page %s: %w", name, err)
	}
	return Fragment{Title: string(visible([]byte(title))) + " – rollbackd", HTML: visible(b.Bytes())}, nil
}

// Services draws the first page.
func (r *Renderer) Services(s Services) (Fragment, error) {
	p := servicesOf(s)
	var urgent []string
	for _, row := range p.Rows {
		if row.State.rank < 4 {
			urgent = append(urgent, row.Name+" "+row.State.Word)
		}
	}
	title := "Services"
	if len(urgent) > 0 {
		title = fmt.Sprintf("(%d) Services", len(urgent))
	}
	return r.fragment("services", title, strings.Join(urgent[:min(len(urgent), 5)], ", "), p)
}

// Service draws the page of one service.
func (r *Renderer) Service(s Service) (Fragment, error) {
	p := serviceOf(s)
	return r.fragment("service", p.Name+" "+p.State.Word, p.Name+" is "+p.State.Word, p)
}

// Incident draws the page of one incident.
func (r *Renderer) Incident(i Incident) (Fragment, error) {
	p := incidentOf(i)
	return r.fragment("incident", p.Service+" "+p.State.Word, p.Service+" is "+p.State.Word, p)
}

// History draws the page of the history.
func (r *Renderer) History(h History) (Fragment, error) {
	title := "History"
	if h.Service != "" {
		title += " of " + h.Service
	}
	return r.fragment("history", title, "", historyOf(h))
}

// Problem is why a page cannot be shown, or a form was not taken.
type Problem struct {
	Title, Text    string
	Back, BackText string
}

// Problem draws a page that says what is wrong.
func (r *Renderer) Problem(p Problem) (Fragment, error) {
	return r.fragment("error", p.Title, "", p)
}

// Answer is what became of a form.
type Answer struct {
	// OK is true where it was done; then Text says what, else why not.
	OK   bool
	Text string
}

// Frame is the part of a page that stays while it is looked at.
type Frame struct {
	// At is "services" or "history", the place in the navigation; empty elsewhere.
	At string
	// Events is where its events come from; empty where it does not change.
	Events string
	// Refresh is after how many seconds a page without script is loaded again.
	Refresh int
	Viewer  Viewer
	// Answer is shown above the page; nil for none.
	Answer *Answer
	Now    time.Time
}

// shownAnswer is an answer as it is shown.
type shownAnswer struct {
	State
	Text string
}

// Write writes a whole page, with the viewer's own form token in its forms. Its
// error is the writer's.
func (r *Renderer) Write(w io.Writer, f Frame, body Fragment, token string) error {
	data := map[string]any{
		"Title": body.Title, "At": f.At, "Events": f.Events, "Kinds": strings.Join(kinds(), " "), "Refresh": f.Refresh, "Viewer": f.Viewer,
		"Rights": f.Viewer.rights(), "AsOf": instant(f.Now, f.Now), "Answer": nil,
		"Style": r.assets.Path("style.css"), "Script": r.assets.Path("live.js"), "Icon": r.assets.Path("icon.svg"),
	}
	if a := f.Answer; a != nil {
		shown := shownAnswer{State{Word: "Done.", Sign: "✓", Tone: Good}, a.Text}
		if !a.OK {
			shown.State = State{Word: "Not done.", Sign: "✖", Tone: Bad}
		}
		data["Answer"] = shown
	}
	var top, bottom bytes.Buffer
	if err := r.t().ExecuteTemplate(&top, "top", data); err != nil {
		return fmt.Errorf("the page's frame: %w", err)
	}
	if err := r.t().ExecuteTemplate(&bottom, "bottom", data); err != nil {
		return fmt.Errorf("the page's frame: %w", err)
	}
	for _, part := range [][]byte{visible(top.Bytes()), r.WithToken(body.HTML, token), visible(bottom.Bytes())} {
		if _, err := w.Write(part); err != nil {
			return err
		}
	}
	return nil
}

// WithToken is a fragment with the viewer's own form token in its forms.
func (r *Renderer) WithToken(fragment []byte, token string) []byte {
	return bytes.ReplaceAll(fragment, []byte(r.blank), []byte(token))
}

// kinds are the kinds of entries after which a page may look different: a browser
// listens to each by its name.
func kinds() []string {
	all := []incident.Kind{
		incident.KindStarted, incident.KindConfig, incident.KindBlind, incident.KindSighted, incident.KindDiskLow, incident.KindDiskOK,
		incident.KindDeployment, incident.KindRunning, incident.KindBrake, incident.KindPardon, incident.KindRolledOut, incident.KindDetails,
		incident.KindSignal, incident.KindRehearsed, incident.KindOpened, incident.KindFired, incident.KindCleared, incident.KindDecided,
		incident.KindApproved, incident.KindVetoed, incident.KindAborted, incident.KindAcked, incident.KindRefused, incident.KindStoodDown,
		incident.KindEscalated, incident.KindPlanned, incident.KindStepBegun, incident.KindStepEnded, incident.KindStopping,
		incident.KindVerifying, incident.KindSLAMissed, incident.KindRunEnded, incident.KindCaptured, incident.KindWaiting,
		incident.KindJoined, incident.KindEnough, incident.KindClosed, incident.KindInterrupted, incident.KindClock,
		incident.KindHorizon, incident.KindVerified, incident.KindForgotten, incident.KindSeen, incident.KindReopened, incident.KindImpact,
		incident.KindTriggerBlind, incident.KindTriggerSighted,
	}
	var names []string
	for _, k := range all {
		names = append(names, string(k))
	}
	return append(names, "reset", "message")
}
