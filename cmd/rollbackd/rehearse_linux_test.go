package main

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
)

// On a terminal a plan is carried out for another service only once that one's
// name was typed.
func TestARehearsalInEarnestIsAskedForOnceMore(t *testing.T) {
	for name, c := range map[string]struct {
		typed string
		sent  int32
		says  string
	}{
		"its name":      {"staging\n", 1, "the daemon says no"},
		"another word":  {"yes\n", 0, `nothing was done: "staging" was not typed`},
		"nothing":       {"\n", 0, `nothing was done: "staging" was not typed`},
		"the end of it": {"\x04", 0, `nothing was done: "staging" was not typed`},
	} {
		t.Run(name, func(t *testing.T) {
			var sent atomic.Int32
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				sent.Add(1)
				w.WriteHeader(http.StatusConflict)
				fmt.Fprint(w, `{"status":"error","error":"the daemon says no"}`)
			}))
			defer server.Close()
			ours, theirs := terminal(t)
			cmd := exec.CommandContext(t.Context(), "rollbackd", "rehearse", "checkout", "--in", "staging", "--web.address", server.URL)
			var problems bytes.Buffer
			cmd.Stdin, cmd.Stderr = theirs, &problems
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			if _, err := ours.WriteString(c.typed); err != nil {
				t.Fatal(err)
			}
			var exit *exec.ExitError
			if err := cmd.Wait(); !errors.As(err, &exit) || exit.ExitCode() != exitProblem {
				t.Errorf("it ended with %v, want exit code 1", err)
			}
			if sent.Load() != c.sent || !strings.Contains(problems.String(), c.says) {
				t.Errorf("%d requests were sent, want %d; stderr, which should say %q:\n%s", sent.Load(), c.sent, c.says, problems.String())
			}
			if !strings.Contains(problems.String(), "This rolls staging back in earnest, by the plan of checkout.") {
				t.Errorf("it did not say what it would do:\n%s", problems.String())
			}
		})
	}
}
