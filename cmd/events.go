package cmd

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"berth/cmd/kubectl"
	"berth/engine"
	"berth/engine/spec"
	"berth/reconciler"
)

type eventFlags struct {
	namespace, about, output string
	all, watch, noHeaders    bool
	types                    []string

	format kubectl.Format
	pod    string
}

func (a *app) events() *cobra.Command {
	var f eventFlags
	var p actFlags
	types := []string{string(reconciler.EventNormal), string(reconciler.EventWarning)}
	cmd := &cobra.Command{
		Use:   "events [flags]",
		Short: "List what happened lately",
		Long: `Lists what happened to pods as kubectl events does: what was started, what failed, and why, repetitions counted. It
is the supervisor that remembers; what the last one knew is listed until the next takes it over.

With any of podman's flags, --filter, --format, --since, --until, --stream and --no-trunc, it lists as podman events
does what was done to containers, pods, images, volumes, networks and secrets, one line each, and goes on with what
is done; --stream=false ends with what is known. "berth system events" always does that. Both kinds of flags cannot
be mixed.

A reboot forgets all.`,
		Example: `  berth events --for pod/web --types Warning
  berth events -A -w
  berth events --since 10m --stream=false
  berth events --filter event=died --format "{{.Name}} {{.ContainerExitCode}}"`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			podmans, err := p.asked(cmd)
			if err != nil {
				return err
			}
			if podmans {
				return a.withEngine(cmd.Context(), func(ctx context.Context, e *engine.Engine) error { return a.runActs(ctx, cmd, e, &p) })
			}
			return kubectlFailure(a.runEvents(cmd.Context(), &f))
		},
	}
	flags := cmd.Flags()
	p.register(cmd)
	flags.StringVarP(&f.namespace, "namespace", "n", spec.DefaultNamespace, "of this `namespace`")
	mustComplete(cmd, "namespace", a.completeNamespaces)
	flags.BoolVarP(&f.all, "all-namespaces", "A", false, "of all namespaces")
	flags.StringVar(&f.about, "for", "", "only what happened to this `pod/NAME`")
	mustComplete(cmd, "for", a.completeObjects)
	flags.StringSliceVar(&f.types, "types", nil, "only of these `types`: Normal, Warning")
	complete(cmd, "types", types...)
	flags.BoolVarP(&f.watch, "watch", "w", false, "go on, and list what happens")
	flags.BoolVar(&f.noHeaders, "no-headers", false, "leave the headings out")
	flags.StringVarP(&f.output, "output", "o", "", "`format`: yaml, json, name, jsonpath=… and others")
	return cmd
}

func (a *app) runEvents(ctx context.Context, f *eventFlags) (err error) {
	for _, t := range f.types {
		if !strings.EqualFold(t, string(reconciler.EventNormal)) && !strings.EqualFold(t, string(reconciler.EventWarning)) {
			return kubectlError{fmt.Errorf("error: valid --types are Normal or Warning")}
		}
	}
	if f.format, err = kubectl.ParseFormat(f.output); err != nil {
		return kubectlError{fmt.Errorf("error: %w", err)}
	}
	if f.about != "" {
		requests, err := parseRequests([]string{f.about})
		if err != nil {
			return err
		}
		if requests[0].kind.Name != kubectl.PodKind || len(requests[0].names) != 1 {
			return kubectlError{fmt.Errorf("error: --for must be in resource/name form, such as pod/web")}
		}
		f.pod = requests[0].names[0]
	}
	return a.withEngine(ctx, func(ctx context.Context, e *engine.Engine) error {
		if f.watch {
			return a.watchEvents(ctx, reconciler.NewClient(e.Paths().Run), f)
		}
		events := reconciler.KnownEvents(ctx, e.Paths().Run)
		events = slices.DeleteFunc(events, func(e reconciler.Event) bool { return !f.wants(&e) })
		if len(events) == 0 && f.format.Table() {
			if f.all {
				fmt.Fprintln(a.err, "No events found.")
			} else {
				fmt.Fprintf(a.err, "No events found in %s namespace.\n", f.namespace)
			}
			return nil
		}
		return a.printEvents(&kubectl.Table{Out: a.out, NoHeader: f.noHeaders}, f, events, false)
	})
}

func (f *eventFlags) wants(e *reconciler.Event) bool {
	return (f.all || e.Namespace() == f.namespace) && (f.pod == "" || e.Pod.Name == f.pod && e.Pod.Namespace != "") &&
		(len(f.types) == 0 || slices.ContainsFunc(f.types, func(t string) bool { return strings.EqualFold(t, string(e.Type)) }))
}

func (a *app) printEvents(t *kubectl.Table, f *eventFlags, events []reconciler.Event, single bool) error {
	now := a.now()
	var rows [][]string
	var list []kubectl.Object
	for i := range events {
		object := events[i].Object()
		if f.format.Table() {
			rows = append(rows, kubectl.EventRow(&object, now, f.all))
			continue
		}
		fields, err := kubectl.ObjectOf(&object)
		if err != nil {
			return err
		}
		list = append(list, fields)
	}
	if f.format.Table() {
		return t.Print(kubectl.EventHeadings(f.all), rows)
	}
	return f.format.Print(a.out, list, single, f.noHeaders)
}

// watchEvents prints what happened and what happens, also across supervisors,
// and waits for one where there is none.
func (a *app) watchEvents(ctx context.Context, client *reconciler.Client, f *eventFlags) error {
	table := &kubectl.Table{Out: a.out, NoHeader: f.noHeaders}
	var failed error
	for {
		// That it broke off says only that there is nobody any more.
		_ = client.WatchEvents(ctx, func(e reconciler.Event) error {
			if f.wants(&e) {
				failed = a.printEvents(table, f, []reconciler.Event{e}, true)
			}
			return failed
		})
		if failed != nil {
			return failed
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(lookAgain):
		}
	}
}
