package main

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/benbjohnson/clock"
)

// A daemon that stops answers no question any more, and still takes a no.
func TestALockCountsWhileNothingCanBeRead(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = w.Write([]byte(`{"status":"error","error":"rollbackd is stopping"}`))
			return
		}
		_, _ = w.Write([]byte(`{"status":"success","data":{}}`))
	}))
	defer server.Close()
	var out, said bytes.Buffer
	a := &app{stdout: &out, stderr: &said, clock: clock.New(), getenv: func(string) string { return "" }}
	code := a.run(t.Context(), []string{"lock", "checkout", "--reason", "stop it", "--web.address", server.URL})
	if code != exitFine || out.String() != "checkout: locked\n" {
		t.Errorf("exit code %d, stdout %q, stderr %q; want 0 and the lock", code, out.String(), said.String())
	}
}
