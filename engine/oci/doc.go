// Package oci makes containers of bundles: it merges what a pod says with what
// its image says into a runtime-spec configuration, and drives conmon and crun
// or runc. It is mechanism only: it does not know images, networks or volumes
// (it is given a root file system, namespaces and mounts), decides no restart,
// and retries nothing.
//
// Invariants:
//
//   - A container never depends on our process. conmon is started outside our
//     context, in a session and a cgroup of its own; killing us at any
//     instruction leaves either a container that State describes or leftovers
//     that Delete removes.
//   - What runs is read from files and /proc, not asked of a helper: the exit
//     file, the PID with its start time, the runtime's exec.fifo.
//   - A PID is never signalled unless its process was identified first, by a
//     descriptor that pins it.
//   - Every helper has a time limit.
//   - Deleting what is gone succeeds.
//
// A container's files lie in its bundle folder:
//
//	config.json    what the runtime is given
//	pidfile        the init process, written by the runtime
//	conmon.pid     its conmon
//	process.json   both with their start times, written when create is done,
//	               and when it was started
//	create.lock    held by conmon, and by the runtime while it creates
//	attach         conmon's socket
//	ctl, winsz     pipes that tell it what to do, and its terminal's size
//	oom            conmon saw the kernel kill for memory
//
// Start reading at BuildSpec, which is pure but for reading the image's user
// tables, and at Runtime.Create. State shows how what was made is observed.
package oci
