package filename

import (
	"crypto/sha256"
	"encoding/hex"
)

// longest is how many bytes a file's name may have: NAME_MAX of limits.h.
const longest = 255

// kept is how much of a longer name stays for people to read.
const kept = 160

// Fit is the name of a file for namespace and name, "<namespace>_<name><ext>",
// as long as that fits. A longer one is cut and ends with a digest of the whole,
// "<namespace>_<name…>_<digest><ext>": no Kubernetes name holds an underscore,
// so no two share a file.
func Fit(namespace, name, ext string) string {
	whole := namespace + "_" + name
	if len(whole)+len(ext) <= longest {
		return whole + ext
	}
	sum := sha256.Sum256([]byte(whole))
	return whole[:kept] + "_" + hex.EncodeToString(sum[:16]) + ext
}
