package pause

import "slices"

// Binary returns the program for this architecture; ok is false where there is none.
func Binary() (program []byte, ok bool) {
	return slices.Clone(binary), len(binary) > 0
}
