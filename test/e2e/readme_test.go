package e2e_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rollbackd/rollbackd/test/world"
)

// smallest is the first TOML block of the README.
func smallest(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, block, _ := strings.Cut(string(text), "```toml\n")
	block, _, found := strings.Cut(block, "```")
	if !found {
		t.Fatal("the README has no TOML block")
	}
	return block
}

// TestTheReadmesConfiguration checks the README's configuration word for word,
// and runs it until its first detection. For that a copy has other ports, and a
// journal that needs no root.
func TestTheReadmesConfiguration(t *testing.T) {
	t.Parallel()
	dir, text := t.TempDir(), smallest(t)
	file := filepath.Join(dir, "rollbackd.toml")
	write(t, file, text)
	write(t, filepath.Join(dir, "hook.key"), world.Secret())
	check := exec.Command(program, "check", file)
	out, err := check.CombinedOutput()
	// 3 means warnings: where there is no systemctl, that is one.
	if code := check.ProcessState.ExitCode(); code != 0 && code != 3 {
		t.Fatalf("rollbackd check: %v\n%s", err, out)
	}

	s := world.NewService(t, "checkout")
	s.Behave("v1", world.Behaviour{Errors: 0.08})
	prometheus, bus := world.NewPrometheus(t, world.PrometheusOptions{}, s.Target()), world.NewBus(t)
	moved := replaceOnce(t, text, "http://127.0.0.1:9090", prometheus.URL)
	moved = replaceOnce(t, moved, "nats://127.0.0.1:4222", bus.URL)
	write(t, file, moved+"\n[journal]\npath = \""+filepath.Join(dir, "journal.db")+"\"\n")
	d := world.StartDaemon(t, world.DaemonOptions{
		Program: program, Config: file, Log: filepath.Join(dir, "log"), Socket: filepath.Join(s.Dir, "s"),
		Flags: []string{"--web.socket", filepath.Join(s.Dir, "s"), "--web.listen", "127.0.0.1:0"},
	})
	pending := d.AwaitTrigger(t, "checkout", "errors", soon, func(tr world.Trigger) bool { return tr.State == "pending" })
	fired := d.AwaitTrigger(t, "checkout", "errors", 2*soon, func(tr world.Trigger) bool { return tr.State == "firing" })
	// A poll more where one went wrong, and not as much as another window takes.
	if took := fired.FiredAt.Sub(pending.Since); took < 2*time.Minute || took > 3*time.Minute {
		t.Errorf("it fired %s after the breach began, want 2m and at most a few polls more", took)
	}
	opened := d.AwaitIncident(t, "checkout", soon, func(i world.Incident) bool { return i.Decision.HeldBy != "" })
	// It was bad from the first look on, so that nothing may be done about it.
	if opened.State != "held" || opened.Decision.HeldBy != "never_ok" {
		t.Errorf("the incident is %s, held by %q, want held by never_ok", opened.State, opened.Decision.HeldBy)
	}
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func replaceOnce(t *testing.T, text, old, with string) string {
	t.Helper()
	if n := strings.Count(text, old); n != 1 {
		t.Fatalf("%q is there %d times, want once", old, n)
	}
	return strings.Replace(text, old, with, 1)
}
