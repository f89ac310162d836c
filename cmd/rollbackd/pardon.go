package main

import (
	"net/url"

	"github.com/spf13/cobra"
)

func (a *app) pardonCommand() *cobra.Command {
	var version, reason string
	cmd := a.clientFlags(&cobra.Command{
		Use:     "pardon SERVICE --version V",
		GroupID: groupAct,
		Short:   "Lift a version's quarantine",
		Long: `A version that was rolled back from is quarantined: no rollback goes to it, and
when it runs again nothing acts by itself. A pardon lifts that, and lets a
deployment that was rolled back once be rolled back again.`,
		Example: `  rollbackd pardon checkout --version v2 --reason "the database was at fault"`,
		Args:    exactly("SERVICE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := needs(cmd, "version", version); err != nil {
				return err
			}
			c, err := newClient(a.address)
			if err != nil {
				return err
			}
			body := map[string]string{"version": version, "reason": reason}
			data, err := c.post(cmd.Context(), "/api/v1/services/"+url.PathEscape(args[0])+"/pardon", body, nil)
			if err != nil {
				return err
			}
			p := a.page()
			p.line("%s: %s is pardoned", args[0], version)
			return a.print(data, p)
		},
	})
	cmd.Flags().StringVar(&version, "version", "", "the version to pardon (required)")
	cmd.Flags().StringVar(&reason, "reason", "", "why, for the record")
	return cmd
}
