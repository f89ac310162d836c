package notify_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbackd/rollbackd/notify"
)

// drawer keeps what receivers want to keep.
type drawer struct {
	mu     sync.Mutex
	values map[string]string
	broken error
}

func (k *drawer) Keep(_ context.Context, receiver, incident, value string) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.values == nil {
		k.values = map[string]string{}
	}
	if k.broken == nil {
		k.values[receiver+" "+incident] = value
	}
	return k.broken
}

func (k *drawer) Kept(_ context.Context, receiver, incident string) (string, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.values[receiver+" "+incident], nil
}

// minute is a time in the tests' incidents.
func minute(n int) time.Time {
	return time.Date(2026, time.March, 1, 3, n, 5, 0, time.UTC)
}

// told is a delivery of a message about incident a, but for what fit changes. what
// is its headline and, as the last word, its event.
func told(tb testing.TB, id, what string, at time.Time, fit ...func(*notify.Message)) notify.Delivery {
	tb.Helper()
	cut := strings.LastIndex(what, " ")
	headline, event := what[:cut], what[cut+1:]
	m := notify.Message{
		ID: id, At: at, Headline: headline, Service: "checkout", Incident: "a", Severity: "critical", Event: event, FirstLine: headline + " checkout " + id,
	}
	m.About.State, m.About.Mode, m.About.OpenedAt = "rolling_back", "live", minute(0)
	for _, change := range fit {
		change(&m)
	}
	if m.Text == "" {
		m.Text = m.FirstLine + "\nerrors 8.1% > 1%\nIf you do nothing: it goes on.\nrollbackd abort a --reason '…'\nhttp://127.0.0.1:9797/incidents/a"
	}
	payload, err := json.Marshal(m)
	if err != nil {
		tb.Fatal(err)
	}
	return notify.Delivery{ID: id, Receiver: "ops", Incident: m.Incident, At: at, Payload: payload}
}

func deliver(t *testing.T, n notify.Notifier, all ...notify.Delivery) {
	t.Helper()
	for _, d := range all {
		if err := n.Deliver(t.Context(), d); err != nil {
			t.Fatalf("%s: %v", d.ID, err)
		}
	}
}

func wantShown(t *testing.T, p *slackPeer, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, p.shown()); diff != "" {
		t.Errorf("the channel (-want +got):\n%s", diff)
	}
}

func ofIncident(id string) func(*notify.Message) { return func(m *notify.Message) { m.Incident = id } }

func TestSlackShowsAnIncidentAsOneThread(t *testing.T) {
	p, kept := newSlackPeer(t), &drawer{}
	s := p.slack(t, kept)
	deliver(t, s, told(t, "a/1", "ACTING countdown", minute(0)), told(t, "b/1", "HELD held", minute(1), ofIncident("b")),
		told(t, "a/2", "ACTING acting", minute(2)))
	s = p.slack(t, kept) // the daemon starts again
	deliver(t, s, told(t, "a/3", "FAILED failed", minute(3)), told(t, "a/4", "WAITING FOR YOU escalation", minute(4)),
		told(t, "x", "HELD blind", minute(5), ofIncident("")), told(t, "a/5", "HELD closed", minute(6)))
	wantShown(t, p,
		"a/1: root, 4 edits: HELD checkout a/5",
		"b/1: root, 0 edits: HELD checkout b/1",
		"a/2: reply to a/1",
		"a/3: loud reply to a/1",
		"a/4: loud reply to a/1",
		"x: root, 0 edits: HELD checkout x\nerrors 8.1% &gt; 1%\nIf you do nothing: it goes on.\nrollbackd abort a --reason '…'\nhttp://127.0.0.1:9797/incidents/a",
		"a/5: reply to a/1")
}

