package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/web"
)

// drill is a daemon whose rollback of checkout is in a step when it is first
// looked at, verifying when it is looked at next, and completed then.
func drill(t *testing.T) *httptest.Server {
	t.Helper()
	verifying, over := running(), completed()
	verifying.Rollback.State = incident.RunVerifying
	verifying.Timeline = append(verifying.Timeline, incident.Moment{At: three().Add(30 * time.Second), Kind: incident.KindStepEnded, Text: "restart: done"})
	over.Timeline = append(verifying.Timeline[:2:2], over.Timeline[1:]...)
	for _, i := range []*incident.Incident{verifying, over} {
		i.Rollback.Steps[2].State, i.Rollback.Steps[3].State = incident.StepDone, incident.StepDone
	}
	chapters := []*incident.Incident{running(), verifying, over}
	var mu sync.Mutex
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		answer := map[string]any{"status": "success"}
		switch {
		case r.Method == http.MethodPost:
			answer["data"] = web.Done{Incident: "inc-1"}
		case strings.HasSuffix(r.URL.Path, "/checkout"):
			w.WriteHeader(http.StatusNotFound)
			answer = map[string]any{"status": "error", "error": "there is no incident checkout"}
		default:
			answer["data"] = chapters[0]
			if len(chapters) > 1 {
				chapters = chapters[1:]
			}
		}
		if err := json.NewEncoder(w).Encode(answer); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(server.Close)
	return server
}

// terminal opens a new one: what a program writes to its end comes out of ours.
func terminal(t *testing.T) (ours, theirs *os.File) {
	t.Helper()
	ours, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ours.Close() })
	if err := unix.IoctlSetPointerInt(int(ours.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(ours.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	theirs, err = os.OpenFile(fmt.Sprint("/dev/pts/", n), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = theirs.Close() })
	return ours, theirs
}

// rollbackOf is the program that rolls checkout back, as a drill.
func rollbackOf(t *testing.T, address string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "rollbackd", "rollback", "checkout", "--reason", "drill", "--web.address", address)
	cmd.Env = append(os.Environ(), "TERM=xterm", "NO_COLOR=1")
	return cmd
}

// The transitions of a drill, one line each, and what is shown at its end.
const drillLines = `2026-03-01T03:00:00Z  planned      rolling back v2 → v1
2026-03-01T03:00:30Z  step_ended   restart: done
2026-03-01T03:01:00Z  run_ended    completed
`

func TestARollbackOnATerminalShowsItsProgress(t *testing.T) {
	ours, theirs := terminal(t)
	cmd := rollbackOf(t, drill(t).URL)
	cmd.Stdout, cmd.Stdin = theirs, theirs
	var said bytes.Buffer
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if err := theirs.Close(); err != nil {
		t.Fatal(err)
	}
	// A terminal whose last writer has gone answers EIO, and not the end of file.
	shown, err := io.ReadAll(ours)
	if err != nil && !errors.Is(err, syscall.EIO) {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("exit code: %v, want 0\n%s", err, said.String())
	}
	text := strings.ReplaceAll(string(shown), "\r\n", "\n")
	for _, want := range []string{
		"planned      rolling back v2 → v1\nrunning · restart (2/3) · ",
		"\r\x1b[K2026-03-01T03:00:30Z  step_ended   restart: done\nverifying · undrain (3/3) · ",
		"\r\x1b[K2026-03-01T03:01:00Z  run_ended    completed\ncompleted · ",
		"completed · v2 → v1\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the terminal did not show %q\n%q", want, text)
		}
	}
	if lines := strings.Count(text, "running · restart"); lines != 1 {
		t.Errorf("the line of the running step was drawn %d times, want once\n%q", lines, text)
	}
}

func TestARollbackInAPipeHasALineATransition(t *testing.T) {
	out, err := rollbackOf(t, drill(t).URL).Output()
	if err != nil {
		t.Fatalf("exit code: %v, want 0", err)
	}
	text := string(out)
	if strings.ContainsAny(text, "\x1b\r") {
		t.Errorf("there is an escape sequence in a pipe: %q", text)
	}
	if diff := cmp.Diff(drillLines, text[:min(len(drillLines), len(text))]); diff != "" {
		t.Errorf("transitions (-want +got):\n%s", diff)
	}
	if !strings.HasSuffix(text, "completed · v2 → v1\nrollbackd show inc-1\n") {
		t.Errorf("the end is %q", text)
	}
}
