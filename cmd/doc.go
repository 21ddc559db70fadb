// Package cmd is berth's command line: flags, wiring, output and signals, one
// file per command, named after it (kube_play.go, pod_stop.go). The words,
// flags, columns and exit codes are podman's.
//
// A command holds no logic: it reads flags, asks the engine or the reconciler,
// and prints. What is printed is shaped by cmd/report and written by
// cmd/output; cmd/filter understands --filter; cmd/settings reads berth.yaml;
// cmd/terminal is raw mode and colours.
//
// Invariants: nothing is opened before it is needed (`berth version` opens
// nothing, `berth ps` only looks at records and processes); standard output
// holds what scripts read and nothing else; an error goes to standard error,
// begins with "Error: ", and ends the process with 125 unless podman says
// otherwise.
//
// Start at Main, then app.
package cmd
