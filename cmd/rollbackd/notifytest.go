package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/hashicorp/go-hclog"
	"github.com/spf13/cobra"

	"github.com/rollbackd/rollbackd/config"
	"github.com/rollbackd/rollbackd/daemon"
)

// notifyTestName is the command whose argument is a receiver.
const notifyTestName = "notify-test"

func (a *app) notifyTestCommand() *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:     notifyTestName + " RECEIVER --config.file FILE",
		GroupID: groupRun,
		Short:   "Send a test message to a receiver",
		Long: `Sends one message that is marked as a test to a receiver, by each of its channels, and
prints whether each took it; NAME/CHANNEL (ops/slack), as messages wait, is that channel
alone. The daemon need not run and is not asked: try a receiver before it is needed. What a channel keeps open (PagerDuty, Alertmanager) is resolved at
once. To a status page nothing is sent, because customers would read it.

Exits with 1 when a channel did not take it, or a mail server not for all recipients.
Slack, PagerDuty and mail servers say that they took a message; whether a person is
reached by it, only that person can say.`,
		Example: "  rollbackd notify-test ops --config.file /etc/rollbackd/rollbackd.toml",
		Args:    exactly("RECEIVER"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := errors.Join(needs(cmd, "config.file", file), a.checkOutput(cmd)); err != nil {
				return err
			}
			return a.notifyTest(cmd.Context(), file, args[0])
		},
	}
	cmd.Flags().StringVar(&file, "config.file", "", "the configuration: a file, or a folder of *.toml (required)")
	a.outputFlag(cmd)
	return cmd
}

// triedChannel is what came of a test message, as JSON.
type triedChannel struct {
	Channel string `json:"channel"`
	Taken   bool   `json:"taken"`
	Note    string `json:"note,omitempty"`
	Error   string `json:"error,omitempty"`
}

func (a *app) notifyTest(ctx context.Context, file, receiver string) error {
	c, err := a.usableConfig(file)
	if err != nil {
		return err
	}
	tried, err := daemon.Try(ctx, c, receiver, a.clock, hclog.NewNullLogger())
	if err != nil {
		return err
	}
	p, failed := a.page(), false
	all := make([]triedChannel, 0, len(tried))
	rows := [][]string{{"CHANNEL", "RESULT", "WHY"}}
	for _, t := range tried {
		one := triedChannel{Channel: t.Channel, Taken: t.Err == nil, Note: t.Note}
		row := []string{t.Channel, "taken", t.Note}
		if t.Err != nil {
			failed = true
			one.Error = t.Err.Error()
			row = []string{t.Channel, "not taken", one.Error}
		}
		all, rows = append(all, one), append(rows, row)
	}
	p.table("", rows)
	data, err := json.Marshal(all)
	if err != nil {
		return err
	}
	if err := a.print(data, p); err != nil {
		return err
	}
	if failed {
		return &exitError{code: exitProblem}
	}
	return nil
}

// usableConfig reads a configuration that can be used; see usable.
func (a *app) usableConfig(file string) (*config.Config, error) {
	c, report := config.Load(file)
	if c == nil {
		say(a.stderr, report)
		return nil, fmt.Errorf("%s cannot be used: %s", file, count(len(report.Errors), "mistake"))
	}
	return c, nil
}

// configuredReceivers offers the receivers of the file that --config.file names.
func configuredReceivers(cmd *cobra.Command, _ []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	c, _ := config.Load(cmd.Flag("config.file").Value.String())
	if c == nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return slices.Sorted(maps.Keys(c.Receivers)), cobra.ShellCompDirectiveNoFileComp
}
