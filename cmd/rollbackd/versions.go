package main

import (
	"net/url"

	"github.com/spf13/cobra"

	"github.com/rollbackd/rollbackd/incident"
)

func (a *app) versionsCommand() *cobra.Command {
	return a.clientFlags(&cobra.Command{
		Use:     "versions SERVICE",
		GroupID: groupWatch,
		Short:   "List a service's versions and their standing",
		Long: `Lists what rollbackd knows of a service's versions, newest first: which one runs,
which one a rollback would go to, since when the version source has shown each, and
why each is good, presumed good, quarantined or unproven. "reported" is a version
that was said to be deployed and that the version source does not show.`,
		Example: "  rollbackd versions checkout",
		Args:    exactly("SERVICE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := a.client()
			if err != nil {
				return err
			}
			var versions []incident.VersionView
			data, err := c.get(cmd.Context(), "/api/v1/services/"+url.PathEscape(args[0])+"/versions", &versions)
			if err != nil {
				return err
			}
			p := a.page()
			p.table("", versionRows(versions))
			return a.print(data, p)
		},
	})
}

func versionRows(versions []incident.VersionView) [][]string {
	rows := [][]string{{"VERSION", "STANDING", "ROLE", "STARTED", "SHOWN SINCE", "WHY"}}
	for _, v := range versions {
		mark := ""
		switch {
		case v.Running:
			mark = "running"
		case v.Target:
			mark = "target"
		case !v.Reported.IsZero():
			mark = "reported"
		}
		rows = append(rows, []string{v.Version, v.Standing, mark, instant(v.StartedAt), instant(v.ShownSince), v.Why})
	}
	return rows
}
