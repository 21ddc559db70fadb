// Package translate turns Kubernetes objects into what the engine runs: every
// Pod, and every replica of every Deployment, becomes a spec.Pod.
//
// It is pure: it reads no file, no clock and no image, and logs nothing. The
// same objects, host facts and options give the same pods, byte for byte, names
// and hashes included; what is wrong comes back as diagnostics with the field
// and its place in the file. IDs and times are made by the caller. What only
// the image knows is merged by engine/oci; what only a running pod knows stands
// in its environment as a late value (engine/spec).
//
// What it does not do: it neither checks YAML (kube does) nor looks at what runs
// (reconciler does), and it knows no command line: podman's flags are read by
// translate/option, which produces the Options used here.
//
// Invariants:
//   - An object with an error gives no pod at all and is listed as Broken, so
//     that what runs of it is kept. Where no more is wrong with it than that a
//     ConfigMap or Secret is missing, its pods are apart, in Lacking: one who waits
//     for those may make them.
//   - A field or podman annotation that would not be honoured is an error that
//     names it; it is never dropped.
//   - A pod's Hash changes exactly when it has to be made anew. What a running
//     pod takes over is outside it: files of a mounted ConfigMap, labels and
//     annotations, CPU and memory as long as the class of service stays. Values
//     read into the environment are inside it.
//   - A pod's Manifest is what was written, without defaults and without what a
//     Secret holds: the way back to YAML starts from it.
//
// Start reading at Pods, then builder.build in pod.go.
package translate
