package manifests

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"berth/quadlet"
)

type noHost struct{}

func (noHost) Exists(string) bool             { return false }
func (noHost) UserID(string) (uint32, error)  { return 0, nil }
func (noHost) GroupID(string) (uint32, error) { return 0, nil }

func unitsOf(t *testing.T, dirs ...string) *Units {
	t.Helper()
	u, err := NewUnits(dirs, quadlet.Options{Program: "berth", Host: noHost{}}, FolderOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func writeUnit(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func good(found quadlet.Found) string {
	var names []string
	for _, r := range found.Results {
		if r.Unit != nil {
			names = append(names, r.Name)
		}
	}
	return strings.Join(names, " ")
}

func TestUnitsReachOverFolders(t *testing.T) {
	a, b := t.TempDir(), t.TempDir()
	writeUnit(t, a+"/web.container", "[Container]\nImage=a\nVolume=data.volume:/data\n")
	writeUnit(t, b+"/data.volume", "[Volume]\n")
	writeUnit(t, b+"/web.container", "[Container]\nImage=hidden\n")
	writeUnit(t, a+"/web.container.d/env.conf", "[Container]\nEnvironment=A=1\n")
	writeUnit(t, a+"/shop.kube", "[Kube]\nYaml=shop.yaml\n")
	writeUnit(t, a+"/shop.yaml", "one")
	u := unitsOf(t, a, b)
	found := u.Read()
	if got := good(found); got != "data.volume shop.kube web.container" || len(found.Unknown) > 0 {
		t.Errorf("%s, unknown %v", got, found.Unknown)
	}
	if want := b + "/web.container: is not read: " + a + "/web.container has the same name and comes first"; !strings.Contains(found.Problems.Error(), want) {
		t.Errorf("problems: %v", found.Problems)
	}
	if _, known := found.Contents[a+"/shop.yaml"]; !known {
		t.Errorf("contents: %v", found.Contents)
	}
	before := u.print
	u.Read()
	if u.print != before {
		t.Error("nothing changed, and yet it says something else")
	}
	writeUnit(t, a+"/shop.yaml", "two")
	u.Read()
	if u.print == before {
		t.Error("it does not notice what a .kube unit plays")
	}
	writeUnit(t, b+"/data.volume", "[Volume]\n[Service]\nEnvironmentFile=-"+b+"/env\n")
	u.Read()
	before = u.print
	writeUnit(t, b+"/env", "A=1")
	u.Read()
	if u.print == before {
		t.Error("it does not notice a file of variables")
	}
}

func TestUnitsOfWhatCannotBeReadAreUnknown(t *testing.T) {
	root := t.TempDir()
	dir := root + "/units"
	writeUnit(t, dir+"/web.container", "[Container]\nImage=a\n")
	u := unitsOf(t, dir)
	u.Read()
	if err := os.Rename(dir, dir+".away"); err != nil {
		t.Fatal(err)
	}
	if found := u.Read(); !slices.Contains(found.Unknown, dir) {
		t.Errorf("the folder is gone: unknown is %v", found.Unknown)
	}
	if err := os.Rename(dir+".away", dir); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(dir + "/web.container"); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("nothing", dir+"/web.container"); err != nil {
		t.Fatal(err)
	}
	if found := u.Read(); !slices.Contains(found.Unknown, dir+"/web.container") {
		t.Errorf("the file is a link to nothing: unknown is %v", found.Unknown)
	}
	if err := os.Remove(dir + "/web.container"); err != nil {
		t.Fatal(err)
	}
	if found := u.Read(); len(found.Unknown) > 0 || len(found.Results) > 0 {
		t.Errorf("the file is gone: %v", found)
	}
	writeUnit(t, dir+"/web.container", "[Container]\nImage=a\n")
	for _, link := range []string{"container.d", "web.container.d"} {
		if err := os.Symlink(link, dir+"/"+link); err != nil {
			t.Fatal(err)
		}
		if found := u.Read(); !slices.Contains(found.Unknown, dir+"/web.container") || len(found.Results) > 0 {
			t.Errorf("its drop-ins cannot be read: unknown is %v, results %v", found.Unknown, found.Results)
		}
		if err := os.Remove(dir + "/" + link); err != nil {
			t.Fatal(err)
		}
	}
}

func TestUnitsAreReadWhenTheirWriterIsDone(t *testing.T) {
	dir := t.TempDir()
	u := unitsOf(t, dir)
	u.Read()
	f, err := os.Create(dir + "/web.container")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString("[Container]\nImage=a\n"); err != nil {
		t.Fatal(err)
	}
	if _, busy := u.scan(); !busy || len(u.found.Results) > 0 {
		t.Errorf("it is being written: %v", u.found.Results)
	}
	f.Close()
	if found := u.Read(); good(found) != "web.container" {
		t.Errorf("it was written: %v", found)
	}
}

func TestUnitsAreWatched(t *testing.T) {
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	seen := make(chan string, 10)
	go func() {
		_ = unitsOf(t, dir).Run(ctx, func(found quadlet.Found) { seen <- good(found) }) // ends with the test
	}()
	next := func(want string) {
		t.Helper()
		for {
			select {
			case got := <-seen:
				if got == want {
					return
				}
			case <-time.After(10 * time.Second):
				t.Fatalf("%q was not told", want)
			}
		}
	}
	next("")
	writeUnit(t, dir+"/app/web.container", "[Container]\nImage=a\n")
	next("web.container")
	writeUnit(t, dir+"/app/web.container.d/broken.conf", "[Container]\nImg=a\n")
	next("")
	if err := os.RemoveAll(dir + "/app/web.container.d"); err != nil {
		t.Fatal(err)
	}
	next("web.container")
}
