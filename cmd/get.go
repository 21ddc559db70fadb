package cmd

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/labels"

	"berth/cmd/kubectl"
	"berth/engine"
	"berth/engine/spec"
	"berth/reconciler"
)

// choosing says which objects of a kind are meant, in kubectl's flags.
type choosing struct {
	namespace, selector string
	all                 bool // of all namespaces
}

func (a *app) choosingFlags(cmd *cobra.Command, c *choosing) {
	f := cmd.Flags()
	f.StringVarP(&c.namespace, "namespace", "n", spec.DefaultNamespace, "of this `namespace`")
	mustComplete(cmd, "namespace", a.completeNamespaces)
	f.BoolVarP(&c.all, "all-namespaces", "A", false, "of all namespaces")
	f.StringVarP(&c.selector, "selector", "l", "", "only those whose labels match (`app=web,tier!=db`)")
}

// in is the namespace objects of a kind are looked for in, "" for all.
func (c *choosing) in(kind kubectl.Kind) string {
	if c.all || !kind.Namespaced {
		return ""
	}
	return c.namespace
}

// request is some objects of a kind; without names it is all of them.
type request struct {
	kind  kubectl.Kind
	names []string
	one   bool // asked for as kind/name
}

// parseRequests reads "pods", "pods web db", "pod/web deploy/shop", "pods,cm".
func parseRequests(args []string) ([]request, error) {
	var out []request
	if !strings.Contains(args[0], "/") {
		for word := range strings.SplitSeq(args[0], ",") {
			kind, err := kubectl.KindOf(word)
			if err != nil {
				return nil, kubectlError{fmt.Errorf("error: %w", err)}
			}
			for _, name := range args[1:] {
				if strings.Contains(name, "/") {
					return nil, kubectlError{errors.New("error: there is no need to specify a resource type as a separate argument when passing arguments in resource/name form")}
				}
			}
			out = append(out, request{kind: kind, names: args[1:]})
		}
		return out, nil
	}
	for _, arg := range args {
		word, name, ok := strings.Cut(arg, "/")
		if !ok || name == "" {
			return nil, kubectlError{errors.New("error: arguments in resource/name form must have a single resource and name")}
		}
		kind, err := kubectl.KindOf(word)
		if err != nil {
			return nil, kubectlError{fmt.Errorf("error: %w", err)}
		}
		i := slices.IndexFunc(out, func(r request) bool { return r.kind.Name == kind.Name })
		if i < 0 {
			i, out = len(out), append(out, request{kind: kind, one: true})
		}
		out[i].names = append(out[i].names, name)
	}
	return out, nil
}

// notFoundError is kubectl's word for what is not there.
func notFoundError(kind kubectl.Kind, name string) error {
	return kubectlError{fmt.Errorf("Error from server (NotFound): %s %q not found%w", kind.Group(), name, silent{spec.ErrNotFound})}
}

// silent is an error that says nothing and is still told apart.
type silent struct{ error }

func (silent) Error() string   { return "" }
func (s silent) Unwrap() error { return s.error }

// find is what a request asks for, with an error for each name that is not there.
func (c *choosing) find(ctx context.Context, o *objects, r request) ([]kubectl.Object, error) {
	list, err := o.list(ctx, r.kind, c.in(r.kind))
	if err != nil && len(list) == 0 {
		return nil, err
	}
	errs := []error{err}
	if c.selector != "" {
		selector, err := labels.Parse(c.selector)
		if err != nil {
			return nil, kubectlError{fmt.Errorf("error: %w", err)}
		}
		list = slices.DeleteFunc(list, func(o kubectl.Object) bool { return !selector.Matches(labels.Set(kubectl.LabelsOf(o))) })
	}
	if len(r.names) == 0 {
		return list, errors.Join(errs...)
	}
	var chosen []kubectl.Object
	for _, name := range r.names {
		object, err := objectNamed(r.kind, list, name)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		chosen = append(chosen, object)
	}
	return chosen, errors.Join(errs...)
}

// objectNamed is the object of that name. Units may be called by their services, too.
func objectNamed(kind kubectl.Kind, list []kubectl.Object, name string) (kubectl.Object, error) {
	if kind.Name == kubectl.QuadletKind {
		o, err := reconciler.UnitNamed(list, name, kubectl.QuadletNames)
		if err == nil || !errors.Is(err, spec.ErrNotFound) {
			return o, err
		}
	}
	i := slices.IndexFunc(list, func(o kubectl.Object) bool { _, n := kubectl.NamespacedName(o); return n == name })
	if i < 0 {
		return nil, notFoundError(kind, name)
	}
	return list[i], nil
}

type getFlags struct {
	choosing
	output, sortBy                                        string
	watch, noHeaders, showLabels, showKind, ignoreMissing bool

	format kubectl.Format
}

