package cmd

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"berth/cmd/filter"
	"berth/engine/spec"
	"berth/reconciler"
)

// noArgs refuses arguments.
func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usageError(cmd, "'%s' takes no arguments", cmd.CommandPath())
	}
	return nil
}

// minArgs wants n arguments or more; what names one.
func minArgs(n int, what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) < n {
			return usageError(cmd, "'%s' needs %s", cmd.CommandPath(), what)
		}
		return nil
	}
}

// exactArgs wants n arguments; what names them.
func exactArgs(n int, what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) != n {
			return usageError(cmd, "'%s' needs %s", cmd.CommandPath(), what)
		}
		return nil
	}
}

// maxArgs wants n arguments or fewer.
func maxArgs(n int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) > n {
			return usageError(cmd, "'%s' takes at most %d arguments, not %d", cmd.CommandPath(), n, len(args))
		}
		return nil
	}
}

// parseFilters reads --filter values for a command that has matchers.
func parseFilters[T any](args []string, m filter.Matchers[T]) (filter.Set, error) {
	return filter.Parse(args, m.Keys())
}

// namesOrWide wants names, or exactly one of the flags that stand for many.
func namesOrWide(cmd *cobra.Command, args []string, what string, wide ...string) error {
	given := ""
	for _, flag := range wide {
		f := cmd.Flags().Lookup(flag)
		if f == nil || !f.Changed {
			continue
		}
		if given != "" {
			return usageError(cmd, "--%s and --%s cannot be used together", given, flag)
		}
		given = flag
	}
	switch {
	case given != "" && len(args) > 0:
		return usageError(cmd, "no names can be given together with --%s", given)
	case given == "" && len(args) == 0:
		return usageError(cmd, "'%s' needs the name or ID of %s", cmd.CommandPath(), what)
	}
	return nil
}

// removalError gives the errors of a removal podman's exit codes: 1 if all that
// is wrong is that something is not there, 2 if it runs or is used, else 125.
func removalError(err error) error {
	if err == nil {
		return nil
	}
	code := 1
	for _, e := range flatten(err) {
		switch {
		case errors.Is(e, spec.ErrNotFound), errors.Is(e, spec.ErrImageMissing):
		case errors.Is(e, spec.ErrInUse) && !errors.Is(e, reconciler.ErrNeeded) && code <= 2:
			code = 2
		default:
			code = 125
		}
	}
	return &exitError{code, err}
}

func flatten(err error) []error {
	list, ok := err.(interface{ Unwrap() []error }) // only what is joined at the top
	if !ok {
		return []error{err}
	}
	var out []error
	for _, e := range list.Unwrap() {
		out = append(out, flatten(e)...)
	}
	return out
}

// notExists turns "no such object" into exit code 1 without a word, as podman's
// exists commands do.
func notExists(err error) error {
	if errors.Is(err, spec.ErrNotFound) || errors.Is(err, spec.ErrImageMissing) {
		return exit(1)
	}
	return err
}

func quoteKey(k spec.PodKey) string {
	if k.Namespace == spec.DefaultNamespace {
		return fmt.Sprintf("%q", k.Name)
	}
	return fmt.Sprintf("%q", k.String())
}
