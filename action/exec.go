package action

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// The files of an exec attempt, in its directory.
const (
	outputFile = "output"
	probeFile  = "probe-output"
	ifFile     = "if-output"
	stdinFile  = "stdin.json"
	lockFile   = "lock"
	pidFile    = "pid"
)

// tryAgain is the exit status by which a program says that it changed nothing
// (EX_TEMPFAIL of sysexits.h).
const tryAgain = 75

// errStillAlive means that a process of this very attempt runs already.
var errStillAlive = errors.New("a process of this attempt is still alive")

// exec runs a program in its own process group and waits for the program, not
// for what it leaves behind in the background.
func (r *Runner) exec(ctx context.Context, a *attempt, s Step, as role) Result {
	tool, err := lookPath(r.o.Path, s.Argv[0])
	if err != nil {
		return notRun(fmt.Errorf("exec: %w", err))
	}
	files, err := r.openFiles(a, as)
	if errors.Is(err, errStillAlive) {
		return interrupted("exec " + s.Argv[0] + ": " + err.Error() + "; it is not started a second time")
	}
	if err != nil {
		return notRun(fmt.Errorf("exec %s: making its files: %w", s.Argv[0], err))
	}
	cmd := &exec.Cmd{
		Path: tool, Args: s.Argv, Env: r.environment(a.req), Dir: "/", Stdin: files.stdin, Stdout: files.output, Stderr: files.output,
		SysProcAttr: &syscall.SysProcAttr{Setpgid: true},
	}
	if files.lock != nil {
		cmd.ExtraFiles = []*os.File{files.lock}
	}
	err = cmd.Start()
	files.close() // from here on they are the child's alone
	if err != nil {
		return notRun(fmt.Errorf("exec %s: cannot be started: %w", s.Argv[0], err))
	}
	if !as.looks() {
		if err := writeRecord(filepath.Join(files.dir, pidFile), cmd.Process.Pid); err != nil {
			r.o.Logger.Warn("cannot write the pid file of a step; after a crash only its lock tells that it lives",
				"run", a.req.Run, "step", a.req.Name, "err", err)
		}
	}
	p := child(cmd)
	how := r.watch(ctx, p, files.outputPath, r.o.Clock.Now().Add(a.timeout(as)))
	return r.conclude(ctx, a, conclusion{p: p, how: how, name: s.Argv[0], output: files.outputPath, as: as, state: cmd})
}

// conclusion is what is known when a program is not waited for any longer.
type conclusion struct {
	p      *process
	how    outcome
	name   string // the program, for messages
	output string // the file's path
	as     role
	state  *exec.Cmd // nil for a program that an earlier daemon started
}

// conclude ends what must be ended and says what the outcome means.
func (r *Runner) conclude(ctx context.Context, a *attempt, c conclusion) Result {
	var res Result
	switch c.how {
	case outcomeExited:
		res = exitResult(c.name, c.state)
	case outcomeTimedOut:
		if c.p.stranger != nil {
			res = interrupted(fmt.Sprintf("exec %s: the daemon stopped while it ran; its timeout of %s is over, and its lock is held by %s: "+
				"the step itself, or a server that it left behind; nothing was ended", c.name, a.timeout(c.as), c.p.stranger()))
			break
		}
		how := r.kill(ctx, c.p, c.output, r.grace(a))
		res = Result{State: Uncertain, Error: fmt.Sprintf("exec %s: timed out after %s%s%s", c.name, a.timeout(c.as), how, r.escaped(a, c.as))}
		if ctx.Err() != nil {
			res.Interrupted = true
		}
	case outcomeStopped:
		if a.goesOn(ctx, c.as) {
			return interrupted(fmt.Sprintf("exec %s: the daemon stopped while it ran; the process goes on", c.name))
		}
		res = r.stop(ctx, a, c)
	}
	if c.how == outcomeTimedOut || c.p.gone() {
		r.trim(c.output, keepOutput)
	}
	res.Output = readTail(c.output)
	return res
}

// escaped names what is still alive of a program whose group was ended: a process
// that made a session of its own. It is not ended, because it may be a server that
// the step was to start; and one that closed its files as well is not found.
func (r *Runner) escaped(a *attempt, as role) string {
	lock := filepath.Join(r.o.Dir, a.key, lockFile)
	if as.looks() || !held(lock) {
		return ""
	}
	return "; left alone, because it is outside the step's process group: " + holders(lock)
}

// goesOn tells whether a program is left alone when ctx has ended: the daemon
// stops, and the program may be changing something.
func (a *attempt) goesOn(ctx context.Context, as role) bool {
	return !as.looks() && !wasCut(ctx) && !a.outOfTime(ctx)
}

// stop ends a program that only looks, because ctx has ended.
func (r *Runner) stop(ctx context.Context, a *attempt, c conclusion) Result {
	if c.p.stranger != nil {
		return a.ended(ctx, interrupted("the daemon stopped; what its lock is held by was not ended"))
	}
	switch {
	case a.outOfTime(ctx):
		how := r.kill(context.WithoutCancel(ctx), c.p, c.output, r.grace(a))
		return Result{State: Failed, Error: fmt.Sprintf("exec %s: its time was over%s", c.name, how)}
	case wasCut(ctx):
		r.kill(context.WithoutCancel(ctx), c.p, c.output, r.grace(a))
		return cutShort()
	default:
		c.p.signal(syscall.SIGKILL) // nobody needs it to go on
		return interrupted(fmt.Sprintf("the daemon stopped while the %s ran", c.as))
	}
}

