package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/prometheus/common/model"
	"github.com/spf13/cobra"

	"github.com/rollbackd/rollbackd/config"
	"github.com/rollbackd/rollbackd/record"
)

// journalFlags say which journal is read.
type journalFlags struct{ configFile, path string }

func (f *journalFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.configFile, "config.file", "", "the daemon's configuration, which names the journal")
	cmd.Flags().StringVar(&f.path, "journal", "", "the journal itself, instead of a configuration")
	offerFiles(cmd, "config.file", tomlFiles)
	offerFiles(cmd, "journal", anyFile)
}

// offerFiles completes a flag of a subcommand with names of files.
func offerFiles(cmd *cobra.Command, flag string, f cobra.CompletionFunc) {
	_ = cmd.RegisterFlagCompletionFunc(flag, f) // it fails only for a flag that is not there
}

func anyFile(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return nil, cobra.ShellCompDirectiveDefault
}

// chosen is the path of the journal.
func (a *app) chosen(cmd *cobra.Command, f journalFlags) (string, error) {
	switch {
	case f.configFile != "" && f.path != "":
		return "", usagef(cmd, "--config.file and --journal both name a journal: one is enough")
	case f.path != "":
		return f.path, nil
	}
	if err := needs(cmd, "config.file", f.configFile); err != nil {
		return "", err
	}
	if err := a.usable(f.configFile); err != nil {
		return "", fmt.Errorf("%w (--journal PATH needs no configuration)", err)
	}
	c, report := config.Load(f.configFile)
	if c == nil {
		return "", report.Err()
	}
	return c.Journal.Path, nil
}

func (a *app) journalCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "journal",
		GroupID: groupWatch,
		Short:   "Prove the record, or copy it out",
		Long: `The journal holds every decision, command, configuration and person. Each entry
carries the hash of the one before it, so that none can be altered, taken out or
moved unnoticed. These commands read the file itself: the daemon need not run, and
is not disturbed where it does.`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usagef(cmd, "unknown command %q (verify or export)", args[0])
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return usagef(cmd, "say what to do: verify or export") },
	}
	cmd.AddCommand(a.verifyCommand(), a.exportCommand())
	return cmd
}

func (a *app) verifyCommand() *cobra.Command {
	var f journalFlags
	var in string
	var published []string
	cmd := &cobra.Command{
		Use:   "verify --config.file FILE | --journal PATH | --in EXPORT",
		Short: "Check every entry of the record",
		Long: `Checks every entry and prints how many there are, from when to when, and the head:
the number and hash of the newest one. Exits with 1 and names the first entry that
was altered, is missing or was moved.

A record whose end was cut off or rewritten, with all that belongs to it, looks
whole by itself. It does not agree with a head that was published before: by the
log's line "journal head", on NATS, or by the metrics. Give one with --head, also
several times.`,
		Example: `  rollbackd journal verify --config.file /etc/rollbackd/rollbackd.toml
  rollbackd journal verify --journal copy.db --head 412:9f86d081884c7d65
  rollbackd journal verify --in export.jsonl`,
		Args: exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			heads, err := parseHeads(cmd, published)
			if err != nil {
				return err
			}
			if in == "" {
				path, err := a.chosen(cmd, f)
				if err != nil {
					return err
				}
				sum, err := record.Verify(cmd.Context(), path, heads)
				return a.verified(path, sum, err)
			}
			if f != (journalFlags{}) {
				return usagef(cmd, "--in names an export: leave out --config.file and --journal")
			}
			return a.verifyExport(cmd.Context(), in, heads)
		},
	}
	f.add(cmd)
	cmd.Flags().StringVar(&in, "in", "", `a whole export to check, "-" for standard input`)
	offerFiles(cmd, "in", anyFile)
	cmd.Flags().StringArrayVar(&published, "head", nil, "NUMBER:HASH as it was published; at least 12 digits of the hash")
	return cmd
}

