// Package spec is the vocabulary of the engine: plain values that say what to
// run (Pod, Container, Volume, Network) and what was observed (PodStatus,
// ContainerStatus). It is a leaf: it imports nothing of ours, does no I/O and
// reads no clock, so every room may speak it.
//
// What a Pod says is complete but for what only the host or the image knows.
// The image's own configuration (entrypoint, user, environment, volumes) is
// merged by engine/oci. Values known only once a pod exists, such as its
// address, stand in environment and arguments as Late values and are filled in
// at start; they are outside the hash.
//
// Start reading at Pod, then PodStatus.
package spec
