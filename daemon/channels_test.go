package daemon

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/benbjohnson/clock"
	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/go-hclog"

	"github.com/rollbackd/rollbackd/config"
	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/journal"
	"github.com/rollbackd/rollbackd/notify"
	"github.com/rollbackd/rollbackd/trigger"
)

// several is a receiver with all channels that need no server to be made.
const several = `
[receivers.ops]
webhook = { url = "http://127.0.0.1:1", secret_env = "S" }
slack = { token_env = "S", channel = "#ops" }
pagerduty = { routing_key_env = "S" }
email = { smarthost = "127.0.0.1:1", from = "a@example.com", to = ["b@example.com"] }
alertmanager = { url = "http://127.0.0.1:1" }
exec = { command = ["/bin/true"], timeout = "7s" }
shoutrrr = { url_env = "S" }
text = "{{.Event}}"
[receivers.one]
exec = { command = ["/bin/true"] }
rate_limit = "none"
`

func TestAReceiverWithSeveralChannels(t *testing.T) {
	c := parse(t, shop+several)
	h := newHouse(Options{Clock: clock.New(), Logger: hclog.NewNullLogger()}, c)
	h.journal = written(t)
	made, err := newTellers(h).make(c)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"one", "ops/alertmanager", "ops/email", "ops/exec", "ops/pagerduty", "ops/shoutrrr", "ops/slack", "ops/webhook"}
	got := h.receivers(incident.Message{Event: "held", Severity: trigger.High})
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
	bounds := limits(c)
	for _, name := range want {
		if made[name] == nil {
			t.Errorf("%s: told, and there is no such channel", name)
		}
		if _, own := made[name].(*notify.Reworded); own != (name != "one") {
			t.Errorf("%s: own words: %v", name, own)
		}
		if limited := bounds[name].Count > 0; limited != (name != "one") {
			t.Errorf("%s: %+v", name, bounds[name])
		}
	}
	if patient, ok := made["ops/exec"].(notify.Patient); !ok || patient.Patience() != 7*time.Second {
		t.Error("the timeout of exec is lost")
	}
}

func TestChannelsThatCannotBeMade(t *testing.T) {
	certificate := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(certificate, []byte("none"), 0o600); err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		`email = { smarthost = "m:25", from = "a@example.com", to = ["a@example.com"], ca_file = "/no/such.pem" }`:        "receivers.ops.email: ca_file: open /no/such.pem",
		`email = { smarthost = "m:25", from = "a@example.com", to = ["a@example.com"], ca_file = "` + certificate + `" }`: "holds no certificate in PEM",
		`pagerduty = { routing_key_env = "S", http = { tls_config = { ca_file = "/no/such.pem" } } }`:                     "receivers.ops.pagerduty: ",
	} {
		c := parse(t, shop+"[receivers.ops]\n"+text+"\n")
		h := newHouse(Options{Clock: clock.New(), Logger: hclog.NewNullLogger()}, c)
		h.journal = written(t)
		if _, err := newTellers(h).make(c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", text, err, want)
		}
	}
}

// waiting is a message in the journal for somebody.
func waiting(t *testing.T, j *journal.Journal, id, receiver string) {
	t.Helper()
	payload, err := json.Marshal(incident.Message{ID: id, Event: "held", FirstLine: "HELD " + id, Text: "HELD " + id})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now().UTC()
	_, err = j.Append(t.Context(), []byte(`{}`), journal.Meta{At: now, Kind: "x"}, []journal.Outgoing{{ID: id, Receiver: receiver, At: now, Payload: payload}})
	if err != nil {
		t.Fatal(err)
	}
}

