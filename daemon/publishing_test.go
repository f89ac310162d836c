package daemon_test

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestNATSComesAndGoesWithAReload: publishing begins with the [nats] that a
// reload brings, from then on, and what its metrics said ends with it.
func TestNATSComesAndGoesWithAReload(t *testing.T) {
	p := newPlace(t)
	d := p.new()
	stop := p.run(d)
	defer stop()
	kept := filepath.Join(p.dir, "var", "journal.db.published")
	if _, err := os.Stat(kept); err == nil {
		t.Fatal("a place is kept though nothing is published")
	}
	reload := func(more string) {
		t.Helper()
		p.write(p.config(p.prom.URL, "1%") + more)
		if err := d.Reload(); err != nil {
			t.Fatal(err)
		}
	}
	reload("[nats]\nurl = \"nats://127.0.0.1:1\"\n")
	text, err := os.ReadFile(kept)
	if err != nil {
		t.Fatal(err)
	}
	var at struct {
		Seq  uint64
		Hash string
	}
	if err := json.Unmarshal(text, &at); err != nil || at.Seq == 0 || len(at.Hash) != 64 {
		t.Errorf("the place is %s, want the journal's newest entry (%v)", text, err)
	}
	p.until("/metrics", `rollbackd_source_up{source="nats"} 0`)
	if status, text := p.post("/api/v1/services/checkout/pause", `{"reason":"to have something to tell"}`); status != http.StatusOK {
		t.Fatalf("pause: %d %s", status, text)
	}
	p.until("/metrics", "\nrollbackd_events_waiting 1\n")
	reload("")
	p.until("/metrics", "\nrollbackd_events_waiting 0\n")
	if text := p.get("/metrics"); strings.Contains(text, `rollbackd_source_up{source="nats"}`) {
		t.Error("a bus that is not configured any more is still shown")
	}
}
