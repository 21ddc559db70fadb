package unitdir

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// present are the files below a folder with their content; links show their target.
func present(t *testing.T, dir string) []string {
	t.Helper()
	var all []string
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text := ""
		if to, err := os.Readlink(path); err == nil {
			text = "-> " + to
		} else if data, err := os.ReadFile(path); err == nil {
			text = string(data)
		}
		all = append(all, strings.TrimPrefix(path, dir+"/")+"="+text)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func noFetch(_ context.Context, url string) ([]byte, error) { return []byte("from " + url), nil }

func TestInstallAndRemoveFiles(t *testing.T) {
	from := tree(t, map[string]string{"web.container": "1", "web.env": "A=1", "two.quadlets": "# FileName=a\n[Volume]\n---\n# FileName=b\n[Network]\n"})
	s := Store{filepath.Join(t.TempDir(), "units")}
	app, files, err := Gather(t.Context(), []string{from + "/web.container", from + "/web.env", from + "/two.quadlets", "https://example.com/x/net.network?raw=1"}, noFetch)
	if err != nil || app != "" {
		t.Fatalf("app %q, %v", app, err)
	}
	paths, err := s.Install(files, false)
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"web.container", "web.env", "a.volume", "b.network", "net.network"}; !cmp.Equal(below(s, paths), want) {
		t.Errorf("installed %v", paths)
	}
	want := []string{".web.container.asset=web.env\n", "a.volume=# FileName=a\n[Volume]\n", "b.network=# FileName=b\n[Network]\n",
		"net.network=from https://example.com/x/net.network?raw=1", "web.container=1", "web.env=A=1"}
	if diff := cmp.Diff(want, present(t, s.Dir)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if _, err := s.Install(files, false); !errors.Is(err, ErrExists) {
		t.Errorf("installed twice: %v", err)
	}
	if _, err := s.Install(files, true); err != nil {
		t.Errorf("not replaced: %v", err)
	}
	for _, name := range []string{"web.container", "a.volume", "b.network", "net.network", "never.pod"} {
		if err := s.Remove(name); err != nil {
			t.Error(err)
		}
	}
	if left := present(t, s.Dir); left != nil {
		t.Errorf("left behind: %v", left)
	}
}

func appOf(t *testing.T, s Store, path string) string {
	t.Helper()
	apps, err := s.Apps()
	if err != nil {
		t.Fatal(err)
	}
	return apps(path)
}

// Lists are anybody's files: what is far too large for one is told of, not read.
func TestAListOfPodmansIsBounded(t *testing.T) {
	s := Store{tree(t, map[string]string{"web.container": "1"})}
	list := filepath.Join(s.Dir, ".shop.app")
	if err := errors.Join(os.WriteFile(list, nil, 0o600), os.Truncate(list, maxBytes+1)); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Units(); err == nil || !strings.Contains(err.Error(), ".shop.app has more than") {
		t.Errorf("err %v", err)
	}
}

func TestRemoveWhatPodmanInstalled(t *testing.T) {
	files := map[string]string{
		".shop.app": "web.container\nweb.env\n", "web.container": "1", "web.env": "A=1",
		".play.kube.app": "play.kube\nplay.yaml\nnet.network\n", "play.kube": "1", "play.yaml": "2", "net.network": "3",
		".odd.app": "../outside.pod\n\n", "outside.pod": "kept", "alone.volume": "4",
	}
	s := Store{tree(t, files)}
	for unit, want := range map[string]string{"web.container": "shop", "play.kube": "", "net.network": "", "alone.volume": ""} {
		if got := appOf(t, s, filepath.Join(s.Dir, unit)); got != want {
			t.Errorf("%s is of %q, want %q", unit, got, want)
		}
	}

	if err := s.Remove("play.kube"); err != nil {
		t.Error(err)
	}
	left := []string{".odd.app=../outside.pod\n\n", ".play.kube.app=play.yaml\nnet.network\n", ".shop.app=web.container\nweb.env\n", "alone.volume=4",
		"net.network=3", "outside.pod=kept", "play.yaml=2", "web.container=1", "web.env=A=1"}
	if diff := cmp.Diff(left, present(t, s.Dir)); diff != "" {
		t.Errorf("the first unit file gone: -want +got:\n%s", diff)
	}
	if err := errors.Join(s.Remove("net.network"), s.Remove("net.network"), s.RemoveApp("shop"), s.RemoveApp("shop"), s.RemoveApp("odd")); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff([]string{"alone.volume=4", "outside.pod=kept"}, present(t, s.Dir)); diff != "" {
		t.Errorf("all gone: -want +got:\n%s", diff)
	}
}

func below(s Store, paths []string) []string {
	var all []string
	for _, p := range paths {
		all = append(all, strings.TrimPrefix(p, s.Dir+"/"))
	}
	return all
}

func TestInstallAndReplaceAnApplication(t *testing.T) {
	from := tree(t, map[string]string{"shop/web@.container": "1", "shop/web@a.container": "-> web@.container", "shop/web@.container.d/x.conf": "2",
		"shop/conf/nginx.conf": "3", "shop/.git/config": "no", "other/web.container": "4"})
	s := Store{filepath.Join(t.TempDir(), "units")}
	app, files, err := Gather(t.Context(), []string{from + "/shop/"}, noFetch)
	if err != nil || app != "shop" {
		t.Fatalf("app %q, %v", app, err)
	}
	paths, err := s.InstallApp(app, files, false)
	if err != nil {
		t.Fatal(err)
	}
	if len(paths) != 4 || appOf(t, s, paths[0]) != "shop" || !s.Has(paths[0]) || s.Has("/usr/x.pod") || appOf(t, s, s.Dir+"/x.pod") != "" {
		t.Errorf("installed %v", paths)
	}
	want := []string{"shop/conf/nginx.conf=3", "shop/web@.container=1", "shop/web@.container.d/x.conf=2", "shop/web@a.container=-> web@.container"}
	if diff := cmp.Diff(want, present(t, s.Dir)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	_, files, err = Gather(t.Context(), []string{from + "/other"}, noFetch)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.InstallApp("shop", files, false); !errors.Is(err, ErrExists) {
		t.Errorf("installed twice: %v", err)
	}
	if _, err := s.InstallApp("shop", files, true); err != nil {
		t.Fatal(err)
	}
	if got := present(t, s.Dir); !slices.Equal(got, []string{"shop/web.container=4"}) {
		t.Errorf("after the replacement: %v", got)
	}
	if err := errors.Join(s.RemoveApp("shop"), s.RemoveApp("shop")); err != nil {
		t.Error(err)
	}
	if left := present(t, s.Dir); left != nil {
		t.Errorf("left behind: %v", left)
	}
}

func TestWhatIsNotInstalled(t *testing.T) {
	root := tree(t, map[string]string{"out/x.pod": "-> ../secret", "abs/x.pod": "-> /etc/passwd", "secret": "s", "a.pod": "1", "bad.quadlets": "[Volume]\n",
		"big.pod": strings.Repeat("#", 2<<20)})
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{root + "/out"}, "is a link out of the folder, or to nothing"},
		{[]string{root + "/abs"}, "is a link out of the folder, or to nothing"},
		{[]string{root + "/a.pod", root + "/out"}, "is a folder: it has to come first"},
		{[]string{root + "/gone.pod"}, "no such file"},
		{[]string{root + "/bad.quadlets"}, `has no comment "# FileName=NAME"`},
		{[]string{root + "/big.pod"}, "has more than 1024 KiB"},
	} {
		if _, _, err := Gather(t.Context(), c.args, noFetch); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v: %v, want %q", c.args, err, c.want)
		}
	}
	s := Store{t.TempDir()}
	for _, app := range []string{"", "a.pod", "../x", ".x", "x.d", "users"} {
		if _, err := s.InstallApp(app, nil, false); err == nil {
			t.Errorf("application %q was made", app)
		}
	}
	for _, name := range []string{"../x.pod", "..", ".", "x\nother.pod"} {
		if _, err := s.Install([]Item{{Name: name}}, true); err == nil || !strings.Contains(err.Error(), "is no file's name") {
			t.Errorf("a file called %q: %v", name, err)
		}
	}
	if _, err := s.InstallApp("app", []Item{{Name: "../x.pod"}}, true); err == nil {
		t.Error("a file was written outside")
	}
	twice := []Item{{Name: "x.pod", Data: []byte("1")}, {Name: "x.pod", Data: []byte("2")}}
	for _, replace := range []bool{false, true} {
		if _, err := s.Install(twice, replace); err == nil || !strings.Contains(err.Error(), "are called x.pod") {
			t.Errorf("two files of one name: %v", err)
		}
		if _, err := s.InstallApp("app", twice, replace); err == nil || !strings.Contains(err.Error(), "are called x.pod") {
			t.Errorf("two files of one name in an application: %v", err)
		}
	}
	if left := present(t, s.Dir); left != nil {
		t.Errorf("left behind: %v", left)
	}
}

