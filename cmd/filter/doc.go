// Package filter understands --filter key=value: podman's keys and podman's
// rules. Values of one key are alternatives, but labels must all match; keys
// all must match; label!=… turns a label around.
//
// A Set is what was asked for; a Matcher says what a key means for one kind of
// thing. Nothing here does I/O. Start at Parse and Containers.
package filter
