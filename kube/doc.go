// Package kube reads Kubernetes objects as strictly as an API server does and
// says where in the file every problem is.
//
// Decode is the way in. A file goes through five steps, each adding to one
// list of diagnostics so that a person sees all problems at once:
//
//	bytes ─▶ documents ─▶ nodes ─────▶ typed object ─▶ defaults ─▶ validation
//	         split.go     yaml.go      typed.go        default*.go  validate*.go
//	                      json.go      support.go
//
// Nodes carry line and column. They are walked against the Go types of
// k8s.io/api by reflection, so a field that Kubernetes adds tomorrow is known
// the day the module is updated; the support table (support.go) must then say
// what berth does with it, or a test fails.
//
// What is valid Kubernetes but cannot be honoured is refused by its path and
// never dropped. What only a scheduler or a cluster reads is accepted with a
// warning.
//
// Invariants:
//   - The package does no I/O, logs nothing and keeps no state.
//   - Decode never panics, and its time and memory are bounded by the limits in
//     limits.go, whatever the bytes are.
//   - An object is returned only if nothing is wrong with it: callers may use
//     it without looking at the diagnostics of other objects.
//   - No string of an object holds a NUL byte.
//   - Values of a Secret appear in no diagnostic.
//
// Not here: what an object becomes on this host (package translate), where
// objects come from (package manifests).
package kube