// exitResult is what the end of a program means.
func exitResult(name string, cmd *exec.Cmd) Result {
	if cmd == nil || cmd.ProcessState == nil {
		return interrupted(fmt.Sprintf("exec %s: the daemon stopped while it ran; it has ended, but its exit status cannot be known", name))
	}
	if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return Result{State: Uncertain, Error: fmt.Sprintf("exec %s: ended by %s", name, signalName(status.Signal()))}
	}
	code := cmd.ProcessState.ExitCode()
	switch code {
	case 0:
		return Result{State: Done, ExitCode: &code}
	case tryAgain:
		return Result{State: Failed, ExitCode: &code, NothingChanged: true, Error: fmt.Sprintf("exec %s: exit status 75: it changed nothing and may be tried again", name)}
	default:
		return Result{State: Failed, ExitCode: &code, Error: fmt.Sprintf("exec %s: exit status %d", name, code)}
	}
}

func signalName(s syscall.Signal) string { return fmt.Sprintf("signal %d (%s)", int(s), s) }

// await waits for a program that an earlier daemon started. Its exit status went
// to that daemon; without a probe the result stays uncertain.
func (r *Runner) await(ctx context.Context, a *attempt) Result {
	dir := filepath.Join(r.o.Dir, a.key)
	output := filepath.Join(dir, outputFile)
	name := a.step.Argv[0]
	p := find(dir)
	if p == nil {
		res := exitResult(name, nil)
		if _, err := os.Stat(filepath.Join(dir, lockFile)); errors.Is(err, fs.ErrNotExist) {
			res.Error = fmt.Sprintf("exec %s: the daemon stopped when it was to be started; there is no trace of it", name)
		}
		res.Output = readTail(output)
		return res
	}
	how := r.watch(ctx, p, output, a.req.StartedAt.Add(a.req.Timeout))
	return r.conclude(ctx, a, conclusion{p: p, how: how, name: name, output: output})
}

// stepFiles are the open files of a program about to start.
type stepFiles struct {
	dir, outputPath     string
	stdin, output, lock *os.File
}

func (f *stepFiles) close() {
	for _, file := range []*os.File{f.stdin, f.output, f.lock} {
		if file != nil {
			_ = file.Close() // nothing was written through it
		}
	}
}

// openFiles makes the attempt's directory and files. A program reads and writes
// files and no pipes: a pipe breaks when the daemon dies, and kills the program.
func (r *Runner) openFiles(a *attempt, as role) (*stepFiles, error) {
	f := &stepFiles{dir: filepath.Join(r.o.Dir, a.key)}
	if err := r.makeDir(a.req.Run, f.dir); err != nil {
		return nil, err
	}
	if !as.looks() {
		if err := f.takeLock(); err != nil {
			f.close()
			return nil, err
		}
	}
	f.outputPath = filepath.Join(f.dir, as.output())
	var err error
	// O_APPEND lets the file be shortened while the program writes.
	f.output, err = os.OpenFile(f.outputPath, os.O_CREATE|os.O_TRUNC|os.O_WRONLY|os.O_APPEND, 0o600)
	if err == nil {
		f.stdin, err = openStdin(filepath.Join(f.dir, stdinFile), a.req.Stdin)
	}
	if err != nil {
		f.close()
		return nil, err
	}
	return f, nil
}

func openStdin(path string, content []byte) (*os.File, error) {
	if err := os.WriteFile(path, content, 0o600); err != nil {
		return nil, err
	}
	return os.Open(path)
}

// takeLock takes the lock that the program inherits and holds while anything of
// it lives: the sign of life where the daemon died before it wrote the pid file.
func (f *stepFiles) takeLock() error {
	lock, err := os.OpenFile(filepath.Join(f.dir, lockFile), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	f.lock = lock
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return errStillAlive
		}
		return err
	}
	err = os.Remove(filepath.Join(f.dir, pidFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// lookPath finds a program on a PATH, not on the daemon's own.
func lookPath(path, name string) (string, error) {
	if filepath.IsAbs(name) {
		if err := executable(name); err != nil {
			return "", fmt.Errorf("%s: %w", name, err)
		}
		return name, nil
	}
	for _, dir := range filepath.SplitList(path) {
		full := filepath.Join(dir, name)
		if filepath.IsAbs(full) && executable(full) == nil {
			return full, nil
		}
	}
	return "", fmt.Errorf("%s: there is no such program on the PATH %s", name, strings.TrimSpace(path))
}

func executable(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return errors.Unwrap(err) // the path is in the caller's message
	}
	const x = 1 // X_OK
	if info.IsDir() || syscall.Access(path, x) != nil {
		return errors.New("is not a program that may be executed")
	}
	return nil
}
