// Command rollbackd watches services, decides that a deployment is bad, and
// undoes it. This package holds flags, subcommands and exit codes, and nothing
// else: the daemon itself is put together in package daemon.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/benbjohnson/clock"
	"golang.org/x/term"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// The first signal ends what is under way in order. A second one finds the
	// default again and ends the process.
	context.AfterFunc(ctx, stop)
	a := &app{
		stdout:   os.Stdout,
		stderr:   os.Stderr,
		getenv:   os.Getenv,
		clock:    clock.New(),
		terminal: term.IsTerminal(int(os.Stdout.Fd())),
	}
	os.Exit(a.run(ctx, os.Args[1:]))
}
