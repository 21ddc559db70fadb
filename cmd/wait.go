package cmd

import (
	"context"
	"errors"
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
	o := waitOptions{interval: 250 * time.Millisecond}
	cmd := &cobra.Command{
		Use:   "wait [flags] CONTAINER [CONTAINER...] | --for=CONDITION pod/NAME...",
		Short: "Wait until containers have ended, or until pods are as one wants",
		Long: `Waits until containers have ended, or are in one of the states given, and prints their exit codes (-1 for one
that has not ended, or is not there). The state removing is reached when the container is gone.

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
			for _, c := range o.conditions {
				if !slices.Contains(waitConditions(), c) {
					return usageError(cmd, "--condition %q: want one of %s", c, strings.Join(waitConditions(), ", "))
				}
			}
			return a.withEngine(cmd.Context(), func(ctx context.Context, e *engine.Engine) error {
				return a.runWait(ctx, e, &t, args, o)
			})
		},
	}
	a.registerTargets(cmd, &t, "container", "wait for")
	f := cmd.Flags()
	f.StringSliceVar(&o.conditions, "condition", nil, "`state` to wait for: "+orList(waitConditions()))
	complete(cmd, "condition", waitConditions()...)
	f.VarP(&intervalFlag{&o.interval}, "interval", "i", "`time` between looks, for states other than exited")
	f.BoolVar(&o.first, "exit-first-match", false, "wait for the first of the containers only, and print its exit code")
	f.BoolVar(&o.ignore, "ignore", false, "print -1 for containers that are not there")
	f.StringVar(&w.condition, "for", "", "`what` to wait for: condition=…, jsonpath=…, delete or create")
	mustComplete(cmd, "for", cobra.FixedCompletions(
		[]string{"condition=Ready", "condition=", "jsonpath=", "delete", "create"}, cobra.ShellCompDirectiveNoFileComp|cobra.ShellCompDirectiveNoSpace))
	f.DurationVar(&w.timeout, "timeout", 30*time.Second, "with --for: how long to wait; 0 looks once, below 0 is a week")
	f.StringVar(&w.selector, "selector", "", "with --for: only those whose labels match (`app=web`)")
	f.BoolVarP(&w.choosing.all, "all-namespaces", "A", false, "with --for: of all namespaces")
	return cmd
}

// waitOptions say what of containers is waited for.
type waitOptions struct {
	conditions    []string // none: they have ended
	interval      time.Duration
	first, ignore bool
}

// noCode is printed for a container that has no exit code.
const noCode = "-1"

// waitConditions are the states that can be waited for: those of containers, of
// their health, and removing.
func waitConditions() []string {
	return []string{
		"configured", "created", "exited", "healthy", "initialized", "paused", "removing", "running", "stopped", "stopping", "unhealthy", "unknown",
	}
}

// runWait waits for all that are named, those that are not there among them if they
// are to be ignored, or for the first.
func (a *app) runWait(ctx context.Context, e *engine.Engine, t *targets, names []string, o waitOptions) error {
	var list []target
	for i := 0; i < max(len(names), 1); i++ { // no name: those that the flags mean
		found, err := t.containers(ctx, e, a, names[min(i, len(names)):min(i+1, len(names))])
		switch {
		case err == nil:
			list = append(list, found...)
		case o.ignore && errors.Is(err, spec.ErrNotFound):
			list = append(list, target{})
		default:
			return err
		}
	}
	if !o.first || len(list) < 2 {
		return forEach(ctx, a.out, list, func(ctx context.Context, c target) (string, error) { return waitFor(ctx, e, c, o) })
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	type end struct {
		code string
		err  error
	}
	ends := make(chan end, len(list))
	for _, c := range list {
		go func() { // ends with its container, or with ctx
			code, err := waitFor(ctx, e, c, o)
			ends <- end{code, err}
		}()
	}
	first := <-ends
	if first.err == nil {
		fmt.Fprintln(a.out, first.code)
	}
	return first.err
}

func waitFor(ctx context.Context, e *engine.Engine, c target, o waitOptions) (string, error) {
	if c.status.Name == "" { // it is not there
		return noCode, nil
	}
	if !slices.ContainsFunc(o.conditions, func(s string) bool { return !hasEnded(s) }) {
		status, err := e.WaitContainer(ctx, c.pod.Pod.ID, c.status.Name)
		return fmt.Sprint(status.ExitCode), err
	}
	tick := time.NewTicker(o.interval)
	defer tick.Stop()
	for {
		p, err := e.ObservePod(ctx, c.pod.Pod.ID)
		if err != nil && !errors.Is(err, spec.ErrNotFound) {
			return "", err
		}
		s, there := p.Container(c.status.Name)
		switch gone := err != nil || !there || s.ID != c.status.ID; {
		case gone && slices.Contains(o.conditions, "removing"):
			return noCode, nil
		case err != nil:
			return "", err
		case there && slices.ContainsFunc(o.conditions, func(want string) bool { return reached(&p, s, want) }):
			if s.Finished() {
				return fmt.Sprint(s.ExitCode), nil
			}
			return noCode, nil
		case there && s.Running() && report.Health(&p, *s) == nil && !slices.ContainsFunc(o.conditions, func(want string) bool { return !ofHealth(want) }):
			return "", fmt.Errorf("container %q has no health check: it never becomes %s", c.raw, strings.Join(o.conditions, " or "))
		}
		select {
		case <-ctx.Done():
			return "", ctx.Err()
		case <-tick.C:
		}
	}
}

func hasEnded(condition string) bool { return condition == "exited" || condition == "stopped" }

func ofHealth(condition string) bool { return condition == "healthy" || condition == "unhealthy" }

// reached reports whether a container is as a condition says.
func reached(p *spec.PodStatus, c *spec.ContainerStatus, condition string) bool {
	switch h := report.Health(p, *c); {
	case hasEnded(condition):
		return c.State == spec.StateExited
	case ofHealth(condition):
		return c.Running() && h != nil && string(h.State) == condition
	case condition == "configured":
		return c.State == spec.StateCreated
	}
	return string(c.State) == condition
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
