package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/spf13/cobra"

	"github.com/rollbackd/rollbackd/backtest"
	"github.com/rollbackd/rollbackd/trigger"
)

// backtestFlags are those of `rollbackd backtest`.
type backtestFlags struct {
	config              string
	from, to, since     string
	prometheus          string
	deployments, labels string
	services            []string
	set, sweep          []string
	format, out         string
	cacheDir            string
	noCache             bool
	maxQueries          int
	log                 logFlags
}

const backtestLong = `Reads back from Prometheus what every trigger looks at, tick by tick, and plays the real
decisions over it: what would have fired, been held (and why) and been rolled back, with
times, values and delays. It changes nothing and asks nobody: steps are taken to succeed at
once, and questions to people stay unanswered.

What was not known then is unknown here: gaps, restarts of Prometheus and history that begins
too late are listed, and never count as healthy. After a rollback that would have happened the
record goes on with the bad version; until the service's next deployment, and at most for its
blame window, its metrics are then assumed to be what they were before, and the output says so.
Triggers on health checks and events have no history and are named as not judged. A trigger of
which nothing at all was known is said first, and makes the exit code 1.

Deployments come from each service's version_query, or from a file:

  [[deployment]]
  service  = "checkout"
  version  = "v2"
  previous = "v1"                    # optional, as are change, by, no_auto_rollback
  at       = 2026-01-05T10:00:00Z

Known incidents give precision, recall and delay:

  [[incident]]
  service     = "checkout"
  name        = "v2 loses carts"
  from        = 2026-01-05T10:02:00Z
  to          = 2026-01-05T10:40:00Z
  bad_version = "v2"                 # optional; deployment = false where none caused it

--set gives a key another value, --sweep several side by side: braces with commas are
alternatives, and of several every combination is played over one and the same history.
Values are TOML, or else the text as it stands.

Pages of history are kept in --cache.dir, so that an interrupted run goes on where it was and
a second one asks for nothing but the newest minutes. The folder may be deleted at any time.`

func (a *app) backtestCommand() *cobra.Command {
	var f backtestFlags
	cmd := &cobra.Command{
		Use:     "backtest --config.file FILE",
		GroupID: groupRun,
		Short:   "Say what a configuration would have done in the past",
		Long:    backtestLong,
		Example: `  rollbackd backtest --config.file rollbackd.toml --since 30d
  rollbackd backtest --config.file rollbackd.toml --since 30d --deployments deployments.toml --labels incidents.toml -o html --out month.html
  rollbackd backtest --config.file rollbackd.toml --since 7d --sweep 'services.checkout.triggers.errors.when=error_rate > {0.5%,1%,2%} for {1m,2m,5m}'`,
		Args: exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := needs(cmd, "config.file", f.config); err != nil {
				return err
			}
			if !slices.Contains([]string{"table", "json", "html"}, f.format) {
				return usagef(cmd, "-o: %q is neither table nor json nor html", f.format)
			}
			if f.maxQueries < 1 {
				return usagef(cmd, "--max-queries must be at least 1")
			}
			return a.backtest(cmd, f)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.config, "config.file", "", "the configuration: a file, or a folder of *.toml (required)")
	flags.StringVar(&f.from, "from", "", "where the period begins: 2026-01-05T10:00:00Z or 2026-01-05")
	flags.StringVar(&f.to, "to", "", "where it ends; without it, now")
	flags.StringVar(&f.since, "since", "", "how far back the period begins, instead of --from: 30d, 12h (7d without either)")
	flags.StringVar(&f.prometheus, "prometheus", "", "the URL to ask, instead of the configuration's")
	flags.StringVar(&f.deployments, "deployments", "", "a file of [[deployment]]; the services in it are not asked for their version")
	flags.StringVar(&f.labels, "labels", "", "a file of [[incident]]: what is known to have happened")
	flags.StringArrayVar(&f.services, "service", nil, "show this service only (repeatable); all are played, since guards look at the others")
	flags.StringArrayVar(&f.set, "set", nil, "give a key of the configuration another value: KEY=VALUE (repeatable)")
	flags.StringArrayVar(&f.sweep, "sweep", nil, "play several values side by side: KEY=VALUE with {a,b} (repeatable)")
	flags.StringVarP(&f.format, "output", "o", "table", "table, json or html")
	flags.StringVar(&f.out, "out", "", "write to this file, or into this folder, instead of stdout")
	flags.StringVar(&f.cacheDir, "cache.dir", "", "where history is kept (default $XDG_CACHE_HOME/rollbackd/backtest)")
	flags.BoolVar(&f.noCache, "no-cache", false, "keep no history and read none that was kept")
	flags.IntVar(&f.maxQueries, "max-queries", backtest.DefaultMaxQueries, "send no more queries than this, tries and halves included")
	f.log.add(cmd)
	return cmd
}

