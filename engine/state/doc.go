// Package state is the engine's memory: where its files lie, the records of
// pods and containers, locks, and the boot they belong to.
//
// Two trees. What must survive a reboot lies under State (usually
// /var/lib/berth): one folder a pod with its spec, its containers' records and
// its history. What is true only while the machine is up lies under Run
// (usually /run/berth): namespaces, process IDs, exit files, sockets. Every
// file is small versioned JSON with one owner, replaced whole. Nothing here is
// needed to stop a pod: whatever is lost is found again by looking at the host.
//
//	State/pods/<uid>/pod.json           the spec, synced; the folder appears with it
//	State/pods/<uid>/c/<name>.json      the container made for that name
//	State/pods/<uid>/c/<name>.message   why that container says that it ended
//	State/pods/<uid>/intent.json        what a person stopped by hand, the verdict on the pod
//	State/pods/<uid>/history.json       restart counts and back-off
//	Run/boot                            the boot Run belongs to
//	Run/pods/<uid>/sandbox.json         infra container, address lease
//	Run/pods/<uid>/haste.json           by when the sandbox must be gone
//	Run/pods/<uid>/c/<name>/            a container's bundle, engine/oci's
//	Run/pods/<uid>/c/<name>/life.json   what is known of the running container
//	Run/exits/<container id>            written by conmon
//	Run/locks/<ns>_<name>               held by whoever changes that pod; a long name is cut
//
// Start at Dirs, then Record.
package state
