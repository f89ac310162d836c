package web

import (
	fifo "container/list"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"time"
	"unicode/utf8"
)

// keyHeader carries the sender's own name for a request that changes something.
const keyHeader = "Idempotency-Key"

const (
	// keyLife is how long a key is known, and keysKept of how many the newest are.
	keyLife  = 24 * time.Hour
	keysKept = 10_000
	// maxKey is the longest key, and maxTold how much of an answer is kept, in bytes.
	maxKey  = 128
	maxTold = 256
)

// use is the use of one key: the request that came first with it.
type use struct {
	key  string
	at   time.Time
	what string // method and path
	// status is that of the answer; zero while there is none.
	status   int
	told     string
	incident string
}

// keys are the keys of the newest requests. The zero value is ready; it is safe
// for concurrent use, and empty after a restart.
type keys struct {
	mu     sync.Mutex
	byKey  map[string]*fifo.Element
	oldest fifo.List // of *use, oldest first
}

// begin notes that a request came with a key. It returns the earlier one, and
// false, where the key was used before.
func (k *keys) begin(key, what string, now time.Time) (earlier use, first bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.byKey == nil {
		k.byKey = map[string]*fifo.Element{}
	}
	for e := k.oldest.Front(); e != nil && now.Sub(e.Value.(*use).at) >= keyLife; e = k.oldest.Front() {
		k.drop(e)
	}
	if e, used := k.byKey[key]; used {
		return *e.Value.(*use), false
	}
	if k.oldest.Len() >= keysKept {
		k.drop(k.oldest.Front())
	}
	k.byKey[key] = k.oldest.PushBack(&use{key: key, at: now, what: briefly(what)})
	return use{}, true
}

// drop forgets a key; k.mu is held.
func (k *keys) drop(e *fifo.Element) {
	delete(k.byKey, e.Value.(*use).key)
	k.oldest.Remove(e)
}

// end keeps how a request was answered. One that was refused before anything was
// carried out does not use its key up: the sender mends it and sends it again.
func (k *keys) end(key string, a *noted) {
	k.mu.Lock()
	defer k.mu.Unlock()
	e, known := k.byKey[key]
	if !known {
		return // so many came after it that it was let go of
	}
	switch a.status {
	case http.StatusBadRequest, http.StatusForbidden, http.StatusNotFound, http.StatusRequestEntityTooLarge:
		k.drop(e)
		return
	}
	u := e.Value.(*use)
	u.status, u.incident, u.told = a.status, a.incident(), briefly(a.answer.Error)
}

// briefly is the beginning of a text.
func briefly(text string) string {
	if len(text) <= maxTold {
		return text
	}
	cut := maxTold
	for !utf8.RuneStart(text[cut]) {
		cut--
	}
	return text[:cut] + "…"
}

// String says what became of the first request.
func (u use) String() string {
	text := fmt.Sprintf("%s %q came before, with %s at %s: ", keyHeader, u.key, u.what, u.at.UTC().Format(time.RFC3339))
	switch {
	case u.status == 0:
		return text + "it is not answered yet"
	case u.told != "":
		return text + fmt.Sprintf("it was answered %d, %s", u.status, u.told)
	case u.incident != "":
		return text + fmt.Sprintf("it was answered %d, incident %s", u.status, u.incident)
	}
	return text + fmt.Sprintf("it was answered %d", u.status)
}

// noted is a response that also notes the answer.
type noted struct {
	http.ResponseWriter

	status int
	answer Envelope
}

// Unwrap lets a handler move the deadlines of the connection.
func (n *noted) Unwrap() http.ResponseWriter { return n.ResponseWriter }

// incident is the one that the answer was about; empty without one.
func (n *noted) incident() string {
	if n.answer.Incident != "" {
		return n.answer.Incident
	}
	var done Done
	if json.Unmarshal(n.answer.Data, &done) != nil {
		return "" // the data is of another kind
	}
	return done.Incident
}

// once lets a request with a key through once, and refuses it from then on: a
// sender who did not hear the answer must not roll back twice.
func (s *Server) once(w http.ResponseWriter, r *http.Request, handle http.HandlerFunc) {
	given := r.Header.Values(keyHeader)
	if len(given) == 0 {
		handle(w, r)
		return
	}
	key := given[0]
	if len(given) > 1 || !goodKey(key) {
		fail(w, http.StatusBadRequest, fmt.Sprintf("%s: want one, of 1 to %d printable ASCII characters without spaces", keyHeader, maxKey))
		return
	}
	earlier, first := s.keys.begin(key, r.Method+" "+r.URL.Path, s.o.Clock.Now())
	if !first {
		write(w, http.StatusConflict, Envelope{
			Status: "error", ErrorType: ErrorConflict, Incident: earlier.incident,
			Error: earlier.String() + "; nothing was done now",
		})
		return
	}
	answer := &noted{ResponseWriter: w, status: http.StatusInternalServerError}
	defer func() { s.keys.end(key, answer) }() // also where the handler panics
	handle(answer, r)
}

func goodKey(key string) bool {
	if key == "" || len(key) > maxKey {
		return false
	}
	for _, c := range []byte(key) {
		if c <= ' ' || c > '~' {
			return false
		}
	}
	return true
}
