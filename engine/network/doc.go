// Package network gives pods their network: it defines networks, hands out
// addresses, binds published ports, makes network namespaces, and has netavark
// and aardvark-dns do the rest.
//
// It does not decide who gets a network, keeps no record of pods (a Lease is
// the caller's to keep, as JSON) and does not touch a pod's files.
//
// # Who does what
//
// Addresses are ours: one file for each, made exclusively, so two processes
// never hand out one address and no lock is needed. netavark makes bridges,
// interfaces, routes and firewall rules. It is told to leave DNS alone, and we
// write aardvark-dns's files and run it: netavark 1.4 rewrites those files in
// place (aardvark-dns ends when it reads a half-written one), starts one server
// too many when called in parallel, signals whatever its pid file names, and
// would let the server inherit the pod's lock from us.
//
// In place of networks a pod may have a network stack that is a process of the
// host, pasta or slirp4netns (usermode*.go): that takes no address of ours and no
// rule, binds the published ports itself, and is known by its command line, which
// names the pod's namespace.
//
// # Invariants
//
//   - Success is judged by looking: at the interface in the namespace, at the
//     rules, at the answer to a DNS query. What netavark says only explains a
//     failure.
//   - A set-up that fails leaves nothing; a tear-down succeeds on what is gone,
//     also with the namespace or the bridge lost.
//   - Calls of netavark for one network run side by side only while another pod
//     is attached to it and stays so; the first and the last run alone (lock.go).
//   - Names in the kernel and in rules carry our prefix, so nothing of podman's
//     is ever taken for ours.
//
// Start reading at manager.go, then reserve.go, setup.go and teardown.go.
package network
