// Command berth runs Kubernetes YAML on one host.
package main

import (
	"os"
	"runtime/debug"

	"go.podman.io/storage/pkg/reexec"

	"berth/cmd"
	"berth/cmd/generator"
)

// version is set by the linker: make build.
var version = "unknown"

func main() {
	if reexec.Init() {
		return // a helper of layer unpacking
	}
	if _, ok := generator.Called(os.Args); ok {
		os.Exit(generator.Main(version, os.Args)) // holds up each boot: nothing else is set up for it
	}
	// A command is over before it has made much garbage; serve sets this back.
	debug.SetGCPercent(400)
	os.Exit(cmd.Main(cmd.Build{Version: version}, os.Args[1:]))
}
