package cmd

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"

	"berth/engine/spec"
	"berth/kube"
	"berth/manifests"
	"berth/reconciler"
	"berth/translate"
	"berth/translate/option"
)

type playFlags struct {
	option   option.KubePlay
	registry registryFlags
	service  serviceFlags

	configMaps                                 []string
	replace, start, wait, down, force, verbose bool
	noTrunc                                    bool
}

func (a *app) kubePlay() *cobra.Command {
	var f playFlags
	cmd := &cobra.Command{
		Use:   "play [flags] FILE|FOLDER|URL|- [...]",
		Short: "Make what Kubernetes YAML says",
		Long: `Makes the pods and volumes that files, folders, URLs or standard input (-) say, and prints their IDs.

Everything is checked and every image fetched before anything is touched. Played again, only what changed is
made anew; a pod that is as it should be prints unchanged. If a pod cannot start, what this call made is removed,
and what ran before still runs. All files of one call are one set: a ConfigMap may stand in another file.`,
		Example: `  berth kube play web.yaml
  berth kube play ./manifests/ db.yaml
  kustomize build . | berth kube play -
  berth kube play --publish 8080:80 --configmap env.yaml https://example.com/web.yaml`,
		Args: minArgs(1, "a file, a folder, a URL or -"),
		RunE: func(cmd *cobra.Command, args []string) error { return a.runPlay(cmd, &f, args) },
	}
	flags := cmd.Flags()
	f.option.Register(flags)
	f.registry.register(flags)
	complete(cmd, "log-driver", "k8s-file", "journald", "none", "passthrough")
	complete(cmd, "userns", "host")
	mustComplete(cmd, "network", a.completeNetworks)
	f.service.register(cmd)
	flags.StringSliceVar(&f.configMaps, "configmap", nil, "also read the ConfigMaps of this `file`; they go with the last pod that reads them")
	flags.BoolVar(&f.replace, "replace", false, "make pods anew although they are as they should be")
	flags.BoolVar(&f.start, "start", true, "start the pods")
	flags.BoolVarP(&f.wait, "wait", "w", false, "wait until the pods have ended, or for a signal, and remove all again")
	flags.BoolVarP(&f.verbose, "verbose", "v", false, "say why pods are made anew, and which fields have no effect on one host")
	flags.BoolVar(&f.down, "down", false, "the same as kube down")
	flags.BoolVar(&f.force, "force", false, "with --down: remove volumes, too")
	flags.BoolVar(&f.noTrunc, "no-trunc", false, "nothing: annotations are never shortened")
	_ = flags.MarkHidden("down")
	_ = flags.MarkHidden("force")
	_ = flags.MarkHidden("no-trunc")
	return cmd
}

func (a *app) runPlay(cmd *cobra.Command, f *playFlags, args []string) error {
	if f.force && !f.down {
		return usageError(cmd, "--force is only for --down")
	}
	if f.down {
		return a.runDown(cmd.Context(), args, f.force, !f.registry.tlsVerify)
	}
	options, err := f.option.Options(os.Getenv)
	if err != nil {
		return err
	}
	if options.Folder, err = a.workingFolder(); err != nil {
		return err
	}
	owner, err := f.service.owner(a.forUnit())
	if err != nil {
		return err
	}
	ctx := cmd.Context()
	set := a.loadSet(ctx, args, owner, f)
	if err := set.Diagnostics.Err(); err != nil {
		return err
	}
	if len(set.Objects) == 0 {
		return errors.New("there is no Kubernetes object in what was given")
	}
	if err := translate.Assign(options, set.Objects); err != nil {
		return err
	}
	e, err := a.engine()
	if err != nil {
		return err
	}
	applier := a.applier(e)
	if f.service.container {
		applier.Store = nil // the unit plays its file again
	}
	result, err := applier.Apply(ctx, set, reconciler.ApplyOptions{
		Owner: owner, Pull: f.registry.options(cmd.Flags()), Replace: f.replace, NoStart: !f.start, Supervised: !a.globals.noSupervise || supervised(ctx, e),
	})
	a.tellWarnings(result, f.verbose)
	if err != nil {
		return err
	}
	end := func() error { return nil }
	if f.service.container {
		if end, err = a.startService(ctx, e, owner, &f.service); err != nil {
			return err
		}
	}
	awake := a.handOver(cmd, e)
	a.printPlay(result, f.verbose)
	if !awake && a.globals.noSupervise && f.start && !f.wait && made(result) && restarting(set) {
		fmt.Fprintln(a.err, "Note: no supervisor is running. Containers that end stay down: only berth serve starts them again.")
	}
	if f.wait {
		return a.waitAndRemove(ctx, e, set, result)
	}
	return end()
}

