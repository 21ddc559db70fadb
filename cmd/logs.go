package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"berth/cmd/filter"
	"berth/cmd/kubectl"
	"berth/cmd/output"
	"berth/cmd/terminal"
	"berth/engine"
	"berth/engine/oci"
	"berth/engine/spec"
	"berth/reconciler"
)

type logsFlags struct {
	follow, timestamps, names, color, latest, previous bool
	tail                                               int
	since, until, namespace                            string
	containers                                         []string // of a pod; none: all
}

func (a *app) logs() *cobra.Command {
	var f logsFlags
	cmd := &cobra.Command{
		Use:   "logs [flags] CONTAINER|POD [CONTAINER|POD...]",
		Short: "Show what containers wrote",
		Long: `Prints what containers wrote to standard output and standard error, each to ours. The name of a pod stands for
all its containers, or those that --container names. Where there are several, each line begins with the container's
ID, or with --names, and where a pod was named, with its name, in colour on a terminal. pod/NAME, as kubectl writes
it, is always a pod.

Times are durations before now (10m), seconds since 1970, or RFC 3339.`,
		Example: `  berth logs web-nginx
  berth logs -f --tail 20 web
  berth logs --since 10m --timestamps web-nginx web-side
  berth logs --previous web-nginx
  berth logs -p -c nginx pod/web`,
		Args: func(cmd *cobra.Command, args []string) error {
			return namesOrWide(cmd, args, "a container or a pod", "latest")
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.runLogs(cmd, &f, func(ctx context.Context, e *engine.Engine) ([]target, error) {
				return a.logTargets(ctx, e, &f, args)
			})
		},
		ValidArgsFunction: a.completePodsAndContainers,
	}
	a.logFlags(cmd, &f)
	cmd.Flags().BoolVarP(&f.latest, "latest", "l", false, "of the newest container")
	cmd.Flags().StringArrayVarP(&f.containers, "container", "c", nil, "of a pod, only what this `container` wrote")
	return cmd
}

