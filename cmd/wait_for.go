package cmd

import (
	"context"
	"errors"
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

// waitForFlags are those of kubectl wait, which --for stands for.
type waitForFlags struct {
	choosing
	condition string
	timeout   time.Duration
	every     bool // all of the kind
}

// take takes over the flags that both kinds of wait have. podman's -l stands
// alone, kubectl's is followed by a selector.
func (f *waitForFlags) take(t *targets, args []string) []string {
	f.namespace, f.every = t.namespace, t.all
	if f.namespace == "" {
		f.namespace = spec.DefaultNamespace
	}
	if i := slices.IndexFunc(args, func(arg string) bool { return strings.Contains(arg, "=") }); t.latest && f.selector == "" && i >= 0 {
		f.selector = args[i]
		args = slices.Delete(slices.Clone(args), i, i+1)
	}
	return args
}

// waitForever is kubectl's week, for a timeout below zero.
const waitForever = 7 * 24 * time.Hour

func (a *app) runWaitFor(cmd *cobra.Command, f *waitForFlags, args []string) error {
	condition, err := kubectl.ParseCondition(f.condition)
	if err != nil {
		return kubectlError{fmt.Errorf("error: %w", err)}
	}
	if len(args) == 0 {
		return kubectlError{errors.New("error: you must specify what to wait for, such as pod/web")}
	}
	requests, err := parseRequests(args)
	if err != nil {
		return err
	}
	for _, r := range requests {
		if len(r.names) == 0 && !f.every && f.selector == "" {
			return kubectlError{errors.New("error: resource(s) were provided, but no name was specified")}
		}
	}
	timeout := f.timeout
	if timeout < 0 {
		timeout = waitForever
	}
	return a.withEngine(cmd.Context(), func(ctx context.Context, e *engine.Engine) error {
		w := &waiting{app: a, flags: f, condition: condition, requests: requests, met: map[string]bool{}}
		limited, cancel := context.WithTimeout(ctx, timeout)
		defer cancel()
		err := watchPods(limited, e, func(_ context.Context, views []reconciler.PodView) (bool, error) {
			if err := w.look(ctx, e, views); err != nil {
				return false, err
			}
			return len(w.left) == 0 || timeout == 0, nil
		})
		switch {
		case errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil, err == nil && len(w.left) > 0:
			return w.late()
		}
		return err
	})
}

// waiting is one wait for one or more objects.
type waiting struct {
	app       *app
	flags     *waitForFlags
	condition kubectl.Condition
	requests  []request

	begun   bool
	targets []waitTarget
	met     map[string]bool
	left    []waitTarget // that are not yet as they are waited for
}

// waitTarget is one object that is waited for.
type waitTarget struct {
	kind            kubectl.Kind
	namespace, name string
}

func (t waitTarget) key() string { return t.kind.Words[0] + "/" + t.namespace + "/" + t.name }

// look sees how the objects do, and tells of those that are as they should be.
func (w *waiting) look(ctx context.Context, e *engine.Engine, views []reconciler.PodView) error {
	o, err := w.app.lookAround(ctx, e, views)
	if err != nil {
		return err
	}
	if err := w.begin(ctx, o); err != nil {
		return err
	}
	w.left = nil
	for _, t := range w.targets {
		if w.met[t.key()] {
			continue
		}
		met, err := w.judge(ctx, o, t)
		switch {
		case err != nil:
			return err
		case met:
			w.met[t.key()] = true
			fmt.Fprintf(w.app.out, "%s/%s condition met\n", t.kind.Words[1]+groupOf(t.kind), t.name)
		default:
			w.left = append(w.left, t)
		}
	}
	return nil
}

// groupOf is the API group as names have it: ".apps".
func groupOf(k kubectl.Kind) string { return k.Group()[len(k.Words[0]):] }

// begin settles which objects are waited for: those that are there at first.
func (w *waiting) begin(ctx context.Context, o *objects) error {
	if w.begun {
		return nil
	}
	absent := w.condition.Delete || w.condition.Create
	for _, r := range w.requests {
		list, err := w.flags.find(ctx, o, r)
		if err != nil && (!absent || !errors.Is(err, spec.ErrNotFound)) {
			return err
		}
		for _, object := range list {
			namespace, name := kubectl.NamespacedName(object)
			w.targets = append(w.targets, waitTarget{r.kind, namespace, name})
		}
		for _, name := range r.names {
			t := waitTarget{r.kind, w.flags.in(r.kind), name}
			if w.condition.Create && !slices.ContainsFunc(w.targets, func(o waitTarget) bool { return o.key() == t.key() }) {
				w.targets = append(w.targets, t)
			}
		}
	}
	if len(w.targets) == 0 && !w.condition.Delete {
		return kubectlError{errors.New("error: no matching resources found")}
	}
	w.begun = true
	return nil
}

// judge reports whether an object is as it is waited for.
func (w *waiting) judge(ctx context.Context, o *objects, t waitTarget) (bool, error) {
	list, err := o.list(ctx, t.kind, t.namespace)
	i := slices.IndexFunc(list, func(o kubectl.Object) bool { _, name := kubectl.NamespacedName(o); return name == t.name })
	switch {
	case i < 0 && err != nil:
		return false, err
	case w.condition.Delete:
		return i < 0, nil
	case w.condition.Create:
		return i >= 0, nil
	case i < 0:
		return false, notFoundError(t.kind, t.name)
	}
	met, err := w.condition.Met(list[i])
	if err != nil {
		return false, kubectlError{fmt.Errorf("error: %w", err)}
	}
	return met, nil
}

// late says what did not become as it was waited for in time.
func (w *waiting) late() error {
	var errs []error
	for _, t := range w.left {
		errs = append(errs, &exitError{1, kubectlError{fmt.Errorf("error: timed out waiting for the condition on %s/%s", t.kind.Group(), t.name)}})
	}
	return errors.Join(errs...)
}
