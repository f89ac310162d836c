package main

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"

	"github.com/spf13/cobra"

	"github.com/rollbackd/rollbackd/incident"
)

func (a *app) showCommand() *cobra.Command {
	var follow bool
	cmd := a.clientFlags(&cobra.Command{
		Use:     "show ID",
		GroupID: groupWatch,
		Short:   "Show an incident: what, why, steps, timeline",
		Long: `Shows one incident: what happened, what was decided and why, what holds it and
what would release it, the triggers and the deployment, the rollback's steps with
how long each took, and the timeline. A service may be named instead of an ID: its
open incident is shown, or else its newest closed one.

While a rollback runs, --follow writes each transition as it comes, and on a
terminal a line with the present phase, step and time; the incident is shown when
the rollback has ended. On a terminal that is what happens without the flag, too.`,
		Example: "  rollbackd show checkout\n  rollbackd show checkout-20260301-030205 -o json | jq .rollback.steps",
		Args:    exactly("ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := a.client()
			if err != nil {
				return err
			}
			i, data, err := fetchAny(cmd.Context(), c, args[0])
			if err != nil {
				return err
			}
			if !cmd.Flags().Changed("follow") {
				follow = a.terminal && a.output != "json"
			}
			if follow && underWay(i) {
				f := a.newFollower(c, i.ID)
				if i, data, err = f.follow(cmd.Context(), func(i *incident.Incident) bool { return !underWay(i) }); err != nil {
					return err
				}
			}
			return a.print(data, a.incidentPage(i))
		},
	})
	cmd.Flags().BoolVar(&follow, "follow", false, "while a rollback runs, write its progress until it ends")
	return cmd
}

// fetch reads one incident.
func fetch(ctx context.Context, c *client, id string) (*incident.Incident, json.RawMessage, error) {
	i := &incident.Incident{}
	data, err := c.get(ctx, "/api/v1/incidents/"+url.PathEscape(id), i)
	return i, data, err
}

// fetchAny reads one incident, or the newest of a service that has none open.
func fetchAny(ctx context.Context, c *client, id string) (*incident.Incident, json.RawMessage, error) {
	i, data, err := fetch(ctx, c, id)
	if refused, is := errors.AsType[*refusalError](err); !is || refused.status != http.StatusNotFound {
		return i, data, err
	}
	var newest []json.RawMessage
	query := url.Values{"service": {id}, "limit": {"1"}}
	if _, failed := c.get(ctx, "/api/v1/incidents?"+query.Encode(), &newest); failed != nil {
		return nil, nil, failed
	}
	if len(newest) == 0 {
		return nil, nil, err
	}
	if err := json.Unmarshal(newest[0], i); err != nil {
		return nil, nil, err
	}
	return i, newest[0], nil
}

// underWay tells whether a rollback is on its way or about to be.
func underWay(i *incident.Incident) bool {
	if i.Rollback != nil && !i.Rollback.State.Ended() {
		return true
	}
	switch i.State {
	case incident.Confirming, incident.CountingDown, incident.RollingBack, incident.Verifying:
		return true
	case incident.Firing, incident.AwaitingApproval, incident.Held, incident.Closed:
		return false
	}
	return false
}
