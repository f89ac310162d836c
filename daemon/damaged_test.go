package daemon_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestADamagedJournalStopsTheStart: with a rollback under way, and its journal
// damaged, the daemon says what to do, and acts on none of it. With the copy back
// it goes on where it was.
func TestADamagedJournalStopsTheStart(t *testing.T) {
	g := newGated(t, "true")
	g.interrupted()
	path := filepath.Join(g.dir, "var", "journal.db")
	for _, beside := range []string{"-wal", "-shm"} {
		if _, err := os.Stat(path + beside); err == nil {
			t.Fatalf("there is a %s: the test would damage only a part", beside)
		}
	}
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(good, []byte(`"kind":"started"`)) {
		t.Fatal("the journal does not hold its first entry in the open")
	}
	g.open() // what runs next would show
	damage := map[string][]byte{
		"a flipped byte in the first entry": bytes.ReplaceAll(good, []byte(`"kind":"started"`), []byte(`"kind":"stopped"`)),
		"a flipped byte in the last entry":  bytes.ReplaceAll(good, []byte(`told twice`), []byte(`told thrice`)[:10]),
		"cut in half":                       good[:len(good)/2],
		"the last page gone":                good[:len(good)-4096],
		"a byte left":                       good[:1],
		"empty":                             {},
		"not a database":                    bytes.Repeat([]byte("x"), 8192),
	}
	for name, content := range damage {
		t.Run(name, func(t *testing.T) {
			if bytes.Equal(content, good) {
				t.Fatal("nothing was damaged")
			}
			if err := os.WriteFile(path, content, 0o600); err != nil {
				t.Fatal(err)
			}
			err := g.new().Run(t.Context())
			if err == nil || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "restore a copy, or move it aside") {
				t.Errorf("got %v, want that the start is refused, and what to do", err)
			}
			if g.passed() {
				t.Fatal("a step was begun")
			}
			if after, err := os.ReadFile(path); err != nil || !bytes.Equal(after, content) {
				t.Errorf("the damaged file was changed: %d bytes, then %d, %v", len(content), len(after), err)
			}
			for _, beside := range []string{"-wal", "-shm"} {
				_ = os.Remove(path + beside)
			}
		})
	}
	if err := os.WriteFile(path, good, 0o600); err != nil {
		t.Fatal(err)
	}
	stop := g.run(g.new())
	defer stop()
	g.until("/api/v1/incidents/checkout", `"kind":"step_ended"`)
}
