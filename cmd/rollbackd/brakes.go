package main

import (
	"net/url"

	"github.com/prometheus/common/model"
	"github.com/spf13/cobra"
)

// allServices stands for every service in the API's paths.
const allServices = "_all"

// brake is a pause or a lock, or the end of one.
type brake struct {
	verb, done, short, long string
	// lasts tells whether it takes --for.
	lasts bool
}

func brakeVerbs() []brake {
	return []brake{
		{
			"pause", "paused", "Let no automatic decision act on a service",
			`While a service is paused nothing rolls it back by itself; breaches are noted and
people are told. A person may still roll back. A running rollback stops at the
next step boundary. A pause ends by itself.`, true,
		},
		{"resume", "resumed", "End a pause", "Ends a pause before its time. Incidents that only the pause held are decided again.", false},
		{
			"lock", "locked", "Let nobody act on a service",
			`While a service is locked neither rollbackd nor a person rolls it back. A running
rollback stops at the next step boundary. A lock ends by itself.`, true,
		},
		{"unlock", "unlocked", "End a lock", "Ends a lock before its time. Incidents that only the lock held are decided again.", false},
	}
}

func (a *app) brakeCommands() []*cobra.Command {
	var commands []*cobra.Command
	for _, b := range brakeVerbs() {
		commands = append(commands, a.brakeCommand(b))
	}
	return commands
}

func (a *app) brakeCommand(b brake) *cobra.Command {
	var all bool
	var reason, length string
	cmd := a.clientFlags(&cobra.Command{
		Use:     b.verb + " SERVICE|--all --reason R",
		GroupID: groupAct,
		Short:   b.short,
		Long:    b.long,
		Example: "  rollbackd " + b.verb + " checkout --reason \"database migration\"\n  rollbackd " + b.verb + " --all --reason \"network work\"",
		RunE: func(cmd *cobra.Command, args []string) error {
			service, err := oneOrAll(cmd, args, all)
			if err != nil {
				return err
			}
			if err := needs(cmd, "reason", reason); err != nil {
				return err
			}
			body := map[string]string{"reason": reason}
			if length != "" {
				if d, err := model.ParseDuration(length); err != nil || d <= 0 {
					return usagef(cmd, "--for: %q is not a duration (try 4h)", length)
				}
				body["for"] = length
			}
			return a.setBrake(cmd, b, service, body)
		},
	})
	cmd.Flags().BoolVar(&all, "all", false, "every service")
	cmd.Flags().StringVar(&reason, "reason", "", "why, for the record (required)")
	if b.lasts {
		cmd.Flags().StringVar(&length, "for", "", "how long (default 4h)")
	}
	return cmd
}

func (a *app) setBrake(cmd *cobra.Command, b brake, service string, body map[string]string) error {
	c, err := newClient(a.address)
	if err != nil {
		return err
	}
	data, err := c.post(cmd.Context(), "/api/v1/services/"+url.PathEscape(service)+"/"+b.verb, body, nil)
	if err != nil {
		return err
	}
	if service == allServices {
		service = "all services"
	}
	p := a.page()
	p.line("%s: %s", service, b.done)
	return a.print(data, p)
}

// oneOrAll is the service that was named, or all: exactly one of the two.
func oneOrAll(cmd *cobra.Command, args []string, all bool) (string, error) {
	switch {
	case len(args) == 0 && all:
		return allServices, nil
	case all:
		return "", usagef(cmd, "name a service or say --all, not both")
	case len(args) == 0:
		return "", usagef(cmd, "SERVICE is missing (or say --all)")
	case len(args) > 1:
		return "", usagef(cmd, "%q is one argument too many", args[1])
	}
	return args[0], nil
}
