// Package autoupdate takes newer images for the containers that ask for it, as
// podman-auto-update(1) does: those with the label io.containers.autoupdate, or
// the annotation of that name in the YAML of their pod.
//
// It decides which containers these are, what becomes of them and whether a unit
// that was restarted counts as working. Asking a registry, fetching, having systemd
// restart a unit and making a pod anew are its caller's (Images, Runner, Units,
// Pods), so that all of it is tested without a host.
//
// Invariants:
//
//   - Nothing is restarted before all images that it is to run with are here.
//   - What is restarted together (a unit, or the pods of one object) is restarted
//     once, however many of its images are new, and all of it goes back to what it
//     ran with before where that fails.
//   - Units come one after another: systemd restarts with a unit what requires it,
//     and two jobs for one unit cancel each other.
//   - A dry run asks registries and changes nothing.
//
// Start reading at Find, then Updater.Run; of a unit, at RestartUnit.
package autoupdate
