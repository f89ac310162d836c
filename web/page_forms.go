package web

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/rollbackd/rollbackd/web/page"
)

// pageForm is a form of a page: the endpoint of the API that it is sent on to,
// which fields that takes, and what is said when it was done.
type pageForm struct {
	endpoint endpoint
	fields   []string
	done     string
	// about is the name of the path's variable, and home the page it goes back to.
	about, home string
}

// forms are the paths that pages send forms to. Each is an endpoint of the API
// under another name, with its rights and its record.
func (s *Server) forms() map[string]pageForm {
	said := map[string]string{
		"approve": "Your approval is on record.", "veto": "Vetoed: this deployment is not rolled back until it gets worse.",
		"abort": "Aborted: no further step begins; one that runs is finished first.", "ack": "Acknowledged: people are not reminded any more.", "close": "Closed.",
		"pause": "Paused: rollbackd does not act by itself.", "lock": "Locked: nobody rolls back.", "resume": "The pause is lifted.", "unlock": "The lock is lifted.",
	}
	api := s.endpoints()
	forms := map[string]pageForm{}
	for _, verb := range []string{"approve", "veto", "abort", "ack", "close"} {
		f := pageForm{endpoint: api["/api/v1/incidents/{id}/"+verb], fields: []string{"reason"}, done: said[verb], about: "id", home: "/incidents/"}
		if verb == "approve" {
			f.fields = append(f.fields, "plan")
		}
		forms["/incidents/{id}/"+verb] = f
	}
	for _, verb := range []string{"pause", "lock", "resume", "unlock"} {
		f := pageForm{endpoint: api["/api/v1/services/{service}/"+verb], fields: []string{"reason"}, done: said[verb], about: "service", home: "/services/"}
		if verb == "pause" || verb == "lock" {
			f.fields = append(f.fields, "for")
		}
		forms["/services/{service}/"+verb] = f
	}
	return forms
}

// formed takes a form and sends it on to the API's own endpoint, whose answer
// becomes a page: the one that the form was on, or one that says what is wrong.
func (s *Server) formed(d door, f pageForm) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		pageHeaders(w)
		if r.Method != http.MethodPost {
			w.Header().Set("Allow", http.MethodPost)
			s.problem(w, r, d, problemPage{http.StatusMethodNotAllowed, "That is not done this way", "This is where a form is sent to."})
			return
		}
		values, problem := readForm(w, r)
		if problem.status != 0 {
			s.problem(w, r, d, problem)
			return
		}
		taken := &taken{header: http.Header{}}
		s.change(taken, asCommand(r, f, values), d, endpoint{
			method: f.endpoint.method, verb: f.endpoint.verb, needs: f.endpoint.needs,
			handle: func(inner http.ResponseWriter, r *http.Request) {
				if !s.pages.tokens.fits(d, peerOf(r.Context()), values.Get("token")) {
					fail(inner, http.StatusForbidden, "the form is from before rollbackd was started, or not from its page: go back, load the page anew and send it again")
					return
				}
				if f.endpoint.verb != "approve" || s.asShown(inner, r, values.Get("shown")) {
					f.endpoint.handle(inner, r)
				}
			},
		})
		s.answerForm(w, r, d, f, taken)
	}
}

// asShown refuses a yes to what has become something else since its page was shown:
// held by another guard, on another way, or waiting at another step. A no needs none
// of that. What cannot be looked up is left to the endpoint.
func (s *Server) asShown(w http.ResponseWriter, r *http.Request, shown string) bool {
	ctx, cancel := context.WithTimeout(r.Context(), readTimeout)
	defer cancel()
	as := shown
	_ = s.o.View(ctx, func(m Memory, _ time.Time) {
		if i, ok := m.Incident(r.PathValue("id")); ok {
			as = page.Shown(i.Public())
		}
	})
	if shown == "" || as == shown {
		return true
	}
	fail(w, http.StatusConflict, "it has changed since the page was shown: look at it as it is now, and say it again")
	return false
}

// readForm reads the fields of a form; the problem's status is 0 where there is none.
func readForm(w http.ResponseWriter, r *http.Request) (url.Values, problemPage) {
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || media != "application/x-www-form-urlencoded" {
		return nil, problemPage{http.StatusUnsupportedMediaType, "That is no form", "Want a form's Content-Type, application/x-www-form-urlencoded."}
	}
	text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		return nil, problemPage{http.StatusRequestEntityTooLarge, "The form is too large", "Nothing was done."}
	}
	values, err := url.ParseQuery(string(text))
	if err != nil {
		return nil, problemPage{http.StatusBadRequest, "The form cannot be read", "Nothing was done."}
	}
	return values, problemPage{}
}

