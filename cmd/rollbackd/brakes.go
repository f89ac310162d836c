package main

import (
	"net/url"

	"github.com/prometheus/common/model"
	"github.com/spf13/cobra"

	"github.com/rollbackd/rollbackd/incident"
)

// allServices stands for every service in the API's paths.
const allServices = "_all"

// brake is a pause or a lock, or the end of one.
type brake struct {
	verb, short, long, examples string
	kind                        incident.BrakeKind
	// sets tells whether it sets the brake; only then it takes --for.
	sets bool
}

func brakeVerbs() []brake {
	return []brake{
		{
			verb: "pause", kind: incident.Pause, sets: true,
			short: "Let no automatic decision act on a service",
			long: `While a service is paused nothing rolls it back by itself; breaches are noted and
people are told. A person may still roll back. A running rollback stops at the
next step boundary. A pause ends by itself.`,
			examples: `  rollbackd pause checkout --for 2h --reason "database migration"
  rollbackd pause --all --for 30m --reason "Prometheus is being upgraded"`,
		},
		{
			verb: "resume", kind: incident.Pause,
			short: "End a pause",
			long:  "Ends a pause before its time. Incidents that only the pause held are decided again.",
			examples: `  rollbackd resume checkout --reason "the migration is done"
  rollbackd resume --all --reason "Prometheus answers again"`,
		},
		{
			verb: "lock", kind: incident.Lock, sets: true,
			short: "Let nobody act on a service",
			long: `While a service is locked neither rollbackd nor a person rolls it back. A running
rollback stops at the next step boundary. A lock ends by itself.`,
			examples: `  rollbackd lock checkout --for 2h --reason "the schema cannot go back just now"
  rollbackd lock --all --for 30m --reason "network work"`,
		},
		{
			verb: "unlock", kind: incident.Lock,
			short: "End a lock",
			long:  "Ends a lock before its time. Incidents that only the lock held are decided again.",
			examples: `  rollbackd unlock checkout --reason "the schema can go back again"
  rollbackd unlock --all --reason "the network is back"`,
		},
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
		Example: b.examples,
		RunE: func(cmd *cobra.Command, args []string) error {
			service, err := oneOrAll(cmd, args, all)
			if err != nil {
				return err
			}
			if err := needs(cmd, "reason", reason); err != nil {
				return err
			}
			body := map[string]string{"reason": reason}
			if cmd.Flags().Changed("for") {
				if err := checkLength(cmd, length); err != nil {
					return err
				}
				body["for"] = length
			}
			return a.setBrake(cmd, b, service, body)
		},
	})
	cmd.Flags().BoolVar(&all, "all", false, "every service")
	cmd.Flags().StringVar(&reason, "reason", "", "why, for the record (required)")
	if b.sets {
		cmd.Flags().StringVar(&length, "for", "", "how long (default 4h)")
	}
	return cmd
}

func checkLength(cmd *cobra.Command, length string) error {
	d, err := model.ParseDuration(length)
	switch {
	case err != nil:
		return usagef(cmd, "--for: %q is not a duration (try 4h)", length)
	case d <= 0:
		return usagef(cmd, "--for: %q must be longer than 0", length)
	}
	return nil
}

func (a *app) setBrake(cmd *cobra.Command, b brake, service string, body map[string]string) error {
	c, err := a.client()
	if err != nil {
		return err
	}
	var before []serviceView
	if !b.sets { // setting a brake works even while nothing can be read any more
		if before, _, err = servicesNamed(cmd.Context(), c, service); err != nil {
			return err
		}
	}
	data, err := c.post(cmd.Context(), "/api/v1/services/"+url.PathEscape(service)+"/"+b.verb, body, nil)
	if err != nil {
		return err
	}
	after, views, err := servicesNamed(cmd.Context(), c, service)
	if err == nil && views != nil { // else it is done all the same
		data = views
	}
	p := a.page()
	for _, line := range b.outcome(service, before, after) {
		p.line("%s", plain(line))
	}
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