func parseHeads(cmd *cobra.Command, published []string) (heads []record.Head, err error) {
	for _, text := range published {
		h, err := record.ParseHead(text)
		if err != nil {
			return nil, usagef(cmd, "--head: %v", err)
		}
		heads = append(heads, h)
	}
	return heads, nil
}

func (a *app) verifyExport(ctx context.Context, name string, heads []record.Head) error {
	var from io.Reader = os.Stdin
	if name != "-" {
		file, err := os.Open(name)
		if err != nil {
			return err
		}
		defer func() { _ = file.Close() }() // it was only read
		from = file
	}
	sum, err := record.VerifyExport(ctx, name, from, heads)
	return a.verified(name, sum, err)
}

// verified prints what was proven; on an error, how far it is good.
func (a *app) verified(name string, sum record.Summary, err error) error {
	p := a.page()
	switch {
	case sum.Entries > 0 && err != nil:
		p.line("%s: good up to entry %d of %s", name, sum.Head.Seq, sum.Last.Format(time.RFC3339))
	case sum.Entries > 0:
		p.line("%s: %s, %s to %s", name, entries(sum.Entries), sum.First.Format(time.RFC3339), sum.Last.Format(time.RFC3339))
		if sum.Removed > 0 {
			p.line("removed  the details of %s, as the record says (retention)", entries(sum.Removed))
		}
		p.line("head  %s", sum.Head)
	case err == nil:
		p.line("%s: no entries", name)
	}
	if _, failed := fmt.Fprint(a.stdout, p.String()); err == nil {
		err = failed
	}
	return err
}

func entries(n int) string {
	if n == 1 {
		return "1 entry"
	}
	return fmt.Sprintf("%d entries", n)
}

func (a *app) exportCommand() *cobra.Command {
	var f journalFlags
	var filter record.Filter
	var since string
	cmd := &cobra.Command{
		Use:   "export --config.file FILE | --journal PATH",
		Short: "Write the record as lines of JSON",
		Long: `Writes entries as lines of JSON, in order, each with its number, its hash and the
one before it. The whole record is checked while it is read: at the first entry that
is not what was written it ends with exit code 1, after what is good; so it does for a
service or incident that no entry is about.

A whole export can be proven elsewhere, by "rollbackd journal verify --in" or by hand.
It holds what steps wrote.`,
		Example: `  rollbackd journal export --config.file rollbackd.toml > export.jsonl
  rollbackd journal export --journal /var/lib/rollbackd/journal.db --incident checkout-20260301-030205
  rollbackd journal export --config.file rollbackd.toml --service checkout --since 24h`,
		Args: exactly(),
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if filter.Since, err = parseSince(cmd, since, a.clock.Now()); err != nil {
				return err
			}
			path, err := a.chosen(cmd, f)
			if err != nil {
				return err
			}
			return record.Export(cmd.Context(), path, filter, a.stdout)
		},
	}
	f.add(cmd)
	cmd.Flags().StringVar(&since, "since", "", "only entries since a time (2026-03-01T03:00:00Z) or within a duration (24h)")
	cmd.Flags().StringVar(&filter.Incident, "incident", "", "only entries about this incident")
	cmd.Flags().StringVar(&filter.Service, "service", "", "only entries about this service")
	return cmd
}

// parseSince reads a time, or a length of time before now; zero for neither.
func parseSince(cmd *cobra.Command, since string, now time.Time) (time.Time, error) {
	if since == "" {
		return time.Time{}, nil
	}
	if at, err := time.Parse(time.RFC3339, since); err == nil {
		return at, nil
	}
	ago, err := model.ParseDuration(since)
	if err != nil {
		return time.Time{}, usagef(cmd, "--since: %q is neither a time (2026-03-01T03:00:00Z) nor a duration (24h)", since)
	}
	return now.Add(-time.Duration(ago)), nil
}
