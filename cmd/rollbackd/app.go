package main

import (
	"context"
	"io"
	"strings"

	"github.com/benbjohnson/clock"
	"github.com/spf13/cobra"
)

// app is one invocation: where it reads and writes, and what all subcommands share.
type app struct {
	stdout, stderr io.Writer
	getenv         func(string) string
	clock          clock.Clock
	// terminal tells whether stdout is one: only there are colour and a redrawn line.
	terminal bool

	// address, httpConfig and output are the flags of every command that asks the
	// daemon.
	address, httpConfig, output string
}

// run carries out a command line and returns the exit code.
func (a *app) run(ctx context.Context, args []string) int {
	root := a.root()
	root.SetArgs(append([]string{}, args...)) // never nil, which would mean os.Args
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	cmd, err := root.ExecuteContextC(ctx)
	return a.exit(cmd, err)
}

// The groups of the help page.
const (
	groupWatch = "watch"
	groupAct   = "act"
	groupTell  = "tell"
	groupRun   = "run"
)

func (a *app) root() *cobra.Command {
	var version bool
	root := &cobra.Command{
		Use:   "rollbackd",
		Short: "Notices that a deployment is bad, and undoes it",
		Long: `rollbackd watches services, decides that a deployment is bad, and undoes it:
once, safely, and with a record that says why.

Commands that ask the daemon reach it over its unix socket. Data is written to
stdout, everything else to stderr. Exit codes: 0 fine, 1 a problem was found or
something failed, 2 wrong usage, 3 warnings only; "rollback" has its own, and "rehearse" 64 and 69 of them.`,
		Args: knownCommand,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if version {
				return a.printVersion()
			}
			return usagef(cmd, "say what to do")
		},
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.Flags().BoolVar(&version, "version", false, "print the version")
	root.CompletionOptions.DisableDefaultCmd = true
	root.SetHelpCommandGroupID(groupRun)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return usagef(cmd, "%v", err) })
	root.AddGroup(
		&cobra.Group{ID: groupWatch, Title: "See what is going on:"},
		&cobra.Group{ID: groupAct, Title: "Act on it:"},
		&cobra.Group{ID: groupTell, Title: "Report deployments, and what no metric shows:"},
		&cobra.Group{ID: groupRun, Title: "Set up and run:"},
	)
	root.AddCommand(
		a.statusCommand(), a.servicesCommand(), a.versionsCommand(), a.whyCommand(), a.incidentsCommand(), a.showCommand(), a.reportCommand(),
		a.rollbackCommand(), a.pardonCommand(), a.deployedCommand(), a.deployingCommand(), a.signalCommand(),
		a.runCommand(), a.checkCommand(), a.testCommand(), a.backtestCommand(), a.rehearseCommand(), a.simulateCommand(), a.journalCommand(), a.versionCommand(), a.completionCommand(),
		a.notifyTestCommand(), a.templateCommand(), a.schemaCommand(),
	)
	root.AddCommand(a.wordCommands()...)
	root.AddCommand(a.brakeCommands()...)
	a.complete(root)
	return root
}

// knownCommand refuses a word that is no command, and offers the nearest.
func knownCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	cmd.SuggestionsMinimumDistance = 2
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		return usagef(cmd, "unknown command %q (did you mean %s?)", args[0], strings.Join(near, " or "))
	}
	return usagef(cmd, "unknown command %q", args[0])
}

// exactly wants as many arguments as there are names.
func exactly(names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) < len(names) {
			return usagef(cmd, "%s is missing", names[len(args)])
		}
		if len(args) > len(names) {
			return usagef(cmd, "%q is one argument too many", args[len(names)])
		}
		return nil
	}
}

// needs refuses a command line without a flag that it cannot do without.
func needs(cmd *cobra.Command, flag, value string) error {
	if strings.TrimSpace(value) == "" {
		return usagef(cmd, "--%s is missing", flag)
	}
	return nil
}
