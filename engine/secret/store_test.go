package secret

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"berth/engine/spec"
)

func create(t *testing.T, s *Store, name, data string) Secret {
	t.Helper()
	made, err := s.Create(Secret{Name: name, Labels: map[string]string{"a": "b"}}, []byte(data), false)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func TestASecretIsFoundByNameAndID(t *testing.T) {
	s := NewStore(filepath.Join(t.TempDir(), "secrets"), nil)
	made := create(t, s, "password", "x\n\x00y")
	if len(made.ID) != 25 || strings.Trim(made.ID, "0123456789abcdef") != "" {
		t.Errorf("ID %q", made.ID)
	}
	for _, name := range []string{"password", made.ID, made.ID[:6]} {
		found, data, err := s.Read(name)
		if err != nil || found.Name != "password" || found.Labels["a"] != "b" || string(data) != "x\n\x00y" {
			t.Errorf("Read(%q) = %v, %q, %v", name, found, data, err)
		}
	}
	for _, name := range []string{"", "passwor", "zz", "../" + made.ID} {
		if _, _, err := s.Read(name); !errors.Is(err, spec.ErrNotFound) {
			t.Errorf("Read(%q): %v", name, err)
		}
	}
	if _, err := s.Create(Secret{Name: "password"}, []byte("z"), false); !errors.Is(err, spec.ErrExists) {
		t.Errorf("twice: %v", err)
	}
	if _, data, _ := s.Read("password"); string(data) != "x\n\x00y" {
		t.Errorf("it holds %q now", data)
	}
}

func TestANameGoesBeforeABeginningOfAnID(t *testing.T) {
	s := NewStore(t.TempDir(), nil)
	other := create(t, s, "other", "o")
	create(t, s, other.ID[:3], "named so")
	if found, err := s.Find(other.ID[:3]); err != nil || found.Name != other.ID[:3] {
		t.Errorf("found %v, %v", found, err)
	}
	var long string
	for i := range 40 { // of so many, some IDs begin alike
		long = strings.Repeat("n", i+1)
		create(t, s, long, "x")
	}
	list, err := s.List()
	if err != nil || len(list) != 42 {
		t.Fatalf("%d secrets, %v", len(list), err)
	}
	seen := map[string]bool{}
	for _, one := range list {
		if digit := one.ID[:1]; seen[digit] && digit != other.ID[:3] {
			if _, err := s.Find(digit); err == nil || !strings.Contains(err.Error(), "could be any of") {
				t.Errorf("Find(%q): %v", digit, err)
			}
			return
		}
		seen[one.ID[:1]] = true
	}
	t.Error("no two IDs begin alike")
}

func TestReplacing(t *testing.T) {
	s := NewStore(t.TempDir(), nil)
	if _, err := s.Create(Secret{Name: "new"}, []byte("1"), true); err != nil {
		t.Errorf("what is not there: %v", err)
	}
	old := create(t, s, "p", "1")
	next, err := s.Create(Secret{Name: "p"}, []byte("2"), true)
	if err != nil || next.ID != old.ID || !next.CreatedAt.Equal(old.CreatedAt) || !next.UpdatedAt.After(old.UpdatedAt) {
		t.Errorf("%v became %v, %v", old, next, err)
	}
	if found, data, _ := s.Read("p"); string(data) != "2" || len(found.Labels) != 0 {
		t.Errorf("holds %q, labels %v", data, found.Labels)
	}
}

func TestNamesAndSizes(t *testing.T) {
	s := NewStore(t.TempDir(), nil)
	for _, name := range []string{"a", "..", ".x", "a b", "Ü?!", strings.Repeat("x", 253)} {
		if _, err := s.Create(Secret{Name: name}, []byte("x"), false); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
	for _, name := range []string{"", "a/b", "../b", "a,b", "a=b", "a\x00b", strings.Repeat("x", 254)} {
		if _, err := s.Create(Secret{Name: name}, []byte("x"), false); err == nil {
			t.Errorf("%q was taken", name)
		}
	}
	for size, ok := range map[int]bool{0: false, 1: true, 511999: true, 512000: false} {
		_, err := s.Create(Secret{Name: "sized"}, bytes.Repeat([]byte("x"), size), true)
		if (err == nil) != ok {
			t.Errorf("%d bytes: %v", size, err)
		}
		if err != nil && strings.Contains(err.Error(), "xxx") {
			t.Error("the error shows what the secret holds")
		}
	}
}

func TestOnlyRootReadsAndNothingIsLeft(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "secrets")
	var told []string
	s := NewStore(dir, func(a spec.Act) { told = append(told, a.Status+" "+a.Name) })
	made := create(t, s, "p", "1")
	_, _ = s.Create(Secret{Name: "p"}, []byte("2"), false)
	for path, want := range map[string]os.FileMode{dir: 0o700, filepath.Join(dir, made.ID+".json"): 0o600} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v", path, info.Mode(), err)
		}
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 1 {
		t.Errorf("%d entries in the folder", len(entries))
	}
	if id, err := s.Remove(made.ID[:6]); err != nil || id != made.ID {
		t.Errorf("Remove = %q, %v", id, err)
	}
	if want := []string{"create p", "remove p"}; !slices.Equal(told, want) {
		t.Errorf("told %q, want %q", told, want)
	}
	if _, err := s.Remove("p"); !errors.Is(err, spec.ErrNotFound) {
		t.Errorf("again: %v", err)
	}
	if list, err := s.List(); err != nil || len(list) != 0 {
		t.Errorf("%v, %v", list, err)
	}
}

