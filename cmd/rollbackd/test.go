package main

import (
	"errors"
	"fmt"
	"regexp"

	"github.com/spf13/cobra"

	"github.com/rollbackd/rollbackd/scenario"
)

func (a *app) testCommand() *cobra.Command {
	var pick string
	var verbose bool
	cmd := &cobra.Command{
		Use:     "test FILE...",
		GroupID: groupRun,
		Short:   "Run unit tests of a configuration on simulated time",
		Long: `Plays test files: the real decisions in a simulated world on simulated time, without
network and without waiting. An expectation that fails is printed with what was
there and the timeline around it. Exits with 1 when a case fails.`,
		Example: "  rollbackd test rollbackd_test.toml\n  rollbackd test --run 'five percent' tests/*.toml",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usagef(cmd, "FILE is missing")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			var only *regexp.Regexp
			if pick != "" {
				var err error
				if only, err = regexp.Compile(pick); err != nil {
					return usagef(cmd, "--run: %v", err)
				}
			}
			result, err := scenario.Run(cmd.Context(), args, scenario.Options{Out: a.stdout, Run: only, Verbose: verbose})
			if err != nil {
				return err
			}
			if result == (scenario.Result{}) {
				return noCase(pick)
			}
			if !result.OK() {
				return &exitError{code: exitProblem}
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&pick, "run", "", "only the cases whose name matches this regular expression")
	cmd.Flags().BoolVarP(&verbose, "verbose", "v", false, "name every case and print its timeline")
	return cmd
}

// noCase is an error: tests that test nothing must not pass.
func noCase(pick string) error {
	if pick != "" {
		return fmt.Errorf("--run: no case matches %q", pick)
	}
	return errors.New("there is no case")
}
