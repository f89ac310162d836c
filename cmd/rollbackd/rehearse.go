package main

import (
	"bufio"
	"context"
	"fmt"
	"net/url"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/web"
)

// rehearseName is the command whose usage error and missing daemon have exit codes
// of their own, as those of rollback.
const rehearseName = "rehearse"

// rehearsal is the body of POST services/{s}/rehearse.
type rehearsal struct {
	Reason string `json:"reason,omitempty"`
	Plan   string `json:"plan,omitempty"`
	To     string `json:"to,omitempty"`
	Unseen bool   `json:"unseen,omitempty"`
	Scope  string `json:"scope,omitempty"`
	In     string `json:"in,omitempty"`
}

func (a *app) rehearseCommand() *cobra.Command {
	var request rehearsal
	var yes bool
	cmd := a.clientFlags(&cobra.Command{
		Use:     rehearseName + " SERVICE",
		GroupID: groupRun,
		Short:   "Try everything that a rollback would need, and change nothing",
		Long: `Asks the daemon to look at all that a rollback of a service would need, and prints
what it found: where it would go, whether every step could begin, what its checks,
probes and "if" say, whether one can still go back, whether the receivers can be
reached, how long it is likely to take, and what each step would do, with secrets
hidden. Checks, probes and "if" are asked in earnest, because they change nothing;
no step is begun and nobody is told. What was found is on record with its age, and
[guards] rehearsed_within goes by it: the newest rehearsal of a plan and scope
counts, and one that found a problem leaves the next rollback to a person.

With --in the plan is carried out in earnest for ANOTHER service, with that one's
variables and versions: staging, say. It rolls that service back as a person's
rollback does, and what it took is recorded for SERVICE. The version that it leaves
is not quarantined.

Exit codes: 0 no problem (what is not known is none); 1 a problem was found, it is
not on record, or with --in the rollback did not complete; 64 wrong usage, which an
unknown service, plan, scope and a role that is missing are, too; 69 no daemon answers.`,
		Example: `  rollbackd rehearse checkout
  rollbackd rehearse checkout --to v1.4.2 --scope cache
  rollbackd rehearse checkout --in checkout-staging --yes --reason "drill of the quarter"`,
		Args: exactly("SERVICE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if request.In == "" {
				return a.rehearse(cmd.Context(), args[0], request)
			}
			if err := a.agreed(cmd, args[0], request.In, yes); err != nil {
				return err
			}
			return a.rehearseIn(cmd.Context(), args[0], request)
		},
	})
	cmd.Flags().StringVar(&request.To, "to", "", "the version to go back to (default: the one that a rollback would choose)")
	cmd.Flags().BoolVar(&request.Unseen, "unseen", false, unseenHelp)
	cmd.Flags().StringVar(&request.Scope, "scope", "", "only the steps of this scope (a word of the steps' \"only\")")
	cmd.Flags().StringVar(&request.Plan, "plan", "", "another of the service's plans, by its name: a trigger's, or its group's (default: its own)")
	cmd.Flags().StringVar(&request.In, "in", "", "carry the plan out in earnest for this other service")
	cmd.Flags().StringVar(&request.Reason, "reason", "a rehearsal", "why, for the record")
	cmd.Flags().BoolVar(&yes, "yes", false, "with --in: do not ask once more")
	return cmd
}

// agreed asks once more before a plan is carried out in earnest. Where there is
// nobody to ask, --yes must have been said.
func (a *app) agreed(cmd *cobra.Command, service, in string, yes bool) error {
	if yes {
		return nil
	}
	file, isFile := cmd.InOrStdin().(*os.File)
	if !isFile || !term.IsTerminal(int(file.Fd())) {
		return usagef(cmd, "--in rolls %s back in earnest: say --yes where nobody can be asked", in)
	}
	_, _ = fmt.Fprintf(a.stderr, "This rolls %s back in earnest, by the plan of %s. Type %s to go on: ", in, service, in)
	line, err := bufio.NewReader(file).ReadString('\n')
	if err != nil || strings.TrimSpace(line) != in {
		return &exitError{code: exitProblem, err: fmt.Errorf("nothing was done: %q was not typed", in)}
	}
	return nil
}

func (a *app) rehearse(ctx context.Context, service string, request rehearsal) error {
	c, err := a.client()
	if err != nil {
		return err
	}
	c.http.Timeout = web.RehearsalTimeout
	var found incident.RehearsalReport
	data, err := c.post(ctx, "/api/v1/services/"+url.PathEscape(service)+"/rehearse", request, &found)
	if err != nil && ctx.Err() != nil {
		return fmt.Errorf("interrupted: the rehearsal was ended and is not on record")
	}
	if err != nil {
		return err
	}
	if err := a.print(data, a.rehearsalPage(found)); err != nil {
		return err
	}
	if !found.OK || found.NotRecorded != "" {
		return &exitError{code: exitProblem}
	}
	return nil
}

// rehearseIn carries a plan out for another service, and follows that.
func (a *app) rehearseIn(ctx context.Context, service string, request rehearsal) error {
	c, err := a.client()
	if err != nil {
		return err
	}
	var done web.Done
	if _, err := c.post(ctx, "/api/v1/services/"+url.PathEscape(service)+"/rehearse", request, &done); err != nil {
		return err
	}
	i, data, err := a.newFollower(c, done.Incident).follow(ctx, func(i *incident.Incident) bool { return over(i, "") })
	if err != nil && ctx.Err() != nil {
		return fmt.Errorf("the rehearsal goes on; follow it with: rollbackd show %s", done.Incident)
	}
	if err != nil {
		return err
	}
	return a.report(i, data, "")
}

// rehearseCode is the exit code of rehearse for an error.
func rehearseCode(err error) int {
	switch code := rollbackCode(err, exitProblem); code {
	case exitRollbackUsage, exitRollbackNoReply:
		return code
	default:
		return exitProblem
	}
}

// codesOfItsOwn tells whether a command's usage error is 64 and not 2.
func codesOfItsOwn(name string) bool { return name == rollbackName || name == rehearseName }
