package daemon

import (
	"encoding/base64"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbackd/rollbackd/config"
	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/source/bus"
	"github.com/rollbackd/rollbackd/trigger"
)

const shop = `
[prometheus]
url = "http://127.0.0.1:1"
[metrics]
error_rate = { query = "error_rate", unit = "ratio" }
[services.checkout]
match = "shop-checkout"
[services.checkout.triggers]
errors = { when = "error_rate > 1% for 3h", severity = "low" }
[services.checkout.deployment]
symlink = "/srv/checkout/current"
blame_window = "2h"
`

func parse(t *testing.T, text string) *config.Config {
	t.Helper()
	c, report := config.Parse(filepath.Join(t.TempDir(), "rollbackd.toml"), []byte(text))
	if c == nil {
		t.Fatal(report.Err())
	}
	return c
}

func houseOf(c *config.Config) *house {
	h := &house{}
	h.config.Store(c)
	return h
}

func TestReceivers(t *testing.T) {
	c := parse(t, shop+`
[receivers.all]
webhook = { url = "https://hooks.example.com/1" }
[receivers.grave]
webhook = { url = "https://hooks.example.com/2" }
severities = ["critical", "high"]
[receivers.held]
webhook = { url = "https://hooks.example.com/3" }
events = ["held"]
`)
	tests := []struct {
		name string
		m    incident.Message
		want []string
	}{
		{"all who want it", incident.Message{Severity: trigger.Critical, Event: "held"}, []string{"all", "grave", "held"}},
		{"not grave enough", incident.Message{Severity: trigger.Low, Event: "held"}, []string{"all", "held"}},
		{"another event", incident.Message{Severity: trigger.High, Event: "acting"}, []string{"all", "grave"}},
		{"about the daemon itself", incident.Message{Event: "blind"}, []string{"all", "grave"}},
		{"named ones", incident.Message{Severity: trigger.High, Event: "acting", Receivers: []string{"grave"}}, []string{"grave"}},
		{"one that is gone", incident.Message{Severity: trigger.High, Receivers: []string{"former"}}, nil},
	}
	for _, tt := range tests {
		if diff := cmp.Diff(tt.want, houseOf(c).receivers(tt.m)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

func TestMaskHidesEverySecretThatIsRead(t *testing.T) {
	dir := t.TempDir()
	file := func(name string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte("the "+name+"/secret+\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		return strconv.Quote(path)
	}
	t.Setenv("NATS_PASSWORD", "the nats/secret+")
	c := parse(t, strings.Replace(shop, "[metrics]", `http = { basic_auth = { username = "me", password_file = `+file("basic")+` } }
[metrics]`, 1)+`
[nats]
url = "nats://127.0.0.1:4222"
user = "me"
password_env = "NATS_PASSWORD"
[receivers.bearer]
webhook = { url = "https://hooks.example.com/1", secret_file = `+file("hook")+`, http = { bearer_token_file = `+file("bearer")+` } }
[receivers.credentials]
webhook = { url = "https://hooks.example.com/2", http = { authorization = { credentials_file = `+file("credentials")+` } } }
[receivers.oauth]
webhook = { url = "https://hooks.example.com/3", http = { oauth2 = { client_id = "me", token_url = "https://sso.example.com", client_secret_file = `+file("oauth")+` } } }
[receivers.header]
webhook = { url = "https://hooks.example.com/4", http = { http_headers = { X-Api-Token = { files = [`+file("header")+`] } } } }
`)
	h := houseOf(c)
	for _, name := range []string{"nats", "hook", "basic", "bearer", "credentials", "oauth", "header"} {
		secret := "the " + name + "/secret+"
		raw := []byte(secret)
		for form, text := range map[string]string{
			"itself": secret, "URL": url.QueryEscape(secret), "path": url.PathEscape(secret),
			"base64": base64.StdEncoding.EncodeToString(raw), "base64url": base64.RawURLEncoding.EncodeToString(raw), "JSON": strings.ReplaceAll(secret, "/", `\/`),
		} {
			if got := h.mask("<" + text + ">"); got != "<<secret>>" {
				t.Errorf("%s as %s: got %q", name, form, got)
			}
		}
	}
}

func TestMaskHidesSecrets(t *testing.T) {
	key := filepath.Join(t.TempDir(), "hook.key")
	if err := os.WriteFile(key, []byte("whsec_c2VjcmV0\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := parse(t, shop+"[receivers.ops]\nwebhook = { url = \"https://hooks.example.com\", secret_file = \""+key+"\" }\n")
	if got := houseOf(c).mask("sent with whsec_c2VjcmV0."); got != "sent with <secret>." {
		t.Errorf("got %q", got)
	}
	if err := os.Remove(key); err != nil {
		t.Fatal(err)
	}
	if got := houseOf(c).mask("plain"); got != "plain" {
		t.Errorf("without the file: got %q", got)
	}
}

func TestWatched(t *testing.T) {
	services, window := watched(parse(t, shop))
	if diff := cmp.Diff([]string{"checkout"}, services); diff != "" || window != 3*time.Hour {
		t.Errorf("got %v and %v, want checkout and the longest window, 3h", services, window)
	}
	if _, window := watched(parse(t, strings.Replace(shop, "3h", "3m", 1))); window != 2*time.Hour {
		t.Errorf("got %v, want the blame window, 2h", window)
	}
}

func TestBusOptions(t *testing.T) {
	password := filepath.Join(t.TempDir(), "nats")
	if err := os.WriteFile(password, []byte("hunter2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	o := busOptions(parse(t, shop+`
[nats]
url = "tls://bus.example.com:4222"
user = "rollbackd"
password_file = "`+password+`"
prefix = "ops.v1"
tls = { ca_file = "/etc/ca.pem" }
map = [{ subject = "up.*.*", tokens = ["_", "service"], kind = "deploy" }]
`))
	if o.Password == nil || o.Token != nil {
		t.Fatalf("got password %t and token %t, want a password", o.Password != nil, o.Token != nil)
	}
	if got, err := o.Password(); got != "hunter2" || err != nil {
		t.Errorf("got password %q, %v", got, err)
	}
	o.Password = nil
	want := bus.Options{
		URL: "tls://bus.example.com:4222", Name: "rollbackd", User: "rollbackd", Prefix: "ops.v1",
		TLS:  &bus.TLS{CAFile: "/etc/ca.pem"},
		Maps: []bus.Map{{Subject: "up.*.*", Tokens: []string{"", "service"}, Kind: "deploy"}},
	}
	if diff := cmp.Diff(want, o); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestSecretsFromTheEnvironment(t *testing.T) {
	t.Setenv("SECRET", "hunter2")
	const nats = "[nats]\nurl = \"nats://127.0.0.1:4222\"\n"
	withUser := parse(t, shop+nats+"user = \"rollbackd\"\npassword_env = \"SECRET\"\n")
	withToken := parse(t, shop+nats+"token_env = \"SECRET\"\n")
	for name, tt := range map[string]struct {
		c    *config.Config
		pick func(bus.Options) func() (string, error)
	}{
		"nats.password_env": {withUser, func(o bus.Options) func() (string, error) { return o.Password }},
		"nats.token_env":    {withToken, func(o bus.Options) func() (string, error) { return o.Token }},
	} {
		o := busOptions(tt.c)
		if tt.pick(o) == nil {
			t.Errorf("%s: no secret", name)
			continue
		}
		if got, err := tt.pick(o)(); got != "hunter2" || err != nil {
			t.Errorf("%s: got %q, %v", name, got, err)
		}
		if options, err := busCredentials(tt.c.NATS, o); err != nil || len(options) != 1 {
			t.Errorf("%s: %d options for a single try, %v; want one", name, len(options), err)
		}
	}
}

func TestHome(t *testing.T) {
	for give, want := range map[string]string{"/home/deploy": "/home/deploy", "": "/"} {
		t.Setenv("HOME", give)
		if got := home(); got != want {
			t.Errorf("HOME=%q: got %q, want %q", give, got, want)
		}
	}
}

func TestPollingIsComparedByMeaning(t *testing.T) {
	one := pollingOf(parse(t, shop))
	if !one.same(pollingOf(parse(t, "# moved down\n\n"+shop))) {
		t.Error("a comment made other sources")
	}
	if !one.same(pollingOf(parse(t, strings.Replace(shop, "1% for 3h", "2% for 3h", 1)))) {
		t.Error("a threshold made other sources")
	}
	for name, text := range map[string]string{
		"an address":      strings.Replace(shop, "127.0.0.1:1", "127.0.0.1:2", 1),
		"a query":         strings.Replace(shop, `"error_rate", unit`, `"errors", unit`, 1),
		"a symbolic link": strings.Replace(shop, "/srv/checkout/current", "/srv/checkout/live", 1),
		"a label's value": strings.Replace(shop, "shop-checkout", "checkout-2", 1),
	} {
		if one.same(pollingOf(parse(t, text))) {
			t.Errorf("%s did not make other sources", name)
		}
	}
}

func TestVerdict(t *testing.T) {
	answered, gone := trigger.KnownValue(1), trigger.UnknownBecause("connection")
	q := func(metric string) asked { return asked{metric: metric, service: "checkout"} }
	tests := []struct {
		name    string
		answers map[asked]trigger.Reading
		bad     bool
	}{
		{"nothing was asked", nil, false},
		{"it answers", map[asked]trigger.Reading{q("a"): answered}, false},
		{"an answer without a series is an answer", map[asked]trigger.Reading{q("a"): {Presence: trigger.Missing}}, false},
		{"one metric is bad", map[asked]trigger.Reading{q("a"): gone, q("b"): answered}, false},
		{"nothing is of use", map[asked]trigger.Reading{q("a"): gone, q("b"): gone}, true},
	}
	for _, tt := range tests {
		if err := verdict(tt.answers); (err != nil) != tt.bad {
			t.Errorf("%s: got %v", tt.name, err)
		}
	}
}
