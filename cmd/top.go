package cmd

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"berth/cmd/report"
	"berth/engine"
	"berth/engine/spec"
)

// topHelp is what top and pod top have in common.
const topHelp = `Columns are named by descriptors, as words or divided by commas, by default
  user pid ppid pcpu etime tty time args
There are also capamb capbnd capeff capinh capprm comm group groups hgroup hgroups hpid huser label nice pgid rgroup
rss ruser seccomp state stime vsz, and the codes of ps such as %C. Numbers and names are those inside the container,
but for those that begin with h, which are the host's. Nothing is needed inside the container.`

func (a *app) top() *cobra.Command {
	return a.newTop("container", "berth top", "Show the processes of a container", "Lists the processes of a running container, the oldest first.",
		a.completeContainers, func(ctx context.Context, e *engine.Engine, t *targets, names []string) ([]target, error) {
			return t.containers(ctx, e, a, names)
		})
}

func (a *app) podTop() *cobra.Command {
	return a.newTop("pod", "berth pod top", "Show the processes of a pod", "Lists the processes of a pod's running containers, those of its infra container first.",
		a.completePods, func(ctx context.Context, e *engine.Engine, t *targets, names []string) ([]target, error) {
			pods, err := t.pods(ctx, e, names)
			if err != nil || len(pods) == 0 {
				return nil, err
			}
			var list []target
			for _, c := range append([]spec.ContainerStatus{pods[0].Infra}, pods[0].Containers...) {
				if c.Running() {
					list = append(list, target{pods[0].Pod.Name, pods[0], c})
				}
			}
			if len(list) == 0 {
				return nil, fmt.Errorf("no container of pod %q runs", pods[0].Pod.Name)
			}
			return list, nil
		})
}

// topTargets finds the containers whose processes are to be shown.
type topTargets = func(ctx context.Context, e *engine.Engine, t *targets, names []string) ([]target, error)

func (a *app) newTop(what, command, short, long string, names cobra.CompletionFunc, find topTargets) *cobra.Command {
	var t targets
	var list bool
	cmd := &cobra.Command{
		Use:     "top [flags] " + strings.ToUpper(what) + " [DESCRIPTOR...]",
		Short:   short,
		Long:    long + "\n\n" + topHelp,
		Example: fmt.Sprintf("  %[1]s web\n  %[1]s web pid seccomp args %%C\n  %[1]s --latest hpid,huser,comm", command),
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 && !t.latest && !list {
				return usageError(cmd, "'%s' needs the name or ID of a %s", cmd.CommandPath(), what)
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if list {
				fmt.Fprintln(a.out, strings.Join(report.TopDescriptors(), "\n"))
				return nil
			}
			var of []string
			if !t.latest {
				of, args = args[:1], args[1:]
			}
			columns, err := report.ParseTop(args)
			if err != nil {
				return err
			}
			return a.withEngine(cmd.Context(), func(ctx context.Context, e *engine.Engine) error {
				found, err := find(ctx, e, &t, of)
				if err != nil {
					return err
				}
				return a.printTop(e, found, columns)
			})
		},
		ValidArgsFunction: func(cmd *cobra.Command, args []string, prefix string) ([]cobra.Completion, cobra.ShellCompDirective) {
			if len(args) == 0 && !t.latest {
				return names(cmd, args, prefix)
			}
			left := slices.DeleteFunc(report.TopDescriptors(), func(d string) bool { return slices.Contains(args, d) || !strings.HasPrefix(d, prefix) })
			return left, cobra.ShellCompDirectiveNoFileComp
		},
	}
	f := cmd.Flags()
	f.SetInterspersed(false)
	f.BoolVarP(&t.latest, "latest", "l", false, "of the newest "+what)
	f.BoolVar(&list, "list-descriptors", false, "list the descriptors")
	_ = f.MarkHidden("list-descriptors")
	a.namespaceFlag(cmd, &t.namespace)
	return cmd
}

func (a *app) printTop(e *engine.Engine, list []target, columns []report.TopColumn) error {
	if len(list) == 0 {
		return errors.New("there is no container")
	}
	now := a.now()
	var rows []report.Running
	for _, c := range list {
		processes, names, err := e.Processes(c.pod.Pod.ID, c.status)
		if errors.Is(err, spec.ErrNotRunning) && len(list) > 1 {
			continue // it has just ended
		}
		if err != nil {
			return fmt.Errorf("top of %q: %w", c.raw, err)
		}
		for _, p := range processes {
			rows = append(rows, report.Running{ProcessInfo: p, Names: names, Now: now, Capabilities: e.CapabilityNames})
		}
	}
	w := tabwriter.NewWriter(a.out, 12, 2, 2, ' ', 0)
	line := func(text func(report.TopColumn) string) {
		words := make([]string, len(columns))
		for i, c := range columns {
			words[i] = text(c)
		}
		fmt.Fprintln(w, strings.Join(words, "\t"))
	}
	line(func(c report.TopColumn) string { return c.Heading })
	for _, r := range rows {
		line(func(c report.TopColumn) string { return c.Text(r) })
	}
	return w.Flush()
}
