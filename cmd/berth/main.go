package main

import "github.com/containers/storage/pkg/reexec"

func main() {
	if reexec.Init() {
		return
	}
}