func TestStoresAreWhereTheGeneratorLooks(t *testing.T) {
	env := map[string]string{}
	who := Who{Home: "/home/u", Getenv: func(k string) string { return env[k] }}
	for _, step := range []struct {
		user             bool
		key, value, want string
	}{
		{false, "", "", "/etc/containers/systemd /etc/berth/quadlet"},
		{true, "", "", "/home/u/.config/containers/systemd /home/u/.config/berth/quadlet"},
		{true, "XDG_RUNTIME_DIR", "/run/user/7", "/home/u/.config/containers/systemd /home/u/.config/berth/quadlet"},
		{true, "XDG_CONFIG_HOME", "/cfg", "/cfg/containers/systemd /cfg/berth/quadlet"},
		{false, "QUADLET_UNIT_DIRS", "/one:/two", "/one /two"},
	} {
		env[step.key] = step.value
		who.User = step.user
		var got []string
		for _, s := range Stores(who) {
			got = append(got, s.Dir)
			if !slices.Contains(Path(who), s.Dir) {
				t.Errorf("with %s=%s: %s is not read", step.key, step.value, s.Dir)
			}
		}
		if strings.Join(got, " ") != step.want {
			t.Errorf("with %s=%s: %s, want %s", step.key, step.value, got, step.want)
		}
	}
}

