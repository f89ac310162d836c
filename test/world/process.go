package world

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"
)

// Process is a program that was started here, in a process group of its own. Its
// output is appended to a file.
type Process struct {
	cmd   *exec.Cmd
	log   string
	ended chan struct{} // closed once it was collected
}

// StartProcess starts a program; it is killed at the end of the test at the latest.
func StartProcess(t testing.TB, log string, argv ...string) *Process {
	t.Helper()
	return StartProcessAs(t, nil, log, argv...)
}

// StartProcessAs is StartProcess for a program that runs as another user; nil
// means the one who runs the test.
func StartProcessAs(t testing.TB, as *syscall.Credential, log string, argv ...string) *Process {
	t.Helper()
	out, err := os.OpenFile(log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	p := &Process{cmd: exec.Command(argv[0], argv[1:]...), log: log, ended: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = out, out
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Credential: as}
	err = p.cmd.Start()
	if closed := out.Close(); err == nil {
		err = closed // the program has a copy of its own
	}
	if err != nil {
		t.Fatalf("starting %s: %v", argv[0], err)
	}
	go func() {
		_ = p.cmd.Wait() // how it ended is in ProcessState
		close(p.ended)
	}()
	t.Cleanup(func() { p.Kill(t) })
	return p
}

// PID is the process's number.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Signal sends a signal to the process alone, not to its children.
func (p *Process) Signal(t testing.TB, s syscall.Signal) {
	t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		t.Errorf("signal %s to %s: %v", s, p.cmd.Path, err)
	}
}

// Kill ends it at once, as a crash would, and waits until it is gone.
func (p *Process) Kill(t testing.TB) {
	t.Helper()
	p.Signal(t, syscall.SIGKILL)
	<-p.ended
}

// Terminate asks it to end and waits for that; its exit code is returned.
func (p *Process) Terminate(t testing.TB, within time.Duration) int {
	t.Helper()
	p.Signal(t, syscall.SIGTERM)
	return p.Exit(t, within)
}

// Exit waits until it has ended and returns its exit code.
func (p *Process) Exit(t testing.TB, within time.Duration) int {
	t.Helper()
	select {
	case <-p.ended:
	case <-time.After(within):
		t.Fatalf("%s has not ended within %s", p.cmd.Path, within)
	}
	return p.cmd.ProcessState.ExitCode()
}

// Gone is why it is no longer there; empty while it is.
func (p *Process) Gone() string {
	select {
	case <-p.ended:
		return fmt.Sprintf("%s ended by itself: %s", p.cmd.Path, p.cmd.ProcessState)
	default:
		return ""
	}
}

// Log is all that it wrote.
func (p *Process) Log() string {
	text, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// tail is the end of a text, for a message.
func tail(text string, bytes int) string {
	if len(text) <= bytes {
		return text
	}
	return "…" + text[len(text)-bytes:]
}
