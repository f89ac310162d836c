package main

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/model"
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
			if err := checkFilter(cmd, state, since, limit); err != nil {
				return err
			}
			c, err := a.client()
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
			if len(found) == 0 && service != "" {
				// Nothing happened to it, or there is no such service.
				if _, err := c.get(cmd.Context(), "/api/v1/services/"+url.PathEscape(service), nil); err != nil {
					return err
				}
			}
			p := a.page()
			p.table("", withRehearsals(incidentRows(found), found))
			return a.print(data, p)
		},
	})
	cmd.Flags().StringVar(&service, "service", "", "only this service's")
	cmd.Flags().StringVar(&state, "state", "", "only those in this state: "+strings.Join(stateWords(), ", "))
	cmd.Flags().StringVar(&since, "since", "", "only those opened since a time (2026-03-01T03:00:00Z) or within a duration (24h)")
	cmd.Flags().IntVar(&limit, "limit", 100, fmt.Sprintf("how many at most, up to %d", mostIncidents))
	return cmd
}

// withRehearsals says in the last column which rollbacks are rehearsals, and for whom.
func withRehearsals(rows [][]string, list []*incident.Incident) [][]string {
	for i, inc := range list {
		if of := inc.Rehearses; of != nil {
			last := &rows[i+1][len(rows[i+1])-1]
			*last = strings.TrimSpace(*last + " (rehearsal for " + of.Service + ")")
		}
	}
	return rows
}

// mostIncidents is the longest list that the daemon gives.
const mostIncidents = 1000

// stateWords are what --state takes: the states of an incident, and open for all
// but closed.
func stateWords() []string {
	words := []string{"open"}
	for _, s := range []incident.State{
		incident.Firing, incident.CountingDown, incident.AwaitingApproval, incident.Held,
		incident.Confirming, incident.RollingBack, incident.Verifying, incident.Closed,
	} {
		words = append(words, string(s))
	}
	return words
}

// checkFilter refuses what the daemon would refuse: as a mistake in the command
// line, and by the flag's name.
func checkFilter(cmd *cobra.Command, state, since string, limit int) error {
	if state != "" && !slices.Contains(stateWords(), state) {
		return usagef(cmd, "--state: %q is not a state (want %s)", state, strings.Join(stateWords(), ", "))
	}
	_, notTime := time.Parse(time.RFC3339, since)
	_, notLength := model.ParseDuration(since)
	if since != "" && notTime != nil && notLength != nil {
		return usagef(cmd, "--since: %q is neither a time (2026-03-01T03:00:00Z) nor a duration (24h)", since)
	}
	if limit < 1 || limit > mostIncidents {
		return usagef(cmd, "--limit: %d is not a number from 1 to %d", limit, mostIncidents)
	}
	return nil
}
