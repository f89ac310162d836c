package config_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbackd/rollbackd/config"
	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/notify"
)

// Every mistake in every channel is found at once, each at its key.
func TestAllMistakesOfReceivers(t *testing.T) {
	const text = `[receivers.a]
email = { from = "ops", to = [""], tls = "ssl", hello = "a b", password_file = "p" }
alertmanager = { labels = { service = "a", "a-b" = "c", team = 1 } }
slack = { channel = 1 }
status_page = { url = "ftp://x" }
rate_limit = "0 in 4h"
text = "{{.A}}{{end}}"
exec = { command = ["./a"], timeout = "0s" }
[receivers.b]
severities = ["low"]
`
	c, report := config.Parse("r.toml", []byte(text))
	if c != nil {
		t.Error("a configuration came back beside errors")
	}
	var got []string
	for _, p := range report.Errors {
		got = append(got, strings.TrimPrefix(p.Key, "receivers."))
	}
	slices.Sort(got)
	want := []string{
		"a.alertmanager", `a.alertmanager.labels.a-b`, "a.alertmanager.labels.service", "a.alertmanager.labels.team",
		"a.email", "a.email", "a.email.from", "a.email.hello", "a.email.tls", "a.email.to[0]",
		"a.exec.command[0]", "a.exec.timeout", "a.rate_limit", "a.slack", "a.slack.channel", "a.status_page", "a.status_page", "a.status_page.url", "a.text", "b",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s\n%s", diff, errorText(report))
	}
}

func TestRateLimits(t *testing.T) {
	for text, want := range map[string]config.RateLimit{
		"":                       {Count: 6, Within: 4 * time.Hour},
		`rate_limit = "none"`:    {},
		`rate_limit = "3 in 1h"`: {Count: 3, Within: time.Hour},
	} {
		c, report := config.Parse("r.toml", []byte("[receivers.a]\nexec = { command = [\"/bin/true\"] }\n"+text+"\n"))
		if c == nil {
			t.Fatal(report.Err())
		}
		if diff := cmp.Diff(want, c.Receivers["a"].Limit); diff != "" {
			t.Errorf("%s (-want +got):\n%s", text, diff)
		}
	}
}

// A template in a file counts as what it says: another text is another configuration.
func TestATemplateInAFile(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("r.toml", "[receivers.a]\nexec = { command = [\"/bin/true\"] }\ntext_file = \"a.tmpl\"\n")
	load := func() *config.Config {
		t.Helper()
		c, report := config.Load(filepath.Join(dir, "r.toml"))
		if c == nil {
			t.Fatal(report.Err())
		}
		return c
	}
	write("a.tmpl", "one")
	before := load()
	write("a.tmpl", "two")
	after := load()
	if before.Receivers["a"].Text != "one" || after.Receivers["a"].Text != "two" || before.Hash() == after.Hash() {
		t.Errorf("%q, %q, hashes %s, %s", before.Receivers["a"].Text, after.Receivers["a"].Text, before.Hash(), after.Hash())
	}
	write("a.tmpl", strings.Repeat("x", 65<<10))
	if _, report := config.Load(filepath.Join(dir, "r.toml")); !strings.Contains(errorText(report), "a template has at most 64KiB") {
		t.Error(errorText(report))
	}
	write("a.tmpl", "fine\n{{.Nobody}}")
	_, report := config.Load(filepath.Join(dir, "r.toml"))
	want := filepath.Join(dir, "a.tmpl") + ":2: receivers.a.text_file: the template cannot be used: executing \"text\" at <.Nobody>: "
	if !strings.HasPrefix(errorText(report), want) {
		t.Errorf("got %s, want %s…", errorText(report), want)
	}
}

// A template is tried on what the brain can say: there is a sample of each event,
// but for the word that only comes with another.
func TestEveryEventHasASample(t *testing.T) {
	var got []string
	for _, m := range notify.Samples() {
		got = append(got, m.Event)
	}
	slices.Sort(got)
	want := slices.DeleteFunc(slices.Sorted(slices.Values(incident.Events())), func(e string) bool { return e == incident.SignalRootCause })
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("notify.Samples has other events than the brain (-brain +samples):\n%s", diff)
	}
}

func TestReceiversThatPage(t *testing.T) {
	for text, want := range map[string]bool{
		`email = { smarthost = "m:25", from = "a@example.com", to = ["a@example.com"] }`:                                            false,
		`status_page = { page_id = "p", token_env = "T" }`:                                                                          false,
		`pagerduty = { routing_key_env = "K" }`:                                                                                     true,
		"email = { smarthost = \"m:25\", from = \"a@example.com\", to = [\"a@example.com\"] }\nslack = { webhook_url_env = \"W\" }": true,
	} {
		c, report := config.Parse("r.toml", []byte("[receivers.a]\n"+text+"\n"))
		if c == nil {
			t.Fatal(report.Err())
		}
		if got := c.Receivers["a"].Pages(); got != want {
			t.Errorf("%s: %v, want %v", text, got, want)
		}
	}
}

// The page on receivers has a snippet for each channel, and each of them loads.
func TestSnippetsOfTheReceiversPage(t *testing.T) {
	page, err := os.ReadFile("../docs/receivers.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)```(\\w*)\n(.*?)```").FindAllStringSubmatch(string(page), -1)
	dir := t.TempDir()
	for _, b := range blocks {
		if b[1] == "" {
			if err := os.WriteFile(filepath.Join(dir, "chat.tmpl"), []byte(b[2]), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	shown := map[string]bool{}
	for _, b := range blocks {
		if b[1] != "toml" {
			continue
		}
		file := filepath.Join(dir, "r.toml")
		if err := os.WriteFile(file, []byte(b[2]), 0o600); err != nil {
			t.Fatal(err)
		}
		c, report := config.Load(file)
		if c == nil {
			t.Errorf("%s\n%s", b[2], errorText(report))
			continue
		}
		for _, r := range c.Receivers {
			for _, kind := range r.Channels() {
				shown[kind] = true
			}
		}
	}
	if len(shown) != 8 {
		t.Errorf("the page shows %v, want all eight channels", shown)
	}
}
