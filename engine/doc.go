// Package engine makes a spec.Pod real on this host and says what is there. It
// is mechanism only: it retries nothing unasked, decides nothing over time and knows
// no Kubernetes.
//
// A pod is made by EnsurePod: the network namespace first, then network,
// volumes, image layers and the infra container at the same time, then the
// containers asked for. Every verb is idempotent; a verb that was cut short,
// even by kill -9, is finished or undone by calling it again or by RemovePod.
// Verbs that change a pod are called with its Lock held.
//
// What is observed comes from the host: a process is alive if its number and
// start time say so, a container has ended if conmon left an exit file. Records
// (engine/state) only say where to look.
//
// The rooms below do the parts: image (containers/storage), oci (runtime and
// conmon), network (netavark), volume, state. Start reading at Engine, then
// EnsurePod and Observe.
package engine
