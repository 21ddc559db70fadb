package volume

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"berth/engine/spec"
)

// loseRecord makes a volume with what write puts on it, and takes its record away.
func loseRecord(t *testing.T, s *Store, name string, write func(dir string) error) string {
	t.Helper()
	v, err := s.Create(t.Context(), Volume{Name: name})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(write(v.Mountpoint), os.Remove(s.record(name))); err != nil {
		t.Fatal(err)
	}
	return v.Mountpoint
}

func TestAVolumeWithoutARecordIsRecoveredNotThrownAway(t *testing.T) {
	s, ctx := NewStore(t.TempDir(), nil, nil), t.Context()
	if _, err := s.Create(ctx, Volume{Name: "kept"}); err != nil {
		t.Fatal(err)
	}
	data := loseRecord(t, s, "full", func(dir string) error { return os.WriteFile(filepath.Join(dir, "f"), []byte("precious"), 0o600) })
	loseRecord(t, s, "empty", func(string) error { return nil })
	loseRecord(t, s, "bare", os.Remove)
	loseRecord(t, s, "used", func(string) error { return nil })
	for _, other := range []string{"lost+found", ".gone-1"} {
		if err := os.Mkdir(filepath.Join(s.dir, other), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	lost, err := s.Lost()
	if err != nil || !slices.Equal(lost, []string{"bare", "empty", "full", "used"}) {
		t.Fatalf("lost %v, %v", lost, err)
	}
	for range 2 {
		for _, name := range lost {
			if err := s.Recover(ctx, name, name == "used"); err != nil {
				t.Error(err)
			}
		}
	}
	if lost, err := s.Lost(); err != nil || len(lost) > 0 {
		t.Errorf("still lost: %v, %v", lost, err)
	}
	list, err := s.List(ctx)
	if err != nil || len(list) != 3 || list[0].Name != "full" || list[1].Name != "kept" || list[2].Name != "used" {
		t.Errorf("volumes %v, %v", list, err)
	}
	if got, err := os.ReadFile(filepath.Join(data, "f")); err != nil || string(got) != "precious" {
		t.Errorf("the data is %q, %v", got, err)
	}
	if _, made, err := s.Obtain(ctx, &spec.NamedVolume{Volume: "full"}); err != nil || made {
		t.Errorf("obtained: made %v, %v", made, err)
	}
}

func TestClearLeavesNoVolume(t *testing.T) {
	s, ctx := NewStore(filepath.Join(t.TempDir(), "volumes"), nil, nil), t.Context()
	if err := s.Clear(ctx); err != nil {
		t.Errorf("without a folder: %v", err)
	}
	if _, err := s.Create(ctx, Volume{Name: "whole"}); err != nil {
		t.Fatal(err)
	}
	loseRecord(t, s, "lost", func(dir string) error { return os.WriteFile(filepath.Join(dir, "f"), nil, 0o600) })
	if _, err := s.Create(ctx, Volume{Name: "torn"}); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(s.record("torn"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, other := range []string{"lost+found", ".gone-1"} {
		if err := os.Mkdir(filepath.Join(s.dir, other), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Clear(ctx); err != nil {
		t.Error(err)
	}
	left, err := os.ReadDir(s.dir)
	if err != nil || len(left) != 1 || left[0].Name() != "lost+found" {
		t.Errorf("left %v, %v", left, err)
	}
}
