package oci

import _ "embed"

//go:embed pause/pause_arm64
var pauseProgram []byte
