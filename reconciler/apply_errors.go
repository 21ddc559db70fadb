package reconciler

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"berth/engine/spec"
	"berth/internal/hostexec"
)

// ofPod names the pod in each of its errors. A sentence that wraps several is one.
func ofPod(key spec.PodKey, err error) []error {
	list, ok := err.(interface{ Unwrap() []error })
	if !ok || errors.Join(list.Unwrap()...).Error() != err.Error() {
		return []error{fmt.Errorf("pod %s: %w", key, err)}
	}
	var out []error
	for _, each := range list.Unwrap() {
		out = append(out, ofPod(key, each)...)
	}
	return out
}

// joinPods joins the errors of several pods, in order. A program that is missing
// is no pod's own trouble, and said once.
func joinPods(errs []error) error {
	errs = slices.Clone(errs)
	slices.SortFunc(errs, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	said := map[string]bool{}
	return errors.Join(slices.DeleteFunc(errs, func(err error) bool {
		var missing *hostexec.MissingError
		if !errors.As(err, &missing) {
			return false
		}
		before := said[missing.Name]
		said[missing.Name] = true
		return before
	})...)
}

// joinFirst drops the errors of those that were only told to stop because
// another had failed.
func joinFirst(errs []error) error {
	own := slices.DeleteFunc(slices.Clone(errs), func(err error) bool { return errors.Is(err, context.Canceled) })
	if len(own) > 0 {
		return joinPods(own)
	}
	return joinPods(errs)
}
