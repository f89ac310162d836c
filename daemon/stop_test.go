package daemon_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rollbackd/rollbackd/journal"
)

// post sends a command and returns its status and answer.
func (p *place) post(path, body string) (int, string) {
	p.t.Helper()
	response, err := p.client.Post("http://rollbackd"+path, "application/json", strings.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	var text strings.Builder
	if err := response.Write(&text); err != nil {
		p.t.Fatal(err)
	}
	return response.StatusCode, text.String()
}

// TestANoIsHeardWhileStopping: the daemon waits for a step to end before it
// stops; an abort in that time is on record, so that the next start goes no further.
func TestANoIsHeardWhileStopping(t *testing.T) {
	p := newPlace(t)
	for _, version := range []string{"v1", "v2"} {
		if err := os.MkdirAll(filepath.Join(p.dir, "releases", version), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	link, gate := filepath.Join(p.dir, "current"), filepath.Join(p.dir, "gate")
	if err := os.Symlink("releases/v2", link); err != nil {
		t.Fatal(err)
	}
	p.write(p.config(p.prom.URL, "1%") + `
[services.checkout.deployment]
symlink = "` + link + `"
[[services.checkout.rollback.steps]]
name = "wait at the gate"
exec = ["sh", "-c", "touch ` + gate + `.reached; while ! test -e ` + gate + `; do sleep 0.05; done"]
[[services.checkout.rollback.steps]]
name = "go on"
exec = ["touch", "` + gate + `.passed"]
`)
	d := p.new()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- d.Run(ctx) }()
	p.until("/api/v1/services/checkout", `"running_version":"v2"`)
	if status, text := p.post("/api/v1/services/checkout/rollback", `{"reason":"bad","to":"v1","unseen":true}`); status != http.StatusOK {
		t.Fatalf("rollback: %d %s", status, text)
	}
	p.until("/api/v1/incidents/checkout", `"name":"wait at the gate","section":"steps","index":0,"state":"running"`)
	cancel()
	p.until("/-/ready", "rollbackd is stopping")
	if status, text := p.post("/-/reload", ""); status != http.StatusServiceUnavailable {
		t.Errorf("reload while stopping: %d %s, want 503", status, text)
	}
	if status, text := p.post("/api/v1/incidents/checkout/abort", `{"reason":"wrong service"}`); status != http.StatusOK {
		t.Errorf("abort while stopping: %d %s, want 200", status, text)
	}
	if status, text := p.post("/api/v1/services/checkout/lock", `{"reason":"enough"}`); status != http.StatusOK {
		t.Errorf("lock while stopping: %d %s, want 200", status, text)
	}
	if status, text := p.post("/api/v1/services/checkout/rollback", `{"reason":"again"}`); status != http.StatusServiceUnavailable {
		t.Errorf("rollback while stopping: %d %s, want 503", status, text)
	}
	if err := os.WriteFile(gate, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil {
		t.Errorf("stopping: %v\n%s", err, p.log)
	}
	kinds := p.recorded()
	for _, kind := range []string{"aborted", "stopping", "brake", "step_ended"} {
		if !strings.Contains(kinds, " "+kind+" ") {
			t.Errorf("no %s on record:%s", kind, kinds)
		}
	}
	if _, err := os.Lstat(gate + ".passed"); !os.IsNotExist(err) {
		t.Errorf("a step was begun while stopping: %v", err)
	}
}

// recorded are the kinds of the journal's entries, each between two blanks.
func (p *place) recorded() string {
	p.t.Helper()
	j, err := journal.OpenReadOnly(p.t.Context(), filepath.Join(p.dir, "var", "journal.db"))
	if err != nil {
		p.t.Fatal(err)
	}
	defer func() { _ = j.Close() }()
	kinds := " "
	if err := j.Replay(p.t.Context(), func(_ uint64, raw []byte) error {
		_, after, _ := strings.Cut(string(raw), `"kind":"`)
		kind, _, _ := strings.Cut(after, `"`)
		kinds += kind + " "
		return nil
	}); err != nil {
		p.t.Fatal(err)
	}
	return kinds
}

func TestAReloadWhileStartingWaitsForItsEnd(t *testing.T) {
	p := newPlace(t)
	rebuilding, goOn := make(chan struct{}, 10), make(chan struct{})
	slow := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "query_range") {
			rebuilding <- struct{}{}
			<-goOn
		}
		p.prom.Config.Handler.ServeHTTP(w, r)
	}))
	defer slow.Close()
	p.write(p.config(slow.URL, "1%"))
	d := p.new()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- d.Run(ctx) }()
	<-rebuilding
	p.write(p.config(slow.URL, "2%"))
	if err := d.ReloadWhenReady(); err != nil {
		t.Errorf("while starting: %v", err)
	}
	if status, text := p.post("/-/reload", ""); status != http.StatusServiceUnavailable {
		t.Errorf("POST /-/reload while starting: %d %s, want 503", status, text)
	}
	close(goOn)
	p.until("/api/v1/services/checkout", "2%")
	if !strings.Contains(p.log.String(), "reloaded once rollbackd is ready") {
		t.Errorf("it was not logged:\n%s", p.log)
	}
	p.write(p.config(slow.URL, "3%"))
	if err := d.ReloadWhenReady(); err != nil {
		t.Errorf("when ready: %v", err)
	}
	p.until("/api/v1/services/checkout", "3%")
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("stopping: %v\n%s", err, p.log)
	}
	if err := d.ReloadWhenReady(); err == nil {
		t.Error("after the end: reloaded")
	}
}

// TestLowDiskIsToldAndOrphansAreNamed: a disk with little room is a message; one
// that waits for a receiver that is gone stays, and is named at each reload and start.
func TestLowDiskIsToldAndOrphansAreNamed(t *testing.T) {
	p := newPlace(t)
	plain := strings.Replace(p.config(p.prom.URL, "1%"), "reserve = ", "min_free = \"1000000GiB\"\nreserve = ", 1)
	asked := make(chan struct{}, 100)
	broken := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked <- struct{}{}
		w.WriteHeader(http.StatusInternalServerError)
	}))
	defer broken.Close()
	p.write(plain + "[receivers.ops]\nwebhook = { url = \"" + broken.URL + "\" }\n")
	d := p.new()
	stop := p.run(d)
	select {
	case <-asked:
	case <-time.After(patience):
		t.Fatalf("nobody was told that the disk has little room:\n%s", p.log)
	}
	p.write(plain)
	if err := d.Reload(); err != nil {
		t.Fatal(err)
	}
	stop()
	if kinds := p.recorded(); !strings.Contains(kinds, " disk_low ") {
		t.Errorf("no disk_low on record:%s", kinds)
	}
	p.run(p.new())()
	if got := strings.Count(p.log.String(), "messages wait for a receiver that is not in the configuration: they stay in the outbox: receiver=ops messages=1"); got != 2 {
		t.Errorf("the message that waits was named %d times, want at the reload and at the start:\n%s", got, p.log)
	}
}
