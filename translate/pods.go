package translate

import (
	"encoding/json"
	"fmt"
	"slices"

	"berth/engine/spec"
	"berth/internal/source"
	"berth/kube"
)

// Host is what a pod may ask about the host it runs on.
type Host struct {
	NodeName string // spec.nodeName
	CPUs     int64  // thousandths of a core
	Memory   int64  // bytes
}

// Result is what a set of objects stands for.
type Result struct {
	Pods []*spec.Pod // in the order of their objects, replicas by ordinal
	// Broken lists the objects that make pods but have errors. None of their
	// pods is in Pods; what runs of them should go on.
	Broken []kube.Key
	// Lacking are the pods of broken objects about which nothing is wrong but that
	// ConfigMaps, Secrets or keys of these are missing: they say so themselves.
	Lacking []*spec.Pod
	// Diagnostics are the errors and warnings of this translation; those of the
	// set itself are not repeated.
	Diagnostics source.Diagnostics
}

// Pods translates every Pod and every replica of every Deployment of set.
// Objects that carry no options of their own are translated with defaults. The
// pods have neither ID nor CreatedAt.
func Pods(set *kube.Set, host Host, defaults Options) Result {
	t := &translation{index: newIndex(set), host: host, pods: map[spec.PodKey]*kube.Object{}}
	for _, o := range set.Objects {
		if o.Pod != nil || o.Deployment != nil {
			t.object(o, defaults)
		}
	}
	t.result.Diagnostics = dedupe(t.result.Diagnostics)
	return t.result
}

// translation is one call of Pods.
type translation struct {
	index  *index
	host   Host
	claims []portClaim                  // host ports of the pods so far
	pods   map[spec.PodKey]*kube.Object // who made which pod
	result Result
}

func (t *translation) object(o *kube.Object, opts Options) {
	if len(o.Options) > 0 {
		opts = Options{}
		if err := json.Unmarshal(o.Options, &opts); err != nil {
			t.reject(o, source.Diagnostics{{Pos: o.Pos, Message: fmt.Sprintf("options this object was given with cannot be read (%v): give it again", err)}})
			return
		}
	}
	builders := t.builders(o, opts)
	var ds source.Diagnostics
	lacks := 0
	for _, b := range builders {
		b.build()
		ds = append(ds, b.diagnostics...)
		lacks += b.lacks
	}
	if o.Deployment != nil { // without replicas one was built to find mistakes
		builders = builders[:replicas(o)]
	}
	claims := slices.Clone(t.claims)
	for _, b := range builders {
		if other, taken := t.pods[b.pod.Key()]; taken {
			ds = append(ds, b.diagnostic("metadata.name", "pod %s is already made by %s at %s: rename one", b.pod.Key(), other.Key(), other.Pos))
		}
		for _, c := range b.claims {
			if other, clash := findClash(claims, c); clash {
				ds = append(ds, c.clash(other))
			}
			claims = append(claims, c)
		}
	}
	into := &t.result.Pods
	switch errors := len(ds) - len(ds.Warnings()); {
	case errors == 0:
		t.result.Diagnostics = append(t.result.Diagnostics, ds...)
	case errors == lacks:
		t.reject(o, ds)
		into = &t.result.Lacking
	default:
		t.reject(o, ds)
		return
	}
	t.claims = claims
	for _, b := range builders {
		t.pods[b.pod.Key()] = o
		*into = append(*into, b.pod)
	}
}

func (t *translation) reject(o *kube.Object, ds source.Diagnostics) {
	t.result.Diagnostics = append(t.result.Diagnostics, ds...)
	t.result.Broken = append(t.result.Broken, o.Key())
}

// dedupe drops repetitions: replicas share their mistakes.
func dedupe(ds source.Diagnostics) source.Diagnostics {
	seen := map[source.Diagnostic]bool{}
	var out source.Diagnostics
	for _, d := range ds {
		if !seen[d] {
			seen[d] = true
			out = append(out, d)
		}
	}
	return out
}
