package unitdir

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"berth/quadlet"
)

// tree makes files; a text "-> TARGET" makes a link.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if to, ok := strings.CutPrefix(text, "-> "); ok {
			err = os.Symlink(to, path)
		} else {
			err = os.WriteFile(path, []byte(text), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// found is what was read: each file with its content, then its drop-ins; then
// the problems.
func found(root string, u Units) (files, problems []string) {
	for _, f := range u.Files {
		line := strings.TrimPrefix(f.Path, root+"/") + "=" + string(f.Data)
		for _, d := range f.DropIns {
			line += " " + strings.TrimPrefix(d.Path, root+"/") + "=" + string(d.Data)
		}
		files = append(files, line)
	}
	for _, p := range u.Problems {
		problems = append(problems, strings.Replace(p.Error(), root+"/", "", 1))
	}
	return files, problems
}

func TestRead(t *testing.T) {
	for _, c := range []struct {
		name            string
		files           map[string]string
		want, wantWrong []string
	}{
		{"the first of a name wins, folders below are read",
			map[string]string{"a/x.container": "1", "b/x.container": "2", "b/app/y.pod": "3", "a/note.txt": "", "a/.hid.container": "", "a/.git/z.pod": ""},
			[]string{"a/x.container=1", "b/app/y.pod=3"}, nil},
		{"linked folders are followed once",
			map[string]string{"other/x.pod": "1", "a/l": "-> ../other", "b/m": "-> ../other"},
			[]string{"a/l/x.pod=1"}, nil},
		{"a folder may be a link", map[string]string{"other/x.pod": "1", "a": "-> other"},
			[]string{"a/x.pod=1"}, nil},
		{"an instance is a link to its template",
			map[string]string{"a/x@.container": "1", "a/x@i.container": "-> x@.container"},
			[]string{"a/x@.container=1", "a/x@i.container=1"}, nil},
		{"a link to /dev/null masks", map[string]string{"a/x.pod": "-> /dev/null", "b/x.pod": "1", "b/x.pod.d/a.conf": "2"},
			nil, nil},
		{"drop-ins of all folders, the first of a name, in order of names",
			map[string]string{"b/x-y.pod": "1", "a/x-y.pod.d/2.conf": "own", "b/x-y.pod.d/2.conf": "no", "b/x-.pod.d/1.conf": "cut", "a/pod.d/2.conf": "no", "a/pod.d/3.conf": "all", "a/pod.d/note": ""},
			[]string{"b/x-y.pod=1 b/x-.pod.d/1.conf=cut a/x-y.pod.d/2.conf=own a/pod.d/3.conf=all"}, nil},
		{"drop-ins of no unit", map[string]string{"a/web.pod": "1", "a/wep.pod.d/1.conf": "", "a/e.pod.d/x": "", "a/cut-.pod.d/1.conf": "", "a/volume.d/1.conf": ""},
			[]string{"a/web.pod=1"}, []string{`a/wep.pod.d: has drop-ins for wep.pod, but there is no such unit file, did you mean "web.pod"?`}},
		{"a loop of folders", map[string]string{"a/x.pod": "1", "a/sub/up": "-> .."},
			[]string{"a/x.pod=1"}, []string{"a/sub/up: is a loop: the link leads to a folder it is in"}},
		{"a loop of links", map[string]string{"a/x.pod": "-> y.pod", "a/y.pod": "-> x.pod", "a/z.pod": "1"},
			[]string{"a/z.pod=1"}, []string{"a/x.pod: is a loop of symbolic links", "a/y.pod: is a loop of symbolic links"}},
		{"a link to nothing", map[string]string{"a/x.pod": "-> gone", "a/z.pod": "1"},
			[]string{"a/z.pod=1"}, []string{"a/x.pod: is a symbolic link to nothing"}},
		{"links that would be folders", map[string]string{"a/one": "-> two", "a/two": "-> one", "a/app": "-> gone", "a/z.env": "-> gone", "a/.lock": "-> gone", "a/z.pod": "1"},
			[]string{"a/z.pod=1"}, []string{"a/app: is a symbolic link to nothing", "a/one: is a loop of symbolic links", "a/two: is a loop of symbolic links"}},
		{"a bad drop-in takes its unit along, not others", map[string]string{"a/x.pod": "1", "a/x.pod.d/1.conf": "-> gone", "a/z.pod": "1"},
			[]string{"a/z.pod=1"}, []string{"a/x.pod.d/1.conf: is a symbolic link to nothing"}},
		{"a bad drop-in of all of a kind is one problem", map[string]string{"a/x.pod": "1", "a/y.pod": "1", "a/pod.d/1.conf": "-> 1.conf", "a/z.volume": "1"},
			[]string{"a/z.volume=1"}, []string{"a/pod.d/1.conf: is a loop of symbolic links"}},
		{"a folder of drop-ins that cannot be read takes its unit along", map[string]string{"a/x.pod": "1", "a/x.pod.d": "-> x.pod.d", "b/y.pod": "1", "b/y.pod.d": "-> gone", "b/z.pod": "1", "b/other.d": "-> gone"},
			[]string{"b/z.pod=1"}, []string{"a/x.pod.d: is a loop of symbolic links", "b/y.pod.d: is a symbolic link to nothing"}},
		{"names of several lines", map[string]string{"a/x\ny.pod": "-> gone", "a/z\nz.pod.d/1.conf": ""},
			nil, []string{`"a/x\ny.pod": is a symbolic link to nothing`, `"a/z\nz.pod.d": has drop-ins for "z\nz.pod", but there is no such unit file`}},
		{"no folder is no problem", map[string]string{},
			nil, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			root := tree(t, c.files)
			files, wrong := found(root, Read([]string{root + "/a", root + "/b"}))
			if diff := cmp.Diff(c.want, files); diff != "" {
				t.Errorf("files: -want +got:\n%s", diff)
			}
			if diff := cmp.Diff(c.wantWrong, slices.Sorted(slices.Values(wrong))); diff != "" {
				t.Errorf("problems: -want +got:\n%s", diff)
			}
		})
	}
}

func TestRelativePathsStartInTheRealFolder(t *testing.T) {
	root := tree(t, map[string]string{"far/off/x.pod": "1", "a/app": "-> ../far/off", "a/y.pod": "-> ../far/off/x.pod"})
	for _, f := range Read([]string{root + "/a"}).Files {
		if want := map[string]string{"x.pod": root + "/far/off", "y.pod": root + "/a"}[f.Name]; f.Folder != want {
			t.Errorf("%s starts in %s, want %s", f.Path, f.Folder, want)
		}
	}
}

func TestReadIsBounded(t *testing.T) {
	root := tree(t, map[string]string{"big.pod": strings.Repeat("#", 10<<20), "most.pod": strings.Repeat("#", quadlet.MaxSize), "good.pod": "1"})
	if err := unix.Mkfifo(root+"/pipe.pod", 0o644); err != nil {
		t.Fatal(err)
	}
	u := Read([]string{root})
	sizes := map[string]int{}
	for _, f := range u.Files {
		sizes[f.Name] = len(f.Data)
	}
	if diff := cmp.Diff(map[string]int{"big.pod": quadlet.MaxSize + 1, "most.pod": quadlet.MaxSize, "good.pod": 1}, sizes); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if _, wrong := found(root, u); !cmp.Equal(wrong, []string{"pipe.pod: is no regular file"}) {
		t.Errorf("problems: %q", wrong)
	}
}

func TestAUnitMayDisappear(t *testing.T) {
	root := tree(t, map[string]string{"x.pod": "1"})
	w := newWalk()
	w.dir(root)
	if err := os.Remove(root + "/x.pod"); err != nil {
		t.Fatal(err)
	}
	if files := w.contents([]quadlet.Input{{Name: "x.pod", Path: w.units["x.pod"]}}); len(files) != 0 {
		t.Errorf("read %v", files)
	}
	if len(w.problems) != 1 || w.problems[0].Message != "disappeared while it was read" {
		t.Errorf("problems: %v", w.problems)
	}
}

func TestPath(t *testing.T) {
	env := map[string]string{}
	who := Who{UID: 7, Home: "/home/u", Getenv: func(k string) string { return env[k] }}
	check := func(want ...string) {
		t.Helper()
		if diff := cmp.Diff(want, Path(who)); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	}
	check("/run/containers/systemd", "/etc/berth/quadlet", "/etc/containers/systemd", "/usr/share/containers/systemd")
	who.User = true
	users := []string{"/etc/containers/systemd/users/7", "/etc/containers/systemd/users", "/usr/share/containers/systemd/users/7", "/usr/share/containers/systemd/users"}
	check(append([]string{"/home/u/.config/berth/quadlet", "/home/u/.config/containers/systemd"}, users...)...)
	env["XDG_RUNTIME_DIR"], env["XDG_CONFIG_HOME"] = "/run/user/7", "/cfg"
	check(append([]string{"/run/user/7/containers/systemd", "/cfg/berth/quadlet", "/cfg/containers/systemd"}, users...)...)
	env["QUADLET_UNIT_DIRS"] = "/one::/two"
	check("/one", "/two")
	for dir, want := range map[string]bool{
		"/etc/containers/systemd/users": true, "/etc/containers/systemd/users/7": true, "/etc/containers/systemd/users/app": false, "/etc/berth/quadlet/users": false,
	} {
		if got := ofOthers(filepath.Dir(dir), filepath.Base(dir)); got != want {
			t.Errorf("%s is of others: %v", dir, got)
		}
	}
}
