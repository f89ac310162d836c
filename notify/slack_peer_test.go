package notify_test

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"

	"github.com/rollbackd/rollbackd/notify"
)

// slackPost is one message in the channel, as readers see it.
type slackPost struct {
	ID, Channel, Thread, Text, Blocks string
	Broadcast                         bool
	Edits                             int
}

// slackPeer speaks Slack's chat.postMessage and chat.update as documented. Answers
// that were asked for by fail come first, one for each request of a method.
type slackPeer struct {
	url   string
	token string

	mu    sync.Mutex
	posts map[string]*slackPost // by ts
	order []string
	fails map[string][]slackFailure // by method
	forms []map[string]string       // everything that came, to be looked through
}

// slackFailure is an answer that is not the usual one.
type slackFailure struct {
	code       int    // an HTTP status, if not 200
	retryAfter string // a header
	word       string // {"ok":false,"error":word}
	body       string // instead of all that
	taken      bool   // the request has its effect all the same, and the connection breaks
}

// quietSlackPeer is one without a server.
func quietSlackPeer() *slackPeer {
	return &slackPeer{url: "http://slack.example.com", token: "xoxb-canary-token", posts: map[string]*slackPost{}, fails: map[string][]slackFailure{}}
}

func newSlackPeer(t *testing.T) *slackPeer {
	t.Helper()
	p := quietSlackPeer()
	s := httptest.NewServer(p)
	t.Cleanup(s.Close)
	p.url = s.URL
	return p
}

// direct carries requests to a handler without a network: for fuzzing, and for
// simulated time.
type direct struct{ handler http.Handler }

// RoundTrip implements http.RoundTripper.
func (d direct) RoundTrip(r *http.Request) (response *http.Response, err error) {
	defer func() {
		if recover() != nil { // as the server would for http.ErrAbortHandler
			err = io.ErrUnexpectedEOF
		}
	}()
	w := httptest.NewRecorder()
	d.handler.ServeHTTP(w, r)
	return w.Result(), r.Context().Err()
}

func (p *slackPeer) fail(method string, failures ...slackFailure) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fails[method] = append(p.fails[method], failures...)
}

// ServeHTTP implements http.Handler.
func (p *slackPeer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	method := r.URL.Path[1:]
	if err := r.ParseForm(); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	form := map[string]string{}
	for key := range r.PostForm {
		form[key] = r.PostForm.Get(key)
	}
	p.forms = append(p.forms, form)
	var failure slackFailure
	if waiting := p.fails[method]; len(waiting) > 0 {
		failure, p.fails[method] = waiting[0], waiting[1:]
		if !failure.taken {
			failure.write(w)
			return
		}
	}
	answer := p.act(method, form)
	if failure.taken {
		panic(http.ErrAbortHandler) // the answer is lost on its way
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(answer)
}

func (f slackFailure) write(w http.ResponseWriter) {
	if f.retryAfter != "" {
		w.Header().Set("Retry-After", f.retryAfter)
	}
	if f.code != 0 {
		w.WriteHeader(f.code)
	}
	if f.body != "" {
		_, _ = fmt.Fprint(w, f.body)
		return
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"ok": false, "error": f.word})
}

// act does what was asked for.
func (p *slackPeer) act(method string, form map[string]string) map[string]any {
	no := func(word string) map[string]any { return map[string]any{"ok": false, "error": word} }
	var meta struct {
		Payload struct {
			ID string `json:"id"`
		} `json:"event_payload"`
	}
	switch {
	case form["token"] != p.token:
		return no("invalid_auth")
	case json.Unmarshal([]byte(form["metadata"]), &meta) != nil:
		return no("invalid_metadata_format")
	case form["mrkdwn"] != "false" || form["parse"] != "none":
		return no("the peer wants text that is not parsed")
	}
	switch method {
	case "chat.postMessage":
		if thread := form["thread_ts"]; thread != "" && p.posts[thread] == nil {
			return no("thread_not_found")
		}
		ts := fmt.Sprintf("1772334125.%06d", len(p.order)+1)
		p.order = append(p.order, ts)
		p.posts[ts] = &slackPost{
			ID: meta.Payload.ID, Channel: form["channel"], Thread: form["thread_ts"], Text: form["text"], Blocks: form["blocks"],
			Broadcast: form["reply_broadcast"] == "true",
		}
		return map[string]any{"ok": true, "channel": "C024BE91L", "ts": ts}
	case "chat.update":
		post := p.posts[form["ts"]]
		if post == nil {
			return no("message_not_found")
		}
		if form["channel"] != "C024BE91L" {
			return no("channel_not_found") // an update wants the ID
		}
		post.Text, post.Blocks = form["text"], form["blocks"]
		post.Edits++
		return map[string]any{"ok": true, "channel": "C024BE91L", "ts": form["ts"]}
	}
	return no("unknown_method")
}

// shown are the posts in their order, one line each: the message's id, whether it
// is a root (with how often it was edited and what it says now), a reply to which
// root, or one that the whole channel sees.
func (p *slackPeer) shown() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var lines []string
	for _, ts := range p.order {
		post := p.posts[ts]
		switch {
		case post == nil:
			continue
		case post.Thread == "":
			lines = append(lines, fmt.Sprintf("%s: root, %d edits: %s", post.ID, post.Edits, post.Text))
		case post.Broadcast:
			lines = append(lines, fmt.Sprintf("%s: loud reply to %s", post.ID, p.posts[post.Thread].ID))
		default:
			lines = append(lines, fmt.Sprintf("%s: reply to %s", post.ID, p.posts[post.Thread].ID))
		}
	}
	return lines
}

// remove takes all messages out of the channel, as a person might.
func (p *slackPeer) remove() {
	p.mu.Lock()
	defer p.mu.Unlock()
	clear(p.posts)
}

// seen are the values of every field that came but the token.
func (p *slackPeer) seen() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var values []string
	for _, form := range p.forms {
		for _, key := range slices.Sorted(maps.Keys(form)) {
			if key != "token" {
				values = append(values, form[key])
			}
		}
	}
	return values
}

// slack is a channel to the peer, over a real connection.
func (p *slackPeer) slack(t *testing.T, keeper notify.Keeper) *notify.Slack {
	t.Helper()
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return p.by(t, keeper, transport)
}

func (p *slackPeer) by(t *testing.T, keeper notify.Keeper, transport http.RoundTripper) *notify.Slack {
	t.Helper()
	s, err := notify.NewSlack(notify.SlackOptions{
		Token: func() (string, error) { return p.token + "\n", nil }, Channel: "#ops", Keeper: keeper, APIURL: p.url, Transport: transport,
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}
