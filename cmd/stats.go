package cmd

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"berth/cmd/output"
	"berth/cmd/report"
	"berth/engine"
	"berth/engine/oci"
	"berth/engine/spec"
)

// statsFlags are those of stats and pod stats.
type statsFlags struct {
	all, latest, once, keep, noTrunc bool
	interval                         uint
	format, namespace                string
}

func (a *app) registerStats(cmd *cobra.Command, f *statsFlags, what string) {
	flags := cmd.Flags()
	flags.BoolVarP(&f.all, "all", "a", false, "list "+what+"s that do not run, too")
	flags.BoolVarP(&f.latest, "latest", "l", false, "of the newest "+what)
	flags.StringVar(&f.format, "format", "", "print as json, or by a Go `template`")
	flags.UintVarP(&f.interval, "interval", "i", 5, "`seconds` between two reports")
	flags.BoolVar(&f.keep, "no-reset", false, "do not clear the screen before each report")
	flags.BoolVar(&f.once, "no-stream", false, "print one report and end")
	flags.BoolVar(&f.noTrunc, "no-trunc", false, "do not shorten IDs")
	a.namespaceFlag(cmd, &f.namespace)
}

func (f *statsFlags) check(cmd *cobra.Command, args []string) error {
	given := 0
	for _, is := range []bool{f.all, f.latest, len(args) > 0} {
		if is {
			given++
		}
	}
	switch {
	case given > 1:
		return usageError(cmd, "--all, --latest and names cannot be used together")
	case f.interval == 0:
		return usageError(cmd, "--interval 0: want a number of seconds")
	}
	return nil
}

func (a *app) stats() *cobra.Command {
	var f statsFlags
	cmd := &cobra.Command{
		Use:   "stats [flags] [CONTAINER...]",
		Short: "Show what containers use of CPU, memory, disk and network",
		Long: `Prints what containers use, those that run or those that are named, again every few seconds. CPU % is of one CPU:
since the report before, and in the first one since the container began. Memory is without the file cache that the
kernel can take back at once. What goes over the host's network is not counted.`,
		Example: "  berth stats\n  berth stats --no-stream web\n  berth stats --no-stream --format \"{{.Name}} {{.CPUPerc}} {{.MemUsage}}\"",
		Args:    func(cmd *cobra.Command, args []string) error { return f.check(cmd, args) },
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.streamStats(cmd.Context(), &f, func(ctx context.Context, e *engine.Engine) ([]target, error) {
				t := targets{latest: f.latest, namespace: f.namespace}
				if len(args) == 0 && !f.latest && !f.all {
					t.filters = []string{"status=running", "status=paused", "status=stopping"}
				}
				return t.containers(ctx, e, a, args)
			}, func(l output.List, rows []report.UsageRow) error {
				l.Table = "{{.ID}}\t{{.Name}}\t{{.CPUPerc}}\t{{.MemUsage}}\t{{.MemPerc}}\t{{.NetIO}}\t{{.BlockIO}}\t{{.PIDS}}\t{{.UpTime}}\t{{.AVGCPU}}"
				data := make([]report.UsageJSON, len(rows))
				for i, r := range rows {
					data[i] = r.JSON()
				}
				return output.Print(a.out, l, data, rows)
			})
		},
		ValidArgsFunction: a.completeContainers,
	}
	a.registerStats(cmd, &f, "container")
	return cmd
}

func (a *app) podStats() *cobra.Command {
	var f statsFlags
	cmd := &cobra.Command{
		Use:   "stats [flags] [POD...]",
		Short: "Show what the containers of pods use of CPU, memory, disk and network",
		Long: `Prints what the containers of pods use, infra containers included, again every few seconds: of all pods that run, or
of those that are named. The numbers are those of "berth stats"; those of the network are the pod's.`,
		Example: "  berth pod stats web\n  berth pod stats --no-stream --format json",
		Args:    func(cmd *cobra.Command, args []string) error { return f.check(cmd, args) },
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.streamStats(cmd.Context(), &f, func(ctx context.Context, e *engine.Engine) ([]target, error) {
				t := targets{latest: f.latest, namespace: f.namespace}
				pods, err := t.pods(ctx, e, args)
				var list []target
				for _, p := range pods {
					for _, c := range append([]spec.ContainerStatus{p.Infra}, p.Containers...) {
						if c.ID != "" && (f.all || c.Running()) {
							list = append(list, target{p.Pod.Name, p, c})
						}
					}
				}
				return list, err
			}, func(l output.List, rows []report.UsageRow) error {
				l.Table = "{{.Pod}}\t{{.CID}}\t{{.Name}}\t{{.CPU}}\t{{.MemUsage}}\t{{.Mem}}\t{{.NetIO}}\t{{.BlockIO}}\t{{.PIDS}}"
				list := make([]report.PodUsage, len(rows))
				for i, r := range rows {
					list[i] = r.InPod()
				}
				return output.Print(a.out, l, list, list)
			})
		},
		ValidArgsFunction: a.completePods,
	}
	a.registerStats(cmd, &f, "pod")
	return cmd
}

// streamStats looks at containers again and again, and prints what they use.
func (a *app) streamStats(
	ctx context.Context, f *statsFlags, find func(context.Context, *engine.Engine) ([]target, error), print func(output.List, []report.UsageRow) error,
) error {
	e, err := a.engine()
	if err != nil {
		return err
	}
	format := output.ParseFormat(f.format)
	before := map[spec.ContainerID]*report.Usage{}
	once := func() error {
		list, err := find(ctx, e)
		if err != nil {
			return err
		}
		rows := []report.UsageRow{}
		now := map[spec.ContainerID]*report.Usage{}
		for _, c := range list {
			u, err := a.usageOf(e, c)
			if err != nil {
				return err
			}
			u.Before, u.Full = before[c.status.ID], f.noTrunc
			rows = append(rows, report.UsageRow{Usage: u})
			u.Before = nil // or each would hold all before it
			now[c.status.ID] = &u
		}
		before = now
		return print(output.List{Headings: report.UsageHeadings(), Format: format}, rows)
	}
	if f.once {
		return once()
	}
	return a.repeat(ctx, time.Duration(f.interval)*time.Second, !f.keep && !format.IsJSON(), once)
}

// usageOf looks at one container; one that does not run, or ends just now, has no
// numbers.
func (a *app) usageOf(e *engine.Engine, c target) (report.Usage, error) {
	u := report.Usage{Pod: &c.pod, Status: c.status}
	var err error
	u.Stats, err = e.Stats(&c.pod, c.status)
	u.At = a.now()
	switch {
	case errors.Is(err, spec.ErrNotRunning), errors.Is(err, spec.ErrNotFound):
		return u, nil
	case errors.Is(err, oci.ErrNoCgroup):
		return u, nil
	case err != nil:
		return u, fmt.Errorf("stats of %q: %w", c.raw, err)
	}
	u.Runs = true
	return u, nil
}
