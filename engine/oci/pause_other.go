//go:build !amd64 && !arm64

package oci

var pauseProgram []byte
