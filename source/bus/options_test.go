package bus

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
)

func noSecret() (string, error) { return "", nil }

func TestNewSaysAllThatIsWrong(t *testing.T) {
	_, err := New(Options{
		Token: noSecret, CredsFile: "c", Password: noSecret, TLS: &TLS{CertFile: "c"},
		Maps: []Map{
			{Subject: "a.>", Kind: "health"},
			{Subject: "b.*", Kind: "health"},
			{Subject: "c.*", Tokens: []string{"host"}, Kind: "health"},
			{Subject: "d", Kind: "gossip"},
			{Subject: "e..f", Kind: "deploy"},
			{Subject: "g h", Kind: "deploy"},
			{Subject: "i.j*", Kind: "deploy"},
			{Subject: "rollbackd.v1.deploy.*", Tokens: []string{"service"}, Kind: "deploy"},
		},
	})
	if err == nil {
		t.Fatal("no error")
	}
	for _, part := range []string{
		"no url", "no sink", "more than one of creds_file", "user and password belong", "cert_file and key_file",
		`"a.>"`, `"b.*" has 1 wildcards and 0 tokens`, `token "host" is not known`, `kind "gossip" is not supported`, `"e..f"`, `"g h"`, `"i.j*"`,
		"rollbackd.v1.deploy.* is listened to twice",
	} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("error does not say %q:\n%v", part, err)
		}
	}
}

func TestCovers(t *testing.T) {
	tests := []struct {
		a, b string
		want bool
	}{
		{"a.>", "a.*.*", true},
		{">", "a", true},
		{"a.*.*", "a.*.*", true},
		{"a.*.*", "a.b.*", true},
		{"a.b.*", "a.*.*", false},
		{"a.*", "a.*.*", false},
		{"a.*.*", "a.*", false},
		{"a.*", "a.>", false},
		{"a.>", "a", false},
		{"b.>", "a.b", false},
	}
	for _, tt := range tests {
		if got := covers(tt.a, tt.b); got != tt.want {
			t.Errorf("%s covers %s: %v, want %v", tt.a, tt.b, got, tt.want)
		}
	}
}

func TestBackoff(t *testing.T) {
	for attempt, want := range map[int]string{0: "1s", 1: "1s", 2: "2s", 3: "4s", 5: "16s", 6: "30s", 7: "30s", 1000000: "30s"} {
		least, err := time.ParseDuration(want)
		if err != nil {
			t.Fatal(err)
		}
		if got := backoff(attempt); got != least {
			t.Errorf("attempt %d: %v, want %s", attempt, got, want)
		}
		if got := reconnectDelay(attempt); got < least || got > least+500*time.Millisecond {
			t.Errorf("attempt %d: %v, want within half a second after %s", attempt, got, want)
		}
	}
}

// The options must be such that the client never gives up by itself.
func TestTheConnectionNeverGivesUp(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "secret")
	write := func(text string) {
		if err := os.WriteFile(secret, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("one\n")
	var failures []error
	apply := func(o Options) nats.Options {
		opts, err := natsOptions(o, events{failed: func(err error) { failures = append(failures, err) }})
		if err != nil {
			t.Fatal(err)
		}
		n := nats.GetDefaultOptions()
		for _, opt := range opts {
			if err := opt(&n); err != nil {
				t.Fatal(err)
			}
		}
		return n
	}
	read := func() (string, error) {
		text, err := os.ReadFile(secret)
		return string(text), err
	}
	n := apply(Options{Name: "me", User: "u", Password: read, InboxPrefix: "_MINE", TLS: &TLS{ServerName: "s"}})
	if n.MaxReconnect != -1 || !n.RetryOnFailedConnect || !n.IgnoreAuthErrorAbort || !n.PermissionErrOnSubscribe || !n.NoEcho || n.Name != "me" || n.InboxPrefix != "_MINE" || n.TLSConfig.ServerName != "s" {
		t.Errorf("options %+v", n)
	}
	if user, password := n.UserInfo(); user != "u" || password != "one" {
		t.Errorf("user %s, password %s", user, password)
	}
	token := apply(Options{Token: read}).TokenHandler
	write("two")
	if got := token(); got != "two" {
		t.Errorf("token %s, want the file's present content", got)
	}
	if err := os.Remove(secret); err != nil {
		t.Fatal(err)
	}
	if got := token(); got != "" || len(failures) != 1 || errorReason(failures[0]) != "secret_file" {
		t.Errorf("token %q, failures %v, want none and the error told", got, failures)
	}
	if _, err := natsOptions(Options{NkeyFile: secret}, events{}); err == nil {
		t.Error("no error for an nkey that is not there")
	}
}
