// Package pause is the program of a pod's infra container where the host has
// no usable catatonit: a static binary of about a kilobyte that waits, reaps
// the processes orphaned to it, and ends on SIGTERM or SIGINT.
//
// src/pause.c is the source; "go generate" builds it again (src/build.sh). The
// binaries are kept in the repository so that building berth needs Go only.
package pause

//go:generate ./src/build.sh
