package main

import (
	"net/url"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/rollbackd/rollbackd/incident"
)

func (a *app) incidentsCommand() *cobra.Command {
	var service, state, since string
	var limit int
	cmd := a.clientFlags(&cobra.Command{
		Use:     "incidents",
		GroupID: groupWatch,
		Short:   "List incidents, newest first",
		Long:    "Lists incidents, newest first: those that are open and those that the journal holds.",
		Example: `  rollbackd incidents --state open
  rollbackd incidents --service checkout --since 7d -o json`,
		Args: exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := newClient(a.address)
			if err != nil {
				return err
			}
			query := url.Values{"limit": {strconv.Itoa(limit)}}
			for key, value := range map[string]string{"service": service, "state": state, "since": since} {
				if value != "" {
					query.Set(key, value)
				}
			}
			var found []*incident.Incident
			data, err := c.get(cmd.Context(), "/api/v1/incidents?"+query.Encode(), &found)
			if err != nil {
				return err
			}
			p := a.page()
			p.table("", incidentRows(found))
			return a.print(data, p)
		},
	})
	cmd.Flags().StringVar(&service, "service", "", "only this service's")
	cmd.Flags().StringVar(&state, "state", "", "only those in this state: open, closed, held, rolling_back …")
	cmd.Flags().StringVar(&since, "since", "", "only those opened since a time (2026-03-01T03:00:00Z) or within a duration (24h)")
	cmd.Flags().IntVar(&limit, "limit", 100, "how many at most")
	return cmd
}