func (a *app) backtest(cmd *cobra.Command, f backtestFlags) error {
	logger, err := a.logger(cmd, f.log)
	if err != nil {
		return err
	}
	o := backtest.Options{
		Prometheus: f.prometheus, Services: f.services, MaxQueries: f.maxQueries, Clock: a.clock, Logger: logger,
	}
	if o.From, o.To, err = a.period(cmd, f); err != nil {
		return err
	}
	o.Variants, err = backtest.Variants(f.config, f.set, f.sweep)
	if usage, is := errors.AsType[*backtest.UsageError](err); is {
		return usagef(cmd, "%v", usage)
	}
	if err != nil {
		return fmt.Errorf("the configuration cannot be used:\n%w", err)
	}
	if err := a.possible(cmd, o, f); err != nil {
		return err
	}
	if err := readRecords(&o, f); err != nil {
		return err
	}
	if o.CacheDir, err = a.historyDir(f); err != nil {
		return err
	}
	bar := newBar(a.stderr)
	o.Progress = bar.show
	report, err := backtest.Run(cmd.Context(), o)
	bar.end()
	if errors.Is(err, context.Canceled) {
		return errors.New("interrupted; the same command goes on with the history that it has already")
	}
	if err != nil {
		return err
	}
	if err := a.writeReport(report, f); err != nil {
		return err
	}
	if nothing := report.NothingKnown(); len(nothing) > 0 {
		return fmt.Errorf("this says nothing of %d of the triggers; the first: %s", len(nothing), nothing[0].Text())
	}
	return nil
}

// possible refuses what cannot be done with this configuration, before anything is
// asked.
func (a *app) possible(cmd *cobra.Command, o backtest.Options, f backtestFlags) error {
	if poll := o.Variants[0].Config.Prometheus.PollInterval; o.To.After(a.clock.Now().Add(poll)) {
		return usagef(cmd, "--to: %s is in the future, of which nothing is known", o.To.Format(time.RFC3339))
	}
	names := playedServices(o)
	for _, name := range f.services {
		if slices.Contains(names, name) {
			continue
		}
		hint := ""
		if near := trigger.Nearest(name, names); near != "" {
			hint = fmt.Sprintf(" (did you mean %q?)", near)
		}
		return usagef(cmd, "--service: there is no service %q%s", name, hint)
	}
	if err := writable(outPath(f)); err != nil {
		return fmt.Errorf("--out: %w", err)
	}
	return nil
}

