package oci

import (
	"bytes"
	"fmt"
	"io"
	"strings"
)

// DefaultDetachKeys are podman's.
const DefaultDetachKeys = "ctrl-p,ctrl-q"

// ParseDetachKeys reads a sequence such as "ctrl-p,ctrl-q" or "a,ctrl-]" into
// the bytes a terminal sends for it. An empty one turns detaching off.
func ParseDetachKeys(s string) ([]byte, error) {
	if s == "" {
		return nil, nil
	}
	var keys []byte
	for part := range strings.SplitSeq(s, ",") {
		letter, ctrl := strings.CutPrefix(part, "ctrl-")
		if len(letter) != 1 {
			return nil, fmt.Errorf("detach keys %q: %q is neither one character nor ctrl- and one", s, part)
		}
		key := letter[0]
		if ctrl {
			upper := strings.ToUpper(letter)[0]
			if upper < '@' || upper > '_' {
				return nil, fmt.Errorf("detach keys %q: there is no control character %q", s, part)
			}
			key = upper & 0x1f
		}
		keys = append(keys, key)
	}
	return keys, nil
}

// copyUntilDetach copies input until it ends or holds the detach keys, which
// are swallowed. A prefix of them is held back until it is known to be none.
func copyUntilDetach(dst io.Writer, src io.Reader, keys []byte) error {
	buf := make([]byte, 8192)
	var held []byte
	for {
		n, readErr := src.Read(buf)
		out, rest, detached := splitDetach(append(held, buf[:n]...), keys)
		if len(out) > 0 {
			if _, err := dst.Write(out); err != nil {
				return err
			}
		}
		if detached {
			return ErrDetached
		}
		held = bytes.Clone(rest)
		if readErr == io.EOF {
			if len(held) > 0 {
				_, err := dst.Write(held)
				return err
			}
			return nil
		}
		if readErr != nil {
			return readErr
		}
	}
}

// splitDetach cuts data at the detach keys, or before a tail that may be their start.
func splitDetach(data, keys []byte) (out, rest []byte, detached bool) {
	if len(keys) == 0 {
		return data, nil, false
	}
	if i := bytes.Index(data, keys); i >= 0 {
		return data[:i], nil, true
	}
	for n := min(len(keys)-1, len(data)); n > 0; n-- {
		if bytes.HasSuffix(data, keys[:n]) {
			return data[:len(data)-n], data[len(data)-n:], false
		}
	}
	return data, nil, false
}
