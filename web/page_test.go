package web_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/benbjohnson/clock"

	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/trigger"
	"github.com/rollbackd/rollbackd/web"
)

// views are a page of each kind.
func views() []string {
	return []string{"/", "/services/checkout", "/incidents/inc-3", "/incidents/inc-1", "/history"}
}

// look is a GET, as a browser on localhost sends it.
func look(t *testing.T, h http.Handler, target string) answer {
	t.Helper()
	return ask(t, h, "GET", target, "")
}

func TestEveryPageIsShownAtBothDoors(t *testing.T) {
	s := newWorld().server()
	for door, h := range map[string]http.Handler{"socket": s.Socket(), "TCP": s.TCP()} {
		for _, path := range views() {
			got := look(t, h, path)
			if got.status != 200 || !strings.HasPrefix(got.header.Get("Content-Type"), "text/html") {
				t.Fatalf("%s %s: got %d %s\n%s", door, path, got.status, got.header.Get("Content-Type"), got.body)
			}
			for _, want := range []string{"<!DOCTYPE html>", `<html lang="en">`, `<main id="main"`, `class="skip"`, "checkout", "</html>"} {
				if !strings.Contains(got.body, want) {
					t.Errorf("%s %s: without %q\n%s", door, path, want, got.body)
				}
			}
			if n := strings.Count(got.body, "<h1"); n != 1 {
				t.Errorf("%s %s: %d main headings, want 1", door, path, n)
			}
			checkPageHeaders(t, got)
		}
	}
}

