package main

import (
	"context"
	"maps"
	"net/url"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/rollbackd/rollbackd/config"
	"github.com/rollbackd/rollbackd/incident"
)

// completeWithin is how long pressing the tab key may wait for the daemon.
const completeWithin = 500 * time.Millisecond

// offer asks the daemon for words to complete with; args are those before the
// word at hand.
type offer func(ctx context.Context, c *client, args []string) []cobra.Completion

// complete says what each argument and flag is completed with. Names of files
// are offered where a configuration or a test file is wanted, and nowhere else.
func (a *app) complete(root *cobra.Command) {
	root.CompletionOptions.SetDefaultShellCompDirective(cobra.ShellCompDirectiveNoFileComp)
	for _, cmd := range root.Commands() {
		cmd.ValidArgsFunction = a.argumentsOf(cmd.Name())
		for flag, f := range a.flagsOf(cmd.Name()) {
			if cmd.Flag(flag) != nil {
				_ = cmd.RegisterFlagCompletionFunc(flag, f) // it fails only for a flag that is not there, or the second time
			}
		}
	}
}

// argumentsOf is what a command's arguments are completed with; nil for nothing.
func (a *app) argumentsOf(command string) cobra.CompletionFunc {
	switch command {
	case "check":
		return first(tomlFiles)
	case "test":
		return tomlFiles
	case "completion":
		return first(oneOf(shells()...))
	case notifyTestName:
		return first(configuredReceivers)
	case "show", reportName:
		return first(a.ask(incidentsAndServices))
	case signalName:
		return a.ask(serviceThenSignal)
	case "versions", "why", rollbackName, rehearseName, "pardon", "deployed", "deploying", "pause", "resume", "lock", "unlock":
		return first(a.ask(serviceNames))
	}
	if command == approveName || slices.ContainsFunc(words(), func(w word) bool { return w.verb == command }) {
		return first(a.ask(openIncidents))
	}
	return nil
}

// flagsOf are what a command's flags are completed with, if it has them.
func (a *app) flagsOf(command string) map[string]cobra.CompletionFunc {
	flags := map[string]cobra.CompletionFunc{
		"output":      oneOf("table", "json"),
		"log.level":   oneOf("debug", "info", "warn", "error"),
		"log.format":  oneOf("logfmt", "json"),
		"severity":    oneOf("critical", "high", "medium", "low"),
		"state":       oneOf(stateWords()...),
		"config.file": tomlFiles,

		"http.config.file": yamlFiles,
	}
	switch command {
	case "incidents":
		flags["service"] = a.ask(serviceNames)
	case "check":
		flags["service"] = configured
	case reportName:
		flags["format"], flags["for"] = oneOf("markdown", "json", "html", "metrics", "failures"), oneOf("customers", "executives", "support")
	case templateName:
		flags["receiver"], flags["event"] = configuredReceivers, oneOf(sampleEvents()...)
	case rehearseName:
		flags["to"], flags["in"] = a.ask(versionNames), a.ask(serviceNames)
	case rollbackName:
		flags["to"] = a.ask(versionNames)
	case "pardon":
		flags["version"] = a.ask(versionNames)
	}
	return flags
}

// ask makes a completion of an offer. A daemon that does not answer, or not soon,
// offers nothing: there is nobody to tell.
func (a *app) ask(o offer) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		c, err := a.client()
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		ctx, cancel := a.clock.WithTimeout(cmd.Context(), completeWithin)
		defer cancel()
		return o(ctx, c, args), cobra.ShellCompDirectiveNoFileComp
	}
}

// first completes the first argument only.
func first(f cobra.CompletionFunc) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return f(cmd, args, begun)
	}
}

func oneOf(words ...string) cobra.CompletionFunc {
	return cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp)
}

func tomlFiles(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return []cobra.Completion{"toml"}, cobra.ShellCompDirectiveFilterFileExt
}

func yamlFiles(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return []cobra.Completion{"yml", "yaml"}, cobra.ShellCompDirectiveFilterFileExt
}

// configured offers the services of the file that was named before.
func configured(_ *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(args) == 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	c, _ := config.Load(args[0])
	if c == nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return slices.Sorted(maps.Keys(c.Services)), cobra.ShellCompDirectiveNoFileComp
}

func serviceNames(ctx context.Context, c *client, _ []string) (offered []cobra.Completion) {
	services, _, err := servicesNamed(ctx, c, allServices)
	if err != nil {
		return nil
	}
	for _, s := range services {
		offered = append(offered, cobra.CompletionWithDesc(s.Service, s.State))
	}
	return offered
}

func versionNames(ctx context.Context, c *client, args []string) (offered []cobra.Completion) {
	if len(args) == 0 {
		return nil
	}
	var versions []incident.VersionView
	if _, err := c.get(ctx, "/api/v1/services/"+url.PathEscape(args[0])+"/versions", &versions); err != nil {
		return nil
	}
	for _, v := range versions {
		offered = append(offered, cobra.CompletionWithDesc(v.Version, v.Standing))
	}
	return offered
}

func openIncidents(ctx context.Context, c *client, _ []string) []cobra.Completion {
	return incidentNames(ctx, c, url.Values{"state": {"open"}})
}

func incidentsAndServices(ctx context.Context, c *client, args []string) []cobra.Completion {
	return append(serviceNames(ctx, c, args), incidentNames(ctx, c, url.Values{})...)
}

func incidentNames(ctx context.Context, c *client, query url.Values) (offered []cobra.Completion) {
	var incidents []*incident.Incident
	if _, err := c.get(ctx, "/api/v1/incidents?"+query.Encode(), &incidents); err != nil {
		return nil
	}
	for _, i := range incidents {
		offered = append(offered, cobra.CompletionWithDesc(i.ID, i.Service+" "+string(i.State)))
	}
	return offered
}