// playedServices are the services of all variants.
func playedServices(o backtest.Options) []string {
	var names []string
	for _, v := range o.Variants {
		for name := range v.Config.Services {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// readRecords reads the files beside the configuration, and says of both what is
// wrong with them at once.
func readRecords(o *backtest.Options, f backtestFlags) error {
	names := playedServices(*o)
	var problems []error
	var err error
	if f.deployments != "" {
		o.Deployments, err = backtest.LoadDeployments(f.deployments, names)
		problems = append(problems, err)
	}
	if f.labels != "" {
		o.Labels, err = backtest.LoadLabels(f.labels, names)
		problems = append(problems, err)
	}
	return errors.Join(problems...)
}

// defaultSince is the period where none is asked for.
const defaultSince = "7d"

// period reads --from, --to and --since.
func (a *app) period(cmd *cobra.Command, f backtestFlags) (from, to time.Time, err error) {
	to = a.clock.Now().UTC()
	if f.to != "" {
		if to, err = readTime(f.to); err != nil {
			return from, to, usagef(cmd, "--to: %v", err)
		}
	}
	switch {
	case f.from != "" && f.since != "":
		err = errors.New("--from and --since are both given: keep one")
	case f.from != "":
		if from, err = readTime(f.from); err != nil {
			err = fmt.Errorf("--from: %w", err)
		}
	default:
		from, err = before(to, f.since)
	}
	if err != nil {
		return from, to, usagef(cmd, "%v", err)
	}
	if !from.Before(to) {
		return from, to, usagef(cmd, "the period ends (%s) before it begins (%s)", to.Format(time.RFC3339), from.Format(time.RFC3339))
	}
	return from, to, nil
}

// before is a time so long before another.
func before(to time.Time, since string) (time.Time, error) {
	if since == "" {
		since = defaultSince
	}
	d, err := model.ParseDuration(since)
	if err != nil || d <= 0 {
		return time.Time{}, fmt.Errorf("--since: %q is not a length of time (want 30d, 12h)", since)
	}
	return to.Add(-time.Duration(d)), nil
}

func readTime(text string) (time.Time, error) {
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is not a time (want 2026-01-05T10:00:00Z, or 2026-01-05 for midnight UTC)", text)
}

// historyDir is where pages are kept; empty for nowhere.
func (a *app) historyDir(f backtestFlags) (string, error) {
	if f.noCache {
		return "", nil
	}
	if f.cacheDir != "" {
		return f.cacheDir, nil
	}
	base := a.getenv("XDG_CACHE_HOME")
	if home := a.getenv("HOME"); base == "" && home != "" {
		base = filepath.Join(home, ".cache")
	}
	if base == "" {
		return "", errors.New("neither XDG_CACHE_HOME nor HOME is set: say where to keep history (--cache.dir) or that none is to be kept (--no-cache)")
	}
	return filepath.Join(base, "rollbackd", "backtest"), nil
}

// outPath is the file that the report goes to; empty for stdout.
func outPath(f backtestFlags) string {
	path := f.out
	if info, err := os.Stat(path); strings.HasSuffix(path, "/") || err == nil && info.IsDir() {
		suffix := map[string]string{"table": "txt", "json": "json", "html": "html"}[f.format]
		return filepath.Join(path, "backtest."+suffix)
	}
	return path
}

// writable tells of a file that could not be written, before an hour is spent on
// what is to be in it. It leaves the file as it is.
func writable(path string) error {
	if path == "" {
		return nil
	}
	_, err := os.Stat(path)
	missing := errors.Is(err, os.ErrNotExist)
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	if err := file.Close(); err != nil || !missing {
		return err
	}
	return os.Remove(path)
}

// writeReport writes to stdout, to a file, or into a folder.
func (a *app) writeReport(r *backtest.Report, f backtestFlags) error {
	if f.out == "" {
		return writeAs(a.stdout, r, f.format)
	}
	path := outPath(f)
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	if err := errors.Join(writeAs(file, r, f.format), file.Close()); err != nil {
		return err
	}
	_, err = fmt.Fprintln(a.stderr, "written to "+path)
	return err
}

func writeAs(w io.Writer, r *backtest.Report, format string) error {
	switch format {
	case "json":
		return r.WriteJSON(w)
	case "html":
		return r.WriteHTML(w)
	}
	return r.WriteTable(w)
}
