package reconciler

import (
	"context"
	"fmt"
	"slices"

	"berth/kube"
)

// asStored is what was given as it is to be stored: an input that was played
// for itself before goes on standing for itself.
func asStored(given, before kube.Set) []*kube.Object {
	out := slices.Clone(given.Objects)
	for i, o := range out {
		if !o.Input {
			continue
		}
		if old, ok := before.Find(o.Key()); ok && !old.Input {
			own := *o
			own.Input = false
			out[i] = &own
		}
	}
	return out
}

// unread are the inputs that no pod of the set reads.
func unread(set kube.Set) []kube.Key {
	if len(set.Unknown) > 0 {
		return nil // who knows what reads them
	}
	var keys []kube.Key
	for _, o := range set.Objects {
		key := o.Key()
		if o.Input && !slices.ContainsFunc(set.Objects, func(r *kube.Object) bool { return r.ReadsConfigMap(key) }) {
			keys = append(keys, key)
		}
	}
	return keys
}

// forgetUnread drops the inputs that no pod reads any more, or never did.
func (r *applying) forgetUnread(ctx context.Context) error {
	if r.Store == nil {
		return nil
	}
	now := overlay(r.before, kube.Set{Objects: asStored(r.given, r.before)})
	if err := r.Store.Delete(ctx, unread(now)); err != nil {
		return fmt.Errorf("forget what no pod reads: %w", err)
	}
	return nil
}
