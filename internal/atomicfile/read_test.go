package atomicfile

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

// What one file left in a shared buffer is no part of another, however large
// they are and how many are read at a time.
func TestFilesAreReadWholeAndApart(t *testing.T) {
	dir := t.TempDir()
	sizes := []int{0, 1, 4095, 4096, 4097, keptBuffer, 3 * keptBuffer}
	for i, size := range sizes {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprint(i)), bytes.Repeat([]byte{byte('a' + i)}, size), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for round := range 50 {
				i := round % len(sizes)
				want := bytes.Repeat([]byte{byte('a' + i)}, sizes[i])
				kept, err := ReadFile(filepath.Join(dir, fmt.Sprint(i)))
				if err != nil || !bytes.Equal(kept, want) {
					t.Errorf("file %d: %d bytes, %v", i, len(kept), err)
				}
				err = Use(filepath.Join(dir, fmt.Sprint((i+1)%len(sizes))), func([]byte) error { return nil })
				if err != nil || !bytes.Equal(kept, want) {
					t.Errorf("file %d changed as another was read: %v", i, err)
				}
			}
		})
	}
	group.Wait()
}

func TestWhatCannotBeReadIsTold(t *testing.T) {
	dir := t.TempDir()
	never := func([]byte) error { t.Error("called"); return nil }
	if err := Use(filepath.Join(dir, "none"), never); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	if err := Use(dir, never); err == nil {
		t.Error("a folder was read")
	}
	wrong := errors.New("wrong")
	path := filepath.Join(dir, "f")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Use(path, func([]byte) error { return wrong }); !errors.Is(err, wrong) {
		t.Errorf("its user's error: %v", err)
	}
}
