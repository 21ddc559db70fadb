package testimage

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestBuildBusybox(t *testing.T) {
	if _, err := os.Stat("/bin/busybox"); errors.Is(err, fs.ErrNotExist) {
		t.Skip("no /bin/busybox")
	}
	path := filepath.Join(t.TempDir(), "b.tar")
	if err := Build(path, "busybox", Options{}); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Size() < 100_000 {
		t.Errorf("%v, %v", info, err)
	}
}

func TestBuildSaysWhatToDo(t *testing.T) {
	t.Setenv("BERTH_CACHE", t.TempDir())
	path := filepath.Join(t.TempDir(), "x.tar")
	if err := Build(path, "nginx", Options{}); err == nil || !strings.Contains(err.Error(), "make deps") {
		t.Errorf("nginx without packages: %v", err)
	}
	if err := Build(path, "windows", Options{}); err == nil || !strings.Contains(err.Error(), "busybox") {
		t.Errorf("unknown base: %v", err)
	}
}
