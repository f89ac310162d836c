package notify_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/benbjohnson/clock"
	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/go-hclog"

	"github.com/rollbackd/rollbackd/notify"
)

const routingKey = "R0canaryR0canaryR0canaryR0canary" // 32 characters, as PagerDuty's are

// incidentMessage is a message about a critical incident of checkout that is in
// the state which belongs to the event.
func incidentMessage(headline, event, state string, change ...func(*notify.Message)) notify.Message {
	m := notify.Message{
		ID: "checkout-20260301-115500/" + event + "/3", At: noon(), Headline: headline, Service: "checkout", Incident: "checkout-20260301-115500",
		Severity: "critical", Event: event, FirstLine: headline + " checkout v2 → v1 LIVE",
		Text: headline + " checkout v2 → v1 LIVE\nerrors 8.1% > 1%\nrollbackd show checkout-20260301-115500",
	}
	m.About = notify.About{
		State: state, Mode: "live", OpenedAt: noon().Add(-5 * time.Minute), Triggers: []notify.Trigger{{Name: "errors", Severity: "critical"}, {Name: "slow", Severity: "critical"}},
		Decision: notify.Decision{Response: "rollback", Reason: "the matrix says so"},
	}
	for _, f := range change {
		f(&m)
	}
	return m
}

func heldBy(guard string) func(*notify.Message) {
	return func(m *notify.Message) { m.About.Decision.HeldBy = guard }
}

func severe(severity string) func(*notify.Message) {
	return func(m *notify.Message) { m.Severity = severity }
}

func mode(name string) func(*notify.Message) { return func(m *notify.Message) { m.About.Mode = name } }

func at(later time.Duration) func(*notify.Message) {
	return func(m *notify.Message) { m.At = m.At.Add(later) }
}

func rolling(m *notify.Message) { m.About.Rollback = &notify.Rollback{From: "v2", To: "v1"} }

// followUpFailed is a rollback whose cleaning up did not end well.
func followUpFailed(m *notify.Message) {
	m.About.Rollback.Steps = []notify.Step{{Name: "undo", Section: "steps", State: "done"}, {Name: "clean up", Section: "follow_up", State: "failed"}}
}

func outcome(word string) func(*notify.Message) {
	return func(m *notify.Message) { m.About.Outcome, m.About.ClosedAt = word, m.At }
}

// needsYes is an incident whose run waits at an approval step.
func needsYes(m *notify.Message) {
	if err := json.Unmarshal([]byte(`[{"role":"any","count":1}]`), &m.About.Needs); err != nil {
		panic(err)
	}
}

// daemonMessage is one about rollbackd itself.
func daemonMessage(headline, event, severity string) notify.Message {
	return notify.Message{ID: event + "/2026", At: noon(), Headline: headline, Event: event, Severity: severity, FirstLine: headline + " all services", Text: headline + " all services"}
}

func carry(t *testing.T, m notify.Message) notify.Delivery {
	t.Helper()
	payload, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return notify.Delivery{ID: m.ID, Receiver: "ops", At: m.At, Payload: payload}
}

// pagerDuty speaks the documented answers of PagerDuty's Events API v2.
type pagerDuty struct {
	mu sync.Mutex
	// got are the events taken, as "trigger KEY SEVERITY", "resolve KEY", "change …".
	got    []string
	bodies []map[string]any
	// fail answers instead, where it says so.
	fail func(n int, path string) (status int, header map[string]string, body string)
	n    int
}

func (p *pagerDuty) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.n++
	if p.fail != nil {
		if status, header, body := p.fail(p.n, r.URL.Path); status != 0 {
			for name, value := range header {
				w.Header().Set(name, value)
			}
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
			return
		}
	}
	var e map[string]any
	if err := json.NewDecoder(r.Body).Decode(&e); err != nil || r.Method != http.MethodPost {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	if problems := invalid(r.URL.Path, e); len(problems) > 0 {
		w.WriteHeader(http.StatusBadRequest)
		_ = json.NewEncoder(w).Encode(map[string]any{"status": "invalid event", "message": "Event object is invalid", "errors": problems})
		return
	}
	p.bodies = append(p.bodies, e)
	payload, _ := e["payload"].(map[string]any)
	if r.URL.Path == "/v2/change/enqueue" {
		p.got = append(p.got, fmt.Sprint("change ", payload["summary"]))
	} else {
		p.got = append(p.got, strings.TrimSpace(fmt.Sprint(e["event_action"], " ", e["dedup_key"], " ", text(payload["severity"]))))
	}
	w.WriteHeader(http.StatusAccepted)
	_, _ = io.WriteString(w, `{"status":"success","message":"Event processed","dedup_key":"x"}`)
}