func (a *app) get() *cobra.Command {
	var f getFlags
	cmd := &cobra.Command{
		Use:   "get [flags] KIND [NAME...] | KIND/NAME...",
		Short: "List pods and other objects as kubectl does",
		Long: `Lists pods in kubectl's words, or what else was given: deployments, configmaps, secrets, persistentvolumeclaims
(pvc), namespaces, and the Quadlet units that berth serve runs (quadlets).

-o takes wide, yaml, json, name, jsonpath=, jsonpath-file=, jsonpath-as-json=, custom-columns=, custom-columns-file=,
go-template= and go-template-file=. A pod is written as it was given, with its live metadata and status.`,
		Example: `  berth get pods
  berth get pods -A -o wide --sort-by .status.startTime
  berth get pod web -o yaml
  berth get pods -l app=web -o "jsonpath={.items[*].status.podIP}"
  berth get pods -w
  berth get deployments
  berth get quadlets -o wide`,
		Args: minArgs(1, "a kind of objects, such as pods"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return kubectlFailure(a.runGet(cmd.Context(), &f, args))
		},
		ValidArgsFunction: a.completeObjects,
	}
	a.choosingFlags(cmd, &f.choosing)
	flags := cmd.Flags()
	flags.StringVarP(&f.output, "output", "o", "", "`format`: wide, yaml, json, name, jsonpath=… and others")
	mustComplete(cmd, "output", func(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
		return kubectl.Formats(), cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
	})
	flags.BoolVarP(&f.watch, "watch", "w", false, "go on, and list what changes")
	flags.BoolVar(&f.noHeaders, "no-headers", false, "leave the headings out")
	flags.BoolVar(&f.showLabels, "show-labels", false, "show all labels in a column")
	flags.BoolVar(&f.showKind, "show-kind", false, "show the kind before each name")
	flags.StringVar(&f.sortBy, "sort-by", "", "sort by the field at this `path`, such as .metadata.creationTimestamp")
	flags.BoolVar(&f.ignoreMissing, "ignore-not-found", false, "say nothing of names that are not there")
	return cmd
}

func (a *app) runGet(ctx context.Context, f *getFlags, args []string) error {
	requests, err := parseRequests(args)
	if err != nil {
		return err
	}
	if f.format, err = kubectl.ParseFormat(f.output); err != nil {
		return kubectlError{fmt.Errorf("error: %w", err)}
	}
	return a.withEngine(ctx, func(ctx context.Context, e *engine.Engine) error {
		if f.watch {
			return a.watchObjects(ctx, e, f, requests)
		}
		o, err := a.lookAround(ctx, e, supervisorViews(ctx, e))
		if err != nil {
			return err
		}
		o.brief = f.brief()
		return a.printObjects(ctx, o, f, requests)
	})
}

// brief reports whether no more of pods is shown than lists show.
func (f *getFlags) brief() bool { return f.format.Table() && f.sortBy == "" || f.output == "name" }

// printObjects lists what is there.
func (a *app) printObjects(ctx context.Context, o *objects, f *getFlags, requests []request) error {
	var all []kubectl.Object
	var errs []error
	single, printed := len(requests) == 1 && len(requests[0].names) == 1, false
	for _, r := range requests {
		list, err := f.find(ctx, o, r)
		if !f.ignoreMissing || !errors.Is(err, spec.ErrNotFound) {
			errs = append(errs, err)
		}
		if err := kubectl.Sort(list, f.sortBy); err != nil {
			return kubectlError{fmt.Errorf("error: %w", err)}
		}
		if !f.format.Table() || len(list) == 0 {
			all = append(all, list...)
			continue
		}
		if printed {
			fmt.Fprintln(a.out)
		}
		printed = true
		p := &objectPrinter{app: a, flags: f, kind: r.kind, showKind: f.showKind || len(requests) > 1, table: kubectl.Table{Out: a.out, NoHeader: f.noHeaders}}
		errs = append(errs, p.print(list))
	}
	err := errors.Join(errs...)
	switch {
	case f.format.Table() && !printed && err == nil && !f.ignoreMissing:
		fmt.Fprintln(a.err, f.nothing(requests))
	case !f.format.Table() && (err == nil || len(all) > 0) && !(single && len(all) == 0):
		err = errors.Join(err, f.format.Print(a.out, all, single, f.noHeaders))
	}
	return err
}

// nothing says that there is nothing.
func (f *getFlags) nothing(requests []request) string {
	if f.in(requests[0].kind) == "" {
		return "No resources found"
	}
	return fmt.Sprintf("No resources found in %s namespace.", f.namespace)
}

// objectPrinter prints rows of one kind.
type objectPrinter struct {
	app      *app
	flags    *getFlags
	kind     kubectl.Kind
	showKind bool
	table    kubectl.Table
}

func (p *objectPrinter) print(list []kubectl.Object) error {
	headings := p.kind.Headings(p.flags.format.Wide())
	if p.kind.Name == kubectl.PodKind {
		headings = kubectl.PodHeadings(p.flags.format.Wide())
	}
	if p.flags.all && p.kind.Namespaced {
		headings = append([]string{"NAMESPACE"}, headings...)
	}
	if p.flags.showLabels {
		headings = append(slices.Clone(headings), "LABELS")
	}
	var rows [][]string
	for _, o := range list {
		row, err := p.row(o, p.app.now())
		if err != nil {
			return err
		}
		rows = append(rows, row)
	}
	return p.table.Print(headings, rows)
}