// TestSlackRepeatsAMessageOnlyWhereTheAnswerWasLost goes through what can go wrong
// between a message and the note that it was delivered.
func TestSlackRepeatsAMessageOnlyWhereTheAnswerWasLost(t *testing.T) {
	lost, refused := slackFailure{taken: true}, slackFailure{code: http.StatusInternalServerError}
	tests := []struct {
		name, method string
		failure      slackFailure
		at           string // the message it happens to
		want         []string
	}{
		{
			"the root was not taken", "chat.postMessage", refused, "a/1",
			[]string{"a/1: root, 1 edits: ACTING checkout a/2", "a/2: reply to a/1"},
		},
		{
			"the root's answer was lost", "chat.postMessage", lost, "a/1",
			[]string{"a/1: root, 0 edits: ACTING checkout a/1", "a/1: root, 1 edits: ACTING checkout a/2", "a/2: reply to a/1"},
		},
		{
			"the edit was not taken", "chat.update", refused, "a/2",
			[]string{"a/1: root, 1 edits: ACTING checkout a/2", "a/2: reply to a/1"},
		},
		{
			"the edit's answer was lost", "chat.update", lost, "a/2",
			[]string{"a/1: root, 2 edits: ACTING checkout a/2", "a/2: reply to a/1"},
		},
		{
			"edited, and the reply was not taken", "chat.postMessage", refused, "a/2",
			[]string{"a/1: root, 2 edits: ACTING checkout a/2", "a/2: reply to a/1"},
		},
		{
			"edited, and the reply's answer was lost", "chat.postMessage", lost, "a/2",
			[]string{"a/1: root, 2 edits: ACTING checkout a/2", "a/2: reply to a/1", "a/2: reply to a/1"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := newSlackPeer(t)
			s := p.slack(t, &drawer{})
			for i, d := range []notify.Delivery{told(t, "a/1", "ACTING countdown", minute(0)), told(t, "a/2", "ACTING acting", minute(1))} {
				if d.ID == tt.at {
					p.fail(tt.method, tt.failure)
					if err := s.Deliver(t.Context(), d); err == nil {
						t.Fatalf("message %d counts as delivered", i+1)
					}
				}
				deliver(t, s, d)
			}
			wantShown(t, p, tt.want...)
		})
	}
}

// TestSlackDoesNotRepeatARootThatOnlyTheOutboxForgot: it was posted and kept, and
// the daemon was killed before the outbox knew.
func TestSlackDoesNotRepeatARootThatOnlyTheOutboxForgot(t *testing.T) {
	p := newSlackPeer(t)
	s := p.slack(t, &drawer{})
	first := told(t, "a/1", "ACTING countdown", minute(0))
	deliver(t, s, first, first)
	wantShown(t, p, "a/1: root, 0 edits: ACTING checkout a/1")
}

func TestSlackBeginsAnotherThreadWhereTheFirstIsGone(t *testing.T) {
	tests := []struct {
		name string
		gone func(*slackPeer)
	}{
		{"the messages were deleted", (*slackPeer).remove},
		{"the root may not be edited", func(p *slackPeer) { p.fail("chat.update", slackFailure{word: "cant_update_message"}) }},
		{"the root was deleted after the edit", func(p *slackPeer) { p.fail("chat.postMessage", slackFailure{word: "thread_not_found"}) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := newSlackPeer(t)
			s := p.slack(t, &drawer{})
			deliver(t, s, told(t, "a/1", "ACTING countdown", minute(0)))
			tt.gone(p)
			deliver(t, s, told(t, "a/2", "ACTING acting", minute(1)), told(t, "a/3", "RECOVERED closed", minute(2)))
			got := strings.Join(p.shown(), "\n")
			if want := "a/2: root, 1 edits: RECOVERED checkout a/3\na/3: reply to a/2"; !strings.HasSuffix(got, want) {
				t.Errorf("got\n%s\nwant at the end\n%s", got, want)
			}
		})
	}
}

