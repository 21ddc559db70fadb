// Package option reads podman's flags and says what they mean: it is the only
// place that knows pflag's sets of them, and turns them into the Options of
// translate, or into the pod of a container made by hand. The command line and
// Quadlet units share it, so that a flag means the same wherever it is written.
//
// It does no I/O: what flags ask of the machine, such as the lines of an
// --env-file, comes through the Host that the caller passes. All mistakes of a
// command line are reported at once, each naming the flag and the value, with
// what was probably meant. A flag that cannot work is refused with the reason.
//
// Flags come in groups, a file each: a group has its flags, registers them and
// writes what they say into a maker.
//
// Start reading at KubePlay, or at Container for what is made by hand.
package option
