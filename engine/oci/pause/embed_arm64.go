package pause

import _ "embed"

//go:embed pause_arm64
var binary []byte
