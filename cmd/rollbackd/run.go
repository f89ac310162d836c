package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/spf13/cobra"

	"github.com/rollbackd/rollbackd/config"
	"github.com/rollbackd/rollbackd/daemon"
)

func (a *app) runCommand() *cobra.Command {
	var o daemon.Options
	var logs logFlags
	cmd := &cobra.Command{
		Use:     "run --config.file FILE",
		GroupID: groupRun,
		Short:   "Run the daemon",
		Long: `Runs the daemon until SIGTERM or SIGINT. A step that runs is then finished before
it ends; a second signal records the step as interrupted, leaves it running and
ends the daemon at once with exit code 1: the next start takes the step up again.
SIGHUP loads the configuration again, whole or not at all.`,
		Example: `  rollbackd run --config.file /etc/rollbackd/rollbackd.toml
  rollbackd run --config.file /etc/rollbackd --shadow --log.format json`,
		Args: exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := needs(cmd, "config.file", o.ConfigFile); err != nil {
				return err
			}
			logger, err := a.logger(cmd, logs)
			if err != nil {
				return err
			}
			o.Logger, o.Clock = logger, a.clock
			return a.runDaemon(cmd.Context(), o)
		},
	}
	cmd.Flags().StringVar(&o.ConfigFile, "config.file", "", "the configuration: a file, or a folder of *.toml (required)")
	cmd.Flags().BoolVar(&o.Shadow, "shadow", false, "decide, record and tell for every service, but never act")
	cmd.Flags().StringVar(&o.Socket, "web.socket", "", "the unix socket, instead of the configuration's")
	cmd.Flags().StringVar(&o.Listen, "web.listen", "", "the TCP address, instead of the configuration's")
	logs.add(cmd)
	return cmd
}

// usable prints every mistake of a configuration, as check does: in a log line
// that stands before a start they are hard to read.
func (a *app) usable(file string) error {
	c, report := config.Load(file)
	if c != nil {
		return nil
	}
	say(a.stderr, report)
	return fmt.Errorf("%s cannot be used: %s", file, count(len(report.Errors), "mistake"))
}

// gcPercent keeps the heap of a daemon that mostly waits small: with ten services
// it takes about 2 MB off what an idle one holds, for a CPU share too small to
// measure. GOGC, where it is set, is the operator's own word.
const gcPercent = 50

// runDaemon runs it, reloading at each SIGHUP.
func (a *app) runDaemon(ctx context.Context, o daemon.Options) error {
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	defer signal.Stop(hangups)
	if err := a.usable(o.ConfigFile); err != nil {
		return err
	}
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	d, err := daemon.New(o)
	if err != nil {
		return err
	}
	ended := make(chan struct{})
	reloading := make(chan struct{})
	go func() {
		defer close(reloading)
		reloadAt(hangups, ended, d, o.Logger)
	}()
	err = runUntilTwice(ctx, d)
	close(ended)
	if errors.Is(err, errInterrupted) {
		return err // a reload that hangs is no reason to stay either
	}
	<-reloading
	return err
}

// errInterrupted is how a daemon ends that was told twice to stop.
var errInterrupted = errors.New("told twice to stop: ended at once, and a step that runs was left alone; the next start takes it up again")

// lastWords is how long the second signal waits for what it leaves behind to be
// on record: a disk that hangs must not keep the process.
const lastWords = 3 * time.Second

// runUntilTwice runs the daemon until ctx ends, which the first signal does, or
// gives it up at the second.
func runUntilTwice(ctx context.Context, d *daemon.Daemon) error {
	signals := make(chan os.Signal, 2)
	told := 0
	if ctx.Err() != nil {
		told++ // before anybody listened here
	}
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(signals)
	ended := make(chan error, 1)
	go func() { ended <- d.Run(ctx) }()
	for {
		select {
		case err := <-ended:
			return err
		case <-signals:
			if told++; told < 2 {
				continue
			}
			bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWords)
			defer cancel()
			return errors.Join(errInterrupted, d.Interrupt(bounded))
		}
	}
}

func reloadAt(hangups <-chan os.Signal, ended <-chan struct{}, d *daemon.Daemon, logger hclog.Logger) {
	for {
		select {
		case <-ended:
			return
		case <-hangups:
			if err := d.ReloadWhenReady(); err != nil {
				logger.Debug("reload after SIGHUP", "err", err) // the daemon has logged each problem
			}
		}
	}
}
