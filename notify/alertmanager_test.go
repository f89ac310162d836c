package notify_test

import (
	"bytes"
	"encoding/json"
	"errors"
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

type alertBody struct {
	Labels       map[string]string
	Annotations  map[string]string
	StartsAt     time.Time
	EndsAt       time.Time
	GeneratorURL string
}

// alerts collects what is posted to an Alertmanager, and answers with status where
// that is not zero.
type alerts struct {
	mu     sync.Mutex
	got    []alertBody
	status int
	retry  string
}

func (a *alerts) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.status != 0 {
		w.Header().Set("Retry-After", a.retry)
		w.WriteHeader(a.status)
		_, _ = io.WriteString(w, "no")
		return
	}
	var all []alertBody
	if err := json.NewDecoder(r.Body).Decode(&all); err != nil || r.URL.Path != "/am/api/v2/alerts" || r.URL.Query().Get("token") == "" {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	a.got = append(a.got, all...)
}

// standing are the alerts that were posted last and are not over, as "name severity
// needs".
func (a *alerts) standing() []string {
	last, order := map[string]alertBody{}, []string{}
	for _, one := range a.got {
		key := one.Labels["alertname"] + " " + one.Labels["severity"]
		if _, known := last[key]; !known {
			order = append(order, key)
		}
		last[key] = one
	}
	var stand []string
	for _, key := range order {
		if last[key].EndsAt.After(noon()) {
			stand = append(stand, strings.TrimSpace(key+" "+last[key].Annotations["needs"]))
		}
	}
	return stand
}

func cluster(t *testing.T, log io.Writer, peers ...http.Handler) *notify.Alertmanager {
	t.Helper()
	mock := clock.NewMock()
	mock.Set(noon())
	o := notify.AlertmanagerOptions{Labels: map[string]string{"team": "shop", "empty": ""}, ExternalURL: "https://rollbackd.example.com", Clock: mock}
	if log != nil {
		o.Logger = hclog.New(&hclog.LoggerOptions{Output: log})
	}
	for _, peer := range peers {
		o.URLs = append(o.URLs, strings.Replace(server(t, peer.ServeHTTP), "http://", "http://user:hunter2@", 1)+"/am/?token=hunter2")
	}
	a, err := notify.NewAlertmanager(o)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestAlertmanagerAlert(t *testing.T) {
	peer := &alerts{}
	m := incidentMessage("HELD", "held", "held", heldBy("correlated"))
	if err := cluster(t, nil, peer).Deliver(t.Context(), carry(t, m)); err != nil {
		t.Fatal(err)
	}
	labels := func(name string) map[string]string {
		return map[string]string{"alertname": name, "service": "checkout", "severity": "critical", "incident": incident, "mode": "live", "team": "shop"}
	}
	annotations := func(needs string) map[string]string {
		all := map[string]string{
			"summary": "HELD checkout v2 → v1 LIVE", "description": "errors 8.1% > 1%\nrollbackd show " + incident, "command": "rollbackd show " + incident,
			"page": "https://rollbackd.example.com/incidents/" + incident, "state": "held",
		}
		if needs != "" {
			all["needs"] = needs
		}
		return all
	}
	page, week := "https://rollbackd.example.com/incidents/"+incident, noon().Add(7*24*time.Hour)
	want := []alertBody{
		{Labels: labels("RollbackdIncident"), Annotations: annotations(""), StartsAt: noon().Add(-5 * time.Minute), EndsAt: week, GeneratorURL: page},
		{Labels: labels("RollbackdNeedsPerson"), Annotations: annotations("held"), StartsAt: noon(), EndsAt: week, GeneratorURL: page},
	}
	if diff := cmp.Diff(want, peer.got); diff != "" {
		t.Errorf("alerts (-want +got):\n%s", diff)
	}
}

// TestAlertmanagerLifeOfAnIncident tells an incident message by message: what
// stands after each.
func TestAlertmanagerLifeOfAnIncident(t *testing.T) {
	slow := func(m *notify.Message) { m.About.Triggers[0].Severity = "medium" }
	peer := &alerts{}
	a := cluster(t, nil, peer)
	for _, step := range []struct {
		m    notify.Message
		want []string
	}{
		{
			incidentMessage("WAITING FOR YOU", "approval_needed", "awaiting_approval", severe("medium"), func(m *notify.Message) { m.About.Triggers = m.About.Triggers[:1] }, slow),
			[]string{"RollbackdIncident medium", "RollbackdNeedsPerson medium approval"},
		},
		{ // a second trigger, more severe
			incidentMessage("WAITING FOR YOU", "approval_needed", "awaiting_approval", slow),
			[]string{"RollbackdIncident critical", "RollbackdNeedsPerson critical approval"},
		},
		{incidentMessage("ACTING", "acting", "rolling_back", slow), []string{"RollbackdIncident critical"}},
		{incidentMessage("FAILED", "failed", "held", heldBy("verification"), slow), []string{"RollbackdIncident critical", "RollbackdNeedsPerson critical failed"}},
		{incidentMessage("HELD", "closed", "closed", outcome("unresolved"), slow), nil},
		// what was to be done after it
		{incidentMessage("FAILED", "step_failed", "closed", outcome("unresolved"), slow), []string{"RollbackdNeedsPerson critical failed"}},
	} {
		if err := a.Deliver(t.Context(), carry(t, step.m)); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(step.want, peer.standing()); diff != "" {
			t.Errorf("after %s (-want +got):\n%s", step.m.Event, diff)
		}
	}
	for _, one := range peer.got {
		if one.EndsAt.Before(one.StartsAt) {
			t.Errorf("ends at %s, before it starts at %s: Alertmanager refuses that", one.EndsAt, one.StartsAt)
		}
	}
}

func TestAlertmanagerLateMessageOpensNothing(t *testing.T) {
	peer := &alerts{}
	a := cluster(t, nil, peer)
	closed := incidentMessage("RECOVERED", "closed", "closed", outcome("recovered"))
	for _, m := range []notify.Message{closed, incidentMessage("FAILED", "failed", "held", at(-time.Minute))} {
		if err := a.Deliver(t.Context(), carry(t, m)); err != nil {
			t.Fatal(err)
		}
	}
	if got := peer.standing(); len(got) != 0 {
		t.Errorf("%q stand, want none: the incident is closed", got)
	}
}

func TestAlertmanagerDaemonAndShadow(t *testing.T) {
	peer := &alerts{}
	a := cluster(t, nil, peer)
	if err := a.Deliver(t.Context(), carry(t, daemonMessage("HELD", "blind", "high"))); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"alertname": "RollbackdNeedsPerson", "severity": "high", "event": "blind", "team": "shop"}
	if diff := cmp.Diff(want, peer.got[0].Labels); diff != "" || !peer.got[0].EndsAt.Equal(noon().Add(4*time.Hour)) {
		t.Errorf("until %s, labels (-want +got):\n%s", peer.got[0].EndsAt, diff)
	}
	if err := a.Deliver(t.Context(), carry(t, incidentMessage("HELD", "held", "held", heldBy("shadow"), mode("shadow")))); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"RollbackdNeedsPerson high daemon", "RollbackdIncident critical"}, peer.standing()); diff != "" {
		t.Errorf("a shadow needs nobody (-want +got):\n%s", diff)
	}
}

