// Command mkimage writes an OCI archive from files of this machine:
//
//	mkimage -o demo.tar -name localhost/demo:latest -entrypoint /demo ./demo=/demo
//
// Each argument is SOURCE=PATH: a file here, and where it stands in the image.
package main

import (
	"flag"
	"fmt"
	"os"
	"strings"

	ociv1 "github.com/opencontainers/image-spec/specs-go/v1"

	"berth/internal/ociarchive"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "mkimage:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	flags := flag.NewFlagSet("mkimage", flag.ContinueOnError)
	out := flags.String("o", "image.tar", "the archive to write")
	name := flags.String("name", "localhost/image:latest", "the image's name")
	entrypoint := flags.String("entrypoint", "", "the program it starts")
	port := flags.String("port", "", "a port it exposes: 8080/tcp")
	user := flags.String("user", "", "the user it runs as")
	if err := flags.Parse(args); err != nil {
		return err
	}
	img := ociarchive.Image{Name: *name, Config: ociv1.ImageConfig{User: *user, WorkingDir: "/"}}
	if *entrypoint != "" {
		img.Config.Entrypoint = []string{*entrypoint}
	}
	if *port != "" {
		img.Config.ExposedPorts = map[string]struct{}{*port: {}}
	}
	var files []ociarchive.File
	for _, arg := range flags.Args() {
		source, path, ok := strings.Cut(arg, "=")
		if !ok {
			return fmt.Errorf("%q is not SOURCE=PATH", arg)
		}
		files = append(files, ociarchive.File{Source: source, Path: path})
	}
	img.Layers = []ociarchive.Layer{ociarchive.Files(files...)}
	return ociarchive.Write(*out, img)
}