// A receiver that got a second channel, or lost one, leaves no message behind that
// somebody could still be told.
func TestMessagesThatWaitUnderAnEarlierName(t *testing.T) {
	var mu sync.Mutex
	var got []string
	arrived := make(chan struct{}, 10)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		var m incident.Message
		if err := json.Unmarshal(body, &m); err != nil {
			t.Error(err)
		}
		mu.Lock()
		defer mu.Unlock()
		got = append(got, m.ID)
		arrived <- struct{}{}
	}))
	defer server.Close()
	c := parse(t, shop+`
[receivers.now-two]
webhook = { url = "`+server.URL+`" }
exec = { command = ["/bin/true"] }
[receivers.now-one]
webhook = { url = "`+server.URL+`" }
`)
	log := &lines{}
	h := newHouse(Options{Clock: clock.New(), Logger: hclog.New(&hclog.LoggerOptions{Output: log})}, c)
	h.journal = written(t)
	waiting(t, h.journal, "a", "now-two")
	waiting(t, h.journal, "b", "now-one/webhook")
	waiting(t, h.journal, "c", "now-one/slack") // it is gone, and nobody else is meant
	waiting(t, h.journal, "d", "nobody")
	h.tellers = newTellers(h)
	notifiers, err := h.tellers.make(c)
	if err != nil {
		t.Fatal(err)
	}
	h.tellers.start(t.Context(), notifiers)
	h.tellers.orphans(t.Context(), c)
	for range 2 {
		select {
		case <-arrived:
		case <-time.After(2 * time.Minute):
			t.Fatal("not all were told")
		}
	}
	if err := h.tellers.stop(); err != nil {
		t.Error(err)
	}
	slices.Sort(got)
	if diff := cmp.Diff([]string{"a", "b"}, got); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
	for name, orphan := range map[string]bool{"nobody": true, "now-one/slack": true, "now-one/webhook": false, "now-two": false} {
		if said := strings.Contains(log.String(), "receiver="+name+" messages="); said != orphan {
			t.Errorf("%s: said to wait for nobody: %v, want %v\n%s", name, said, orphan, log.String())
		}
	}
	server.CloseClientConnections()
}

// lines is a log that can be read while it is written.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// What has waited for a day for a receiver that is gone is given up, however many
// there are of an incident; what is younger stays.
func TestOldMessagesForNobodyAreGivenUp(t *testing.T) {
	now := clock.NewMock()
	now.Set(time.Date(2026, 3, 1, 3, 0, 0, 0, time.UTC))
	c := parse(t, shop+"[receivers.ops]\nexec = { command = [\"/bin/true\"] }\n")
	h := newHouse(Options{Clock: now, Logger: hclog.NewNullLogger()}, c)
	h.journal = written(t)
	h.tellers = newTellers(h)
	add := func(id, receiver string, age time.Duration) {
		at := now.Now().Add(-age)
		out := []journal.Outgoing{{ID: id, Receiver: receiver, At: at, Payload: []byte(`{}`)}}
		if _, err := h.journal.Append(t.Context(), []byte(`{}`), journal.Meta{At: at, Kind: "x", Incident: "i1"}, out); err != nil {
			t.Fatal(err)
		}
	}
	add("old 1", "gone", 25*time.Hour)
	add("old 2", "gone", 24*time.Hour)
	add("young", "gone", 24*time.Hour-time.Second)
	add("known", "ops", 25*time.Hour)
	h.tellers.orphans(t.Context(), c)
	for id, want := range map[string]string{"old 1": "given_up", "old 2": "given_up", "young": "waiting", "known": "waiting"} {
		receiver := "gone"
		if id == "known" {
			receiver = "ops"
		}
		if state, _, err := h.journal.Fate(t.Context(), id, receiver); err != nil || state != want {
			t.Errorf("%s: %s (%v), want %s", id, state, err, want)
		}
	}
}

func try(t *testing.T, text, receiver string) ([]Tried, error) {
	t.Helper()
	return Try(t.Context(), parse(t, shop+text), receiver, clock.New(), hclog.NewNullLogger())
}

func TestTry(t *testing.T) {
	var posted []string
	answer := http.StatusAccepted
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		posted = append(posted, string(body))
		w.WriteHeader(answer)
	}))
	defer server.Close()
	t.Setenv("S", "c4nary-secret")
	text := "[receivers.ops]\npagerduty = { routing_key_env = \"S\", url = \"" + server.URL + "/v2/enqueue\" }\nexec = { command = [\"/bin/false\"] }\n"
	tried, err := try(t, text, "ops")
	if err != nil {
		t.Fatal(err)
	}
	if len(tried) != 2 || tried[0].Err != nil || tried[0].Channel != "ops/pagerduty" || tried[1].Err == nil || tried[1].Channel != "ops/exec" {
		t.Errorf("%+v", tried)
	}
	if n := len(posted); n < 2 || !strings.Contains(posted[0], `"event_action":"trigger"`) || !strings.Contains(posted[0], "TEST of the receiver ops") ||
		!strings.Contains(posted[n-1], `"event_action":"resolve"`) {
		t.Errorf("PagerDuty got %q", posted)
	}
	answer = http.StatusBadRequest
	tried, err = try(t, text, "ops")
	if err != nil || tried[0].Err == nil || strings.Contains(tried[0].Err.Error(), "c4nary") {
		t.Errorf("%v, %+v", err, tried)
	}
	answer = http.StatusAccepted
	// By the name under which messages wait, as the alerts and the log have it.
	if tried, err = try(t, text, "ops/pagerduty"); err != nil || len(tried) != 1 || tried[0].Channel != "ops/pagerduty" || tried[0].Err != nil {
		t.Errorf("%v, %+v", err, tried)
	}
	if _, err := try(t, text, "ops/slack"); err == nil || err.Error() != `receiver ops has no channel "slack": it has pagerduty, exec` {
		t.Error(err)
	}
	if _, err := try(t, text, "nobody"); err == nil || err.Error() != `there is no receiver "nobody": there is ops` {
		t.Error(err)
	}
	server.CloseClientConnections()
}

