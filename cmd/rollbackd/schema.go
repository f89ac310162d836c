package main

import (
	"github.com/spf13/cobra"

	"github.com/rollbackd/rollbackd/config"
)

func (a *app) schemaCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "schema",
		GroupID: groupRun,
		Short:   "Print the JSON Schema of the configuration, for editors",
		Long: `Prints the JSON Schema (draft-07) of the configuration file: its tables and keys,
their types, words and defaults. Editors complete and underline by it; those with
taplo or Even Better TOML take it from a first line "#:schema rollbackd.schema.json"
in the file. What a schema cannot say, from PromQL to names that must exist, is
found by "rollbackd check".`,
		Example: "  rollbackd schema > rollbackd.schema.json",
		Args:    exactly(),
		RunE: func(*cobra.Command, []string) error {
			text, err := config.Schema()
			if err != nil {
				return err
			}
			_, err = a.stdout.Write(text)
			return err
		},
	}
}
