package main

import "github.com/spf13/cobra"

func (a *app) completionCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "completion SHELL",
		GroupID: groupRun,
		Short:   "Print a completion script for a shell",
		Long: `Prints a script that completes rollbackd's command line in bash, zsh, fish or
powershell. In bash it needs the package bash-completion. Names of services and
incidents are asked of the daemon.`,
		Example: "  rollbackd completion bash > /etc/bash_completion.d/rollbackd\n  source <(rollbackd completion zsh)",
		Args:    exactly("SHELL"),
		RunE: func(cmd *cobra.Command, args []string) error {
			root := cmd.Root()
			switch args[0] {
			case "bash":
				return root.GenBashCompletionV2(a.stdout, true)
			case "zsh":
				return root.GenZshCompletion(a.stdout)
			case "fish":
				return root.GenFishCompletion(a.stdout, true)
			case "powershell":
				return root.GenPowerShellCompletionWithDesc(a.stdout)
			}
			return usagef(cmd, "unknown shell %q (want bash, zsh, fish or powershell)", args[0])
		},
	}
}

func shells() []string { return []string{"bash", "zsh", "fish", "powershell"} }