func (a *app) podLogs() *cobra.Command {
	var f logsFlags
	cmd := &cobra.Command{
		Use:   "logs [flags] POD",
		Short: "Show what the containers of a pod wrote",
		Long: `Prints what the containers of a pod wrote, or with --container what some of them wrote. Where there are several, each
line begins with the container's ID, with --names with its name.`,
		Example: `  berth pod logs web
  berth pod logs -f -c nginx web`,
		Args: func(cmd *cobra.Command, args []string) error {
			if f.latest {
				return noArgs(cmd, args)
			}
			return exactArgs(1, "the name or ID of one pod")(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.runLogs(cmd, &f, func(ctx context.Context, e *engine.Engine) ([]target, error) {
				t := targets{latest: f.latest, namespace: f.namespace}
				pods, err := t.pods(ctx, e, args)
				if err != nil {
					return nil, err
				}
				var list []target
				for _, p := range pods {
					found, err := containersOf(p, f.containers)
					if err != nil {
						return nil, err
					}
					list = append(list, found...)
				}
				return list, nil
			})
		},
		ValidArgsFunction: a.completePods,
	}
	a.logFlags(cmd, &f)
	cmd.Flags().BoolVarP(&f.latest, "latest", "l", false, "of the newest pod")
	cmd.Flags().StringArrayVarP(&f.containers, "container", "c", nil, "only of this `container` of the pod")
	return cmd
}

func (a *app) logFlags(cmd *cobra.Command, f *logsFlags) {
	flags := cmd.Flags()
	flags.BoolVarP(&f.follow, "follow", "f", false, "go on as more is written, until the containers end for good")
	flags.IntVar(&f.tail, "tail", -1, "only the last `number` of lines of each container")
	flags.StringVar(&f.since, "since", "", "only what was written since this `time`")
	flags.StringVar(&f.until, "until", "", "only what was written until this `time`")
	flags.BoolVarP(&f.previous, "previous", "p", false, "what they wrote before they were last started anew")
	flags.BoolVarP(&f.timestamps, "timestamps", "t", false, "begin each line with its time")
	flags.BoolVar(&f.names, "names", false, "where there are several, begin each line with the container's name, not its ID")
	flags.BoolVar(&f.color, "color", false, "give each container's name a colour, on what is no terminal, too")
	a.namespaceFlag(cmd, &f.namespace)
}

// logTargets finds containers and, where none is called so, the containers of
// pods.
func (a *app) logTargets(ctx context.Context, e *engine.Engine, f *logsFlags, args []string) ([]target, error) {
	t := targets{latest: f.latest, namespace: f.namespace}
	if f.latest {
		return t.containers(ctx, e, a, nil)
	}
	var list []target
	for _, name := range args {
		if len(f.containers) == 0 {
			p, c, err := e.FindContainer(ctx, f.namespace, name)
			if err == nil {
				list = append(list, target{name, p, c})
				continue
			}
			if !errors.Is(err, spec.ErrNotFound) {
				return nil, err
			}
		}
		p, err := findPod(ctx, e, f.namespace, name)
		if errors.Is(err, spec.ErrNotFound) {
			return nil, fmt.Errorf("no container and no pod is called %q: %w", name, spec.ErrNotFound)
		}
		if err != nil {
			return nil, err
		}
		found, err := containersOf(p, f.containers)
		if err != nil {
			return nil, err
		}
		f.names = true // nobody named them, and their IDs tell nothing
		list = append(list, found...)
	}
	return list, nil
}

// findPod finds a pod by its name or ID, or as kubectl writes it: pod/NAME.
func findPod(ctx context.Context, e *engine.Engine, namespace, name string) (spec.PodStatus, error) {
	p, err := e.FindPod(ctx, namespace, name)
	word, rest, typed := strings.Cut(name, "/")
	if !typed || !errors.Is(err, spec.ErrNotFound) {
		return p, err
	}
	if kind, kindErr := kubectl.KindOf(word); kindErr != nil || kind.Name != kubectl.PodKind {
		return p, err
	}
	return e.FindPod(ctx, namespace, rest)
}

// containersOf lists a pod's containers that were ever made, or those named.
func containersOf(p spec.PodStatus, names []string) ([]target, error) {
	var list []target
	for _, name := range names {
		c, ok := p.Container(name)
		if !ok {
			for i := range p.Containers {
				if p.Pod.ContainerName(p.Containers[i].Name) == name {
					c, ok = &p.Containers[i], true
				}
			}
		}
		if !ok {
			return nil, fmt.Errorf("container %q of pod %s: %w", name, quoteKey(p.Pod.Key()), spec.ErrNotFound)
		}
		list = append(list, target{p.Pod.ContainerName(c.Name), p, *c})
	}
	if len(names) > 0 {
		return list, nil
	}
	for _, c := range p.Containers {
		if c.ID != "" {
			list = append(list, target{p.Pod.ContainerName(c.Name), p, c})
		}
	}
	return list, nil
}

func (a *app) runLogs(cmd *cobra.Command, f *logsFlags, find func(context.Context, *engine.Engine) ([]target, error)) error {
	if f.previous && f.follow {
		return usageError(cmd, "--previous and --follow cannot be used together")
	}
	o := oci.LogOptions{Follow: f.follow, Tail: f.tail}
	if f.tail == 0 && !f.follow {
		return nil
	}
	var err error
	if f.since != "" {
		if o.Since, err = filter.ParseTime(a.now(), f.since); err != nil {
			return usageError(cmd, "--since: %w", err)
		}
	}
	if f.tail == 0 { // only what comes
		o.Tail, o.Since = -1, a.now()
	}
	if f.until != "" {
		if o.Until, err = filter.ParseTime(a.now(), f.until); err != nil {
			return usageError(cmd, "--until: %w", err)
		}
	}
	return a.withEngine(cmd.Context(), func(ctx context.Context, e *engine.Engine) error {
		list, err := find(ctx, e)
		if err != nil {
			return err
		}
		p := a.logPrinter(f, list)
		if f.previous {
			return previousLogs(ctx, e, list, o, p)
		}
		if !f.follow || len(list) == 1 {
			for i := range list {
				if err := a.logsOf(ctx, e, list[i], o, p, i); err != nil {
					return err
				}
			}
			return nil
		}
		g, ctx := errgroup.WithContext(ctx)
		for i := range list {
			g.Go(func() error { return a.logsOf(ctx, e, list[i], o, p, i) })
		}
		return g.Wait()
	})
}

// previousLogs prints what containers wrote before they were started anew.
func previousLogs(ctx context.Context, e *engine.Engine, list []target, o oci.LogOptions, p *logPrinter) error {
	var errs []error
	for i, c := range list {
		errs = append(errs, e.PreviousLogs(ctx, c.pod.Pod.ID, c.status.Name, o, func(l oci.Line) error { return p.print(i, l) }))
	}
	return errors.Join(errs...)
}

// logsOf prints one container's log and, if it is followed, those of the runs
// after it that a supervisor starts.
func (a *app) logsOf(ctx context.Context, e *engine.Engine, c target, o oci.LogOptions, p *logPrinter, i int) error {
	id, name := c.pod.Pod.ID, c.status.Name
	for run := c.status.ID; ; {
		err := e.Logs(ctx, id, name, o, func(l oci.Line) error { return p.print(i, l) })
		if err != nil || !o.Follow || !o.Until.IsZero() {
			return err
		}
		next, err := nextRun(ctx, e, id, name, run)
		if err != nil || next == "" {
			return err
		}
		run, o.Tail, o.Since = next, -1, time.Time{}
	}
}

// runPoll is how often the next run of a container is looked for: no event
// tells of a start.
const runPoll = 200 * time.Millisecond

// nextRun waits for the run of a container after the one given, "" if there
// will be none.
func nextRun(ctx context.Context, e *engine.Engine, id spec.PodID, name string, last spec.ContainerID) (spec.ContainerID, error) {
	tick := time.NewTicker(runPoll)
	defer tick.Stop()
	for {
		st, err := e.ObservePod(ctx, id)
		if err != nil {
			if errors.Is(err, spec.ErrNotFound) {
				err = nil
			}
			return "", err
		}
		c, ok := st.Container(name)
		switch {
		case !ok:
			return "", nil
		case c.ID != last && c.State != spec.StateNone && c.State != spec.StateCreated:
			return c.ID, nil
		case !reconciler.WillRun(&st, name) || !supervised(ctx, e):
			return "", nil
		}
		select {
		case <-ctx.Done():
			return "", ctx.Err()
		case <-tick.C:
		}
	}
}

// logPrinter writes lines of several containers, one at a time.
type logPrinter struct {
	out, err   io.Writer
	timestamps bool
	prefixes   []string

	mu sync.Mutex
}

func (a *app) logPrinter(f *logsFlags, list []target) *logPrinter {
	p := &logPrinter{out: a.out, err: a.err, timestamps: f.timestamps, prefixes: make([]string, len(list))}
	if len(list) < 2 {
		return p
	}
	called := containerName
	if !f.names {
		called = func(c target) string { return output.ShortID(string(c.status.ID), false) }
	}
	colored := f.color || isTerminal(a.out) && terminal.WantsColor()
	width := 0
	for _, c := range list {
		width = max(width, len(called(c)))
	}
	for i, c := range list {
		name := fmt.Sprintf("%-*s", width, called(c))
		if colored {
			name = terminal.Colored(i, name)
		}
		p.prefixes[i] = name + " "
	}
	return p
}

// containerName is the container's name, whatever it was asked for by.
func containerName(c target) string {
	if c.infra() {
		return c.pod.Pod.InfraName()
	}
	return c.pod.Pod.ContainerName(c.status.Name)
}

func (p *logPrinter) print(i int, l oci.Line) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	line := p.prefixes[i]
	if p.timestamps {
		line += l.Time.Format(time.RFC3339Nano) + " "
	}
	line += string(l.Text)
	if !l.Partial {
		line += "\n"
	}
	to := p.out
	if l.Stream == "stderr" {
		to = p.err
	}
	_, err := io.WriteString(to, line)
	return err
}