// asCommand is the request that the API's own client would have sent.
func asCommand(r *http.Request, f pageForm, values url.Values) *http.Request {
	body := map[string]string{}
	for _, name := range f.fields {
		if v := strings.TrimSpace(values.Get(name)); v != "" || name == "reason" {
			body[name] = v
		}
	}
	text, _ := json.Marshal(body) //nolint:errchkjson // names and texts always are JSON
	command := r.Clone(r.Context())
	command.Body, command.ContentLength = io.NopCloser(bytes.NewReader(text)), int64(len(text))
	command.Header.Set("Content-Type", "application/json")
	return command
}

// answerForm shows what became of a form. What was done, or was refused for a
// reason, is shown on the page that it was on; to load that anew sends nothing again.
func (s *Server) answerForm(w http.ResponseWriter, r *http.Request, d door, f pageForm, t *taken) {
	answer := page.Answer{OK: t.status == http.StatusOK, Text: f.done}
	var told Envelope
	if err := json.Unmarshal(t.body.Bytes(), &told); err != nil {
		told.Error = "the answer cannot be read"
		answer.OK = false
	}
	if !answer.OK {
		answer.Text = sentence(told.Error)
	}
	switch t.status {
	case http.StatusOK, http.StatusConflict, http.StatusBadRequest:
		name := r.PathValue(f.about)
		home := f.home + url.PathEscape(name)
		if name == allServices {
			home = "/"
		}
		http.Redirect(w, r, home+"?answer="+s.pages.answers.keep(answer, s.o.Clock.Now()), http.StatusSeeOther)
	case http.StatusNotFound:
		s.problem(w, r, d, problemPage{t.status, "There is no such page", answer.Text})
	case http.StatusForbidden:
		s.problem(w, r, d, problemPage{t.status, "That was not done", answer.Text})
	default:
		s.problem(w, r, d, problemPage{t.status, "That could not be done", answer.Text})
	}
}

// sentence is a text with a capital and a full stop.
func sentence(text string) string {
	if text == "" {
		return "Nothing was done."
	}
	if !strings.HasSuffix(text, ".") {
		text += "."
	}
	return strings.ToUpper(text[:1]) + text[1:]
}

// taken is what an endpoint of the API answers to a form.
type taken struct {
	header http.Header
	status int
	body   bytes.Buffer
}

// Header is what the endpoint says beside its answer.
func (t *taken) Header() http.Header { return t.header }

// WriteHeader notes the first status.
func (t *taken) WriteHeader(status int) {
	if t.status == 0 {
		t.status = status
	}
}

// Write keeps the answer.
func (t *taken) Write(text []byte) (int, error) {
	t.WriteHeader(http.StatusOK)
	return t.body.Write(text)
}

// formTokens are what a form must bring back to count: a page of another site
// cannot know it, even in a browser that does not say where a form is from.
type formTokens struct{ key []byte }

func newFormTokens() formTokens {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // it never fails: it ends the program first
	return formTokens{key}
}

// of is the token of one person at one door, for as long as the program runs.
func (t formTokens) of(d door, p Peer) string {
	mac := hmac.New(sha256.New, t.key)
	fmt.Fprintf(mac, "%d %s", d, p.Name) // a hash takes everything
	return hex.EncodeToString(mac.Sum(nil))
}

// fits tells whether a token is that person's.
func (t formTokens) fits(d door, p Peer, token string) bool {
	return subtle.ConstantTimeCompare([]byte(t.of(d, p)), []byte(token)) == 1
}

const (
	// answerLife is how long an answer can be looked at, answersKept how many are kept.
	answerLife  = 10 * time.Minute
	answersKept = 256
)

// answers are what became of forms, each under a name that nobody guesses, until
// the page is loaded that shows it. The zero value is ready; it is safe for
// concurrent use.
type answers struct {
	mu    sync.Mutex
	order []string
	byID  map[string]keptAnswer
}

type keptAnswer struct {
	answer page.Answer
	at     time.Time
}

// keep gives an answer its name.
func (a *answers) keep(answer page.Answer, now time.Time) string {
	id := rand.Text()
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.byID == nil {
		a.byID = map[string]keptAnswer{}
	}
	if len(a.order) >= answersKept {
		delete(a.byID, a.order[0])
		a.order = a.order[1:]
	}
	a.byID[id] = keptAnswer{answer, now}
	a.order = append(a.order, id)
	return id
}

// find is the answer of a name; nil where there is none, or no longer.
func (a *answers) find(id string, now time.Time) *page.Answer {
	a.mu.Lock()
	defer a.mu.Unlock()
	kept, ok := a.byID[id]
	if !ok || now.Sub(kept.at) > answerLife {
		return nil
	}
	return &kept.answer
}
