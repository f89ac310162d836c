package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
)

// fakeMetrics has an address and nothing behind it.
type fakeMetrics struct{ metrics }

func (fakeMetrics) URL() string { return "http://127.0.0.1:1" }

func TestConfigurePutsTheWorldIn(t *testing.T) {
	tools := t.TempDir()
	for _, program := range []string{"shop", "shopctl"} {
		if err := os.WriteFile(filepath.Join(tools, program), []byte("x"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	w, err := newWorld(options{tools: tools})
	if err != nil {
		t.Fatal(err)
	}
	w.metrics = fakeMetrics{}
	if w.inbox, err = startInbox(); err != nil {
		t.Fatal(err)
	}
	if w.nats, err = server.NewServer(&server.Options{Host: "127.0.0.1", Port: 4567}); err != nil {
		t.Fatal(err)
	}
	text, err := w.configure()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`url           = "http://127.0.0.1:1"`, `url = "nats://127.0.0.1:4567"`, `link = "` + w.dir + `/current"`,
		`url = "` + w.inbox.URL() + `/told"`, `to = "` + w.dir + `/releases/${target_version}"`, `path = "` + w.dir + `/journal.db"`, `listen = "` + w.web + `"`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the configuration lacks %s:\n%s", want, text)
		}
	}
	for _, left := range []string{"/srv", "/var/lib", "/run/", `:9090"`, `:4222"`, `:8080/`, `:9797"`} {
		if strings.Contains(text, left) {
			t.Errorf("the configuration still holds %s", left)
		}
	}
	w.metrics, w.nats = nil, nil
	if err := w.clear(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(w.dir); !os.IsNotExist(err) {
		t.Errorf("after clearing, %s is still there (%v)", w.dir, err)
	}
}

func TestNewWorldWithoutPrograms(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	before, _ := filepath.Glob(filepath.Join(os.TempDir(), "rollbackd-demo-*"))
	if _, err := newWorld(options{tools: t.TempDir()}); err == nil || !strings.Contains(err.Error(), "make demo") {
		t.Errorf("newWorld = %v, want an error that says how to build the programs", err)
	}
	if after, _ := filepath.Glob(filepath.Join(os.TempDir(), "rollbackd-demo-*")); len(after) != len(before) {
		t.Errorf("a failed start leaves files: %q, before %q", after, before)
	}
}
