package main

import (
	"net/url"
	"strconv"

	"github.com/spf13/cobra"
)

func (a *app) whyCommand() *cobra.Command {
	return a.clientFlags(&cobra.Command{
		Use:     "why SERVICE",
		GroupID: groupWatch,
		Short:   "Say why rollbackd does, or does not, act on a service",
		Long: `Says on one screen what rollbackd is doing about a service and why: its triggers,
its deployment, its open incident with what holds it and what would release it,
and what a critical breach that began now would lead to.`,
		Example: "  rollbackd why checkout",
		Args:    exactly("SERVICE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := a.client()
			if err != nil {
				return err
			}
			var why whyView
			data, err := c.get(cmd.Context(), "/api/v1/services/"+url.PathEscape(args[0])+"/why", &why)
			if err != nil {
				return err
			}
			return a.print(data, a.whyPage(why))
		},
	})
}

func (a *app) whyPage(w whyView) *page {
	s := w.Service
	p := a.page()
	p.line("%s", p.bold(s.Service+" · "+s.State+" · "+s.Mode))
	p.line("  %s", plain(w.Now))
	p.facts(
		"running", runningText(s),
		"target", s.Target,
		"deployment", deploymentText(s.Deployment),
		"shown since", instant(s.ShownSince),
		"brakes", brakes(s.Brakes),
		"signals", signals(s.Signals),
		"rehearsed", rehearsalText(s.Rehearsal),
	)
	p.heading("triggers")
	p.table("  ", triggerRows(s.Triggers))
	if len(s.Instances) > 0 {
		rows := [][]string{{"INSTANCE", "STATUS", "FAILURES IN A ROW", "LAST SEEN", "VERSION"}}
		for _, i := range s.Instances {
			rows = append(rows, []string{i.Instance, i.Status, strconv.Itoa(i.Failures), instant(i.LastAt), i.Version})
		}
		p.heading("health")
		p.table("  ", rows)
	}
	if w.Incident != nil {
		p.heading("incident %s · %s", w.Incident.ID, w.Incident.State)
		p.decision(w.Incident.Decision, nextAct(w.Incident, p.now))
		p.people(w.Incident)
		if run := w.Incident.Rollback; run != nil && !run.State.Ended() {
			p.facts("rollback", progress(w.Incident, p.now), "scope", run.Scope)
		}
		p.members(w.Incident.Members)
	}
	p.heading("if a critical breach began now")
	p.decision(w.IfCritical, "")
	return p
}
