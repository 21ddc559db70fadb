// Package option reads podman's flags and says what they mean: it is the only
// place that knows pflag's sets of them, and turns them into the Options of
// translate. The command line and Quadlet units share it, so that a flag means
// the same wherever it is written.
//
// It does no I/O. All mistakes of a command line are reported at once, each
// naming the flag and the value, with what was probably meant.
//
// Start reading at KubePlay.
package option
