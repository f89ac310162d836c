package main

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/trigger"
	"github.com/rollbackd/rollbackd/web"
)

const signalName = "signal"

func (a *app) signalCommand() *cobra.Command {
	var severity, reason string
	cmd := a.clientFlags(&cobra.Command{
		Use:     "signal SERVICE NAME",
		GroupID: groupTell,
		Short:   "Report what no metric shows: a failed deployment, validation or flag",
		Long: `Tells rollbackd that something happened to a service, in the word that one of its
triggers waits for (when = "event NAME"), such as deployment_failed,
validation_failed or flag_failed. It stands until another version is deployed, the
service's incident is closed by hand, or the deployment's blame_window has passed.
A signal that no trigger waits for changes nothing: the answer says so and names
those that the service's triggers wait for, and the exit code is 0.`,
		Example: `  rollbackd signal checkout deployment_failed --reason "smoke tests red"
  rollbackd signal checkout validation_failed --severity critical`,
		Args: exactly("SERVICE", "NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			body := web.Signalled{Service: args[0], Name: args[1], Reason: reason}
			if severity != "" {
				var err error
				if body.Severity, err = trigger.ParseSeverity(severity); err != nil {
					return usagef(cmd, "--severity: %v", err)
				}
			}
			if !trigger.IsSignalName(body.Name) {
				return usagef(cmd, "%q is not the name of a signal (want %s)", body.Name, trigger.SignalNameWanted)
			}
			c, err := a.client()
			if err != nil {
				return err
			}
			return a.signal(cmd.Context(), c, body)
		},
	})
	cmd.Flags().StringVar(&severity, "severity", "", "critical, high, medium or low: raises the trigger's, never lowers it")
	cmd.Flags().StringVar(&reason, "reason", "", "why, for the record")
	return cmd
}

func (a *app) signal(ctx context.Context, c *client, body web.Signalled) error {
	var done web.Done
	data, err := c.post(ctx, "/api/v1/signals", body, &done)
	if err != nil {
		return err
	}
	p := a.page()
	if done.Note != "" {
		p.line("%s: %s%s", body.Service, plain(done.Note), plain(hint(ctx, c, body)))
	} else {
		p.line("%s: signal %s is on record", body.Service, body.Name)
	}
	return a.print(data, p)
}

// signals are those that stand for a service, in a few words.
func signals(standing []incident.SignalView) string {
	var words []string
	for _, s := range standing {
		text := s.Name
		if s.Severity != 0 {
			text += " (" + s.Severity.String() + ")"
		}
		by := s.By
		if by == "" {
			by = s.Source
		}
		text += fmt.Sprintf(" by %s since %s", by, instant(s.At))
		if !s.Until.IsZero() {
			text += " until " + instant(s.Until)
		}
		if s.Reason != "" {
			text += ": " + s.Reason
		}
		words = append(words, plain(text))
	}
	return strings.Join(words, "; ")
}

// serviceThenSignal offers a service, and then the names that its triggers wait for.
func serviceThenSignal(ctx context.Context, c *client, args []string) (offered []cobra.Completion) {
	switch len(args) {
	case 0:
		return serviceNames(ctx, c, args)
	case 1:
		waiting, err := triggersWaiting(ctx, c, args[0])
		if err != nil {
			return nil
		}
		for _, w := range waiting {
			offered = append(offered, cobra.CompletionWithDesc(w.signal, "trigger "+w.trigger))
		}
	}
	return offered
}

// triggerWaiting is a trigger that waits for a signal.
type triggerWaiting struct{ trigger, signal string }

// triggersWaiting are the triggers of a service that wait for signals; one that
// waits for several is in it as often.
func triggersWaiting(ctx context.Context, c *client, service string) (list []triggerWaiting, err error) {
	var s serviceView
	if _, err := c.get(ctx, "/api/v1/services/"+url.PathEscape(service), &s); err != nil {
		return nil, err
	}
	for _, t := range s.Triggers {
		for _, name := range awaited(t.When) {
			list = append(list, triggerWaiting{t.Name, name})
		}
	}
	return list, nil
}

// hint says which names would have done, after one that no trigger waits for; empty
// where the name is right. Where the daemon cannot be asked its note must do.
func hint(ctx context.Context, c *client, sent web.Signalled) string {
	waiting, err := triggersWaiting(ctx, c, sent.Service)
	if err != nil {
		return ""
	}
	var names []string
	for _, w := range waiting {
		names = append(names, w.signal)
	}
	slices.Sort(names)
	names = slices.Compact(names)
	switch {
	case slices.Contains(names, sent.Name):
		return ""
	case len(names) == 0:
		return "; its triggers wait for no signal at all"
	}
	text := "; its triggers wait for " + strings.Join(names, ", ")
	if near := trigger.Nearest(sent.Name, names); near != "" {
		text += fmt.Sprintf(" (did you mean %s?)", near)
	}
	return text
}

// awaited are the names of the signals that a `when` waits for.
func awaited(when string) []string {
	var names []string
	words := strings.Fields(when)
	for i, word := range words[:max(0, len(words)-1)] {
		if begins := i == 0 || words[i-1] == "and"; begins && word == "event" && trigger.IsSignalName(words[i+1]) {
			names = append(names, words[i+1])
		}
	}
	return names
}
