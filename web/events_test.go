package web_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/benbjohnson/clock"
	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/go-hclog"

	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/journal"
	"github.com/rollbackd/rollbackd/web"
)

// ledger is a journal in memory, with the hub that follows it.
type ledger struct {
	t   *testing.T
	hub *web.Hub

	mu      sync.Mutex
	entries []journal.Numbered
	broken  error
}

func newLedger(t *testing.T, entries int) *ledger {
	t.Helper()
	l := &ledger{t: t}
	for range entries {
		l.write("checkout")
	}
	l.hub = web.NewHub(l, hclog.NewNullLogger())
	return l
}

// write makes an entry durable.
func (l *ledger) write(service string) (uint64, incident.Entry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	seq := uint64(len(l.entries) + 1)
	e := incident.Entry{
		At: noon(), Kind: incident.KindDecided, Service: service, Incident: "inc-1", Actor: "rollbackd", Text: fmt.Sprintf("entry %d\nid: 7", seq),
		Decided: &incident.Decision{State: incident.Held, Reason: "CANARY"}, Planned: &incident.Run{Values: map[string]string{"key": "CANARY"}},
	}
	raw, err := json.Marshal(e)
	if err != nil {
		l.t.Error(err)
	}
	l.entries = append(l.entries, journal.Numbered{Seq: seq, Entry: raw})
	return seq, e
}

// say makes an entry durable and publishes it.
func (l *ledger) say(service string) {
	seq, e := l.write(service)
	l.hub.Publish(l.t.Context(), seq, e)
}

func (l *ledger) After(_ context.Context, seq uint64, limit int) ([]journal.Numbered, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.broken != nil {
		return nil, l.broken
	}
	from := min(int(seq), len(l.entries))
	return l.entries[from:min(from+limit, len(l.entries))], nil
}

func (l *ledger) Head() (uint64, string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return uint64(len(l.entries)), ""
}

// serve is the API over the ledger, on a port of its own.
func (l *ledger) serve(c clock.Clock) *httptest.Server {
	w := newWorld()
	w.events = l.hub
	s := httptest.NewServer(w.serverAt(c).TCP())
	l.t.Cleanup(s.Close)
	return s
}

// reading is one reader of events.
type reading struct {
	t    *testing.T
	body *bufio.Reader
	end  func()
	// err is why nothing more came: io.EOF where the server ended the stream in order.
	err error
}

// event is one as it was read; an id without a kind is a place.
type event struct{ id, kind, data string }