func text(v any) string {
	s, _ := v.(string)
	return s
}

// invalid is what the API finds wrong with an event.
func invalid(path string, e map[string]any) (problems []string) {
	if len(text(e["routing_key"])) != 32 {
		problems = append(problems, "Length of 'routing_key' is incorrect (should be 32 characters)")
	}
	payload, _ := e["payload"].(map[string]any)
	action := text(e["event_action"])
	if path == "/v2/change/enqueue" {
		if text(payload["summary"]) == "" || action != "" {
			problems = append(problems, "'payload.summary' is missing or blank")
		}
		return problems
	}
	if action != "trigger" && action != "resolve" {
		problems = append(problems, "'event_action' is invalid (must be one of the following: 'trigger', 'acknowledge' or 'resolve')")
	}
	if key := text(e["dedup_key"]); key == "" || len(key) > 255 {
		problems = append(problems, "'dedup_key' is missing or too long")
	}
	if action == "trigger" {
		for _, field := range []string{"summary", "source", "severity"} {
			if text(payload[field]) == "" {
				problems = append(problems, "'payload."+field+"' is missing or blank")
			}
		}
		if len([]rune(text(payload["summary"]))) > 1024 {
			problems = append(problems, "'payload.summary' is too long")
		}
	}
	return problems
}

