// Command testsum runs `go test` in several modules and closes with one count:
// how many tests passed, failed and were skipped. A skipped test is named, so
// that a gap is seen; with -no-skips it fails the run.
//
//	testsum [-no-skips] DIR...
//
// It exits 0 when everything passed, 1 otherwise.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
)

func main() {
	noSkips := flag.Bool("no-skips", false, "a skipped test fails the run")
	flag.Parse()
	rule := skipsAllowed
	if *noSkips {
		rule = skipsForbidden
	}
	os.Exit(interruptible(flag.Args(), rule))
}

// skipRule says what a skipped test means for the run.
type skipRule int

const (
	skipsAllowed skipRule = iota
	skipsForbidden
)

// interruptible runs the tests until they are done or somebody interrupts.
func interruptible(dirs []string, rule skipRule) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return run(ctx, os.Stdout, dirs, rule)
}

// run tests every directory's module, in order, even after one has failed.
func run(ctx context.Context, out io.Writer, dirs []string, rule skipRule) int {
	total := count{}
	broken := false
	for _, dir := range dirs {
		if err := testModule(ctx, out, dir, &total); err != nil {
			fmt.Fprintf(out, "testsum: %s: %v\n", dir, err)
			broken = true
		}
	}
	total.print(out)
	if broken || len(total.failed) > 0 || total.passed == 0 || (rule == skipsForbidden && len(total.skipped) > 0) {
		return 1
	}
	return 0
}

// testModule runs one module's tests and counts them.
func testModule(ctx context.Context, out io.Writer, dir string, total *count) error {
	// Never from the cache: end-to-end tests run programs that the cache knows nothing
	// of, and would go on passing after the daemon has changed. They wait for minutes
	// where a machine is busy, and a package has many: ten minutes may be too few.
	cmd := exec.CommandContext(ctx, "go", "test", "-count=1", "-timeout=30m", "-json", "./...")
	cmd.Dir, cmd.Stderr = dir, os.Stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	readErr := total.read(stdout, out)
	return errors.Join(readErr, cmd.Wait())
}
