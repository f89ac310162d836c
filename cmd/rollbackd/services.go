package main

import (
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/rollbackd/rollbackd/incident"
)

func (a *app) servicesCommand() *cobra.Command {
	return a.clientFlags(&cobra.Command{
		Use:     "services",
		GroupID: groupWatch,
		Short:   "List the services and their state",
		Long: `Lists every configured service: its state, the version that runs, the version a
rollback would go to, its open incident, how old its newest rehearsal is, the
triggers that are not inactive, and pauses and locks.`,
		Example: "  rollbackd services\n  rollbackd services -o json | jq '.[] | select(.state != \"ok\")'",
		Args:    exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := a.client()
			if err != nil {
				return err
			}
			var services []serviceView
			data, err := c.get(cmd.Context(), "/api/v1/services", &services)
			if err != nil {
				return err
			}
			p := a.page()
			p.table("", serviceRows(services))
			if a.output == "table" && slices.ContainsFunc(services, func(s serviceView) bool { return s.Incident != "" }) {
				var open []*incident.Incident
				if _, err := c.get(cmd.Context(), pathOpen, &open); err == nil { // the list is worth having without
					p.nextActs(open)
				}
			}
			return a.print(data, p)
		},
	})
}

func serviceRows(services []serviceView) [][]string {
	rows := [][]string{{"SERVICE", "STATE", "RUNNING", "TARGET", "MODE", "INCIDENT", "REHEARSED", "TRIGGERS", "BRAKES"}}
	for _, s := range services {
		rows = append(rows, []string{s.Service, s.State, runningText(s), s.Target, s.Mode, s.Incident, rehearsalWord(s.Rehearsal), s.loud(), brakes(s.Brakes)})
	}
	return rows
}

// count is a number with its noun: "1 service", "2 services".
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
