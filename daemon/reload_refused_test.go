package daemon_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestAReloadThatIsRefusedSaysWhy: what only shows once the channels are made is in
// the log too, not only in the answer to whoever asked.
func TestAReloadThatIsRefusedSaysWhy(t *testing.T) {
	p := newPlace(t)
	p.write(p.config(p.prom.URL, "1%"))
	d := p.new()
	stop := p.run(d)
	defer stop()
	authority := filepath.Join(p.dir, "authority.pem")
	if err := os.WriteFile(authority, []byte("none"), 0o600); err != nil {
		t.Fatal(err)
	}
	p.write(p.config(p.prom.URL, "1%") + `
[receivers.mail]
email = { smarthost = "127.0.0.1:25", from = "a@example.com", to = ["b@example.com"], ca_file = "` + authority + `" }
`)
	if err := d.Reload(); err == nil || !strings.Contains(err.Error(), "no certificate") {
		t.Fatalf("got %v, want that the authority is none", err)
	}
	for line := range strings.Lines(p.log.String()) {
		if strings.Contains(line, "configuration not reloaded") && strings.Contains(line, "receivers.mail.email: ca_file: "+authority+" holds no certificate") {
			return
		}
	}
	t.Errorf("the log does not say why:\n%s", p.log)
}
