package reconciler

import (
	"context"

	"berth/engine/spec"
	"berth/kube"
	"berth/translate"
)

// Source is where desired state comes from.
type Source interface {
	// Owners are the owners of the objects it hands over, whether or not there
	// are any now. What they own and the set does not hold is removed.
	Owners() []string
	// Outdated reports whether what the set handed over last says of an owner's
	// object, or that it does not know it, is no longer so: another set is on
	// its way. It is asked before anything is made or removed.
	Outdated(owner string, key kube.Key, known bool) bool
	// Run hands the full set to emit, once at the start and after every
	// change, until ctx ends. emit is never called twice at a time.
	Run(ctx context.Context, emit func(kube.Set)) error
}

// ObjectStore keeps the objects that Apply was given.
type ObjectStore interface {
	// Read reads all that is stored. given may well be among it.
	Read(ctx context.Context, given ...*kube.Object) kube.Set
	Put(ctx context.Context, objects []*kube.Object) error
	Delete(ctx context.Context, keys []kube.Key) error
}

// Translator turns objects into the pods they stand for. It is pure.
type Translator func(set *kube.Set) translate.Result

// objectKey is the object a pod was made from.
func objectKey(o spec.Origin) kube.Key {
	return kube.Key{Kind: o.Kind, Namespace: o.Namespace, Name: o.Name}
}

// keysOf is the set of the objects' keys.
func keysOf(objects []*kube.Object) map[kube.Key]bool {
	keys := make(map[kube.Key]bool, len(objects))
	for _, o := range objects {
		keys[o.Key()] = true
	}
	return keys
}

// keySet is the keys as a set.
func keySet(keys []kube.Key) map[kube.Key]bool {
	set := make(map[kube.Key]bool, len(keys))
	for _, k := range keys {
		set[k] = true
	}
	return set
}

// owners types the names a set or a source gives.
func owners(names []string) []spec.Owner {
	out := make([]spec.Owner, len(names))
	for i, n := range names {
		out[i] = spec.Owner(n)
	}
	return out
}
