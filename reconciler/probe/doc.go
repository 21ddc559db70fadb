// Package probe asks containers how they do, and carries out their hooks.
//
// It has two halves. Once and Hook carry out one spec.Handler and return. A Set
// does so again and again for every probe of every running container, by the
// kubelet's rules, and tells when a result turns.
//
// It decides nothing about pods: that a failed liveness probe ends a container,
// or that Ready is recorded, is its caller's. It reads the clock and keeps
// results in memory; nothing is written.
//
// Invariants:
//
//   - Network probes are made from the host side, within the pod's network
//     namespace, and start no process: an image needs nothing for them.
//   - What the messages say, users of Kubernetes have read before: they are the
//     kubelet's, of version 1.36.
//   - A handler that outlives its time-out is given up, and leaves nothing behind.
//   - A probe at rest costs one timer. There is no goroutine while nothing is asked.
//   - An answer counts for nothing that comes after its container was replaced,
//     or after Sync has said that it is not to be probed any more.
//
// Start reading at Once, then Set.Sync, then schedule.
package probe
