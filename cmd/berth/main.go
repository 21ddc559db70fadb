// Command berth runs Kubernetes YAML on one host.
package main

import (
	"os"
	"runtime/debug"

	"go.podman.io/storage/pkg/reexec"

	"berth/cmd"
)

// version is set by the linker: make build.
var version = "unknown"

func main() {
	if reexec.Init() {
		return // a helper of layer unpacking
	}
	// A command is over before it has made much garbage; serve sets this back.
	debug.SetGCPercent(400)
	os.Exit(cmd.Main(cmd.Build{Version: version}, os.Args[1:]))
}