// workingFolder is where relative paths of the host begin.
func (a *app) workingFolder() (string, error) {
	if a.folder != "" {
		return a.folder, nil
	}
	return os.Getwd()
}

// loadSet reads all that was given, the files of --configmap included.
func (a *app) loadSet(ctx context.Context, args []string, owner spec.Owner, f *playFlags) kube.Set {
	set := manifests.Load(ctx, args, manifests.LoadOptions{
		Owner: string(owner), Stdin: a.in, Insecure: !f.registry.tlsVerify, Inputs: f.configMaps,
	})
	for _, o := range set.Objects {
		if o.Input && o.ConfigMap == nil {
			set.Diagnostics = append(set.Diagnostics, diagnosticAt(o, fmt.Sprintf("--configmap takes files of ConfigMaps only, this is a %s", o.Kind)))
		}
	}
	return set
}

// tellWarnings prints what Apply warns of. What merely has no effect on one
// host is told only to those who ask.
func (a *app) tellWarnings(result reconciler.ApplyResult, verbose bool) {
	for _, w := range result.Warnings {
		if verbose || !w.Harmless {
			fmt.Fprintln(a.err, "Warning: "+w.Error())
		}
	}
}

// printPlay prints what podman prints, and unchanged below the ID of a pod
// that was left alone.
func (a *app) printPlay(result reconciler.ApplyResult, verbose bool) {
	w := bufio.NewWriter(a.out) // a hundred pods are five hundred lines
	defer w.Flush()
	printNames(w, "Volumes:", result.Volumes)
	printNames(w, "Secrets:", result.Secrets)
	var removed []reconciler.PodResult
	for _, p := range result.Pods {
		if verbose && p.Reason != "" {
			fmt.Fprintf(a.err, "pod %s: %s: %s\n", p.Key, p.Action, p.Reason)
		}
		if p.Action == reconciler.ActionRemove {
			removed = append(removed, p)
			continue
		}
		printPlayed(w, p)
	}
	for i, p := range removed {
		if i == 0 {
			fmt.Fprintln(w, "Pods removed:")
		}
		fmt.Fprintln(w, p.ID)
	}
}

// printNames prints names below a title, nothing if there are none.
func printNames(w io.Writer, title string, names []string) {
	if len(names) > 0 {
		fmt.Fprintf(w, "%s\n%s\n", title, strings.Join(names, "\n"))
	}
}

func printPlayed(w io.Writer, p reconciler.PodResult) {
	fmt.Fprintf(w, "Pod:\n%s\n", p.ID)
	if p.Action == reconciler.ActionKeep || p.Action == reconciler.ActionAdopt {
		fmt.Fprintln(w, "unchanged")
	}
	var ids []spec.ContainerID
	for _, c := range p.Containers {
		if c.ID != "" {
			ids = append(ids, c.ID)
		}
	}
	switch len(ids) {
	case 0:
	case 1:
		fmt.Fprintln(w, "Container:")
	default:
		fmt.Fprintln(w, "Containers:")
	}
	for _, id := range ids {
		fmt.Fprintln(w, id)
	}
	fmt.Fprintln(w)
}

// made reports whether anything was made or started.
func made(result reconciler.ApplyResult) bool {
	return slices.ContainsFunc(result.Pods, func(p reconciler.PodResult) bool {
		return p.Action == reconciler.ActionCreate || p.Action == reconciler.ActionReplace || p.Action == reconciler.ActionRestart
	})
}

// restarting reports whether any object asks for containers to be started again.
func restarting(set kube.Set) bool {
	return slices.ContainsFunc(set.Objects, func(o *kube.Object) bool {
		return o.Deployment != nil || o.Pod != nil && o.Pod.Spec.RestartPolicy != corev1.RestartPolicyNever
	})
}
