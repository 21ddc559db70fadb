package state

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"berth/engine/spec"
)

func TestWaitsAreKeptByName(t *testing.T) {
	s := store(t)
	if list, err := s.ListWaits(); err != nil || len(list) != 0 {
		t.Fatalf("%+v, %v", list, err)
	}
	long := strings.Repeat("x", 253)
	for _, name := range []string{"web", long} {
		key := spec.PodKey{Namespace: "default", Name: name}
		if _, ok, err := s.ReadWait(key); err != nil || ok {
			t.Errorf("nothing was said of it: %v, %v", ok, err)
		}
		want := spec.Wait{Key: key, Hash: "h", Since: time.Unix(1, 0).UTC(), Tries: 3, Delay: time.Minute, At: time.Unix(2, 0).UTC(), Reason: "r", Message: "m", Image: "i"}
		if err := s.SaveWait(want); err != nil {
			t.Fatal(err)
		}
		if got, ok, err := s.ReadWait(key); err != nil || !ok || got != want {
			t.Errorf("%+v, %v, %v", got, ok, err)
		}
	}
	if list, err := s.ListWaits(); err != nil || len(list) != 2 {
		t.Errorf("%+v, %v", list, err)
	}
	web := spec.PodKey{Namespace: "default", Name: "web"}
	for range 2 {
		if err := s.RemoveWait(web); err != nil {
			t.Error(err)
		}
	}
	// A power cut may leave anything.
	if err := os.WriteFile(filepath.Join(s.Waits(), "default_torn.json"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, ok, err := s.ReadWait(spec.PodKey{Namespace: "default", Name: "torn"}); err != nil || ok {
		t.Errorf("a torn one: %v, %v", ok, err)
	}
	if list, err := s.ListWaits(); err != nil || len(list) != 1 || list[0].Key.Name != long {
		t.Errorf("%+v, %v", list, err)
	}
}
