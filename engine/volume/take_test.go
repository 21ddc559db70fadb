package volume

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"berth/engine/spec"
)

func TestWhoComesWhileAVolumeIsTakenGetsANewOne(t *testing.T) {
	s := NewStore(t.TempDir(), nil, nil)
	v, err := s.Create(t.Context(), Volume{Name: "data"})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(v.Mountpoint, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	impatient, cancel := context.WithCancel(t.Context())
	cancel()
	refused := errors.New("in use")
	for _, answer := range []error{refused, nil} {
		discard, err := s.Take(t.Context(), "data", func() error {
			if _, _, err := s.Obtain(impatient, &spec.NamedVolume{Volume: "data"}); !errors.Is(err, context.Canceled) {
				t.Errorf("a volume was to be had while it was taken: %v", err)
			}
			return answer
		})
		if !errors.Is(err, answer) {
			t.Fatalf("err %v, want %v", err, answer)
		}
		_, made, obtainErr := s.Obtain(t.Context(), &spec.NamedVolume{Volume: "data"})
		if obtainErr != nil || made != (answer == nil) {
			t.Errorf("made: %t, %v", made, obtainErr)
		}
		if _, err := os.Stat(file); (err == nil) != (answer != nil) {
			t.Errorf("the file: %v", err)
		}
		if discard == nil {
			continue
		}
		if err := discard(); err != nil {
			t.Error(err)
		}
	}
	if _, err := os.Stat(v.Mountpoint); err != nil {
		t.Errorf("the new volume went with the old one: %v", err)
	}
	left, err := os.ReadDir(s.dir)
	if err != nil || len(left) != 1 {
		t.Errorf("left: %v, %v", left, err)
	}
}
