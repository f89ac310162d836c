package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/rollbackd/rollbackd/config"
)

func (a *app) checkCommand() *cobra.Command {
	var live bool
	var service string
	cmd := &cobra.Command{
		Use:     "check FILE",
		GroupID: groupRun,
		Short:   "Check a configuration",
		Long: `Checks a configuration and prints every mistake, not only the first, as
FILE:LINE: KEY: PROBLEM. Exits with 0 when there is nothing to say, 1 on errors and
3 when there are only warnings.

With --service it prints the configuration as it applies to one service, defaults
filled in and secrets masked, on stdout; what there is to say then goes to stderr.

With --live it also asks Prometheus for the present value of every trigger and NATS
for a connection, and every version source which version runs. It exits with 1 when
one of them does not answer, when a trigger on metrics has no usable answer or no
series, and when a source shows no running version, or a link that does not lead to
where a step looks for releases. It warns of what receivers, the journal and reports
need and is not on this machine: secret files, certificates, folders to write to.`,
		Example: `  rollbackd check /etc/rollbackd/rollbackd.toml
  rollbackd check rollbackd.toml --service checkout
  rollbackd check rollbackd.toml --live`,
		Args: exactly("FILE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			problems := a.stdout
			if service != "" {
				problems = a.stderr
			}
			c, report := config.Load(args[0])
			code := say(problems, report)
			if c == nil {
				return &exitError{code: code}
			}
			if len(c.Services) == 0 {
				code = max(code, exitWarnings)
				_, _ = fmt.Fprintf(problems, "%s: warning: nothing is watched: there is no [services.NAME]\n", args[0]) // as in say
			}
			if err := a.effective(c, service); err != nil {
				return err
			}
			if live {
				code = max(code, a.lacking(problems, c))
				answered, err := a.checkLive(cmd.Context(), c, service)
				if err != nil {
					return err
				}
				if !answered {
					return &exitError{code: exitProblem, err: errors.New("a source does not answer, a trigger has no usable answer or no series, or a running version is not known")}
				}
			}
			if code == exitFine {
				return nil
			}
			return &exitError{code: code}
		},
	}
	cmd.Flags().BoolVar(&live, "live", false, "ask Prometheus and NATS, print which version runs and each trigger's present value, and look for the files that the configuration names")
	cmd.Flags().StringVar(&service, "service", "", "print the effective configuration of one service")
	return cmd
}

// say prints all problems and returns the exit code.
func say(w io.Writer, r config.Report) int {
	for _, p := range r.Errors {
		_, _ = fmt.Fprintln(w, p) // nobody is left to tell
	}
	for _, p := range r.Warnings {
		p.Text = "warning: " + p.Text
		_, _ = fmt.Fprintln(w, p) // as above
	}
	switch {
	case len(r.Errors) > 0:
		return exitProblem
	case len(r.Warnings) > 0:
		return exitWarnings
	}
	return exitFine
}

// effective prints the configuration of one service, or says how much was checked.
func (a *app) effective(c *config.Config, service string) error {
	if service != "" {
		text, err := c.Effective(service)
		if err == nil {
			_, err = a.stdout.Write(text)
		}
		return err
	}
	triggers := 0
	for _, s := range c.Services {
		triggers += len(s.Triggers)
	}
	_, err := fmt.Fprintf(a.stdout, "%s: %s, %s, hash %s\n", c.Path, count(len(c.Services), "service"), count(triggers, "trigger"), c.Hash())
	return err
}
