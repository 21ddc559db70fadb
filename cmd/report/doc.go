// Package report gives what the engine knows the shape podman users know: rows
// of `ps`, `pod ps`, `images`, `volume ls` and `network ls`, and the objects
// `inspect` prints, with podman's field names, words and units.
//
// Each list has two shapes: a plain struct that --format json prints, and a row
// around it whose methods are what templates see (shortened IDs, durations in
// words). Everything here is pure: values in, values out, the time passed in.
// Start at Containers and Pods.
package report