// TestAlertmanagerCluster: an alert has arrived when one member has it, its end
// when all have it.
func TestAlertmanagerCluster(t *testing.T) {
	up := func() *alerts { return &alerts{} }
	down := func() *alerts { return &alerts{status: 503, retry: "20"} }
	refusing := func() *alerts { return &alerts{status: 400} }
	fired, ended := incidentMessage("FAILED", "failed", "held"), incidentMessage("RECOVERED", "closed", "closed", outcome("recovered"))
	tests := []struct {
		name  string
		peers []*alerts
		m     notify.Message
		want  *notify.DeliveryError
	}{
		{"one is down", []*alerts{down(), up()}, fired, nil},
		{"all are down", []*alerts{down(), down()}, fired, &notify.DeliveryError{
			Problem: "alertmanager 1 of 2 answered 503: no, alertmanager 2 of 2 answered 503: no", RetryAfter: 20 * time.Second,
		}},
		{"all refuse", []*alerts{refusing()}, fired, &notify.DeliveryError{Problem: "alertmanager 1 of 1 answered 400: no", Refused: true}},
		{"some refuse", []*alerts{refusing(), down()}, fired, &notify.DeliveryError{
			Problem: "alertmanager 1 of 2 answered 400: no, alertmanager 2 of 2 answered 503: no", RetryAfter: 20 * time.Second,
		}},
		{"one misses the end", []*alerts{up(), down()}, ended, &notify.DeliveryError{Problem: "alertmanager 2 of 2 answered 503: no", RetryAfter: 20 * time.Second}},
		{"all see the end", []*alerts{up(), up()}, ended, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var log bytes.Buffer
			var handlers []http.Handler
			for _, peer := range tt.peers {
				handlers = append(handlers, peer)
			}
			err := cluster(t, &log, handlers...).Deliver(t.Context(), carry(t, tt.m))
			got, _ := errors.AsType[*notify.DeliveryError](err)
			if diff := cmp.Diff(tt.want, got); diff != "" || (err == nil) != (tt.want == nil) {
				t.Errorf("%v (-want +got):\n%s", err, diff)
			}
			for i, peer := range tt.peers {
				if peer.status == 0 && len(peer.got) == 0 {
					t.Errorf("member %d was not told", i+1)
				}
			}
			if strings.Contains(log.String(), "hunter2") {
				t.Errorf("the log holds the address's secret:\n%s", &log)
			}
		})
	}
}

