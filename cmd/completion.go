package cmd

import (
	"github.com/spf13/cobra"
)

func (a *app) completion() *cobra.Command {
	shells := []string{"bash", "zsh", "fish", "powershell"}
	return &cobra.Command{
		Use:   "completion SHELL",
		Short: "Print a script that completes berth's commands in a shell",
		Long: `Prints a script for bash, zsh, fish or powershell that completes commands, flags and the names of pods,
containers, images, volumes and networks. make install brings it along for bash.`,
		Example: `  berth completion bash >/etc/bash_completion.d/berth
  berth completion zsh >"${fpath[1]}/_berth"
  berth completion fish >~/.config/fish/completions/berth.fish`,
		Args:      exactArgs(1, "a shell: "+orList(shells)),
		ValidArgs: shells,
		RunE: func(cmd *cobra.Command, args []string) error {
			root := cmd.Root()
			switch args[0] {
			case "bash":
				return root.GenBashCompletionV2(a.out, true)
			case "zsh":
				return root.GenZshCompletion(a.out)
			case "fish":
				return root.GenFishCompletion(a.out, true)
			case "powershell":
				return root.GenPowerShellCompletionWithDesc(a.out)
			}
			return usageError(cmd, "there is no completion for %q: want %s", args[0], orList(shells))
		},
	}
}
