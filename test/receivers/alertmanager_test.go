package receivers_test

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbackd/rollbackd/notify"
	"github.com/rollbackd/rollbackd/test/world"
)

// TestAlertmanagerKeepsAnIncident tells a real Alertmanager an incident, message by
// message: one alert under labels that never change, another while a person is
// needed, and both over at the end; and what it then tells its own receiver.
func TestAlertmanagerKeepsAnIncident(t *testing.T) {
	t.Parallel()
	told := newAlerts(t)
	am := world.NewAlertmanager(t, told.url, "1s", "1s")
	gone := fmt.Sprintf("http://127.0.0.1:%d", world.KeepPort(t)) // a member of the cluster that is down
	channel, err := notify.NewAlertmanager(notify.AlertmanagerOptions{
		URLs: []string{gone, "http://" + am.Address}, Labels: map[string]string{"team": "ops", "origin": "rb1"}, ExternalURL: "http://rollbackd.example.com",
	})
	if err != nil {
		t.Fatal(err)
	}
	opened := time.Now().Add(-time.Second)
	labels := func(name string) map[string]string {
		return map[string]string{
			"alertname": name, "service": "checkout", "severity": "critical", "incident": "checkout-1", "mode": "live",
			"team": "shop", "site": "eu-1 \"Frankfurt\"", "origin": "rb1", // of the service, of the receiver where the service says nothing
		}
	}
	incident, person := labels("RollbackdIncident"), labels("RollbackdNeedsPerson")
	for _, step := range []struct {
		headline, event, state string
		want                   []map[string]string
	}{
		{"WAITING FOR YOU", "approval_needed", "awaiting_approval", []map[string]string{incident, person}},
		{"WAITING FOR YOU", "escalation", "awaiting_approval", []map[string]string{incident, person}},
		{"ACTING", "acting", "rolling_back", []map[string]string{incident}},
		{"FAILED", "failed", "held", []map[string]string{incident, person}},
	} {
		tell(t, channel, message(step.headline, step.event, step.state, opened))
		got := standing(t, am)
		if diff := cmp.Diff(step.want, labelsOf(got)); diff != "" {
			t.Errorf("after %s, the alerts' labels (-want +got):\n%s", step.event, diff)
		}
		if len(got) > 0 && (!got[0].StartsAt.Equal(opened.Truncate(time.Millisecond)) || time.Until(got[0].EndsAt) < 24*time.Hour) {
			t.Errorf("after %s it lasts from %s to %s, want from %s and for days", step.event, got[0].StartsAt, got[0].EndsAt, opened)
		}
	}
	world.Await(t, "Alertmanager to tell its receiver", patience, func() (bool, string) { return told.has("firing", "RollbackdNeedsPerson"), told.String() })
	end := message("RECOVERED", "closed", "closed", opened)
	if err := channel.Deliver(t.Context(), end); err == nil {
		t.Error("the end counts as told, want another attempt: a member did not take it")
	}
	world.Await(t, "all alerts to be over", patience, func() (bool, string) {
		left := standing(t, am)
		return len(left) == 0, fmt.Sprint(left)
	})
	for _, name := range []string{"RollbackdIncident", "RollbackdNeedsPerson"} {
		world.Await(t, "Alertmanager to tell the end of "+name, patience, func() (bool, string) { return told.has("resolved", name), told.String() })
	}
}

// message is one of an incident that was opened then.
func message(headline, event, state string, opened time.Time) notify.Delivery {
	now := time.Now()
	body := map[string]any{
		"state": state, "mode": "live", "opened_at": opened.Truncate(time.Millisecond), "triggers": []any{map[string]any{"name": "errors", "severity": "critical"}},
		"labels":   map[string]string{"team": "shop", "site": "eu-1 \"Frankfurt\""},
		"decision": map[string]any{"response": "approve", "held_by": map[string]string{"held": "verification"}[state]},
	}
	if event == "closed" {
		body["closed_at"], body["outcome"] = now, "recovered"
	}
	payload, err := json.Marshal(map[string]any{
		"id": "checkout-1/" + event, "at": now, "headline": headline, "service": "checkout", "incident": "checkout-1", "severity": "critical", "event": event,
		"first_line": headline + " checkout LIVE", "text": headline + " checkout LIVE\nerrors 8.1% > 1%\nrollbackd show checkout-1", "body": body,
	})
	if err != nil {
		panic(err)
	}
	return notify.Delivery{ID: "checkout-1/" + event, Receiver: "ops", At: now, Payload: payload}
}

func tell(t *testing.T, channel notify.Notifier, d notify.Delivery) {
	t.Helper()
	if err := channel.Deliver(t.Context(), d); err != nil {
		t.Fatalf("%s: %v", d.ID, err)
	}
}

// alert is one as Alertmanager shows and posts it.
type alert struct {
	Status           any // an object from the API, a word in a webhook
	Labels           map[string]string
	StartsAt, EndsAt time.Time
}

// standing are the alerts that Alertmanager has, in order of their names.
func standing(t *testing.T, am *world.Alertmanager) []alert {
	t.Helper()
	response, err := http.Get("http://" + am.Address + "/api/v2/alerts")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	var all []alert
	if err := json.NewDecoder(response.Body).Decode(&all); err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("the alerts cannot be read: %d, %v", response.StatusCode, err)
	}
	slices.SortFunc(all, func(a, b alert) int { return strings.Compare(a.Labels["alertname"], b.Labels["alertname"]) })
	return all
}

func labelsOf(all []alert) []map[string]string {
	var labels []map[string]string
	for _, a := range all {
		labels = append(labels, maps.Clone(a.Labels))
	}
	return labels
}

// alerts receives what Alertmanager posts to its webhook.
type alerts struct {
	url string
	mu  sync.Mutex
	got []alert
}

func newAlerts(t *testing.T) *alerts {
	t.Helper()
	in := &alerts{}
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var post struct{ Alerts []alert }
		body, err := io.ReadAll(r.Body)
		if err == nil {
			err = json.Unmarshal(body, &post)
		}
		in.mu.Lock()
		defer in.mu.Unlock()
		if err != nil {
			t.Errorf("Alertmanager posted what cannot be read: %v", err)
		}
		in.got = append(in.got, post.Alerts...)
	}))
	in.url = server.URL
	t.Cleanup(server.Close)
	return in
}

// has tells whether an alert of that name came with that status.
func (in *alerts) has(status, name string) bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	return slices.ContainsFunc(in.got, func(a alert) bool { return a.Status == status && a.Labels["alertname"] == name })
}

// String is for the message of a test that waited in vain.
func (in *alerts) String() string {
	in.mu.Lock()
	defer in.mu.Unlock()
	return fmt.Sprintf("%+v", in.got)
}
