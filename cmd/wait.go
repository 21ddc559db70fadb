package cmd

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"berth/cmd/report"
	"berth/engine"
	"berth/engine/spec"
)

func (a *app) wait() *cobra.Command {
	var t targets
	var w waitForFlags
	var conditions []string
	interval := 250 * time.Millisecond
	cmd := &cobra.Command{
		Use:   "wait [flags] CONTAINER [CONTAINER...] | --for=CONDITION pod/NAME...",
		Short: "Wait until containers have ended, or until pods are as one wants",
		Long: `Waits until containers have ended, or are in one of the states given, and prints their exit codes (-1 for one
that has not ended).

With --for it is kubectl's, and waits until pods or other objects are as they should be: condition=Ready,
condition=Ready=False, jsonpath='{.status.phase}'=Running, delete or create. It ends with 1 if they are not in time.`,
		Example: `  berth wait job-run
  berth wait --condition running web-nginx
  berth wait --for=condition=Ready --timeout 60s pod/web
  berth wait --for=delete pod/web
  berth wait --for=jsonpath={.status.phase}=Succeeded pod -l app=job`,
		Args: func(cmd *cobra.Command, args []string) error {
			if w.condition != "" {
				return nil
			}
			return t.check("container")(cmd, args)
		},
		ValidArgsFunction: func(cmd *cobra.Command, args []string, prefix string) ([]cobra.Completion, cobra.ShellCompDirective) {
			if w.condition != "" {
				return a.completeObjects(cmd, args, prefix)
			}
			return a.completeContainers(cmd, args, prefix)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if w.condition != "" {
				return kubectlFailure(a.runWaitFor(cmd, &w, w.take(&t, args)))
			}
			for _, name := range []string{"timeout", "selector", "all-namespaces"} {
				if cmd.Flags().Changed(name) {
					return usageError(cmd, "--%s is only for --for", name)
				}
			}
			for _, c := range conditions {
				if !slices.Contains(waitConditions(), c) {
					return usageError(cmd, "--condition %q: want one of %s", c, strings.Join(waitConditions(), ", "))
				}
			}
			return a.withEngine(cmd.Context(), func(ctx context.Context, e *engine.Engine) error {
				list, err := t.containers(ctx, e, a, args)
				if err != nil {
					return err
				}
				return forEach(ctx, a.out, list, func(ctx context.Context, c target) (string, error) {
					return waitFor(ctx, e, c, conditions, interval)
				})
			})
		},
	}
	a.registerTargets(cmd, &t, "container", "wait for")
	f := cmd.Flags()
	f.StringSliceVar(&conditions, "condition", nil, "`state` to wait for: "+orList(waitConditions()))
	complete(cmd, "condition", waitConditions()...)
	f.Var(&intervalFlag{&interval}, "interval", "`time` between looks, for states other than exited")
	f.BoolVar(&t.ignore, "ignore", false, "say nothing of containers that are not there")
	f.StringVar(&w.condition, "for", "", "`what` to wait for: condition=…, jsonpath=…, delete or create")
	mustComplete(cmd, "for", cobra.FixedCompletions(
		[]string{"condition=Ready", "condition=", "jsonpath=", "delete", "create"}, cobra.ShellCompDirectiveNoFileComp|cobra.ShellCompDirectiveNoSpace))
	f.DurationVar(&w.timeout, "timeout", 30*time.Second, "with --for: how long to wait; 0 looks once, below 0 is a week")
	f.StringVar(&w.selector, "selector", "", "with --for: only those whose labels match (`app=web`)")
	f.BoolVarP(&w.choosing.all, "all-namespaces", "A", false, "with --for: of all namespaces")
	return cmd
}

func waitConditions() []string {
	return []string{"created", "running", "paused", "exited", "stopped", "unknown", "healthy", "unhealthy"}
}

func waitFor(ctx context.Context, e *engine.Engine, c target, conditions []string, interval time.Duration) (string, error) {
	ended := func(s string) bool { return s == "exited" || s == "stopped" }
	if !slices.ContainsFunc(conditions, func(s string) bool { return !ended(s) }) {
		status, err := e.WaitContainer(ctx, c.pod.Pod.ID, c.status.Name)
		return fmt.Sprint(status.ExitCode), err
	}
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		p, err := e.ObservePod(ctx, c.pod.Pod.ID)
		if err != nil {
			return "", err
		}
		if s, ok := p.Container(c.status.Name); ok {
			for _, want := range conditions {
				h := report.Health(&p, *s)
				if string(s.State) == want || s.Running() && h != nil && string(h.State) == want || ended(want) && s.State == spec.StateExited {
					if s.Finished() {
						return fmt.Sprint(s.ExitCode), nil
					}
					return "-1", nil
				}
			}
		}
		select {
		case <-ctx.Done():
			return "", ctx.Err()
		case <-tick.C:
		}
	}
}

// intervalFlag takes a duration, or milliseconds as podman does.
type intervalFlag struct{ value *time.Duration }

// Set reads "250ms" or "250".
func (i *intervalFlag) Set(s string) error {
	d, err := time.ParseDuration(s)
	if err != nil {
		if d, err = time.ParseDuration(s + "ms"); err != nil {
			return fmt.Errorf("want a duration such as 250ms")
		}
	}
	if d <= 0 {
		return fmt.Errorf("want a duration above 0")
	}
	*i.value = d
	return nil
}

// String is the present duration.
func (i *intervalFlag) String() string {
	if i.value == nil {
		return ""
	}
	return i.value.String()
}

// Type names the flag's value in help.
func (i *intervalFlag) Type() string { return "duration" }
