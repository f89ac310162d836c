package main

import (
	"encoding/json"
	"errors"
	"net/http"

	"github.com/spf13/cobra"

	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/web"
)

// pathOpen asks for all incidents that are not closed.
const pathOpen = "/api/v1/incidents?state=open&limit=1000"

// overview is `status -o json`.
type overview struct {
	Ready bool `json:"ready"`
	// NotReady is why not.
	NotReady string `json:"not_ready,omitempty"`
	// ReloadFailed tells that the file on disk is not the configuration in force.
	ReloadFailed bool `json:"reload_failed"`
	// Journal is whether it can be written; JournalUnknown is why that cannot be told.
	Journal        *web.JournalView `json:"journal,omitempty"`
	JournalUnknown string           `json:"journal_unknown,omitempty"`
	// Receivers are those that do not take their messages; ReceiversUnknown is why
	// that cannot be told.
	Receivers        []web.ReceiverView `json:"receivers"`
	ReceiversUnknown string             `json:"receivers_unknown,omitempty"`
	// Sources are those that the daemon asks; SourcesUnknown is why they cannot be told.
	Sources        []sourceState        `json:"sources"`
	SourcesUnknown string               `json:"sources_unknown,omitempty"`
	Services       int                  `json:"services"`
	NotOK          []serviceView        `json:"not_ok"`
	Incidents      []*incident.Incident `json:"open_incidents"`
}

func (a *app) statusCommand() *cobra.Command {
	return a.clientFlags(&cobra.Command{
		Use:     "status",
		GroupID: groupWatch,
		Short:   "Is the daemon ready, and what is not well",
		Long: `Prints whether the daemon is ready and its configuration is the file's, whether each
source answers, who is not told because a receiver does not take its messages, every
open incident, and every service that is not ok or has a
pause or lock on it. Exits with 1 when the daemon is not ready, or begins nothing new
because its journal cannot be written.`,
		Example: "  rollbackd status\n  rollbackd status -o json | jq .open_incidents[].id",
		Args:    exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := a.client()
			if err != nil {
				return err
			}
			o, err := lookOver(cmd, c)
			if err != nil {
				return err
			}
			data, err := json.Marshal(o)
			if err != nil {
				return err
			}
			if err := a.print(data, a.statusPage(o)); err != nil || o.Ready && !o.stuck() {
				return err
			}
			return &exitError{code: exitProblem}
		},
	})
}

func lookOver(cmd *cobra.Command, c *client) (overview, error) {
	o := overview{Receivers: []web.ReceiverView{}, Sources: []sourceState{}, NotOK: []serviceView{}, Incidents: []*incident.Incident{}}
	_, err := c.get(cmd.Context(), "/-/ready", nil)
	var refused *refusalError
	if errors.As(err, &refused) && refused.status == http.StatusServiceUnavailable {
		o.NotReady = refused.Envelope.Error
		return o, nil
	}
	if err != nil {
		return o, err
	}
	o.Ready = true
	var services []serviceView
	if _, err := c.get(cmd.Context(), "/api/v1/services", &services); err != nil {
		return o, err
	}
	o.Services = len(services)
	o.lookAtJournal(cmd.Context(), c)
	o.lookAtReceivers(cmd.Context(), c)
	o.lookAtSources(cmd.Context(), c, services)
	for _, s := range services {
		if s.State != "ok" || len(s.Brakes) > 0 || s.Reported != nil {
			o.NotOK = append(o.NotOK, s)
		}
	}
	_, err = c.get(cmd.Context(), pathOpen, &o.Incidents)
	return o, err
}

func (a *app) statusPage(o overview) *page {
	p := a.page()
	if !o.Ready {
		p.line("%s", p.bold(o.NotReady))
		return p
	}
	state := "is ready"
	if o.stuck() {
		state = "runs, and begins nothing new"
	}
	p.line("rollbackd %s · %s · %s", state, count(o.Services, "service"), count(len(o.Incidents), "open incident"))
	p.journal(o)
	p.receivers(o)
	if o.ReloadFailed {
		p.line("%s", p.bold("the last reload failed: the configuration from before it is in force (what is wrong: the daemon's log, or rollbackd check)"))
	}
	for _, s := range o.Sources {
		p.line("%s: %s", s.Source, plain(s.String()))
	}
	if o.SourcesUnknown != "" {
		p.line("the sources' state is not known: %s", plain(o.SourcesUnknown))
	}
	if len(o.Incidents) > 0 {
		p.line("")
		p.table("", incidentRows(o.Incidents))
		p.nextActs(o.Incidents)
	}
	if len(o.NotOK) > 0 {
		p.line("")
		p.table("", serviceRows(o.NotOK))
	}
	return p
}