func TestAllThatWasInstalledIsListed(t *testing.T) {
	root := tree(t, map[string]string{
		"real/web.container": "", "real/.web.container.asset": "", "real/web.env": "", "real/web.container.d/10.conf": "",
		"real/shop/web.container": "", "real/shop/deep/db.container": "", "real/.new-x/y.container": "",
	})
	link := filepath.Join(root, "link")
	if err := os.Symlink("real", link); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{filepath.Join(root, "real"), link} {
		units, err := Store{dir}.Units()
		var got []string
		for _, u := range units {
			rel, _ := filepath.Rel(dir, u.Path)
			got = append(got, u.App+":"+u.Name+":"+rel)
		}
		slices.Sort(got)
		want := []string{":web.container:web.container", "shop:db.container:shop/deep/db.container", "shop:web.container:shop/web.container"}
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%q %v", got, err)
		}
	}
	if units, err := (Store{filepath.Join(root, "none")}).Units(); err != nil || len(units) > 0 {
		t.Errorf("%v %v", units, err)
	}
}

func TestTheFolderToInstallTo(t *testing.T) {
	env := map[string]string{}
	who := Who{Getenv: func(k string) string { return env[k] }}
	for _, c := range []struct {
		dirs  string
		rival bool
		want  string
	}{{"", false, "/etc/containers/systemd"}, {"", true, "/etc/berth/quadlet"}, {"/one:/two", false, "/one"}, {"/one:/two", true, "/one"}} {
		env["QUADLET_UNIT_DIRS"] = c.dirs
		if s, ok := Target(who, c.rival); !ok || s.Dir != c.want {
			t.Errorf("%+v: %v %v", c, s, ok)
		}
	}
}
