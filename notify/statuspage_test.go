package notify_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbackd/rollbackd/notify"
)

// statusPeer speaks the part of Statuspage's API that is used, as documented.
type statusPeer struct {
	url string

	mu        sync.Mutex
	incidents []map[string]any // as they were sent, with an id
	requests  []string
	fail      map[string][]int // answers to requests of a method; 0 breaks the connection after the effect
	bodies    []string
}

func newStatusPeer(t *testing.T) *statusPeer {
	t.Helper()
	p := &statusPeer{fail: map[string][]int{}}
	s := httptest.NewServer(p)
	t.Cleanup(s.Close)
	p.url = s.URL
	return p
}

// ServeHTTP implements http.Handler.
func (p *statusPeer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	lost := false
	if codes := p.fail[r.Method]; len(codes) > 0 {
		p.fail[r.Method] = codes[1:]
		if lost = codes[0] == 0; !lost {
			http.Error(w, "no", codes[0])
			return
		}
	}
	path, ours := strings.CutPrefix(r.URL.Path, "/v1/pages/kctbh9vrtdwd/incidents")
	switch {
	case r.Header.Get("Authorization") != "OAuth canary-key":
		http.Error(w, `{"error":"not authenticated"}`, http.StatusUnauthorized)
		return
	case !ours:
		http.Error(w, `{"error":"not found"}`, http.StatusNotFound)
		return
	case r.Method == http.MethodGet && path == "/unresolved":
		open := slices.DeleteFunc(slices.Clone(p.incidents), func(i map[string]any) bool { return i["status"] == "resolved" })
		_ = json.NewEncoder(w).Encode(open)
		return
	}
	var sent struct{ Incident map[string]any }
	if err := json.NewDecoder(r.Body).Decode(&sent); err != nil {
		http.Error(w, err.Error(), http.StatusUnprocessableEntity)
		return
	}
	p.bodies = append(p.bodies, fmt.Sprint(sent))
	i := slices.IndexFunc(p.incidents, func(i map[string]any) bool { return "/"+i["id"].(string) == path })
	switch {
	case r.Method == http.MethodPost && path == "":
		i = len(p.incidents)
		sent.Incident["id"] = fmt.Sprint("p", i+1)
		p.incidents = append(p.incidents, sent.Incident)
		w.WriteHeader(http.StatusCreated)
	case r.Method == http.MethodPatch && i >= 0:
		sent.Incident["id"] = p.incidents[i]["id"]
		p.incidents[i] = sent.Incident
	default:
		http.Error(w, `{"error":"not found"}`, http.StatusNotFound)
		return
	}
	p.requests = append(p.requests, fmt.Sprint(r.Method, " ", sent.Incident["id"], " ", sent.Incident["status"]))
	if lost {
		panic(http.ErrAbortHandler)
	}
	_ = json.NewEncoder(w).Encode(p.incidents[i])
}

func (p *statusPeer) page(t *testing.T, keeper notify.Keeper, change ...func(*notify.StatusPageOptions)) *notify.StatusPage {
	t.Helper()
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	o := notify.StatusPageOptions{
		URL: p.url, PageID: "kctbh9vrtdwd", ComponentIDs: []string{"c1"}, Token: func() (string, error) { return "canary-key\n", nil },
		Keeper: keeper, Transport: transport, Name: func(string) string { return "Checkout" },
	}
	for _, f := range change {
		f(&o)
	}
	s, err := notify.NewStatusPage(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// state is a message of an incident in a state.
func state(state, outcome string) func(*notify.Message) {
	return func(m *notify.Message) {
		m.About.State, m.About.Outcome = state, outcome
		if state != "countdown" {
			m.About.Rollback = &notify.Rollback{From: "v2.canary", To: "v1.canary", StartedAt: minute(1)}
		}
		m.Text = "canary: alice says rollbackd abort"
	}
}

func wantRequests(t *testing.T, p *statusPeer, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, p.requests); diff != "" {
		t.Errorf("the page's changes (-want +got):\n%s", diff)
	}
}

func TestStatusPageFollowsAnIncident(t *testing.T) {
	p, kept := newStatusPeer(t), &drawer{}
	s := p.page(t, kept)
	deliver(t, s, told(t, "a/1", acting+" countdown", minute(0), state("countdown", "")), told(t, "a/2", acting+" acting", minute(1), state("rolling_back", "")),
		told(t, "a/3", failed+" step_failed", minute(2), state("rolling_back", "")))
	s = p.page(t, kept) // the daemon starts again
	deliver(t, s, told(t, "a/4", failed+" failed", minute(3), state("held", "")), told(t, "a/5", acting+" sla_missed", minute(4), state("verifying", "")),
		told(t, "a/6", "RECOVERED closed", minute(5), state("closed", "rolled_back")), told(t, "a/7", held+" monitor", minute(6), state("closed", "rolled_back")),
		told(t, "a/0", acting+" acting", minute(1), state("rolling_back", "")))
	wantRequests(t, p, "POST p1 identified", "PATCH p1 investigating", "PATCH p1 monitoring", "PATCH p1 resolved")
	want := map[string]any{
		"id": "p1", "name": "Problem with Checkout", "status": "resolved", "body": "The problem with Checkout is solved.",
		"component_ids": []any{"c1"}, "components": map[string]any{"c1": "operational"},
		"metadata": map[string]any{"rollbackd": map[string]any{"incident": "ca978112ca1bbdca"}},
	}
	if diff := cmp.Diff(want, p.incidents[0]); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, body := range p.bodies {
		if strings.Contains(body, "canary") || strings.Contains(body, "alice") {
			t.Errorf("customers read %s", body)
		}
	}
}

func TestStatusPageShowsOnlyWhatIsDoneToALiveService(t *testing.T) {
	tests := []struct {
		name string
		fit  func(*notify.Message)
	}{
		{"nothing done yet", state("countdown", "")},
		{"shadow", func(m *notify.Message) { state("rolling_back", "")(m); m.About.Mode = "shadow" }},
		{"over before customers heard of it", state("closed", "rolled_back")},
		{"the daemon", func(m *notify.Message) { state("rolling_back", "")(m); m.Incident = "" }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := newStatusPeer(t)
			deliver(t, p.page(t, &drawer{}), told(t, "a/1", acting+" acting", minute(0), tt.fit))
			wantRequests(t, p)
		})
	}
	t.Run("a rehearsal", func(t *testing.T) {
		p := newStatusPeer(t)
		d := told(t, "a/1", acting+" acting", minute(0), state("rolling_back", ""))
		d.Payload = []byte(strings.Replace(string(d.Payload), `"state":"rolling_back"`, `"state":"rolling_back","rehearses":{"service":"shop"}`, 1))
		deliver(t, p.page(t, &drawer{}), d)
		wantRequests(t, p)
	})
}

