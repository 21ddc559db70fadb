// Package volume gives containers their storage: named volumes that outlive
// pods, folders and tmpfs that live with a pod, paths of the host, and files
// we write (ConfigMaps, Secrets) that a running pod sees change at once.
//
// Set.Prepare makes a pod's volumes real and answers with a source path for
// each; SubPath narrows one to a part of it without ever leaving it, whatever
// symlinks lie inside. Nothing here knows containers: mounting into them is
// engine/oci's work.
//
// Invariant: no path that came from a manifest or an image is followed out of
// the volume it was said to be in. A named volume is only taken away while no
// pod can obtain one (Take): pods are recorded before they do, so that one of
// both sees the other.
package volume