// TestAlertmanagerHangingMember has a member that never answers: the other is told
// all the same.
func TestAlertmanagerHangingMember(t *testing.T) {
	release, peer := make(chan struct{}), &alerts{}
	hangs := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release })
	var log bytes.Buffer
	a := cluster(t, &log, hangs, peer)
	t.Cleanup(func() { close(release) }) // before the server waits for its handlers
	// How long the other takes is the machine's to say: where it was not done in time,
	// it is given more.
	for limit := 300 * time.Millisecond; ; limit *= 3 {
		ctx, cancel := clock.New().WithTimeout(t.Context(), limit)
		err := a.Deliver(ctx, carry(t, incidentMessage("FAILED", "failed", "held")))
		cancel()
		if err != nil && limit < 10*time.Second {
			continue
		}
		if err != nil || len(peer.got) == 0 {
			t.Errorf("got %v and %d alerts, want that the other member has it", err, len(peer.got))
		}
		break
	}
	if !strings.Contains(log.String(), "did not take an alert") || strings.Contains(log.String(), "hunter2") {
		t.Errorf("the log does not tell of it, or holds the secret:\n%s", &log)
	}
}

func TestAlertmanagerOptions(t *testing.T) {
	_, err := notify.NewAlertmanager(notify.AlertmanagerOptions{
		URLs: []string{"http://ok:9093", "hunter2", "ftp://hunter2"}, Labels: map[string]string{"severity": "x", "team-name": "y", "team": "shop"},
	})
	if err == nil {
		t.Fatal("made, want four problems")
	}
	for _, want := range []string{"urls[1]", "urls[2]", "severity is set by rollbackd", `"team-name" is not a label's name`} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want it to name %s", err, want)
		}
	}
	if strings.Contains(err.Error(), "hunter2") || strings.Count(err.Error(), "\n") != 3 {
		t.Errorf("got %v, want four lines and no address", err)
	}
	if _, err := notify.NewAlertmanager(notify.AlertmanagerOptions{}); err == nil {
		t.Error("made without an address")
	}
}
