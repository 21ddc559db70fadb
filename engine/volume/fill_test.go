package volume

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"berth/engine/spec"
)

func TestFillingThatWasCutShortTakesNothingOfOthers(t *testing.T) {
	for _, c := range []struct {
		name  string
		other func(t *testing.T, s *Store, v Volume) // uses the volume in between, or nil
		want  []string
	}{
		{"nobody", nil, []string{"image"}},
		{"a pod that fills nothing", func(t *testing.T, s *Store, v Volume) {
			dir, err := s.Ensure(t.Context(), &spec.NamedVolume{Volume: v.Name})
			if err != nil {
				t.Fatal(err)
			}
			write(t, dir, "theirs")
		}, []string{"theirs"}},
		{"an import", func(t *testing.T, s *Store, v Volume) {
			if err := s.Mount(t.Context(), v); err != nil {
				t.Fatal(err)
			}
			write(t, v.Mountpoint, "theirs")
		}, []string{"theirs"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := NewStore(t.TempDir(), nil, nil)
			v, err := s.Create(t.Context(), Volume{Name: "data"})
			if err != nil {
				t.Fatal(err)
			}
			cut := errors.New("cut short")
			err = s.Fill(t.Context(), v.Name, func(dir string) error { write(t, dir, "half"); return cut })
			if !errors.Is(err, cut) {
				t.Fatalf("err %v", err)
			}
			if c.other != nil {
				c.other(t, s, v)
			}
			for range 2 { // the second does nothing
				if err := s.Fill(t.Context(), v.Name, func(dir string) error { write(t, dir, "image"); return nil }); err != nil {
					t.Fatal(err)
				}
			}
			left, err := os.ReadDir(v.Mountpoint)
			if err != nil || len(left) != len(c.want) || left[0].Name() != c.want[0] {
				t.Errorf("left %v, %v, want %v", left, err, c.want)
			}
			if there(filepath.Dir(v.Mountpoint), filling) {
				t.Error("it still counts as being filled")
			}
		})
	}
}

func write(t *testing.T, dir, name string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestAVolumeOnADeviceIsNotFilled(t *testing.T) {
	s := NewStore(t.TempDir(), nil, nil)
	v, err := s.Create(t.Context(), Volume{Name: "device", Options: map[string]string{"type": "tmpfs", "device": "tmpfs"}})
	if err != nil {
		t.Fatal(err)
	}
	err = s.Fill(t.Context(), v.Name, func(string) error { return errors.New("it is filled") })
	if err != nil {
		t.Error(err)
	}
}