func checkPageHeaders(t *testing.T, a answer) {
	t.Helper()
	for name, want := range map[string]string{
		"Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; " +
			"form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
		"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store", "Referrer-Policy": "same-origin",
		"Cross-Origin-Opener-Policy": "same-origin", "X-Frame-Options": "DENY",
	} {
		if got := a.header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

// TestPagesHoldNothingThatThePolicyRefuses: no inline script or style, and nothing
// from anywhere else.
func TestPagesHoldNothingThatThePolicyRefuses(t *testing.T) {
	w := newWorld()
	w.series = []incident.Series{risen("errors")}
	w.triggers = []incident.TriggerView{firing("errors")}
	h := w.server().Socket()
	bad := regexp.MustCompile(`(?i)<style|\sstyle=|\son[a-z]+=|javascript:|<script(?: [^>]*)?>[^<]|(?:src|href|action|formaction)="(?:https?:)?//`)
	for _, path := range views() {
		if found := bad.FindString(look(t, h, path).body); found != "" {
			t.Errorf("%s has %q", path, found)
		}
	}
}

// risen is a series that leaves its threshold behind.
func risen(name string) incident.Series {
	level := 0.01
	s := incident.Series{Trigger: name, Unit: "ratio", Threshold: &level, ThresholdText: "> 1%"}
	for i := range 240 {
		v := 0.002 + float64(i%7)/1000
		if i > 220 {
			v = 0.08
		}
		s.Points = append(s.Points, incident.Point{At: noon().Add(time.Duration(i-240) * 15 * time.Second), Value: &v, Truth: "ok"})
	}
	return s
}

func TestAPageAndItsFilesAreSmall(t *testing.T) {
	const most = 150 << 10
	w := newWorld()
	for i := range 12 {
		name := fmt.Sprintf("trigger%d", i)
		w.series = append(w.series, risen(name))
		w.triggers = append(w.triggers, firing(name))
	}
	w.incidents[0] = swollen()
	h := w.server().Socket()
	files := regexp.MustCompile(`(?:src|href)="(/assets/[^"]+)"`)
	for _, path := range views() {
		got := look(t, h, path)
		size := len(got.body)
		for _, file := range files.FindAllStringSubmatch(got.body, -1) {
			asset := look(t, h, file[1])
			if asset.status != 200 || !strings.Contains(asset.header.Get("Cache-Control"), "immutable") {
				t.Errorf("%s: got %d, Cache-Control %q", file[1], asset.status, asset.header.Get("Cache-Control"))
			}
			size += len(asset.body)
		}
		if size > most {
			t.Errorf("%s is %d bytes with its files, want at most %d", path, size, most)
		}
	}
}

// swollen is an incident as large as they come.
func swollen() *incident.Incident {
	i := &incident.Incident{ID: "inc-3", Service: "checkout", State: incident.Held, OpenedAt: noon().Add(-time.Hour)}
	output := strings.Repeat("<\x1b[31m&\u202e\x01\x02\u200b> "+strings.Repeat("x", 60)+"\n", 400)
	i.Rollback = &incident.Run{ID: "r1", State: incident.RunPartial, From: "v2", To: "v1", DecidedAt: noon()}
	for n := range 60 {
		i.Rollback.Steps = append(i.Rollback.Steps, incident.StepRun{
			Name: fmt.Sprintf("step %d", n), Section: incident.SectionSteps, State: incident.StepFailed, Attempts: 3, Output: output, Error: strings.Repeat("e", 300),
		})
	}
	for range 2000 {
		i.Timeline = append(i.Timeline, incident.Moment{At: noon(), Kind: incident.KindStepEnded, Actor: "rollbackd", Text: strings.Repeat("<text>\x01\u200b\u200b ", 200)})
	}
	for range 6 {
		i.EarlierRollbacks = append(i.EarlierRollbacks, i.Rollback)
	}
	for n := range 8 {
		s := risen(fmt.Sprintf("trigger%d", n))
		i.Samples = append(i.Samples, s)
		i.Triggers = append(i.Triggers, incident.Evidence{Name: s.Trigger, When: "x > 1% for 2m", Severity: trigger.Critical, HasValue: true, Since: noon(), FiredAt: noon()})
	}
	return i
}

func TestServicesArePaged(t *testing.T) {
	m := &fleet{world: newWorld(), size: 10_000}
	h := m.serve(clock.NewMock()).Socket()
	first := look(t, h, "/")
	if n := strings.Count(first.body, "<tr id="); n == 0 || n > 100 || len(first.body) > 120<<10 {
		t.Fatalf("%d rows and %d bytes", n, len(first.body))
	}
	if !strings.Contains(first.body, `rel="next"`) || strings.Contains(first.body, `rel="prev"`) {
		t.Error("the first page has no next one, or one before it")
	}
	if found := look(t, h, "/?find=service-9999"); strings.Count(found.body, "<tr id=") != 1 {
		t.Errorf("finding one service: %d rows", strings.Count(found.body, "<tr id="))
	}
	for query, want := range map[string]int{"?from=x": 400, "?from=-1": 400, "?from=999999": 200, "?unknown=1": 200} {
		if got := look(t, h, "/"+query); got.status != want {
			t.Errorf("%s: got %d, want %d", query, got.status, want)
		}
	}
}

// fleet is a world with many services, which counts how often it is looked at.
type fleet struct {
	*world
	size int

	mu    sync.Mutex
	looks int
}

func (f *fleet) Services(time.Time) []incident.ServiceView {
	f.mu.Lock()
	f.looks++
	f.mu.Unlock()
	views := make([]incident.ServiceView, f.size)
	for i := range views {
		views[i] = incident.ServiceView{Service: fmt.Sprintf("service-%d", i), State: "ok", Running: "v1", Triggers: []incident.TriggerView{{Name: "errors", State: trigger.Inactive}}}
	}
	return views
}

// serve is its server.
func (f *fleet) serve(c clock.Clock) *web.Server {
	f.memory = f
	return f.serverAt(c)
}

func TestOnePageForAllWhoLook(t *testing.T) {
	f := &fleet{world: newWorld(), size: 10}
	mock := clock.NewMock()
	mock.Set(noon())
	h := f.serve(mock).Socket()
	var all sync.WaitGroup
	for i := range 200 {
		all.Go(func() {
			r := request(t, web.Peer{Name: fmt.Sprintf("user%d", i)}, "GET", "/?fragment=1", "")
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if w.Code != 200 {
				t.Errorf("got %d", w.Code)
			}
		})
	}
	all.Wait()
	if f.looks != 2 { // one of them for the daemon's metrics
		t.Errorf("200 viewers looked %d times at the brain, want twice", f.looks)
	}
	mock.Add(time.Second)
	look(t, h, "/")
	if f.looks != 3 {
		t.Errorf("a second later: %d looks, want 3", f.looks)
	}
}

func TestAFragmentIsSentOnceUntilItChanges(t *testing.T) {
	w := newWorld()
	mock := clock.NewMock()
	mock.Set(noon())
	h := w.serverAt(mock).Socket()
	first := look(t, h, "/?fragment=1")
	if first.status != 200 || !strings.HasPrefix(first.body, `<div id="page"`) || strings.Contains(first.body, "<!DOCTYPE") {
		t.Fatalf("got %d %.200s", first.status, first.body)
	}
	again := func() answer {
		mock.Add(2 * time.Second)
		r := request(t, web.Peer{Name: "alice"}, "GET", "/?fragment=1", "")
		r.Header.Set("If-None-Match", first.header.Get("ETag"))
		return send(t, h, r)
	}
	if got := again(); got.status != 304 || got.body != "" {
		t.Errorf("nothing has changed: got %d and %d bytes, want 304", got.status, len(got.body))
	}
	w.running = "v7"
	if got := again(); got.status != 200 || !strings.Contains(got.body, "v7") {
		t.Errorf("another version runs: got %d\n%s", got.status, got.body)
	}
}

// TestAnEventMakesThePageAnew: who is told of something and fetches the page again
// must not get what was drawn before it.
func TestAnEventMakesThePageAnew(t *testing.T) {
	w := newWorld()
	l := newLedger(t, 1)
	w.events = l.hub
	mock := clock.NewMock()
	mock.Set(noon())
	h := w.serverAt(mock).Socket()
	if got := look(t, h, "/?fragment=1"); strings.Contains(got.body, "v7") {
		t.Fatal("v7 runs already")
	}
	w.running = "v7"
	if got := look(t, h, "/?fragment=1"); strings.Contains(got.body, "v7") {
		t.Error("nobody was told of anything, and the page was drawn again within its second")
	}
	l.say("checkout")
	if got := look(t, h, "/?fragment=1"); !strings.Contains(got.body, "v7") {
		t.Error("the page is from before the event")
	}
}

// TestAServicesNameStandsForItsOpenIncident leads to the incident's own address,
// which is still good once it is closed.
func TestAServicesNameStandsForItsOpenIncident(t *testing.T) {
	got := look(t, newWorld().server().Socket(), "/incidents/checkout")
	if got.status != 302 || got.header.Get("Location") != "/incidents/inc-3" {
		t.Errorf("got %d to %q", got.status, got.header.Get("Location"))
	}
}

func TestAPageThatIsNotThere(t *testing.T) {
	h := newWorld().server().Socket()
	for path, want := range map[string]int{
		"/services/nothing": 404, "/incidents/nothing": 404, "/history?days=8": 400, "/history?days=x": 400, "/assets/../server.go": 307, "/assets/nothing.css": 404,
	} {
		if got := look(t, h, path); got.status != want {
			t.Errorf("%s: got %d, want %d", path, got.status, want)
		}
	}
	got := look(t, h, "/services/"+url.PathEscape(`<script>alert(1)</script>`))
	if got.status != 404 || strings.Contains(got.body, "<script>alert") || !strings.Contains(got.body, "&lt;script&gt;alert(1)") {
		t.Errorf("a service with markup for a name: %d\n%s", got.status, got.body)
	}
	if got := ask(t, h, "POST", "/", ""); got.status != 405 || got.header.Get("Allow") != "GET, HEAD" {
		t.Errorf("POST /: got %d, Allow %q", got.status, got.header.Get("Allow"))
	}
}

func TestADaemonThatIsNotReadyHasAPageThatSaysSo(t *testing.T) {
	w := newWorld()
	w.notReady = io.ErrUnexpectedEOF
	w.viewErr = fmt.Errorf("the journal is being read")
	for _, path := range []string{"/", "/services/checkout", "/incidents/inc-3"} {
		got := look(t, w.server().Socket(), path)
		if got.status != 503 || !strings.Contains(got.body, "the journal is being read") || !strings.Contains(got.body, `http-equiv="refresh"`) {
			t.Errorf("%s: got %d\n%s", path, got.status, got.body)
		}
	}
}

// TestOutsideTextIsText: what names, reasons and outputs hold is shown, and does
// nothing.
func TestOutsideTextIsText(t *testing.T) {
	const evil = "<script>alert('x')</script><img src=x onerror=alert(1)>\x1b[31mred\x1b[0m\u202egnp.exe\u2066\u0085\"'{{.}}"
	w := newWorld()
	w.running = evil
	w.brakes = []incident.BrakeView{{Kind: incident.Lock, By: evil, Why: evil}, {Kind: incident.Pause, All: true, By: evil, Why: evil}}
	w.triggers = []incident.TriggerView{{Name: evil, When: evil, State: trigger.Firing, Truth: "unknown", Reason: evil, Threshold: evil, ValueText: evil}}
	w.series = []incident.Series{risen(evil)}
	w.blind = []incident.Blindness{{Source: evil, Reason: evil}}
	w.incidents[0] = hostile(evil)
	w.older[1] = hostile(evil)
	w.older[1].ID, w.older[1].State = "inc-1", incident.Closed
	h := w.server().Socket()
	for _, path := range append(views(), "/?find="+url.QueryEscape(evil), "/history?service="+url.QueryEscape(evil)) {
		body := look(t, h, path).body
		for _, bad := range []string{"<script>alert", "<img", "\x1b", "\u202e", "\u2066", "\u0085"} {
			if strings.Contains(body, bad) {
				t.Errorf("%s holds %q", path, bad)
			}
		}
	}
	body := look(t, h, "/incidents/inc-3").body
	for _, want := range []string{"&lt;script&gt;alert(&#39;x&#39;)", "␛[31mred", "⟨U+202E⟩gnp.exe"} {
		if !strings.Contains(body, want) {
			t.Errorf("the page does not show %q", want)
		}
	}
}

// hostile is an incident of which every text is from outside.
func hostile(evil string) *incident.Incident {
	hold := incident.Hold{Guard: incident.Guard(evil), Reason: evil, ReleasesWhen: evil}
	step := incident.StepRun{Name: evil, Unit: evil, Phase: evil, Section: incident.SectionSteps, State: incident.StepFailed, Output: evil, Error: evil}
	return &incident.Incident{
		ID: "inc-3", Service: "checkout", State: incident.Held, OpenedAt: noon(), AckedBy: evil, VetoedBy: evil, AskedBy: evil, ExternalID: evil,
		Group: evil, Members: []incident.Member{{Service: evil, From: evil, To: evil}},
		Triggers:   []incident.Evidence{{Name: evil, When: evil, SaidBy: evil, Threshold: evil, ValueText: evil, HasValue: true, Since: noon(), FiredAt: noon()}},
		Decision:   incident.Decision{HeldBy: incident.Guard(evil), Holds: []incident.Hold{hold, hold}, Reason: evil, ReleasesWhen: evil, Target: evil, Scope: evil, PlanHash: evil},
		Deployment: &incident.Deployment{Version: evil, By: evil, Change: evil, Source: evil, StartedAt: noon().Add(-time.Hour)},
		Rollback: &incident.Run{
			State: incident.RunPartial, From: evil, To: evil, By: evil, Scope: evil, Reason: evil, Waiting: evil, Stopping: evil, DecidedAt: noon(),
			Steps: []incident.StepRun{step}, PhaseSeconds: map[string]float64{evil: 1},
		},
		Verification: incident.Verification{State: incident.VerificationFailed, From: noon(), Reason: evil, Triggers: []string{evil}},
		Approvals:    []incident.Approval{{By: evil, Reason: evil, Roles: []string{evil}}},
		Captures:     []incident.StateBefore{{Name: evil, Output: evil, Error: evil}},
		Samples:      []incident.Series{risen(evil)},
		Timeline:     []incident.Moment{{At: noon(), Kind: incident.Kind(evil), Actor: evil, Text: evil}},
	}
}