func follow(t *testing.T, url, lastID string) *reading {
	t.Helper()
	r, err := tryFollow(t, url, lastID)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// tryFollow is follow where the server may have hung up before it answered.
func tryFollow(t *testing.T, url, lastID string) (*reading, error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if lastID != "" {
		r.Header.Set("Last-Event-ID", lastID)
	}
	a, err := http.DefaultClient.Do(r)
	if err != nil {
		cancel()
		return nil, err
	}
	t.Cleanup(func() { cancel(); _ = a.Body.Close() })
	if a.StatusCode != http.StatusOK || !strings.HasPrefix(a.Header.Get("Content-Type"), "text/event-stream") {
		t.Fatalf("%s: %s, %s", url, a.Status, a.Header.Get("Content-Type"))
	}
	return &reading{t: t, body: bufio.NewReader(a.Body), end: cancel}, nil
}

// next is the next block that says something; false at the end of the stream.
func (r *reading) next() (e event, ok bool) {
	for {
		line, err := r.body.ReadString('\n')
		if err != nil {
			r.err = err
			return e, false
		}
		key, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		switch key {
		case "id":
			e.id = value
		case "event":
			e.kind = value
		case "data":
			e.data = value
		case "":
			if e != (event{}) {
				return e, true
			}
		}
	}
}

// want reads the next block, and says its id and kind.
func (r *reading) want(ids ...string) {
	r.t.Helper()
	for _, want := range ids {
		e, ok := r.next()
		if got := strings.TrimSpace(e.id + " " + e.kind); !ok || got != want {
			r.t.Fatalf("got %q, %v, want %q", got, ok, want)
		}
	}
}

func TestEventsAreStreamed(t *testing.T) {
	l := newLedger(t, 3)
	url := l.serve(clock.New()).URL + "/api/v1/events"
	r := follow(t, url, "")
	r.want("3") // where it is, so that it can resume before the first event
	l.say("checkout")
	e, ok := r.next()
	if !ok || e.id != "4" || e.kind != "decided" || strings.Contains(e.data, "CANARY") {
		t.Fatalf("got %+v", e)
	}
	var got web.Event
	if err := json.Unmarshal([]byte(e.data), &got); err != nil {
		t.Fatal(err)
	}
	want := web.Event{
		At: noon(), Kind: incident.KindDecided, Service: "checkout", Incident: "inc-1", Actor: "rollbackd", Text: "entry 4\nid: 7", State: incident.Held,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	l.write("checkout") // lost on the way, and found in the journal
	l.say("checkout")
	r.want("5 decided", "6 decided")
}

func TestEventsResume(t *testing.T) {
	l := newLedger(t, 12_000)
	url := l.serve(clock.New()).URL + "/api/v1/events"
	follow(t, url, "11997").want("11998 decided", "11999 decided", "12000 decided")
	follow(t, url+"?last_event_id=11999", "").want("12000 decided")
	follow(t, url+"?last_event_id=1", "11999").want("12000 decided") // the browser's header is newer
	follow(t, url, "2000").want("2001 decided")
	follow(t, url, "1999").want("12000 reset")  // too much
	follow(t, url, "12001").want("12000 reset") // of another journal
	r := follow(t, url, "12000")
	l.say("checkout")
	r.want("12001 decided")
	l.mu.Lock()
	l.broken = errors.New("disk on fire")
	l.mu.Unlock()
	follow(t, url, "11990").want("12001 reset")
}

func TestEventsOfOneService(t *testing.T) {
	l := newLedger(t, 0)
	mock := clock.NewMock()
	mock.Set(time.Now().Add(time.Hour)) // a connection's deadline goes by the real clock
	r := follow(t, l.serve(mock).URL+"/api/v1/events?service=checkout", "")
	r.want("0")
	for _, service := range []string{"search", "checkout", "", "search"} {
		l.say(service)
	}
	r.want("2 decided", "3 decided")
	l.hub.Drained(t)
	mock.Add(15 * time.Second)
	r.want("4") // the place alone: it resumes from there
}

// TestEventsHaveNoGapAndNoDuplicate lets readers come and go while entries are
// published: each sees every number once, in order.
func TestEventsHaveNoGapAndNoDuplicate(t *testing.T) {
	const last = 3000
	l := newLedger(t, 5)
	url := l.serve(clock.New()).URL + "/api/v1/events"
	var readers sync.WaitGroup
	for n := range 8 {
		readers.Go(func() {
			at, id := 5, "5"
			for at < last {
				r := follow(t, url, id)
				for range 200 * (n + 1) {
					e, ok := r.next()
					if !ok {
						break
					}
					if at++; e.id != strconv.Itoa(at) {
						t.Errorf("reader %d: got %q, want %d", n, e.id, at)
						return
					}
					if id = e.id; at == last {
						return
					}
				}
				r.end()
			}
		})
	}
	for n := range last - 5 {
		if n%7 == 0 {
			l.write("checkout") // the hub is not told of all
			continue
		}
		l.say("checkout")
	}
	for len(l.entries) < last {
		l.say("checkout")
	}
	l.say("checkout")
	readers.Wait()
}

func TestSlowReadersAreSentAway(t *testing.T) {
	l := newLedger(t, 0)
	slow, fast := l.hub.Join(), l.hub.Join()
	done := make(chan int)
	go func() {
		n := 0
		for range fast {
			if n++; n == 300 {
				break
			}
		}
		done <- n
	}()
	for range 300 {
		l.say("checkout")
		l.hub.WaitFor(fast)
	}
	if n := <-done; n != 300 {
		t.Errorf("who reads got %d events, want 300", n)
	}
	n := 0
	for range slow {
		n++
	}
	if n != 256 {
		t.Errorf("who does not read was given %d events before the stream ended, want 256", n)
	}
}

func TestAtMostAThousandStreams(t *testing.T) {
	l := newLedger(t, 0)
	for range 1000 {
		l.hub.Join()
	}
	w := newWorld()
	w.events = l.hub
	got := ask(t, w.server().TCP(), "GET", "/api/v1/events", "")
	if got.status != 503 || got.header.Get("Retry-After") == "" {
		t.Errorf("got %d, Retry-After %q, want 503 and when to come back", got.status, got.header.Get("Retry-After"))
	}
}

func TestEventsRefuseWhatTheyDoNotUnderstand(t *testing.T) {
	l := newLedger(t, 1)
	w := newWorld()
	w.events = l.hub
	for _, query := range []string{"?last_event_id=x", "?last_event_id=-1", "?since=1h"} {
		if got := ask(t, w.server().TCP(), "GET", "/api/v1/events"+query, ""); got.status != 400 {
			t.Errorf("%s: %d, want 400", query, got.status)
		}
	}
	if got := ask(t, newWorld().server().TCP(), "GET", "/api/v1/events", ""); got.status != 503 {
		t.Errorf("without a journal: %d, want 503", got.status)
	}
}

// TestStreamsEndWithTheServer: a stream would otherwise hold up the stop until it
// is cut.
func TestStreamsEndWithTheServer(t *testing.T) {
	l := newLedger(t, 1)
	w := newWorld()
	w.events = l.hub
	listeners := listen(t, socketDir(t)+"/s", "127.0.0.1:0")
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- w.serverAt(clock.New()).Serve(ctx, listeners) }()
	r := follow(t, "http://"+listeners.TCPAddr()+"/api/v1/events", "")
	r.want("1")
	cancel()
	if e, ok := r.next(); ok {
		t.Errorf("got %+v after the end", e)
	}
	if !errors.Is(r.err, io.EOF) {
		t.Errorf("the stream ended with %v, want io.EOF: the stop waited for it and then cut it off", r.err)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// TestEventsOfAServiceThatIsNotThere: a typing error would wait for ever. While the
// daemon starts, nobody can tell.
func TestEventsOfAServiceThatIsNotThere(t *testing.T) {
	l := newLedger(t, 1)
	w := newWorld()
	w.events = l.hub
	s := httptest.NewServer(w.serverAt(clock.New()).TCP())
	t.Cleanup(s.Close)
	response, err := http.Get(s.URL + "/api/v1/events?service=nosuch")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }() // it was only read
	text, err := io.ReadAll(response.Body)
	if response.StatusCode != http.StatusNotFound || err != nil || !strings.Contains(string(text), `service \"nosuch\" is not configured`) {
		t.Errorf("got %d %s, %v", response.StatusCode, text, err)
	}
	w.viewErr = errors.New("not ready")
	follow(t, s.URL+"/api/v1/events?service=nosuch", "").want("1")
}

// TestStreamsOutliveTheLimitsOfARequest: an answer may otherwise take a minute, and
// a request 15 s to arrive.
func TestStreamsOutliveTheLimitsOfARequest(t *testing.T) {
	l := newLedger(t, 1)
	w := newWorld()
	w.events = l.hub
	server := w.serverAt(clock.New())
	s := httptest.NewUnstartedServer(nil)
	s.Config = server.HTTP(server.TCP())
	s.Config.ReadTimeout, s.Config.WriteTimeout = 50*time.Millisecond, 50*time.Millisecond
	s.Start()
	t.Cleanup(s.Close)
	var r *reading
	for range 1000 { // on a busy machine the limits may be over before the stream has begun
		var err error
		if r, err = tryFollow(t, s.URL+"/api/v1/events", ""); err != nil {
			continue
		}
		if e, ok := r.next(); ok && e.id == "1" {
			break
		}
	}
	<-time.After(200 * time.Millisecond)
	l.say("checkout")
	r.want("2 decided")
}
