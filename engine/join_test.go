package engine

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

func TestKindsOfNamespaces(t *testing.T) {
	dir := t.TempDir()
	pipe, file := filepath.Join(dir, "pipe"), filepath.Join(dir, "file")
	if err := unix.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		path string
		want bool
	}{
		{"/proc/self/ns/net", true},
		{"/proc/self/ns/uts", false},
		{pipe, true}, // what cannot be told is the runtime's to refuse
		{file, true},
		{filepath.Join(dir, "gone"), true},
	} {
		if got := ofKind(c.path, "net"); got != c.want {
			t.Errorf("%s: %v", c.path, got)
		}
	}
}
