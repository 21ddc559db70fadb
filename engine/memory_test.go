package engine

import (
	"path/filepath"
	"testing"

	"berth/engine/spec"
)

func TestReadMemory(t *testing.T) {
	const kernels = "MemTotal:       1000 kB\nMemFree:         100 kB\nMemAvailable:    300 kB\nInactive:        900 kB\nInactive(anon):  700 kB\nInactive(file):  150 kB\n"
	for _, test := range []struct {
		name, text string
		want       spec.Amount
	}{
		{"the kernel finds more than free and inactive", kernels, spec.Amount{Capacity: 1000 << 10, Available: 300 << 10}},
		{"it does not say", "MemTotal: 1000 kB\nMemFree: 100 kB\nInactive(file): 150 kB\n", spec.Amount{Capacity: 1000 << 10, Available: 250 << 10}},
		{"nothing is known", "garbage", spec.Amount{}},
	} {
		if got := readMemory(test.text); got != test.want {
			t.Errorf("%s: %+v", test.name, got)
		}
	}
}

func TestTheFileSystemOfAFolderYetToBeMade(t *testing.T) {
	dir := t.TempDir()
	here, err := fileSystem(dir)
	if err != nil || here.Space.Capacity <= 0 || here.Space.Available > here.Space.Capacity || here.Device == 0 {
		t.Fatalf("%+v, %v", here, err)
	}
	later, err := fileSystem(filepath.Join(dir, "a", "b"))
	if err != nil || later.Device != here.Device || later.Space.Capacity != here.Space.Capacity {
		t.Errorf("%+v, %v", later, err)
	}
}
