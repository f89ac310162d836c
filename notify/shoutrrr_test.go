package notify_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/rollbackd/rollbackd/notify"
)

// generic is the address of an HTTP server as shoutrrr's service generic has it, with
// secrets in every part of it.
func generic(t *testing.T, address string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return "generic://hunter2user:hunter2pass@" + u.Host + "/hunter2path?disabletls=yes&hunter2key=hunter2value&@authorization=hunter2header"
}

func TestShoutrrrSendsText(t *testing.T) {
	var body, path string
	address := server(t, func(_ http.ResponseWriter, r *http.Request) {
		content, _ := io.ReadAll(r.Body)
		body, path = string(content), r.URL.Path
	})
	m := incidentMessage("HELD", "held", "held", func(m *notify.Message) { m.Text = "HELD checkout\n<b>\x1b[31m" })
	s := notify.NewShoutrrr(notify.ShoutrrrOptions{URL: secret(generic(t, address)+"\n", nil)})
	if err := s.Deliver(t.Context(), carry(t, m)); err != nil {
		t.Fatal(err)
	}
	if body != "HELD checkout\n<b>[31m" || path != "/hunter2path" {
		t.Errorf("%s got %q, want the text without control characters", path, body)
	}
}

// TestShoutrrrErrorsHoldNoAddress makes the library fail in every way that was
// found, with addresses whose every part is a secret.
func TestShoutrrrErrorsHoldNoAddress(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = listener.Close()
	answers := func(status int) string {
		return generic(t, server(t, func(w http.ResponseWriter, r *http.Request) { http.Error(w, "no "+r.URL.String(), status) }))
	}
	tests := []struct {
		name, address, want string
		refused             bool
	}{
		{"nobody there", generic(t, "http://"+listener.Addr().String()), "shoutrrr generic: connection refused", false},
		{"a name that is none", "generic://hunter2.invalid/hunter2?disabletls=yes", "shoutrrr generic: no such host", false},
		{"answered 500", answers(500), "shoutrrr generic: it was not taken", false},
		{"answered 404", answers(404), "shoutrrr generic: it was not taken", false},
		{"no service", "hunter2", "shoutrrr: the url has no service", true},
		{"a service that nobody knows", "hunter2://hunter2", "shoutrrr: the url's service is not one of", true},
		{"an unreadable address", "ntfy://hunter2:%zz@[hunter2", "shoutrrr ntfy: the url is not one of this service's", true},
		{"a port that is none", "smtp://hunter2:hunter2@x:hunter2/", "shoutrrr smtp: the url is not one of this service's", true},
		{"the service's own is not custom", "pushover+hunter2://hunter2", "shoutrrr pushover: the url is not one of this service's", true},
		{"a custom one that is wrong", "discord+https://hunter2/hunter2", "shoutrrr discord: the url is not one of this service's", true},
		{"too little", "telegram://hunter2@telegram", "shoutrrr telegram: the url is not one of this service's", true},
		{"a log is nobody", "logger://hunter2", "shoutrrr: the service logger tells nobody", true},
		{"nothing", " ", "shoutrrr url: it is empty", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := notify.NewShoutrrr(notify.ShoutrrrOptions{URL: secret(tt.address, nil)})
			err := s.Deliver(t.Context(), carry(t, incidentMessage("HELD", "held", "held")))
			failure, ok := errors.AsType[*notify.DeliveryError](err)
			if !ok || !strings.HasPrefix(failure.Problem, tt.want) || failure.Refused != tt.refused {
				t.Errorf("got %v (%+v), want %q, refused %v", err, failure, tt.want, tt.refused)
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("got %q, which holds a part of the address", err)
			}
		})
	}
	if err := notify.CheckShoutrrr("ntfy://hunter2@host/topic"); err != nil {
		t.Errorf("a right address: %v", err)
	}
}

func FuzzShoutrrrErrorsHoldNoAddress(f *testing.F) {
	for _, name := range []string{"discord", "slack", "telegram", "smtp", "teams", "pushover", "gotify", "bark", "zulip", "signal", "wecom", "lark", "mattermost+https", "generic+https"} {
		f.Add(name, "hunter2:hunter2@127.0.0.1:1/hunter2?hunter2=hunter2")
		f.Add(name, "hunter2")
	}
	f.Fuzz(func(t *testing.T, service, rest string) {
		// A control character: no address, whatever else is in it. Nothing must
		// leave this machine.
		address := service + "://hunter2hunter2:" + rest + "\x7f"
		s := notify.NewShoutrrr(notify.ShoutrrrOptions{URL: secret(address, nil)})
		err := s.Deliver(t.Context(), carry(t, incidentMessage("HELD", "held", "held")))
		if err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("got %v, want an error that holds nothing of the address", err)
		}
	})
}

// TestShoutrrrAttemptsAreBounded has a server that never answers: the attempts end
// with their ctx, and no more than a few go on behind it.
func TestShoutrrrAttemptsAreBounded(t *testing.T) {
	release, asked := make(chan struct{}), make(chan struct{}, 100)
	address := generic(t, server(t, func(http.ResponseWriter, *http.Request) {
		asked <- struct{}{}
		<-release
	}))
	t.Cleanup(func() {
		close(release) // before the server waits for its handlers
		http.DefaultClient.CloseIdleConnections()
	})
	s := notify.NewShoutrrr(notify.ShoutrrrOptions{URL: secret(address, nil)})
	d := carry(t, incidentMessage("HELD", "held", "held"))
	for range 4 {
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			<-asked
			cancel()
		}()
		if err := s.Deliver(ctx, d); !errors.Is(err, context.Canceled) {
			t.Fatalf("got %v, want that it ended with its context", err)
		}
	}
	bounded, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := s.Deliver(bounded, d); err == nil || !strings.Contains(err.Error(), "4 earlier attempts have not ended yet") {
		t.Errorf("got %v, want that it does not begin another", err)
	}
	if len(asked) != 0 {
		t.Error("the server was asked once more")
	}
}
