package daemon

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/benbjohnson/clock"
	"github.com/hashicorp/go-hclog"

	"github.com/rollbackd/rollbackd/config"
)

// TestWhatIsCheckedCanBeMade: no receiver that a check lets through is refused where
// its channels are made, which is when the daemon starts or is reloaded.
func TestWhatIsCheckedCanBeMade(t *testing.T) {
	addresses := []string{
		"", "http://", "http://a", "https://a:1/", "http://a/b/", "http://a/b?c=d", "http://a/enqueue", "http://a/v2/enqueue/", "http://:1", "http://a:99999",
		"HTTP://a", "http://a#b", "//a", "a:1", "http://[::1]", "http://a b", "http://a/%zz", "unix:///a",
	}
	shapes := []string{
		`webhook = { url = %q, secret_file = "s" }`, `slack = { token_file = "s", channel = "#ops", api_url = %q }`, `pagerduty = { routing_key_file = "s", url = %q }`,
		`alertmanager = { url = %q }`, `alertmanager = { urls = ["http://a", %q] }`, `status_page = { page_id = "p", token_file = "s", url = %q }`,
	}
	var receivers []string
	for _, c := range shapes {
		for _, a := range addresses {
			receivers = append(receivers, fmt.Sprintf(c, a))
		}
	}
	for _, one := range []string{"", "a", "./a", "../a", "/", "/a", "a b"} {
		receivers = append(receivers, fmt.Sprintf(`exec = { command = [%q] }`, one))
	}
	for _, host := range []string{"", "a", "a:", ":25", "a:0", "a:25", "a:+25", "a:smtp", "a:70000", "[::1]:25", "a:025"} {
		receivers = append(receivers, fmt.Sprintf(`email = { smarthost = %q, from = "a@b.c", to = ["a@b.c"] }`, host))
	}
	for _, who := range []string{"", "a", "a@b", "A <a@b.c>", "a@b.c, d@e.f", "<a@b.c>", "a@b.c\nx"} {
		receivers = append(receivers, fmt.Sprintf(`email = { smarthost = "a:25", from = %q, to = ["a@b.c"] }`, who), fmt.Sprintf(`email = { smarthost = "a:25", from = "a@b.c", to = [%q] }`, who))
	}
	for _, label := range []string{"a", "_", "__a", "a-b", "é", "1a", "alertname", "group", "members", "incident", "version"} {
		receivers = append(receivers, fmt.Sprintf(`alertmanager = { url = "http://a", labels = { %q = "x" } }`, label))
	}
	for _, timeout := range []string{"0s", "1ms", "1y"} {
		receivers = append(receivers, fmt.Sprintf(`exec = { command = ["a"], timeout = %q }`, timeout))
	}
	path := filepath.Join(t.TempDir(), "rollbackd.toml")
	kinds := channels{clock: clock.NewMock(), log: hclog.NewNullLogger(), keeper: &shelf{kept: map[string]string{}}}
	accepted := 0
	for _, receiver := range receivers {
		if err := os.WriteFile(path, []byte("[receivers.ops]\n"+receiver+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		c, report := config.Load(path)
		if c == nil {
			continue
		}
		accepted++
		if _, err := kinds.of(c.Receivers["ops"]); err != nil {
			t.Errorf("%s: the check says nothing (%d warnings), and the daemon would say: %v", receiver, len(report.Warnings), err)
		}
	}
	if accepted < 20 {
		t.Errorf("%d of %d were let through: too few to say anything", accepted, len(receivers))
	}
}
