package cmd

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"berth/cmd/filter"
	"berth/cmd/output"
	"berth/cmd/report"
	"berth/engine"
	"berth/engine/spec"
)

type psFlags struct {
	listing
	all, latest, kernelNamespaces, pod, size bool
	last                                     int
	watch                                    uint
	namespace                                string
}

func (a *app) ps() *cobra.Command {
	var f psFlags
	cmd := &cobra.Command{
		Use:   "ps [flags]",
		Short: "List containers",
		Long: `Lists containers: those that run, or all of them with --all.

Filters are id, name, label, label!, annotation, status, ancestor, exited, pod, namespace, network,
volume, command, health, restart-policy, should-start-on-boot, until, before and since. A label may be a
pattern (app*). A number given to -n is podman's --last.`,
		Example: `  berth ps
  berth ps -a --filter status=exited
  berth ps -a --format "table {{.Names}}\t{{.Status}}\t{{.PodName}}"
  berth ps -q --filter label=app=web`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := f.check(cmd); err != nil {
				return err
			}
			return a.withEngine(cmd.Context(), func(ctx context.Context, e *engine.Engine) error { return a.runPs(ctx, e, &f) })
		},
	}
	f.register(cmd, "")
	f.sortable(cmd, "", report.SortKeys())
	flags := cmd.Flags()
	flags.BoolVarP(&f.all, "all", "a", false, "list containers that do not run, too")
	flags.BoolVarP(&f.latest, "latest", "l", false, "list the newest container only, whatever its state")
	flags.IntVar(&f.last, "last", -1, "list the `number` newest containers, whatever their state")
	flags.BoolVar(&f.kernelNamespaces, "ns", false, "show the kernel namespaces of the containers")
	flags.BoolVarP(&f.pod, "pod", "p", false, "show the pod of each container")
	flags.BoolVarP(&f.size, "size", "s", false, "show what the containers have written to disk")
	ignored(flags, "what is listed is always what is there", "sync")
	ignored(flags, "containers that others keep in the storage are not listed", "external")
	flags.UintVarP(&f.watch, "watch", "w", 0, "list again every so many `seconds`")
	a.namespaceFlag(cmd, &f.namespace)
	return cmd
}

func (f *psFlags) check(cmd *cobra.Command) error {
	if n, err := strconv.Atoi(f.namespace); err == nil && !cmd.Flags().Changed("last") {
		f.last, f.namespace = n, "" // podman's -n
	}
	switch {
	case f.last >= 0 && f.latest:
		return usageError(cmd, "--last and --latest cannot be used together")
	case f.quiet && (f.size || f.kernelNamespaces):
		return usageError(cmd, "--quiet cannot be used together with --size or --ns")
	case f.size && f.kernelNamespaces:
		return usageError(cmd, "--size and --ns cannot be used together")
	case f.watch > 0 && f.latest:
		return usageError(cmd, "--watch and --latest cannot be used together")
	}
	return nil
}

func (a *app) runPs(ctx context.Context, e *engine.Engine, f *psFlags) error {
	if f.watch == 0 {
		return a.listContainers(ctx, e, f)
	}
	return a.repeat(ctx, time.Duration(f.watch)*time.Second, true, func() error { return a.listContainers(ctx, e, f) })
}

func (a *app) listContainers(ctx context.Context, e *engine.Engine, f *psFlags) error {
	pods, err := e.Observe(ctx)
	if err != nil {
		return err
	}
	now := a.now()
	list, err := f.choose(now, report.Containers(now, inNamespace(pods, f.namespace)))
	if err != nil {
		return err
	}
	l := f.list(f.table(), report.ContainerHeadings())
	if f.quiet && !l.Format.Given() {
		report.SortContainers(list, f.sort)
		for _, c := range list {
			fmt.Fprintln(a.out, output.ShortID(c.ID, f.noTrunc))
		}
		return nil
	}
	if f.kernelNamespaces || l.Format.IsJSON() || slices.ContainsFunc(namespaceFields(), l.Format.Mentions) {
		for i := range list {
			list[i].Namespaces = kernelNamespaces(list[i].Pid)
		}
	}
	if f.size || f.sort == "size" || l.Format.Mentions("Size") {
		if err := measure(ctx, e, list); err != nil {
			return err
		}
	}
	report.SortContainers(list, f.sort)
	rows := report.ContainerRows(now, list, f.noTrunc)
	return output.Print(a.out, l, list, rows)
}