// TestStatusPageCallsNothingSolvedThatNobodySaw leaves the last word to people.
func TestStatusPageCallsNothingSolvedThatNobodySaw(t *testing.T) {
	for outcome, want := range map[string]string{"unresolved": "monitoring", "vetoed": "monitoring", "recovered": "resolved", "fixed_forward": "resolved"} {
		p := newStatusPeer(t)
		deliver(t, p.page(t, &drawer{}), told(t, "a/1", acting+" acting", minute(0), state("rolling_back", "")),
			told(t, "a/2", held+" closed", minute(1), state("closed", outcome)))
		wantRequests(t, p, "POST p1 identified", "PATCH p1 "+want)
	}
}

// TestStatusPageIsNotToldTwice: an answer was lost, or what was kept is gone.
func TestStatusPageIsNotToldTwice(t *testing.T) {
	p, kept := newStatusPeer(t), &drawer{}
	s := p.page(t, kept)
	first := told(t, "a/1", acting+" acting", minute(0), state("rolling_back", ""))
	p.fail[http.MethodPost] = []int{0}
	if err := s.Deliver(t.Context(), first); err == nil {
		t.Fatal("a lost answer counts as delivered")
	}
	deliver(t, s, first)
	kept.values = nil
	deliver(t, s, told(t, "a/2", "RECOVERED closed", minute(1), state("verifying", "")))
	wantRequests(t, p, "POST p1 identified", "PATCH p1 identified", "PATCH p1 monitoring")
}

func TestStatusPageAnswers(t *testing.T) {
	tests := []struct {
		name, method string
		code         int
		want         notify.DeliveryError
		says         string
	}{
		{"too much", http.MethodPost, 420, notify.DeliveryError{RetryAfter: 10 * time.Second}, "420"},
		{"broken", http.MethodPost, 500, notify.DeliveryError{}, "500"},
		{"no such page", http.MethodPost, 404, notify.DeliveryError{Refused: true}, "page_id"},
		{"wrong key", http.MethodGet, 401, notify.DeliveryError{Refused: true}, "token_file"},
		{"wrong content", http.MethodPost, 422, notify.DeliveryError{Refused: true}, "422"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := newStatusPeer(t)
			p.fail[tt.method] = []int{tt.code}
			err := p.page(t, &drawer{}).Deliver(t.Context(), told(t, "a/1", acting+" acting", minute(0), state("rolling_back", "")))
			failure, ok := errors.AsType[*notify.DeliveryError](err)
			if !ok || !strings.Contains(failure.Problem, tt.says) || strings.Contains(failure.Problem, "canary") {
				t.Fatalf("got %v, want %q in it and no secret", err, tt.says)
			}
			failure.Problem = ""
			if diff := cmp.Diff(&tt.want, failure); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestStatusPageLeavesAloneWhatAPersonTookOff: it is not put there again.
func TestStatusPageLeavesAloneWhatAPersonTookOff(t *testing.T) {
	p := newStatusPeer(t)
	s := p.page(t, &drawer{})
	deliver(t, s, told(t, "a/1", acting+" acting", minute(0), state("rolling_back", "")))
	p.incidents = nil
	deliver(t, s, told(t, "a/2", acting+" acting", minute(1), state("verifying", "")), told(t, "a/3", "RECOVERED closed", minute(2), state("closed", "rolled_back")))
	wantRequests(t, p, "POST p1 identified")
}

func TestStatusPageWithoutAListOfIncidents(t *testing.T) {
	p := newStatusPeer(t)
	p.fail[http.MethodGet] = []int{http.StatusNotFound}
	deliver(t, p.page(t, &drawer{}), told(t, "a/1", acting+" acting", minute(0), state("rolling_back", "")))
	wantRequests(t, p, "POST p1 identified")
}

func TestStatusPageOptionsThatCannotWork(t *testing.T) {
	key := func() (string, error) { return "x", nil }
	for name, o := range map[string]notify.StatusPageOptions{
		"nothing": {}, "no page": {Token: key, Keeper: &drawer{}}, "no key": {PageID: "p", Keeper: &drawer{}}, "no keeper": {PageID: "p", Token: key},
		"no address": {URL: "status.example.com", PageID: "p", Token: key, Keeper: &drawer{}},
	} {
		if _, err := notify.NewStatusPage(o); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