func TestOfManyAtOnceOneMakesIt(t *testing.T) {
	s := NewStore(t.TempDir(), nil)
	var group sync.WaitGroup
	var made atomic.Int32
	for range 16 {
		group.Go(func() {
			switch _, err := s.Create(Secret{Name: "p"}, []byte("x"), false); {
			case err == nil:
				made.Add(1)
			case !errors.Is(err, spec.ErrExists):
				t.Error(err)
			}
		})
	}
	group.Wait()
	if made.Load() != 1 {
		t.Errorf("made by %d", made.Load())
	}
}

// TestVersion1 reads what the first release wrote.
func TestVersion1(t *testing.T) {
	s := NewStore("testdata/v1", nil)
	found, data, err := s.Read("password")
	if err != nil || found.ID != "5e884898da28047151d0e56f8" || found.Labels["app"] != "web" || string(data) != "hidden\n" ||
		found.DriverOptions["opt"] != "val" || found.CreatedAt.Year() != 2026 || !found.UpdatedAt.After(found.CreatedAt) {
		t.Errorf("%+v, %q, %v", found, data, err)
	}
}

// A writer that was killed leaves its half: with data in it, so nobody keeps that.
func TestWhatAKilledWriterLeftIsRemoved(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "secrets")
	s := NewStore(dir, nil)
	create(t, s, "first", "x")
	create(t, s, "third", "x")
	leave := func() {
		t.Helper()
		old := filepath.Join(dir, ".new-123")
		err := errors.Join(os.Mkdir(old, 0o700), os.WriteFile(filepath.Join(old, "half"), []byte("data"), 0o600), os.WriteFile(filepath.Join(dir, ".tmp-1"), []byte("data"), 0o600))
		if err != nil {
			t.Fatal(err)
		}
	}
	for verb, do := range map[string]func() error{
		"create":  func() error { _, err := s.Create(Secret{Name: "new"}, []byte("y"), false); return err },
		"replace": func() error { _, err := s.Create(Secret{Name: "first"}, []byte("y"), true); return err },
		"again": func() error {
			_, err := s.Create(Secret{Name: "first"}, []byte("y"), false)
			return ignore(err, spec.ErrExists)
		},
		"remove": func() error { _, err := s.Remove("third"); return err },
	} {
		leave()
		err := do()
		if left, _ := filepath.Glob(filepath.Join(dir, ".*")); err != nil || len(left) > 0 {
			t.Errorf("%s: %v, left %v", verb, err, left)
		}
	}
}

func ignore(err, expected error) error {
	if errors.Is(err, expected) {
		return nil
	}
	return err
}
