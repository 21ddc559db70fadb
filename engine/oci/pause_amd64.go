package oci

import _ "embed"

//go:embed pause/pause_amd64
var pauseProgram []byte
