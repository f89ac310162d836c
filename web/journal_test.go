package web_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/rollbackd/rollbackd/web"
)

func TestWhoeverLooksLearnsOfAJournalThatFails(t *testing.T) {
	w := newWorld()
	w.journal = &web.JournalView{
		Path: "/var/lib/rollbackd/journal.db", State: web.JournalFailing, Problem: "the journal's disk is full: nothing new is begun",
		Since: noon().Add(-time.Minute), ToDo: "free space on the disk of /var/lib/rollbackd", FreeBytes: new(uint64(0)), MinFreeBytes: 1 << 26,
	}
	s := w.server()
	got := look(t, s.TCP(), "/api/v1/journal")
	want := `{"path":"/var/lib/rollbackd/journal.db","state":"failing","problem":"the journal's disk is full: nothing new is begun",` +
		`"since":"2026-03-01T11:59:00Z","to_do":"free space on the disk of /var/lib/rollbackd","free_bytes":0,"min_free_bytes":67108864}`
	if got.status != http.StatusOK || !strings.Contains(got.body, want) {
		t.Errorf("got %d %s\nwant %s", got.status, got.body, want)
	}
	for _, path := range views() {
		if page := look(t, s.Socket(), path).body; !strings.Contains(page, "begins nothing new") || !strings.Contains(page, "nothing new is begun, since 11:59:00 UTC. Free space") {
			t.Errorf("%s says nothing of it:\n%s", path, page)
		}
	}
	if got := look(t, s.TCP(), "/-/ready"); got.status != http.StatusOK {
		t.Errorf("readiness is another matter: got %d %s", got.status, got.body)
	}
	if got := look(t, newWorld().server().TCP(), "/api/v1/journal"); got.status != http.StatusServiceUnavailable {
		t.Errorf("without a journal: got %d %s", got.status, got.body)
	}
}