// namespaceFields are the fields of templates that are of kernel namespaces.
func namespaceFields() []string {
	return []string{"Namespaces", "CGROUPNS", "IPC", "MNT", "NET", "PIDNS", "USERNS", "UTS"}
}

// choose keeps what the flags ask for; all is no more what it was.
func (f *psFlags) choose(now time.Time, all []report.Container) ([]report.Container, error) {
	m := filter.Containers(now, all)
	set, err := parseFilters(f.filters, m)
	if err != nil {
		return nil, err
	}
	list, err := filter.Apply(all, set, m)
	if err != nil {
		return nil, err
	}
	_, byStatus := set["status"]
	last := f.last
	if f.latest {
		last = 1
	}
	if last >= 0 { // the newest is never what merely holds a pod together
		list = slices.DeleteFunc(slices.Clone(list), func(c report.Container) bool { return c.IsInfra })
	}
	switch {
	case last >= 0:
		report.SortContainers(list, "created")
		list = list[max(0, len(list)-last):]
	case !f.all && !byStatus && len(set["exited"]) == 0:
		list = slices.DeleteFunc(list, func(c report.Container) bool { return !c.Running() })
	}
	return list, nil
}

func (f *psFlags) table() string {
	if f.kernelNamespaces {
		return "{{.ID}}\t{{.Names}}\t{{.Pid}}\t{{.CGROUPNS}}\t{{.IPC}}\t{{.MNT}}\t{{.NET}}\t{{.PIDNS}}\t{{.USERNS}}\t{{.UTS}}"
	}
	columns := "{{.ID}}\t{{.Image}}\t{{.Command}}\t{{.CreatedHuman}}\t{{.Status}}\t{{.Ports}}\t{{.Names}}"
	if f.pod {
		columns += "\t{{.Pod}}\t{{.PodName}}"
	}
	if f.size {
		columns += "\t{{.Size}}"
	}
	return columns
}

// measure fills in what the containers have on disk.
func measure(ctx context.Context, e *engine.Engine, list []report.Container) error {
	for i := range list {
		list[i].Size = &report.ContainerSize{}
		if list[i].IsInfra {
			continue
		}
		size, err := containerSize(ctx, e, list[i].ContainerStatus().Rootfs(), list[i].ImageID)
		if err != nil {
			return err
		}
		list[i].Size = &size
	}
	return nil
}

// containerSize measures a container's root file system, and the image it is on.
func containerSize(ctx context.Context, e *engine.Engine, rootfs spec.ContainerID, imageID string) (report.ContainerSize, error) {
	written, err := e.Images().RootfsSize(ctx, rootfs)
	if err != nil {
		return report.ContainerSize{}, err
	}
	image, err := e.Images().Lookup(ctx, imageID)
	return report.ContainerSize{RootFs: written + image.Size, Rw: written}, err
}

// kernelNamespaces reads a process's namespaces; what cannot be read is empty.
func kernelNamespaces(pid int) report.Namespaces {
	if pid == 0 {
		return report.Namespaces{}
	}
	inode := func(kind string) string {
		link, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/%s", pid, kind)) // "net:[4026531840]"
		if err != nil {
			return ""
		}
		_, number, _ := strings.Cut(link, ":")
		return strings.Trim(number, "[]")
	}
	return report.Namespaces{
		MNT: inode("mnt"), Cgroup: inode("cgroup"), IPC: inode("ipc"), NET: inode("net"),
		PIDNS: inode("pid"), UTS: inode("uts"), User: inode("user"),
	}
}

func inNamespace(pods []spec.PodStatus, namespace string) []spec.PodStatus {
	if namespace == "" {
		return pods
	}
	var list []spec.PodStatus
	for _, p := range pods {
		if p.Pod.Namespace == namespace {
			list = append(list, p)
		}
	}
	return list
}