func (p *objectPrinter) row(o kubectl.Object, now time.Time) ([]string, error) {
	var row []string
	if p.kind.Name == kubectl.PodKind {
		pod, err := kubectl.PodOf(o)
		if err != nil {
			return nil, err
		}
		row = kubectl.PodRow(pod, now, p.flags.format.Wide())
	} else {
		row = p.kind.Row(o, now, p.flags.format.Wide())
	}
	if p.showKind {
		row[0] = kubectl.NameOf(o)
	}
	namespace, _ := kubectl.NamespacedName(o)
	if p.flags.all && p.kind.Namespaced {
		row = append([]string{namespace}, row...)
	}
	if p.flags.showLabels {
		text := labels.Set(kubectl.LabelsOf(o)).String()
		if text == "" {
			text = "<none>"
		}
		row = append(row, text)
	}
	return row, nil
}

// watchObjects lists what is there, then each object that changes.
func (a *app) watchObjects(ctx context.Context, e *engine.Engine, f *getFlags, requests []request) error {
	if len(requests) != 1 {
		return kubectlError{errors.New("error: you may only specify a single resource type")}
	}
	r, first := requests[0], true
	p := &objectPrinter{app: a, flags: f, kind: r.kind, showKind: f.showKind, table: kubectl.Table{Out: a.out, NoHeader: f.noHeaders}}
	seen := map[string]kubectl.Object{}
	told := map[string]string{}
	return watchPods(ctx, e, func(ctx context.Context, views []reconciler.PodView) (bool, error) {
		o, err := a.lookAround(ctx, e, views)
		if err != nil {
			return false, err
		}
		o.brief = f.brief()
		list, err := f.find(ctx, o, r)
		if err != nil && (first || !errors.Is(err, spec.ErrNotFound)) {
			return false, err
		}
		if first {
			if err := kubectl.Sort(list, f.sortBy); err != nil {
				return false, kubectlError{fmt.Errorf("error: %w", err)}
			}
		}
		first = false
		var news []kubectl.Object
		there := map[string]bool{}
		for _, object := range list {
			namespace, name := kubectl.NamespacedName(object)
			key := namespace + "/" + name
			there[key], seen[key] = true, object
			text, err := p.standing(object)
			if err != nil {
				return false, err
			}
			if told[key] != text {
				told[key] = text
				news = append(news, object)
			}
		}
		for key, object := range seen {
			if !there[key] {
				delete(seen, key)
				delete(told, key)
				news = append(news, gone(object))
			}
		}
		return false, p.tell(news)
	})
}

// standing is what a watch would print of an object, had no time passed.
func (p *objectPrinter) standing(o kubectl.Object) (string, error) {
	if !p.flags.format.Table() {
		return fmt.Sprint(o), nil
	}
	row, err := p.row(o, time.Time{})
	return strings.Join(row, "\t"), err
}

// tell prints objects that changed.
func (p *objectPrinter) tell(list []kubectl.Object) error {
	switch {
	case len(list) == 0:
		return nil
	case p.flags.format.Table():
		return p.print(list)
	}
	for _, o := range list {
		if err := p.flags.format.Print(p.app.out, []kubectl.Object{o}, true, true); err != nil {
			return err
		}
	}
	return nil
}

// gone is an object as it was last, on its way out.
func gone(o kubectl.Object) kubectl.Object {
	out := kubectl.Object{}
	for key, value := range o {
		out[key] = value
	}
	meta := map[string]any{}
	if old, ok := o["metadata"].(map[string]any); ok {
		for key, value := range old {
			meta[key] = value
		}
	}
	if _, ends := meta["deletionTimestamp"]; !ends {
		meta["deletionTimestamp"] = meta["creationTimestamp"]
	}
	out["metadata"] = meta
	return out
}

// completeObjects offers kinds, then names.
func (a *app) completeObjects(cmd *cobra.Command, args []string, prefix string) ([]cobra.Completion, cobra.ShellCompDirective) {
	before := ""
	if len(args) == 0 || strings.Contains(args[0], "/") {
		word, _, slash := strings.Cut(prefix, "/")
		if !slash {
			var words []string
			for _, k := range kubectl.Kinds() {
				words = append(words, k.Words[0])
			}
			return words, cobra.ShellCompDirectiveNoFileComp
		}
		before, args = word+"/", []string{word}
	}
	return a.completing(func(ctx context.Context, e *engine.Engine) ([]string, error) {
		kind, err := kubectl.KindOf(args[0])
		if err != nil {
			return nil, err
		}
		o, err := a.lookAround(ctx, e, nil)
		if err != nil {
			return nil, err
		}
		o.brief = true
		namespace, _ := cmd.Flags().GetString("namespace")
		list, err := o.list(ctx, kind, (&choosing{namespace: namespace}).in(kind))
		var names []string
		for _, object := range list {
			_, name := kubectl.NamespacedName(object)
			names = append(names, before+name)
		}
		return names, err
	})(cmd, args, prefix)
}
