package action

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"syscall"
	"time"
)

const (
	// How often a running program is looked at: how large its
	// output is, and, where it is not our child, whether it lives.
	lookEvery = 50 * time.Millisecond
	// How long a killed process may take to vanish; one that hangs
	// in the kernel must not hold the rollback for ever.
	killWait = 2 * time.Second
)

// process is a running program with its process group.
type process struct {
	exited <-chan struct{} // nil where only asking tells
	gone   func() bool     // whether the program itself has ended
	alive  func() bool     // whether anything of its group lives
	signal func(syscall.Signal)
	// stranger says who it is where that is not certain to be the step's program;
	// such a process is never signalled. It is nil for our own.
	stranger func() string
}

// child is a program that this daemon started. Its goroutine ends with it.
func child(cmd *exec.Cmd) *process {
	exited := make(chan struct{})
	go func() {
		defer close(exited)
		_ = cmd.Wait() // what it says is in cmd.ProcessState
	}()
	p := group(cmd.Process.Pid)
	p.exited = exited
	p.gone = func() bool {
		select {
		case <-exited:
			return true
		default:
			return false
		}
	}
	return p
}

// group is a program by the number of its process group. The number cannot be
// given away as long as anything of the group lives.
func group(pid int) *process {
	return &process{
		alive:  func() bool { return !errors.Is(syscall.Kill(-pid, 0), syscall.ESRCH) && hasLiving(pid) },
		signal: func(s syscall.Signal) { _ = syscall.Kill(-pid, s) }, // whether it helped is seen by looking
	}
}

// outcome is why a program is not watched any longer.
type outcome int

const (
	outcomeExited outcome = iota
	outcomeTimedOut
	outcomeStopped // ctx ended: the daemon stops, or the attempt was cut
)

// watch waits for a program and keeps its output small meanwhile.
func (r *Runner) watch(ctx context.Context, p *process, output string, deadline time.Time) outcome {
	timer := r.o.Clock.Timer(max(deadline.Sub(r.o.Clock.Now()), 0))
	defer timer.Stop()
	tick := r.o.Clock.Ticker(lookEvery)
	defer tick.Stop()
	for {
		how := outcomeExited
		select {
		case <-p.exited:
		case <-timer.C:
			how = outcomeTimedOut
		case <-ctx.Done():
			how = outcomeStopped
		case <-tick.C:
			r.trim(output, maxOutput)
		}
		switch {
		case p.gone():
			return outcomeExited
		case how != outcomeExited:
			return how
		}
	}
}

// kill ends a program and its group: SIGTERM, the grace, SIGKILL. It says what
// was left over, to be added to a message; ctx ends the patience, not the program.
func (r *Runner) kill(ctx context.Context, p *process, output string, grace time.Duration) string {
	p.signal(syscall.SIGTERM)
	if r.vanishes(ctx, p, output, grace) {
		return "; ended by SIGTERM"
	}
	if ctx.Err() != nil {
		return "; the daemon stopped while it was being ended"
	}
	p.signal(syscall.SIGKILL)
	if r.vanishes(ctx, p, output, killWait) {
		return fmt.Sprintf("; ended by SIGKILL %s after SIGTERM", grace)
	}
	return "; it does not end even by SIGKILL"
}

// vanishes waits until nothing of the program's group lives.
func (r *Runner) vanishes(ctx context.Context, p *process, output string, within time.Duration) bool {
	timer := r.o.Clock.Timer(within)
	defer timer.Stop()
	tick := r.o.Clock.Ticker(lookEvery)
	defer tick.Stop()
	for {
		if p.gone() && !p.alive() {
			return true
		}
		select {
		case <-tick.C:
			r.trim(output, maxOutput)
		case <-timer.C:
			return p.gone() && !p.alive()
		case <-ctx.Done():
			return false
		}
	}
}