// pager makes a channel to the peer whose clock stands at noon.
func pager(t *testing.T, peer http.Handler, log io.Writer) *notify.PagerDuty {
	t.Helper()
	mock := clock.NewMock()
	mock.Set(noon())
	o := notify.PagerDutyOptions{
		RoutingKey: secret(routingKey+"\n", nil), URL: server(t, peer.ServeHTTP) + "/v2/enqueue", ExternalURL: "https://rollbackd.example.com/", Clock: mock,
	}
	if log != nil {
		o.Logger = hclog.New(&hclog.LoggerOptions{Output: log, Level: hclog.Trace})
	}
	p, err := notify.NewPagerDuty(o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

const incident = "checkout-20260301-115500"

func TestPagerDutyEvents(t *testing.T) {
	all := []string{"resolve " + incident, "resolve " + incident + "/approval", "resolve " + incident + "/held", "resolve " + incident + "/failed", "resolve " + incident + "/break_glass"}
	noYes := "resolve " + incident + "/approval"
	tests := []struct {
		name string
		m    notify.Message
		want []string
	}{
		{"countdown", incidentMessage("ACTING", "countdown", "countdown"), []string{"trigger " + incident + " critical", noYes, "resolve " + incident + "/held"}},
		{
			"acting", incidentMessage("ACTING", "acting", "rolling_back", rolling, severe("high")),
			[]string{
				"trigger " + incident + " error", noYes, "resolve " + incident + "/held", "resolve " + incident + "/failed",
				"change Rollback of checkout v2 → v1 started",
			},
		},
		{"sla missed", incidentMessage("ACTING", "sla_missed", "verifying", rolling, severe("medium")), []string{"trigger " + incident + " warning", noYes}},
		{"break glass", incidentMessage("ACTING", "break_glass", "rolling_back", severe("low")), []string{"trigger " + incident + "/break_glass error", noYes}},
		{"approval", incidentMessage("WAITING FOR YOU", "approval_needed", "awaiting_approval", severe("medium")), []string{"trigger " + incident + "/approval warning"}},
		{"approval of a step", incidentMessage("WAITING FOR YOU", "approval_needed", "rolling_back", needsYes), []string{"trigger " + incident + "/approval critical"}},
		{
			"sla missed at an approval step", incidentMessage("ACTING", "sla_missed", "rolling_back", needsYes, severe("low")),
			[]string{"trigger " + incident + " info", "trigger " + incident + "/approval info"},
		},
		{"overdue approval", incidentMessage("WAITING FOR YOU", "overdue", "awaiting_approval"), []string{"trigger " + incident + "/approval critical"}},
		{"held", incidentMessage("HELD", "held", "held", heldBy("correlated")), []string{"trigger " + incident + "/held critical", noYes}},
		{"held, not critical", incidentMessage("HELD", "held", "held", heldBy("correlated"), severe("high")), []string{noYes}},
		{"vetoed", incidentMessage("HELD", "held", "held", heldBy("vetoed")), []string{noYes}},
		{"escalation of what is held", incidentMessage("WAITING FOR YOU", "escalation", "held", heldBy("blind"), severe("high")), []string{"trigger " + incident + "/held error", noYes}},
		{"failed", incidentMessage("FAILED", "failed", "held", heldBy("verification"), severe("medium")), []string{"trigger " + incident + "/failed error", noYes}},
		{"a step failed", incidentMessage("FAILED", "step_failed", "rolling_back", rolling), []string{"trigger " + incident + "/failed critical", noYes}},
		{"escalation of what failed", incidentMessage("WAITING FOR YOU", "escalation", "held", heldBy("blocked")), []string{"trigger " + incident + "/failed critical", noYes}},
		{
			"escalation of what failed and is paused", incidentMessage("WAITING FOR YOU", "escalation", "held", heldBy("paused"), func(m *notify.Message) {
				m.About.Decision.Holds = []notify.Hold{{Guard: "paused"}, {Guard: "blocked"}}
			}), []string{"trigger " + incident + "/failed critical", noYes},
		},
		{"stood down", incidentMessage("RECOVERED", "stood_down", "firing"), all},
		{
			"closed after a rollback", incidentMessage("RECOVERED", "closed", "closed", rolling, outcome("rolled_back")),
			append(append([]string{}, all...), "change Rollback of checkout v2 → v1 verified"),
		},
		{
			"closed after a rollback of which a follow-up step failed", incidentMessage("RECOVERED", "closed", "closed", rolling, outcome("rolled_back"), followUpFailed),
			[]string{
				"resolve " + incident, "resolve " + incident + "/approval", "resolve " + incident + "/held", "resolve " + incident + "/break_glass",
				"change Rollback of checkout v2 → v1 verified",
			},
		},
		{"closed without a rollback", incidentMessage("RECOVERED", "closed", "closed", outcome("recovered")), all},
		{"closed by a person", incidentMessage("HELD", "closed", "closed", outcome("unresolved")), all},
		{"a shadow that would act", incidentMessage("ACTING", "countdown", "countdown", mode("shadow")), nil},
		{"a shadow that would roll back", incidentMessage("ACTING", "acting", "rolling_back", rolling, mode("shadow")), nil},
		{"a shadow that is held", incidentMessage("HELD", "held", "held", heldBy("shadow"), mode("shadow")), nil},
		{"a shadow that would ask", incidentMessage("WAITING FOR YOU", "approval_needed", "awaiting_approval", mode("shadow")), nil},
		{"a shadow that nobody looked at", incidentMessage("WAITING FOR YOU", "escalation", "held", heldBy("shadow"), mode("shadow")), nil},
		{"a shadow that is over", incidentMessage("RECOVERED", "closed", "closed", outcome("recovered"), mode("shadow")), all},
		{"blind", daemonMessage("HELD", "blind", "high"), []string{"trigger rollbackd/blind error"}},
		{"journal", daemonMessage("WAITING FOR YOU", "journal_failed", "critical"), []string{"trigger rollbackd/journal_failed critical"}},
		{"disk", daemonMessage("WAITING FOR YOU", "disk_low", "high"), []string{"trigger rollbackd/disk_low error"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			peer := &pagerDuty{}
			if err := pager(t, peer, nil).Deliver(t.Context(), carry(t, tt.m)); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, peer.got); diff != "" {
				t.Errorf("events (-want +got):\n%s", diff)
			}
		})
	}
}

func TestPagerDutyPayload(t *testing.T) {
	m := incidentMessage("FAILED", "failed", "held", heldBy("verification"), func(m *notify.Message) {
		m.FirstLine = "FAILED checkout \x1b[31m" + strings.Repeat("é", 2000)
		m.Text = m.FirstLine + "\nerrors <b>8.1%</b>\x00\nrollbackd approve " + incident + " --reason '…'\nhttps://x"
		m.About.Decision.ReleasesWhen = "a person decides"
	})
	peer := &pagerDuty{}
	if err := pager(t, peer, nil).Deliver(t.Context(), carry(t, m)); err != nil {
		t.Fatal(err)
	}
	got := peer.bodies[0]
	payload := got["payload"].(map[string]any)
	details := payload["custom_details"].(map[string]any)
	summary := []rune(text(payload["summary"]))
	if len(summary) != 1024 || strings.ContainsAny(string(summary)+text(details["text"]), "\x1b\x00") {
		t.Errorf("summary of %d characters, details %q: want 1024 and no control characters", len(summary), details["text"])
	}
	delete(payload, "summary")
	delete(details, "text")
	want := map[string]any{
		"routing_key": routingKey, "event_action": "trigger", "dedup_key": incident + "/failed",
		"client": "rollbackd", "client_url": "https://rollbackd.example.com/incidents/" + incident,
		"links": []any{
			map[string]any{"href": "https://rollbackd.example.com/incidents/" + incident, "text": "the incident"},
			map[string]any{"href": "https://rollbackd.example.com/api/v1/incidents/" + incident + "/report?format=html", "text": "the report"},
		},
		"payload": map[string]any{
			"source": "checkout", "severity": "critical", "timestamp": "2026-03-01T12:00:00.000Z", "component": "checkout", "group": "live", "class": "errors, slow",
			"custom_details": map[string]any{
				"event": "failed", "incident": incident, "state": "held", "command": "rollbackd approve " + incident + " --reason '…'",
				"response": "rollback", "reason": "the matrix says so", "held_by": "verification", "releases_when": "a person decides",
			},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("event (-want +got):\n%s", diff)
	}
}

// TestPagerDutyKeysStayApart checks that two long names do not become one key.
func TestPagerDutyKeysStayApart(t *testing.T) {
	peer := &pagerDuty{}
	p := pager(t, peer, nil)
	for _, end := range []string{"a", "b"} {
		m := incidentMessage("FAILED", "step_failed", "rolling_back", needsYes, func(m *notify.Message) { m.Incident = strings.Repeat("x", 300) + end })
		if err := p.Deliver(t.Context(), carry(t, m)); err != nil {
			t.Fatal(err)
		}
	}
	if len(peer.got) != 2 || peer.got[0] == peer.got[1] {
		t.Errorf("got %q, want two keys that differ", peer.got)
	}
}

func TestPagerDutyAnswers(t *testing.T) {
	tests := []struct {
		name, key, body string
		status          int
		header          map[string]string
		want            notify.DeliveryError
	}{
		{name: "429", status: 429, header: map[string]string{"Retry-After": "30"}, want: notify.DeliveryError{Problem: "pagerduty answered 429", RetryAfter: 30 * time.Second}},
		{name: "429 that asks for nothing", status: 429, want: notify.DeliveryError{Problem: "pagerduty answered 429"}},
		{name: "500", status: 500, body: "oops", want: notify.DeliveryError{Problem: "pagerduty answered 500: oops"}},
		{name: "502 that repeats the key", status: 502, body: "bad " + routingKey, want: notify.DeliveryError{Problem: "pagerduty answered 502: bad <routing key>"}},
		{name: "a wrong key", key: "short", want: notify.DeliveryError{
			Problem: "pagerduty answered 400: Length of 'routing_key' is incorrect (should be 32 characters)", Refused: true,
		}},
		{name: "nonsense", status: 400, body: "<html>", want: notify.DeliveryError{Problem: "pagerduty answered 400: <html>", Refused: true}},
		{name: "a key that cannot be read", key: " ", want: notify.DeliveryError{Problem: "routing key: it is empty", Refused: true}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			peer := &pagerDuty{fail: func(int, string) (int, map[string]string, string) { return tt.status, tt.header, tt.body }}
			mock := clock.NewMock()
			key := routingKey
			if tt.key != "" {
				key = tt.key
			}
			p, err := notify.NewPagerDuty(notify.PagerDutyOptions{RoutingKey: secret(key, nil), URL: server(t, peer.ServeHTTP), Clock: mock})
			if err != nil {
				t.Fatal(err)
			}
			err = p.Deliver(t.Context(), carry(t, incidentMessage("FAILED", "failed", "held")))
			got, ok := errors.AsType[*notify.DeliveryError](err)
			if !ok {
				t.Fatalf("got %v, want a delivery error", err)
			}
			if diff := cmp.Diff(tt.want, *got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestPagerDutyAgainAfterPartOfIt loses the second of several requests: the whole
// message is sent again, under the same keys.
func TestPagerDutyAgainAfterPartOfIt(t *testing.T) {
	peer := &pagerDuty{fail: func(n int, _ string) (int, map[string]string, string) {
		if n == 2 {
			return 500, nil, ""
		}
		return 0, nil, ""
	}}
	p := pager(t, peer, nil)
	d := carry(t, incidentMessage("ACTING", "acting", "rolling_back", rolling))
	if err := p.Deliver(t.Context(), d); err == nil {
		t.Fatal("taken, want a failure: the second request was answered 500")
	}
	if err := p.Deliver(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"trigger " + incident + " critical", // and once more, with the same key
		"trigger " + incident + " critical", "resolve " + incident + "/approval", "resolve " + incident + "/held", "resolve " + incident + "/failed",
		"change Rollback of checkout v2 → v1 started",
	}
	if diff := cmp.Diff(want, peer.got); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}

// TestPagerDutyWithoutChangeEvents has a service that refuses change events: people
// are told all the same, and the log has it once.
func TestPagerDutyWithoutChangeEvents(t *testing.T) {
	refuses := http.StatusForbidden
	peer := &pagerDuty{fail: func(_ int, path string) (int, map[string]string, string) {
		if path == "/v2/change/enqueue" {
			return refuses, nil, "not here"
		}
		return 0, nil, ""
	}}
	var log bytes.Buffer
	p := pager(t, peer, &log)
	d := carry(t, incidentMessage("ACTING", "acting", "rolling_back", rolling))
	for range 2 {
		if err := p.Deliver(t.Context(), d); err != nil {
			t.Fatal(err)
		}
	}
	if n := strings.Count(log.String(), "does not take change events"); n != 1 {
		t.Errorf("logged %d times, want once:\n%s", n, &log)
	}
	refuses = http.StatusBadGateway
	if err := p.Deliver(t.Context(), d); err == nil {
		t.Error("taken, want another attempt: the server was in trouble")
	}
}

// TestPagerDutyLateMessagePagesNobody delivers a message after one that was made
// later and has resolved what it is about.
func TestPagerDutyLateMessagePagesNobody(t *testing.T) {
	peer := &pagerDuty{}
	p := pager(t, peer, nil)
	for _, m := range []notify.Message{
		incidentMessage("RECOVERED", "closed", "closed", outcome("recovered"), at(time.Minute)),
		incidentMessage("WAITING FOR YOU", "approval_needed", "awaiting_approval"),
		incidentMessage("WAITING FOR YOU", "approval_needed", "awaiting_approval", at(2*time.Minute)),
	} {
		if err := p.Deliver(t.Context(), carry(t, m)); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff([]string{"trigger " + incident + "/approval critical"}, peer.got[5:]); diff != "" {
		t.Errorf("after the resolves (-want +got):\n%s", diff)
	}
}

func TestPagerDutyAddresses(t *testing.T) {
	peer := &pagerDuty{}
	url := server(t, peer.ServeHTTP)
	for _, address := range []string{url, url + "/", url + "/v2/enqueue"} {
		p, err := notify.NewPagerDuty(notify.PagerDutyOptions{RoutingKey: secret(routingKey, nil), URL: address})
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Deliver(t.Context(), carry(t, incidentMessage("FAILED", "failed", "held"))); err != nil {
			t.Errorf("%s: %v", address, err)
		}
	}
	for _, address := range []string{"ftp://hunter2", "hunter2", "https://x/hunter2", "://hunter2"} {
		if _, err := notify.NewPagerDuty(notify.PagerDutyOptions{URL: address}); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: got %v, want an error that does not hold the address", address, err)
		}
	}
}
