package main

import (
	"io"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/spf13/cobra"
)

// logFlags are --log.level and --log.format.
type logFlags struct{ level, format string }

func (l *logFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&l.level, "log.level", "info", "debug, info, warn or error")
	cmd.Flags().StringVar(&l.format, "log.format", "logfmt", "logfmt or json")
}

// logger makes the logger that the flags ask for; it writes to stderr.
func (a *app) logger(cmd *cobra.Command, l logFlags) (hclog.Logger, error) {
	level := hclog.LevelFromString(l.level)
	switch level {
	case hclog.Debug, hclog.Info, hclog.Warn, hclog.Error:
	case hclog.NoLevel, hclog.Trace, hclog.Off:
		return nil, usagef(cmd, "--log.level: %q is not a level (want debug, info, warn or error)", l.level)
	}
	now := func() time.Time { return a.clock.Now().UTC() }
	switch l.format {
	case "json":
		return hclog.New(&hclog.LoggerOptions{Level: level, Output: a.stderr, JSONFormat: true, TimeFn: now}), nil
	case "logfmt":
		// hclog has no logfmt of its own: its text is thrown away, and a sink
		// that gets the same words writes them as logfmt.
		logger := hclog.NewInterceptLogger(&hclog.LoggerOptions{Level: level, Output: io.Discard})
		logger.RegisterSink(&logfmt{w: a.stderr, level: level, now: now})
		return logger, nil
	}
	return nil, usagef(cmd, "--log.format: %q is not a format (want logfmt or json)", l.format)
}