func TestSlackAnotherChannelIsAnotherThread(t *testing.T) {
	p, kept := newSlackPeer(t), &drawer{}
	deliver(t, p.slack(t, kept), told(t, "a/1", "ACTING countdown", minute(0)))
	moved, err := notify.NewSlack(notify.SlackOptions{
		Token: func() (string, error) { return p.token, nil }, Channel: "#incidents", Keeper: kept, APIURL: p.url + "/",
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(http.DefaultTransport.(*http.Transport).CloseIdleConnections)
	deliver(t, moved, told(t, "a/2", "ACTING acting", minute(1)))
	wantShown(t, p, "a/1: root, 0 edits: ACTING checkout a/1", "a/2: root, 0 edits: ACTING checkout a/2")
}

// TestSlackALateMessageIsNotTheState: one that failed several times lets later ones
// pass, and must not undo what the root says since.
func TestSlackALateMessageIsNotTheState(t *testing.T) {
	p := newSlackPeer(t)
	s := p.slack(t, &drawer{})
	deliver(t, s, told(t, "a/1", "ACTING countdown", minute(0)), told(t, "a/3", "RECOVERED closed", minute(2)),
		told(t, "a/2", "ACTING acting", minute(1)))
	wantShown(t, p, "a/1: root, 1 edits: RECOVERED checkout a/3", "a/3: reply to a/1", "a/2: reply to a/1")
}

func TestSlackEditsWhatIsWithheldWithoutASound(t *testing.T) {
	p := newSlackPeer(t)
	s := p.slack(t, &drawer{})
	edit := func(d notify.Delivery) {
		t.Helper()
		if err := s.Edit(t.Context(), d); err != nil {
			t.Fatal(err)
		}
	}
	edit(told(t, "a/0", "ACTING countdown", minute(0))) // no thread yet: nothing to edit
	deliver(t, s, told(t, "a/1", "ACTING countdown", minute(1)))
	edit(told(t, "a/2", "HELD held", minute(2)))
	edit(told(t, "a/0", "ACTING countdown", minute(0)))
	wantShown(t, p, "a/1: root, 1 edits: HELD checkout a/2")
	p.fail("chat.update", slackFailure{code: http.StatusTooManyRequests, retryAfter: "7"})
	err := s.Edit(t.Context(), told(t, "a/3", "HELD held", minute(3)))
	if failure, ok := errors.AsType[*notify.DeliveryError](err); !ok || failure.RetryAfter != 7*time.Second {
		t.Errorf("got %v, want it tried again in 7s", err)
	}
}

// TestSlackIsNotStoppedByAKeeperThatFails: a second thread is better than the same
// message again and again.
func TestSlackIsNotStoppedByAKeeperThatFails(t *testing.T) {
	p := newSlackPeer(t)
	s := p.slack(t, &drawer{broken: errors.New("disk full")})
	deliver(t, s, told(t, "a/1", "ACTING countdown", minute(0)), told(t, "a/2", "ACTING acting", minute(1)))
	wantShown(t, p, "a/1: root, 0 edits: ACTING checkout a/1", "a/2: root, 0 edits: ACTING checkout a/2")
}

func TestSlackAnswers(t *testing.T) {
	tests := []struct {
		name    string
		failure slackFailure
		want    notify.DeliveryError // without the problem
		says    string
	}{
		{"too much", slackFailure{code: 429, retryAfter: "30"}, notify.DeliveryError{RetryAfter: 30 * time.Second}, "429"},
		{"too much, without a time", slackFailure{code: 429}, notify.DeliveryError{}, "429"},
		{"too much, in words", slackFailure{word: "ratelimited"}, notify.DeliveryError{RetryAfter: 30 * time.Second}, "ratelimited"},
		{"broken", slackFailure{code: 500, body: "<html>oops"}, notify.DeliveryError{}, "500: <html>oops"},
		{"broken, in words", slackFailure{word: "internal_error"}, notify.DeliveryError{}, "internal_error"},
		{"nonsense", slackFailure{body: "<html>log in first"}, notify.DeliveryError{}, "not as Slack does"},
		{"no message named", slackFailure{body: `{"ok":true}`}, notify.DeliveryError{}, "names no message"},
		{"wrong token", slackFailure{word: "invalid_auth"}, notify.DeliveryError{Refused: true}, "token_file"},
		{"no scope", slackFailure{word: "missing_scope"}, notify.DeliveryError{Refused: true}, "chat:write"},
		{"no channel", slackFailure{word: "channel_not_found"}, notify.DeliveryError{Refused: true}, `"#ops"`},
		{"not a member", slackFailure{word: "not_in_channel"}, notify.DeliveryError{Refused: true}, "invite the bot"},
		{"archived", slackFailure{word: "is_archived"}, notify.DeliveryError{Refused: true}, "choose another"},
		{"something new", slackFailure{word: "of_next_year"}, notify.DeliveryError{Refused: true}, "of_next_year"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := newSlackPeer(t)
			p.fail("chat.postMessage", tt.failure)
			err := p.slack(t, &drawer{}).Deliver(t.Context(), told(t, "a/1", "ACTING acting", minute(0)))
			failure, ok := errors.AsType[*notify.DeliveryError](err)
			if !ok {
				t.Fatalf("got %v, want a DeliveryError", err)
			}
			if !strings.Contains(failure.Problem, tt.says) || strings.Contains(err.Error(), "canary") {
				t.Errorf("got %q, want %q in it and no secret", failure.Problem, tt.says)
			}
			failure.Problem = ""
			if diff := cmp.Diff(&tt.want, failure); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestSlackRatherPlainThanNotAtAll(t *testing.T) {
	p := newSlackPeer(t)
	p.fail("chat.postMessage", slackFailure{word: "invalid_blocks"})
	p.fail("chat.update", slackFailure{word: "invalid_blocks"})
	deliver(t, p.slack(t, &drawer{}), told(t, "a/1", "ACTING countdown", minute(0)), told(t, "a/2", "ACTING acting", minute(1)))
	wantShown(t, p, "a/1: root, 1 edits: ACTING checkout a/2", "a/2: reply to a/1")
}

func TestSlackReadsItsTokenAtEachUse(t *testing.T) {
	p := newSlackPeer(t)
	token, failure := "xoxb-canary-old", error(nil)
	s, err := notify.NewSlack(notify.SlackOptions{
		Token: func() (string, error) { return token, failure }, Channel: "C1", Keeper: &drawer{}, APIURL: p.url, Transport: &http.Transport{DisableKeepAlives: true},
	})
	if err != nil {
		t.Fatal(err)
	}
	d := told(t, "a/1", "ACTING countdown", minute(0))
	refused := func(want string) {
		t.Helper()
		err := s.Deliver(t.Context(), d)
		got, ok := errors.AsType[*notify.DeliveryError](err)
		if !ok || !got.Refused || !strings.Contains(got.Problem, want) || strings.Contains(got.Problem, "canary") {
			t.Errorf("got %v, want a refusal with %q in it and no secret", err, want)
		}
	}
	refused("invalid_auth")
	token = " \n"
	refused("it is empty")
	failure = os.ErrNotExist
	refused("file does not exist")
	token, failure = p.token, nil
	deliver(t, s, d)
	wantShown(t, p, "a/1: root, 0 edits: ACTING checkout a/1")
}

func TestSlackOptionsThatCannotWork(t *testing.T) {
	token := func() (string, error) { return "x", nil }
	for name, o := range map[string]notify.SlackOptions{
		"nothing":      {},
		"no channel":   {Token: token, Keeper: &drawer{}},
		"no token":     {Channel: "C1", Keeper: &drawer{}},
		"no keeper":    {Token: token, Channel: "C1"},
		"no such host": {Token: token, Channel: "C1", Keeper: &drawer{}, APIURL: "slack.example.com"},
	} {
		if _, err := notify.NewSlack(o); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestSlackIncomingWebhook(t *testing.T) {
	tests := []struct {
		name    string
		code    int
		body    string
		refused bool
		want    string // of the error; empty for none
	}{
		{"taken", 200, "ok", false, ""},
		{"nonsense", 200, "<html>log in first", false, `not with "ok"`},
		{"revoked", 404, "no_service", true, "404: no_service"},
		{"broken", 503, "", false, "503"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got map[string]any
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if err := json.NewDecoder(r.Body).Decode(&got); err != nil {
					t.Error(err)
				}
				w.WriteHeader(tt.code)
				_, _ = w.Write([]byte(tt.body))
			}))
			t.Cleanup(server.Close)
			transport := &http.Transport{}
			t.Cleanup(transport.CloseIdleConnections)
			s, err := notify.NewSlack(notify.SlackOptions{
				WebhookURL: func() (string, error) { return server.URL + "/services/T0/B0/canary\n", nil }, Transport: transport,
			})
			if err != nil {
				t.Fatal(err)
			}
			d := told(t, "a/1", "ACTING acting", minute(0), func(m *notify.Message) { m.Text = "ACTING <!channel>\nerrors & more" })
			err = s.Deliver(t.Context(), d)
			if diff := cmp.Diff(map[string]any{
				"text": "ACTING &lt;!channel&gt;\nerrors &amp; more", "mrkdwn": false, "parse": "none", "unfurl_links": false, "unfurl_media": false,
			}, got); diff != "" {
				t.Errorf("posted (-want +got):\n%s", diff)
			}
			if tt.want == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			failure, ok := errors.AsType[*notify.DeliveryError](err)
			if !ok || failure.Refused != tt.refused || !strings.Contains(failure.Problem, tt.want) || strings.Contains(failure.Problem, "canary") {
				t.Errorf("got %v, want %q in it, refused %v, and no secret", err, tt.want, tt.refused)
			}
		})
	}
}

func TestSlackNobodyThereShowsNoAddress(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	s, err := notify.NewSlack(notify.SlackOptions{WebhookURL: func() (string, error) { return server.URL + "/canary", nil }})
	if err != nil {
		t.Fatal(err)
	}
	err = s.Deliver(t.Context(), told(t, "a/1", "ACTING acting", minute(0)))
	if err == nil || strings.Contains(err.Error(), "canary") {
		t.Errorf("got %v, want an error without the address", err)
	}
}
