package daemon_test

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// gated is a place whose rollback waits within its first step until the file gate
// is there, and then makes the file gate.passed.
type gated struct {
	*place
	gate string
}

func newGated(t *testing.T, script string) gated {
	t.Helper()
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
exec = ["sh", "-c", '` + script + `; touch ` + gate + `.reached; while ! test -e ` + gate + `; do sleep 0.05; done']
[[services.checkout.rollback.steps]]
name = "go on"
exec = ["touch", "` + gate + `.passed"]
`)
	return gated{place: p, gate: gate}
}

// rollBack begins the rollback and waits until it is at the gate.
func (g gated) rollBack() {
	g.t.Helper()
	g.until("/api/v1/services/checkout", `"running_version":"v2"`)
	if status, text := g.post("/api/v1/services/checkout/rollback", `{"reason":"bad","to":"v1","unseen":true}`); status != http.StatusOK {
		g.t.Fatalf("rollback: %d %s", status, text)
	}
	g.until("/api/v1/incidents/checkout", `"state":"running"`)
	g.eventually(func() bool { _, err := os.Stat(g.gate + ".reached"); return err == nil })
}

// open lets the step go on.
func (g gated) open() {
	g.t.Helper()
	if err := os.WriteFile(g.gate, nil, 0o600); err != nil {
		g.t.Fatal(err)
	}
}

// passed tells whether the step after the gate ran.
func (g gated) passed() bool {
	_, err := os.Lstat(g.gate + ".passed")
	return err == nil
}

// eventually waits until something is so.
func (p *place) eventually(so func() bool) {
	p.t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	for tick := time.NewTicker(20 * time.Millisecond); !so(); {
		select {
		case <-tick.C:
		case <-deadline.C:
			p.t.Fatalf("it did not come to that within %v:\n%s", patience, p.log)
		}
	}
}

// interrupted runs the daemon until a rollback is at the gate, and then ends it as
// two signals do.
func (g gated) interrupted() {
	g.t.Helper()
	d := g.new()
	ctx, cancel := context.WithCancel(g.t.Context())
	ended := make(chan error, 1)
	go func() { ended <- d.Run(ctx) }()
	g.until("/-/ready", "rollbackd is ready")
	g.rollBack()
	cancel()
	g.until("/-/ready", "rollbackd is stopping")
	if err := d.Interrupt(g.t.Context()); err != nil {
		g.t.Error(err)
	}
	if err := <-ended; err != nil {
		g.t.Errorf("ending: %v\n%s", err, g.log)
	}
}

func TestInterruptLeavesTheStepAndSaysSo(t *testing.T) {
	g := newGated(t, "true")
	g.interrupted()
	if kinds := g.recorded(); !strings.HasSuffix(kinds, " step_begun interrupted ") {
		t.Errorf("on record:%s, want the intent and that it was interrupted", kinds)
	}
	stop := g.run(g.new())
	defer stop()
	g.until("/api/v1/incidents/checkout", `"kind":"interrupted"`)
	if g.passed() {
		t.Error("the next start went on while the step was still running")
	}
	g.open()
	g.until("/api/v1/incidents/checkout", `"kind":"step_ended"`)
}

// TestInterruptWithoutARun: who is told twice to stop before anything began just ends.
func TestInterruptWithoutARun(t *testing.T) {
	if err := newPlace(t).new().Interrupt(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestGateOpensToTheStepsOfTheRunAlone: while a rollback runs, deployments wait at
// the gate, and its own steps pass with a token that nobody else gets to see. The
// key outlives a start, because a step may.
func TestGateOpensToTheStepsOfTheRunAlone(t *testing.T) {
	g := newGated(t, `printf %s "$ROLLBACKD_GATE_TOKEN" >"$0.token"; echo "it is $ROLLBACKD_GATE_TOKEN"; true`)
	gate := func(token string) string {
		address := "http://rollbackd/api/v1/gate/checkout?version=v1"
		if token != "" {
			address += "&token=" + token
		}
		response, err := g.client.Get(address)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		return response.Status
	}
	text, err := os.ReadFile(g.file())
	if err != nil {
		t.Fatal(err)
	}
	g.write(strings.ReplaceAll(string(text), `"$0.token"`, g.gate+".token"))
	g.interrupted()
	token, err := os.ReadFile(g.gate + ".token")
	if err != nil || len(token) != 64 {
		t.Fatalf("the step was given the token %q, %v; want 64 hex digits", token, err)
	}
	key := filepath.Join(g.dir, "var", "gate.key")
	if info, err := os.Stat(key); err != nil || info.Mode().Perm() != 0o600 || info.Size() != 32 {
		t.Errorf("the key is %v, %v; want 32 bytes for their owner alone", info, err)
	}
	stop := g.run(g.new())
	for token, want := range map[string]string{"": "423 Locked", strings.Repeat("0", 64): "423 Locked", string(token): "200 OK"} {
		if got := gate(token); got != want {
			t.Errorf("with the token %.5q: %s, want %s", token, got, want)
		}
	}
	g.open()
	g.until("/api/v1/incidents/checkout", "it is \\u003csecret\\u003e")
	incident := g.get("/api/v1/incidents/checkout")
	stop()
	journal, err := os.ReadFile(filepath.Join(g.dir, "var", "journal.db"))
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"log": g.log.String(), "incident": incident, "journal": string(journal)} {
		if strings.Contains(text, string(token)) {
			t.Errorf("the token is in the %s", name)
		}
	}
}
