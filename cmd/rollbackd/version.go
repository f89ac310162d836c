package main

import (
	"encoding/json"

	"github.com/prometheus/common/version"
	"github.com/spf13/cobra"
)

// build is `version -o json`: what is known of this binary.
type build struct {
	Version   string `json:"version,omitempty"`
	Revision  string `json:"revision,omitempty"`
	Branch    string `json:"branch,omitempty"`
	BuildUser string `json:"build_user,omitempty"`
	BuildDate string `json:"build_date,omitempty"`
	GoVersion string `json:"go_version"`
	Platform  string `json:"platform"`
	Tags      string `json:"tags,omitempty"`
}

func (a *app) versionCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "version",
		GroupID: groupRun,
		Short:   "Print the version",
		Long:    "Prints the version of this binary, and what is known of how it was built.",
		Example: "  rollbackd version\n  rollbackd version -o json | jq -r .revision",
		Args:    exactly(),
		PreRunE: func(cmd *cobra.Command, _ []string) error { return a.checkOutput(cmd) },
		RunE:    func(*cobra.Command, []string) error { return a.printVersion() },
	}
	a.outputFlag(cmd)
	return cmd
}

func (a *app) printVersion() error {
	known := func(text string) string {
		if text == "unknown" { // what the package says where it does not know
			return ""
		}
		return text
	}
	b := build{
		Version: version.Version, Revision: known(version.GetRevision()), Branch: version.Branch,
		BuildUser: version.BuildUser, BuildDate: version.BuildDate, GoVersion: version.GoVersion,
		Platform: version.GoOS + "/" + version.GoArch, Tags: known(version.GetTags()),
	}
	data, err := json.Marshal(b)
	if err != nil {
		return err
	}
	p := a.page()
	name := b.Version
	if name == "" {
		name = "unknown (it was built without one)"
	}
	p.line("rollbackd, version %s", name)
	p.facts(
		"revision", b.Revision, "branch", b.Branch, "build user", b.BuildUser, "build date", b.BuildDate,
		"go version", b.GoVersion, "platform", b.Platform, "tags", b.Tags,
	)
	return a.print(data, p)
}
