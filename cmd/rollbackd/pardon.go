package main

import (
	"context"
	"fmt"
	"net/url"
	"slices"

	"github.com/spf13/cobra"

	"github.com/rollbackd/rollbackd/incident"
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
			c, err := a.client()
			if err != nil {
				return err
			}
			return a.pardon(cmd.Context(), c, args[0], map[string]string{"version": version, "reason": reason})
		},
	})
	cmd.Flags().StringVar(&version, "version", "", "the version to pardon (required)")
	cmd.Flags().StringVar(&reason, "reason", "", "why, for the record")
	return cmd
}

func (a *app) pardon(ctx context.Context, c *client, service string, body map[string]string) error {
	path := "/api/v1/services/" + url.PathEscape(service)
	var before, after []incident.VersionView
	if _, err := c.get(ctx, path+"/versions", &before); err != nil {
		return err
	}
	if _, err := c.post(ctx, path+"/pardon", body, nil); err != nil {
		return err
	}
	if _, err := c.get(ctx, path+"/versions", &after); err != nil {
		return fmt.Errorf("it is done, but cannot be shown: %w", err)
	}
	data, err := c.get(ctx, path, nil)
	if err != nil {
		return fmt.Errorf("it is done, but cannot be shown: %w", err)
	}
	version := body["version"]
	p := a.page()
	if len(before) > 0 && standing(before, version) == standing(after, version) {
		p.line("%s: %s was not quarantined; nothing changed", service, version)
	} else {
		p.line("%s: %s is pardoned", service, version)
	}
	return a.print(data, p)
}

// standing is a version's standing with the reason for it; empty for one that is
// not known.
func standing(versions []incident.VersionView, version string) string {
	i := slices.IndexFunc(versions, func(v incident.VersionView) bool { return v.Version == version })
	if i < 0 {
		return ""
	}
	return versions[i].Standing + ": " + versions[i].Why
}
