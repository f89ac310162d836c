package notify

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/benbjohnson/clock"
)

const (
	// execPath is the PATH of notification programs: what a service manager gives,
	// whatever shell the daemon was started from.
	execPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
	// execGrace is how long a program has between SIGTERM and SIGKILL, and how long
	// what it left running may hold on to its output.
	execGrace = 2 * time.Second
	// execOutput is how much of a program's output is kept: its end.
	execOutput = 4 << 10
	// execTryAgain is the exit code of a program that could not take it now.
	execTryAgain = 75
)

// ExecOptions makes an Exec. Command is needed.
type ExecOptions struct {
	// Command is a program and its arguments, handed over as they stand, never to a
	// shell. A program without a slash is looked for on Path.
	Command []string
	// Timeout is how long one attempt may take; zero means DefaultTimeout.
	Timeout time.Duration
	// Path is the program's PATH; empty means the usual one of a service. Home is
	// its HOME; empty means "/".
	Path, Home string
	// Clock is real time if nil.
	Clock clock.Clock
}

// Exec runs a program for each message. The message is on its standard input as
// JSON, the incident included; a few of its words are in the environment, which
// holds nothing of the daemon's. Exit code 0 means taken, 75 that it should be tried
// again later, any other that it was refused. It is safe for concurrent use.
type Exec struct{ options ExecOptions }

// NewExec makes a channel to a program; it fails without one. Whether the program
// exists is seen at each message.
func NewExec(o ExecOptions) (*Exec, error) {
	if len(o.Command) == 0 || o.Command[0] == "" {
		return nil, errors.New("exec: command names no program")
	}
	if name := o.Command[0]; strings.ContainsRune(name, filepath.Separator) && !filepath.IsAbs(name) {
		return nil, fmt.Errorf("exec: command: %s is relative to nowhere: give the program's whole path, or its name alone", name)
	}
	if o.Timeout <= 0 {
		o.Timeout = DefaultTimeout
	}
	if o.Path == "" {
		o.Path = execPath
	}
	if o.Home == "" {
		o.Home = "/"
	}
	if o.Clock == nil {
		o.Clock = clock.New()
	}
	return &Exec{options: o}, nil
}

// Patience is how long an attempt may take: the program's own time.
func (e *Exec) Patience() time.Duration { return e.options.Timeout }

// Deliver runs the program once. When ctx or the timeout ends it is ended with all
// that it started: SIGTERM, two seconds, SIGKILL. What it leaves running after its
// own end is ended too: a process for each message would be too many.
func (e *Exec) Deliver(ctx context.Context, d Delivery) error {
	m, err := ParseMessage(d.Payload)
	if err != nil {
		return &DeliveryError{Problem: err.Error(), Refused: true}
	}
	program, err := e.program()
	if err != nil {
		return &DeliveryError{Problem: "exec: " + err.Error(), Refused: true}
	}
	ctx, cancel := e.options.Clock.WithTimeout(ctx, e.options.Timeout)
	defer cancel()
	output := &tail{}
	cmd := exec.CommandContext(ctx, program, e.options.Command[1:]...)
	cmd.Args[0] = e.options.Command[0]
	cmd.Dir, cmd.Env = "/", e.environment(d, m)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(d.Payload), output, output
	cmd.SysProcAttr, cmd.WaitDelay = ownGroup(), execGrace
	stopped := false
	cmd.Cancel = func() error {
		stopped = true // Run returns after it
		return endGroup(cmd.Process)
	}
	err = cmd.Run()
	if cmd.Process != nil {
		killGroup(cmd.Process) // what is left of the group, if anything
	}
	switch {
	case cmd.ProcessState == nil && ctx.Err() != nil:
		return ctx.Err()
	case cmd.ProcessState == nil:
		return &DeliveryError{Problem: fmt.Sprintf("exec %s: cannot be started: %s", e.options.Command[0], err), Refused: true}
	case stopped: // also where it then said 0: what it did last is not known
		return &DeliveryError{Problem: fmt.Sprintf("exec %s: not done in time, and ended%s", e.options.Command[0], output.excerpt())}
	}
	return e.judge(cmd.ProcessState, output)
}

// judge says what a program's own end means.
func (e *Exec) judge(state *os.ProcessState, output *tail) error {
	name := e.options.Command[0]
	switch code := state.ExitCode(); code {
	case 0:
		return nil
	case execTryAgain:
		return &DeliveryError{Problem: fmt.Sprintf("exec %s: exit status 75: try again later%s", name, output.excerpt())}
	case -1:
		return &DeliveryError{Problem: fmt.Sprintf("exec %s: ended by a signal (%s)%s", name, state, output.excerpt())}
	default:
		return &DeliveryError{Problem: fmt.Sprintf("exec %s: exit status %d%s", name, code, output.excerpt()), Refused: true}
	}
}

// program finds the program on the configured PATH, not on the daemon's own.
func (e *Exec) program() (string, error) {
	name := e.options.Command[0]
	if strings.ContainsRune(name, filepath.Separator) {
		return name, nil
	}
	for _, dir := range filepath.SplitList(e.options.Path) {
		full := filepath.Join(dir, name)
		if info, err := os.Stat(full); err == nil && filepath.IsAbs(full) && !info.IsDir() && info.Mode()&0o111 != 0 {
			return full, nil
		}
	}
	return "", fmt.Errorf("%s: there is no such program on the PATH %s", name, e.options.Path)
}

// environment is a program's whole environment.
func (e *Exec) environment(d Delivery, m Message) []string {
	env := []string{"PATH=" + e.options.Path, "HOME=" + e.options.Home}
	for _, v := range [][2]string{
		{"MESSAGE_ID", d.ID},
		{"INCIDENT", m.Incident},
		{"SERVICE", m.Service},
		{"SEVERITY", m.Severity},
		{"EVENT", m.Event},
		{"HEADLINE", m.Headline},
		{"FIRST_LINE", m.FirstLine},
	} {
		env = append(env, "ROLLBACKD_"+v[0]+"="+environmentText(v[1]))
	}
	return env
}

// environmentText makes a text one harmless line. Old shells run what follows a
// function's head at the beginning of a variable.
func environmentText(text string) string {
	text = cut(strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' {
			return ' '
		}
		return r
	}, plainText(text)), longestSummary)
	if strings.HasPrefix(text, "()") {
		return " " + text
	}
	return text
}

// tail keeps the end of what a program writes. Its zero value is empty; it is used
// by one goroutine at a time.
type tail struct{ kept []byte }

// Write keeps the end of p and never fails.
func (t *tail) Write(p []byte) (int, error) {
	t.kept = append(t.kept, p[max(0, len(p)-execOutput):]...)
	t.kept = t.kept[max(0, len(t.kept)-execOutput):]
	return len(p), nil
}

// excerpt is the last line, fit for a log: there a program says why it failed.
func (t *tail) excerpt() string {
	text := bytes.TrimSpace(t.kept)
	return excerpt(text[bytes.LastIndexByte(text, '\n')+1:])
}
