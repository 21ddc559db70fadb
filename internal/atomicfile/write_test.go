package atomicfile

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
)

func TestWriteReplacesAndLeavesNothingBeside(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "f")
	for _, content := range []string{"one", "two, longer", ""} {
		if err := Write(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(path)
		if err != nil || string(got) != content {
			t.Fatalf("read %q, %v; want %q", got, err, content)
		}
	}
	entries, _ := os.ReadDir(dir)
	if len(entries) != 1 {
		t.Errorf("%d files left, want 1", len(entries))
	}
	if info, _ := os.Stat(path); info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, want 0600", info.Mode())
	}
}

func TestTheFirstOfSeveralCreatesAFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "f")
	var made atomic.Int32
	var group sync.WaitGroup
	start := make(chan struct{})
	for i := range 8 {
		group.Go(func() {
			<-start
			if err := CreateVolatile(path, []byte{byte('a' + i)}, 0o644); err != nil {
				t.Error(err)
			}
			first, err := os.Stat(path)
			if err != nil {
				t.Error(err)
				return
			}
			made.CompareAndSwap(0, int32(first.Sys().(*syscall.Stat_t).Ino))
			if int32(first.Sys().(*syscall.Stat_t).Ino) != made.Load() {
				t.Error("another file took its place")
			}
		})
	}
	close(start)
	group.Wait()
	if entries, _ := os.ReadDir(dir); len(entries) != 1 {
		t.Errorf("%d files left, want 1", len(entries))
	}
}

func TestFailedWriteKeepsTheOldFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	if err := WriteJSON(path, map[string]int{"a": 1}, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := WriteJSON(path, func() {}, 0o644); err == nil {
		t.Fatal("a func was written as JSON")
	}
	var got map[string]int
	if err := ReadJSON(path, &got); err != nil || got["a"] != 1 {
		t.Errorf("read %v, %v", got, err)
	}
}

func TestReadFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	for _, size := range []int{0, 1, 4095, 4096, 4097, 100000} {
		want := bytes.Repeat([]byte("x"), size)
		if err := os.WriteFile(path, want, 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := ReadFile(path); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%d bytes: read %d, %v", size, len(got), err)
		}
	}
	if _, err := ReadFile(path + "-none"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file that is not there: %v", err)
	}
	if _, err := ReadFile(filepath.Dir(path)); err == nil {
		t.Error("a folder was read")
	}
	if stat, err := ReadFile("/proc/self/stat"); err != nil || len(stat) == 0 {
		t.Errorf("/proc/self/stat: %q, %v", stat, err)
	}
}
