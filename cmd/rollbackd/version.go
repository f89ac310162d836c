package main

import (
	"fmt"

	"github.com/prometheus/common/version"
	"github.com/spf13/cobra"
)

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		GroupID: groupRun,
		Short:   "Print the version",
		Long:    "Prints the version of this binary, and how it was built.",
		Example: "  rollbackd version",
		Args:    exactly(),
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintln(a.stdout, version.Print("rollbackd"))
			return err
		},
	}
}
