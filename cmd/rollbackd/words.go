package main

import (
	"context"
	"net/url"

	"github.com/spf13/cobra"

	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/web"
)

// word is a person's word on an incident, but for a yes.
type word struct{ verb, done, short, long, example string }

func words() []word {
	return []word{
		{
			"veto", "vetoed", "Say no: this deployment is not rolled back",
			`Vetoes an incident's rollback. The veto stands for this deployment until the
service recovers or gets worse; a person may still roll back.`,
			`  rollbackd veto checkout --reason "a load test, ends at 14:00"`,
		},
		{
			"abort", "aborted", "Stop a running rollback at the next step boundary",
			`Stops an incident's rollback. A step that runs is finished, no further one
begins, and "finally" steps run if anything was changed.`,
			`  rollbackd abort checkout-20260301-030205 --reason "fixing forward instead"`,
		},
		{
			"ack", "acknowledged", "Say that you are on it",
			"Records that you have seen an incident. It stops escalation only, never the action.",
			`  rollbackd ack checkout --reason "looking"`,
		},
		{
			"close", "closed", "Close an incident that is over",
			"Closes an incident by a person's word. Its service's windows start anew.",
			`  rollbackd close checkout --reason "fixed by v3"`,
		},
	}
}

func (a *app) wordCommands() []*cobra.Command {
	commands := []*cobra.Command{a.approveCommand()}
	for _, w := range words() {
		commands = append(commands, a.wordCommand(w))
	}
	return commands
}

func (a *app) wordCommand(w word) *cobra.Command {
	var reason string
	cmd := a.clientFlags(&cobra.Command{
		Use:     w.verb + " ID --reason R",
		GroupID: groupAct,
		Short:   w.short,
		Long:    w.long + "\nA service with an open incident may be named instead of the incident's ID.",
		Example: w.example,
		Args:    exactly("ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := needs(cmd, "reason", reason); err != nil {
				return err
			}
			c, err := a.client()
			if err != nil {
				return err
			}
			var done web.Done
			body := map[string]string{"reason": reason}
			data, err := c.post(cmd.Context(), "/api/v1/incidents/"+url.PathEscape(args[0])+"/"+w.verb, body, &done)
			if err != nil {
				return err
			}
			p := a.page()
			p.line("%s: %s", done.Incident, outcome(cmd.Context(), c, w, done.Incident))
			return a.print(data, p)
		},
	})
	cmd.Flags().StringVar(&reason, "reason", "", "why, for the record (required)")
	return cmd
}

// outcome is what came of a word: what was done, but for an abort that waits for
// the step that runs.
func outcome(ctx context.Context, c *client, w word, id string) string {
	if w.verb != "abort" {
		return w.done
	}
	i, _, err := fetch(ctx, c, id)
	if err != nil || i.Rollback == nil || i.Rollback.State.Ended() {
		return w.done
	}
	for _, s := range i.Rollback.All() {
		if s.State == incident.StepRunning {
			return "stopping after the step that runs (" + plain(s.Name) + ")"
		}
	}
	return w.done
}
