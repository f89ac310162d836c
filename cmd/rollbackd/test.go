package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/rollbackd/rollbackd/scenario"
)

// testFlags are the flags of `rollbackd test`.
type testFlags struct {
	pick, output, junit string
	verbose, update     bool
}

func (a *app) testCommand() *cobra.Command {
	var f testFlags
	cmd := &cobra.Command{
		Use:     "test FILE...",
		GroupID: groupRun,
		Short:   "Run unit tests of a configuration on simulated time",
		Long: `Plays test files: the real decisions in a simulated world on simulated time, without
network and without waiting. An expectation that fails is printed with what was
there and the timeline around it. Exits with 1 when a case fails.

A case with recorded = "FILE" must have exactly the timeline in that file, beside
the test file; a difference is shown line by line. --update writes the files of
such cases anew, and says which; a case that fails otherwise is not written.

-o json writes one document without durations: the same bytes for the same files.
--junit FILE also writes JUnit's XML, with durations, for continuous integration.`,
		Example: "  rollbackd test rollbackd_test.toml\n  rollbackd test --run 'five percent' tests/*.toml\n" +
			"  rollbackd test --junit results.xml tests/*.toml",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usagef(cmd, "FILE is missing")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			options, err := f.options(cmd)
			if err != nil {
				return err
			}
			options.Out, options.Clock = a.stdout, a.clock
			return f.run(cmd.Context(), args, options)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.pick, "run", "", "only the cases whose name matches this regular expression")
	flags.BoolVarP(&f.verbose, "verbose", "v", false, "name every case and print its timeline")
	flags.StringVarP(&f.output, "output", "o", scenario.FormatTable, "table or json")
	flags.StringVar(&f.junit, "junit", "", "also write JUnit's XML to this file")
	flags.BoolVar(&f.update, "update", false, "write the recorded timelines anew instead of comparing them")
	return cmd
}

// options are what the flags say, as far as they can be carried out.
func (f *testFlags) options(cmd *cobra.Command) (scenario.Options, error) {
	o := scenario.Options{Verbose: f.verbose, Format: f.output, Update: f.update}
	if f.output != scenario.FormatTable && f.output != scenario.FormatJSON {
		return o, usagef(cmd, "-o %s: write table or json", f.output)
	}
	if f.pick != "" {
		only, err := regexp.Compile(f.pick)
		if err != nil {
			return o, usagef(cmd, "--run: %v", err)
		}
		o.Run = only
	}
	return o, nil
}

// run plays the files and turns what came of them into an exit code.
func (f *testFlags) run(ctx context.Context, files []string, o scenario.Options) error {
	// Worlds are small and gone at once: to collect them seldom saves a fifth of
	// the time.
	defer debug.SetGCPercent(debug.SetGCPercent(400))
	var report bytes.Buffer
	if f.junit == "-" {
		return errors.New("--junit wants a file: stdout has the other output")
	}
	if f.junit != "" {
		o.JUnit = &report
	}
	result, err := scenario.Run(ctx, files, o)
	if err != nil {
		return err
	}
	if f.junit != "" {
		// A report is read by others than who made it.
		if err := os.WriteFile(f.junit, report.Bytes(), 0o644); err != nil { //nolint:gosec // G306: see above
			return fmt.Errorf("--junit: %w", err)
		}
	}
	if result == (scenario.Result{}) {
		return noCase(f.pick)
	}
	if !result.OK() {
		return &exitError{code: exitProblem}
	}
	return nil
}

// noCase is an error: tests that test nothing must not pass.
func noCase(pick string) error {
	if pick != "" {
		return fmt.Errorf("--run: no case matches %q", pick)
	}
	return errors.New("there is no case")
}
