// Package hostexec runs the host's helper programs: the only place that
// starts a process. A command says all it needs: environment, standard input,
// descriptors to inherit, the cgroup it belongs to, and its own time limit.
//
// Run waits for a helper and returns what it printed. Start is for what must
// outlive us, such as conmon: no context reaches it.
package hostexec
