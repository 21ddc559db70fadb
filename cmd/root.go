package cmd

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"berth/internal/source"
)

// root is the tree of commands. That of a command line which names one has only
// that: to make them all is a fifth of what a start costs.
func (a *app) root(args ...string) *cobra.Command {
	root := &cobra.Command{
		Use:   "berth",
		Short: "Run Kubernetes YAML on this host",
		Long: `berth runs pods from Kubernetes YAML on this host, with podman's words and without a daemon.

Play files once with "berth kube play", or keep a folder running with "berth serve".
Containers never depend on berth itself: it may be stopped or upgraded while they run.`,
		Example: `  berth kube play web.yaml
  berth pod ps
  berth logs -f web-nginx
  berth serve /etc/berth/manifests`,
		Version:           a.build.Version,
		SilenceErrors:     true,
		SilenceUsage:      true,
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
		Args:              cobra.ArbitraryArgs, // group says what is wrong with them
		RunE:              group,
	}
	root.SetVersionTemplate("berth version {{.Version}}\n")
	root.SetFlagErrorFunc(flagError)
	root.SetHelpCommand(a.help())
	a.globalFlags(root.PersistentFlags())
	for _, c := range a.meant(args) {
		root.AddCommand(c.make())
	}
	return root
}

func (a *app) globalFlags(f *pflag.FlagSet) {
	g := &a.globals
	f.StringVar(&g.root, "root", "", "keep images below this `folder`, and berth's state in its folder berth")
	f.StringVar(&g.runRoot, "runroot", "", "keep what does not survive a reboot below this `folder`")
	f.StringVar(&g.runtime, "runtime", "", "OCI `runtime`, by name or path (default: containers.conf's, else crun, else runc)")
	f.StringVar(&g.cgroupManager, "cgroup-manager", "", "`manager` of cgroups: cgroupfs or systemd (default: what fits the host)")
	f.StringVar(&g.storageDriver, "storage-driver", "", "storage `driver`: overlay or vfs (default: storage.conf's)")
	f.StringArrayVar(&g.storageOpts, "storage-opt", nil, "`option` of the storage driver")
	f.StringVar(&g.networkDir, "network-config-dir", "", "`folder` of network definitions")
	f.StringArrayVar(&g.modules, "module", nil, "read a module of containers.conf, too: a `file`, or its name in containers.conf.modules")
	f.BoolVar(&g.noSupervise, "no-supervise", false, "start no supervisor in the background: containers that end stay down")
	f.StringVar(&g.logLevel, "log-level", "warn", "log messages from this `level` on: debug, info, warn, error")
	f.SortFlags = false
}

// group is the body of a command that only has others below it.
func group(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		if !cmd.HasParent() {
			return cmd.Help()
		}
		return fmt.Errorf("missing command '%s COMMAND'\nTry '%s --help' for more information", cmd.CommandPath(), cmd.CommandPath())
	}
	var known []string
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() {
			known = append(append(known, c.Name()), c.Aliases...)
		}
	}
	hint := source.DidYouMean(args[0], known)
	return fmt.Errorf("unrecognized command '%s %s'%s\nTry '%s --help' for more information", cmd.CommandPath(), args[0], hint, cmd.CommandPath())
}

// newGroup makes a command that only has others below it.
func newGroup(use, short, long string, commands ...*cobra.Command) *cobra.Command {
	var example strings.Builder
	for i, c := range commands {
		if first, _, _ := strings.Cut(strings.TrimSpace(c.Example), "\n"); i < 3 && !c.Hidden {
			fmt.Fprintf(&example, "  %s\n", first)
		}
	}
	cmd := &cobra.Command{
		Use: use, Short: short, Long: long, Example: strings.TrimRight(example.String(), "\n"),
		Args: cobra.ArbitraryArgs,
		RunE: group,
	}
	cmd.AddCommand(commands...)
	return cmd
}

// flagError says what was probably meant by a flag that does not exist.
func flagError(cmd *cobra.Command, err error) error {
	word, unknown := strings.CutPrefix(err.Error(), "unknown flag: --")
	if !unknown {
		return usageError(cmd, "%w", err)
	}
	var known []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			known = append(known, f.Name)
		}
	})
	slices.Sort(known)
	if near := source.Suggest(word, known); near != "" {
		return usageError(cmd, "%w, did you mean --%s?", err, near)
	}
	return usageError(cmd, "%w", err)
}

func (a *app) help() *cobra.Command {
	return &cobra.Command{
		Use:     "help [COMMAND]",
		Short:   "Show the help of a command",
		Long:    "Shows what a command does, its flags and examples of its use.",
		Example: "  berth help kube play",
		RunE: func(cmd *cobra.Command, args []string) error {
			found, rest, err := cmd.Root().Find(args)
			if err != nil || found == nil {
				return group(cmd.Root(), args)
			}
			if len(rest) > 0 {
				return group(found, rest)
			}
			found.InitDefaultHelpFlag()
			return found.Help()
		},
	}
}