func TestReachingOtherChannels(t *testing.T) {
	address, bytes := listener(t)
	t.Setenv("S", "ntfy://ntfy.example.com/topic")
	for name, c := range map[string]struct {
		text  string
		found incident.Finding
		says  string
	}{
		"a mail server":         {`email = { smarthost = "` + address + `", from = "a@example.com", to = ["a@example.com"] }`, incident.FindingOK, "connected to " + address},
		"no mail server":        {`email = { smarthost = "127.0.0.1:1", from = "a@example.com", to = ["a@example.com"] }`, incident.FindingProblem, "no connection to 127.0.0.1:1"},
		"no password":           {`email = { smarthost = "127.0.0.1:1", from = "a@example.com", to = ["a@example.com"], username = "u", password_file = "/no/such" }`, incident.FindingProblem, "its password: "},
		"a program":             {`exec = { command = ["/bin/true"] }`, incident.FindingOK, "the program is there"},
		"no program":            {`exec = { command = ["/no/such"] }`, incident.FindingProblem, `the program "/no/such" is not there`},
		"no key":                {`pagerduty = { routing_key_file = "/no/such" }`, incident.FindingProblem, "its routing key: "},
		"no token":              {`slack = { token_file = "/no/such", channel = "#a" }`, incident.FindingProblem, "its token: "},
		"no hook":               {`slack = { webhook_url_file = "/no/such" }`, incident.FindingProblem, "its incoming webhook: "},
		"nobody in the cluster": {`alertmanager = { urls = ["http://127.0.0.1:1", "http://127.0.0.1:2"] }`, incident.FindingProblem, "no connection to 127.0.0.1:2"},
		"a shoutrrr address":    {`shoutrrr = { url_env = "S" }`, incident.FindingNotKnown, "not checked"},
		"no shoutrrr address":   {`shoutrrr = { url_file = "/no/such" }`, incident.FindingProblem, "reading a secret"},
	} {
		r := parse(t, shop+"[receivers.ops]\n"+c.text+"\n").Receivers["ops"]
		found, why := reachChannel(context.WithoutCancel(t.Context()), r, r.Channels()[0])
		if found != c.found || !strings.Contains(why, c.says) {
			t.Errorf("%s: %s: %s, want %s: %s", name, found, why, c.found, c.says)
		}
	}
	if n := <-bytes; n != 0 {
		t.Errorf("%d bytes were sent to it", n)
	}
}

// Each secret of each channel is hidden in what steps write.
func TestSecretsOfChannelsAreHidden(t *testing.T) {
	kinds := map[string]string{
		"webhook":      `{ url = "http://h", secret_env = "%s" }`,
		"slack":        `{ token_env = "%s", channel = "#a" }`,
		"pagerduty":    `{ routing_key_env = "%s" }`,
		"email":        `{ smarthost = "m:25", from = "a@example.com", to = ["a@example.com"], username = "u", password_env = "%s" }`,
		"shoutrrr":     `{ url_env = "%s" }`,
		"status_page":  `{ page_id = "p", token_env = "%s" }`,
		"alertmanager": `{ url = "http://a", http = { authorization = { credentials_file = "%s" } } }`,
	}
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte("c4nary-alertmanager"), 0o600); err != nil {
		t.Fatal(err)
	}
	for kind, text := range kinds {
		t.Setenv("SECRET", "c4nary-"+kind)
		place := "SECRET"
		if kind == "alertmanager" {
			place = file
		}
		c := parse(t, shop+"[receivers.ops]\n"+kind+" = "+strings.Replace(text, "%s", place, 1)+"\n")
		h := newHouse(Options{Clock: clock.New(), Logger: hclog.NewNullLogger()}, c)
		if got := h.mask("it says c4nary-" + kind + "."); got != "it says <secret>." {
			t.Errorf("%s: %q", kind, got)
		}
	}
	if len(kinds) != len((config.Receiver{
		Webhook: &config.Webhook{}, Slack: &config.Slack{}, PagerDuty: &config.PagerDuty{}, Email: &config.Email{}, Alertmanager: &config.Alertmanager{},
		Exec: &config.ReceiverExec{}, Shoutrrr: &config.Shoutrrr{}, StatusPage: &config.StatusPage{},
	}).Channels())-1 { // exec has no secret
		t.Error("a channel is missing here")
	}
}
