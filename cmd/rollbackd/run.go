package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

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
it ends; a second signal ends it at once, and the next start waits for the step.
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
	cmd.Flags().StringVar(&o.Listen, "web.listen", "", "the TCP address that only reads, instead of the configuration's")
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
	err = d.Run(ctx)
	close(ended)
	<-reloading
	return err
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
