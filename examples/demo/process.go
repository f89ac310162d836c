package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// process is a program that the demo started and will end. Its output goes to
// a file of its own.
type process struct {
	name  string
	cmd   *exec.Cmd
	ended chan struct{} // closed once it was collected
	err   error         // how it ended; valid once ended is closed
}

// startProcess starts a program in a process group of its own: Ctrl-C on the
// terminal must reach the demo alone, which ends the others in order.
func startProcess(name, log string, argv ...string) (*process, error) {
	out, err := os.Create(log)
	if err != nil {
		return nil, err
	}
	defer func() { _ = out.Close() }() // the program has a copy of its own
	p := &process{name: name, cmd: exec.Command(argv[0], argv[1:]...), ended: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = out, out
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting %s: %w", name, err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.ended)
	}()
	return p, nil
}

// gone tells how the process ended, if it did.
func (p *process) gone() error {
	select {
	case <-p.ended:
		return fmt.Errorf("%s ended by itself: %v", p.name, p.cmd.ProcessState)
	default:
		return nil
	}
}

// end asks the process to end and kills it after the grace.
func (p *process) end(grace time.Duration) error {
	if p == nil {
		return nil
	}
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("ending %s: %w", p.name, err)
	}
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-p.ended:
		return nil
	case <-timer.C:
	}
	if err := p.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("killing %s: %w", p.name, err)
	}
	<-p.ended
	return fmt.Errorf("%s did not end within %s of SIGTERM and was killed", p.name, grace)
}
