package main

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/rollbackd/rollbackd/web"
)

func (a *app) deployedCommand() *cobra.Command {
	return a.deploymentCommand(&cobra.Command{
		Use:   "deployed SERVICE --version V",
		Short: "Report that a version was deployed",
		Long: `Reports that a version runs now. Call it at the end of a deployment. When
"deploying" announced the version, it is the same deployment and keeps its start.`,
		Example: "  rollbackd deployed checkout --version v2 --previous v1",
	}, func(*web.Reported) {})
}

func (a *app) deployingCommand() *cobra.Command {
	return a.deploymentCommand(&cobra.Command{
		Use:   "deploying SERVICE --version V",
		Short: "Report that a version is being deployed",
		Long: `Reports that a version begins to be deployed, at this moment: what breaks from here
on is blamed on it. Call it at the start of a deployment, and "deployed" at its
end: until then it counts as rolling out, and a rollback waits for it a while, or
stops it.`,
		Example: "  rollbackd deploying checkout --version v2 --previous v1",
	}, func(r *web.Reported) {
		r.StartedAt = a.clock.Now().UTC().Truncate(time.Millisecond)
		r.Rolling = true
	})
}

// deploymentCommand completes a command that reports a deployment. stamp adds
// what is known at the moment of reporting.
func (a *app) deploymentCommand(cmd *cobra.Command, stamp func(*web.Reported)) *cobra.Command {
	var report web.Reported
	cmd.GroupID = groupTell
	cmd.Args = exactly("SERVICE")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := needs(cmd, "version", report.Version); err != nil {
			return err
		}
		c, err := a.client()
		if err != nil {
			return err
		}
		report.Service = args[0]
		stamp(&report)
		data, err := c.post(cmd.Context(), "/api/v1/deployments", report, nil)
		if err != nil {
			return err
		}
		p := a.page()
		p.line("%s: %s %s", args[0], cmd.Name(), report.Version)
		return a.print(data, p)
	}
	a.clientFlags(cmd)
	cmd.Flags().StringVar(&report.Version, "version", "", "the version (required)")
	cmd.Flags().StringVar(&report.Previous, "previous", "", "the version that it replaces")
	cmd.Flags().StringVar(&report.By, "by", "", "who deploys (default: you)")
	cmd.Flags().StringVar(&report.URL, "url", "", "where the deployment is described")
	cmd.Flags().StringVar(&report.Change, "change", "", "the change's ID")
	cmd.Flags().BoolVar(&report.NoAutoRollback, "no-auto-rollback", false, "ask a person before this deployment is rolled back")
	return cmd
}
