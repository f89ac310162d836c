package web_test

import (
	"bytes"
	"errors"
	"net/http"
	"strings"
	"testing"
)

// Whoever waits asks four times a second: while rollbackd stops that is said once,
// and is no warning.
func TestStoppingIsLoggedOnce(t *testing.T) {
	var log bytes.Buffer
	w := newWorld()
	w.log, w.notReady, w.viewErr = &log, errors.New("rollbackd is stopping"), errors.New("rollbackd is stopping")
	s := w.server()
	for range 4 {
		got := ask(t, s.Socket(), "GET", "/api/v1/incidents/checkout", "")
		if got.status != http.StatusServiceUnavailable || got.Error != "rollbackd is stopping" {
			t.Errorf("got %d %q", got.status, got.Error)
		}
	}
	if got := strings.Count(log.String(), "[INFO]"); got != 1 || strings.Contains(log.String(), "[WARN]") {
		t.Errorf("want one line, and no warning:\n%s", log.String())
	}
	log.Reset()
	w.notReady, w.viewErr = nil, errors.New("the turn did not come in time")
	got := ask(t, w.server().Socket(), "GET", "/api/v1/incidents/checkout", "")
	if want := "rollbackd cannot answer just now: the turn did not come in time"; got.Error != want || !strings.Contains(log.String(), "[WARN]") {
		t.Errorf("while it is ready: got %q, want %q and a warning:\n%s", got.Error, want, log.String())
	}
}
