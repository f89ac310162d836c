package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"

	"github.com/spf13/cobra"

	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/trigger"
	"github.com/rollbackd/rollbackd/web"
)

// rollbackRequest is the body of POST services/{s}/rollback.
type rollbackRequest struct {
	Reason     string `json:"reason"`
	To         string `json:"to,omitempty"`
	Unseen     bool   `json:"unseen,omitempty"`
	IncidentID string `json:"incident_id,omitempty"`
	Severity   string `json:"severity,omitempty"`
	Scope      string `json:"scope,omitempty"`
	BreakGlass bool   `json:"break_glass,omitempty"`
}

// unseenHelp is the help of --unseen, for rollback and rehearse.
const unseenHelp = "with --to: go there although that version was never seen, reported or named as previous"

func (a *app) rollbackCommand() *cobra.Command {
	var request rollbackRequest
	var detach bool
	var local localFlags
	cmd := a.clientFlags(&cobra.Command{
		Use:     rollbackName + " SERVICE --reason R",
		GroupID: groupAct,
		Short:   "Roll a service back now, and wait until that is verified",
		Long: `Rolls a service back now, without confirming that it is bad, and follows the
rollback until it has ended. Without --to it goes to the newest version that was
good; to one that was never seen, reported or named as previous, only with --unseen.
Only a lock, a missing or quarantined target, another rollback that runs, and a
journal that cannot be written can refuse it.

Exit codes: 0 completed and verified; 2 blocked, or refused by a guard (nothing
was changed); 3 aborted (nothing was changed); 4 partial (something was changed
and it is not verified: see "rollbackd show"); 64 wrong usage, which an unknown
service, a role that is missing and an address that only reads are, too; 69 no daemon
answers, or it went while the rollback was waited for; 1 the waiting was
interrupted, or failed: the rollback goes on.

` + localHelp,
		Example: `  rollbackd rollback checkout --reason "5xx since v2"
  rollbackd rollback checkout --to v1.4.2 --reason "v1.5.0 loses orders" --incident-id INC-1234
  rollbackd rollback checkout --scope cache --reason "only the cache is bad"
  rollbackd rollback checkout --reason "drill" --detach
  rollbackd rollback checkout --local --config.file /etc/rollbackd/rollbackd.toml --reason "no network"`,
		Args: exactly("SERVICE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := local.check(cmd, detach); err != nil {
				return err
			}
			if local.on {
				command, err := localCommand(cmd, args[0], request, request.Scope, request.BreakGlass)
				if err != nil {
					return err
				}
				return a.rollBackLocally(cmd, local, command)
			}
			if err := checkRollback(cmd, request); err != nil {
				return err
			}
			return a.rollBack(cmd.Context(), args[0], request, detach)
		},
	})
	cmd.Flags().StringVar(&request.Reason, "reason", "", "why, for the record (required)")
	cmd.Flags().StringVar(&request.To, "to", "", "the version to go back to (default: the newest good one)")
	cmd.Flags().BoolVar(&request.Unseen, "unseen", false, unseenHelp)
	cmd.Flags().StringVar(&request.IncidentID, "incident-id", "", "your own incident's ID, for the record")
	cmd.Flags().StringVar(&request.Severity, "severity", "", "critical, high, medium or low (default high)")
	cmd.Flags().BoolVar(&detach, "detach", false, "do not wait: print the incident's ID and exit with 0")
	cmd.Flags().StringVar(&request.Scope, "scope", "", "only the steps of this scope (a word of the steps' \"only\")")
	cmd.Flags().BoolVar(&request.BreakGlass, "break-glass", false, "as root on the host, set aside what others would have to approve; everybody is paged")
	local.add(cmd)
	return cmd
}

func checkRollback(cmd *cobra.Command, r rollbackRequest) error {
	if r.Severity != "" {
		if _, err := trigger.ParseSeverity(r.Severity); err != nil {
			return usagef(cmd, "--severity: %v", err)
		}
	}
	return needs(cmd, "reason", r.Reason)
}

func (a *app) rollBack(ctx context.Context, service string, request rollbackRequest, detach bool) error {
	c, err := a.client()
	if err != nil {
		return err
	}
	earlier := runOf(ctx, c, service)
	var done web.Done
	data, err := c.post(ctx, "/api/v1/services/"+url.PathEscape(service)+"/rollback", request, &done)
	switch {
	case err != nil && ctx.Err() != nil:
		return fmt.Errorf("interrupted before the daemon answered; whether the rollback began says: rollbackd show %s", service)
	case err != nil:
		return err
	case detach:
		p := a.page()
		p.line("%s", done.Incident)
		return a.print(data, p)
	}
	i, data, err := a.newFollower(c, done.Incident).follow(ctx, func(i *incident.Incident) bool { return over(i, earlier) })
	if err != nil && ctx.Err() != nil {
		return fmt.Errorf("the rollback goes on; follow it with: rollbackd show %s", done.Incident)
	}
	if err != nil {
		return err
	}
	return a.report(i, data, earlier)
}

// runOf is the ID of the newest run of the service's open incident: one that a
// new rollback must not be taken for. It is empty where there is none.
func runOf(ctx context.Context, c *client, service string) string {
	i, _, err := fetch(ctx, c, service)
	if err != nil || i.Rollback == nil {
		return ""
	}
	return i.Rollback.ID
}

// over tells whether the rollback that was asked for has ended, or will not
// begin by itself any more.
func over(i *incident.Incident, earlier string) bool {
	if i.Rollback != nil && i.Rollback.ID != earlier {
		return i.Rollback.State.Ended()
	}
	switch i.State {
	case incident.Held, incident.Closed, incident.AwaitingApproval:
		return true
	case incident.Firing, incident.CountingDown, incident.Confirming, incident.RollingBack, incident.Verifying:
		return false
	}
	return false
}

// report shows how the rollback ended and turns that into the exit code.
func (a *app) report(i *incident.Incident, data json.RawMessage, earlier string) error {
	p := a.page()
	code := exitBlocked
	if i.Rollback == nil || i.Rollback.ID == earlier {
		p.line("%s: no rollback was begun: %s", i.ID, plain(i.Decision.Reason))
	} else {
		code = runCode(i.Rollback.State)
		p.run(i.Rollback, i.Timeline)
		p.line("")
		p.line("%s", p.bold(fmt.Sprintf("%s · %s", i.Rollback.State, arrow(i.Rollback.From, i.Rollback.To))))
		p.line("rollbackd show %s", i.ID)
	}
	if err := a.print(data, p); err != nil || code == exitFine {
		return err
	}
	return &exitError{code: code}
}

func runCode(s incident.RunState) int {
	switch s {
	case incident.RunCompleted:
		return exitFine
	case incident.RunBlocked:
		return exitBlocked
	case incident.RunAborted:
		return exitAborted
	case incident.RunPartial:
		return exitPartial
	case incident.RunPlanned, incident.RunChecking, incident.RunRunning, incident.RunVerifying:
		return exitProblem
	}
	return exitProblem
}
