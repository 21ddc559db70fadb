package generator

import (
	"bytes"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"berth/manifests/unitdir"
	"berth/quadlet"
)

func TestCalled(t *testing.T) {
	for argv, want := range map[string]string{
		"/usr/lib/systemd/system-generators/berth-system-generator /n /e /l": "/n /e /l",
		"berth-user-generator /n":                                 "--user /n",
		"/usr/local/bin/berth quadlet generator --no-kmsg-log /n": "--no-kmsg-log /n",
		"berth quadlet generator":                                 "",
		"berth quadlet generator --help":                          "no",
		"berth quadlet generator -h":                              "no",
		"berth quadlet check":                                     "no",
		"berth":                                                   "no",
		"berth --log-level debug quadlet generator":               "no",
	} {
		args, ok := Called(strings.Fields(argv))
		if got := strings.Join(args, " "); ok != (want != "no") || ok && got != want {
			t.Errorf("%s: %q, %v", argv, got, ok)
		}
	}
}

// generate runs the generator on unit files.
func generate(t *testing.T, o Options, files map[string]string) (code int, stdout, stderr string) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("QUADLET_UNIT_DIRS", dir)
	t.Setenv("BERTH", "/usr/bin/berth")
	var out, errs bytes.Buffer
	code = Run(o, "1.2.3", &out, &errs)
	return code, strings.ReplaceAll(out.String(), dir, "/q"), strings.ReplaceAll(errs.String(), dir, "/q")
}

func TestOneBadUnitTakesNoGoodOneAlong(t *testing.T) {
	out := filepath.Join(t.TempDir(), "made")
	code, _, stderr := generate(t, Options{Out: []string{out, "early", "late"}}, map[string]string{
		"good.container": "[Container]\nImage=a\n[Install]\nWantedBy=x.target\n",
		"bad.container":  "[Container]\nImag=a\n",
		"odd.network":    "[Service]\nUser=me\n",
	})
	const want = `/q/bad.container:2: converting "bad.container": unsupported key 'Imag' in group 'Container' in /q/bad.container, did you mean "Image"?
/q/odd.network:2: Warning: using key User in the Service group is not supported
`
	if code != 1 || stderr != want {
		t.Errorf("exit %d: %s", code, cmp.Diff(want, stderr))
	}
	var made []string
	err := filepath.WalkDir(out, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			made = append(made, strings.TrimPrefix(path, out+"/"))
		}
		return err
	})
	if diff := cmp.Diff([]string{"good.service", "odd-network.service", "x.target.wants/good.service"}, made); err != nil || diff != "" {
		t.Errorf("%v: -want +got:\n%s", err, diff)
	}
	if to, err := os.Readlink(out + "/x.target.wants/good.service"); err != nil || to != "../good.service" {
		t.Errorf("the link leads to %q, %v", to, err)
	}
}

func TestDryRunPrints(t *testing.T) {
	code, stdout, stderr := generate(t, Options{DryRun: true, Verbose: true, User: true}, map[string]string{"a.volume": "[Volume]\n"})
	if code != 0 || !strings.HasPrefix(stdout, "---a-volume.service---\n# Auto") || !strings.Contains(stdout, "\nExecStart=/usr/bin/berth volume create --ignore systemd-a\n") ||
		!strings.Contains(stdout, "podman-user-wait-network-online.service") {
		t.Errorf("exit %d: %s", code, stdout)
	}
	if stderr != "read /q\n/q/a.volume: a-volume.service\n" {
		t.Errorf("stderr: %s", stderr)
	}
}

func TestNoFolderIsAnError(t *testing.T) {
	if code, _, stderr := generate(t, Options{}, nil); code != 1 || stderr != "missing output directory argument\n" {
		t.Errorf("exit %d: %s", code, stderr)
	}
	if code, stdout, _ := generate(t, Options{Version: true}, nil); code != 0 || stdout != "1.2.3\n" {
		t.Errorf("exit %d: %s", code, stdout)
	}
}

// TestGeneratorsAtOnce holds that a reader sees whole services only, and that
// nothing else is left.
func TestGeneratorsAtOnce(t *testing.T) {
	results := quadlet.Convert([]quadlet.Input{{Name: "a.container", Path: "/q/a.container",
		Data: []byte("[Container]\nImage=a\nLabel=" + strings.Repeat("x", 1<<16) + "\n[Install]\nWantedBy=x.target\n")}}, quadlet.Options{Program: "/berth", Host: Host{}})
	want, out := results[0].Unit.Text(), t.TempDir()
	if err := Write(out, results); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 50 {
				if err := Write(out, results); err != nil {
					t.Error(err)
				}
				if got, err := os.ReadFile(out + "/a.service"); err != nil || !bytes.Equal(got, want) {
					t.Errorf("read %d of %d bytes, %v", len(got), len(want), err)
				}
			}
		})
	}
	wg.Wait()
	entries, err := os.ReadDir(out)
	if err != nil || len(entries) != 2 {
		t.Errorf("left %v, %v", entries, err)
	}
}

func TestALinkIsReplaced(t *testing.T) {
	path := t.TempDir() + "/sub/x.service"
	for _, target := range []string{"one", "two", "two"} {
		if err := link(path, target); err != nil {
			t.Fatal(err)
		}
		if got, err := os.Readlink(path); err != nil || got != target {
			t.Errorf("leads to %q, %v", got, err)
		}
	}
}

func TestLogFallsBack(t *testing.T) {
	dir := t.TempDir()
	journal, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: dir + "/journal", Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer journal.Close()
	var errs bytes.Buffer
	l := newLog(&errs, true)
	l.paths = logPaths{journal: dir + "/journal", kmsg: dir + "/kmsg"}
	l.error("one")
	buf := make([]byte, 100)
	n, err := journal.Read(buf)
	if want := "PRIORITY=3\nSYSLOG_IDENTIFIER=berth-quadlet\nMESSAGE=one\n"; err != nil || string(buf[:n]) != want {
		t.Errorf("the journal got %q, %v", buf[:n], err)
	}
	l.close()

	l = newLog(&errs, true)
	l.paths = logPaths{journal: dir + "/nobody", kmsg: dir + "/kmsg"}
	if err := os.WriteFile(dir+"/kmsg", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	l.warning("two")
	l.close()
	if got, err := os.ReadFile(dir + "/kmsg"); err != nil || !strings.HasPrefix(string(got), "<4>berth-quadlet[") || !strings.HasSuffix(string(got), "]: two\n") {
		t.Errorf("the kernel got %q, %v", got, err)
	}
	if errs.String() != "one\ntwo\n" {
		t.Errorf("standard error got %q", errs.String())
	}
}

func TestRivalIsKnown(t *testing.T) {
	dir := t.TempDir()
	first, second := dir+"/etc", dir+"/usr"
	for _, d := range []string{first, second} {
		if err := os.MkdirAll(d+"/system-generators", 0o755); err != nil {
			t.Fatal(err)
		}
	}
	check := func(want string) {
		t.Helper()
		if got := rival(false, []string{first, second}); got != want {
			t.Errorf("the rival is %q, want %q", got, want)
		}
	}
	check("")
	name := "/system-generators/podman-system-generator"
	if err := os.WriteFile(second+name, nil, 0o755); err != nil {
		t.Fatal(err)
	}
	check(second + name)
	if err := os.Symlink("/dev/null", first+name); err != nil {
		t.Fatal(err)
	}
	check("")
}

func TestPodmansFoldersAreLeftToItsGenerator(t *testing.T) {
	for dir, want := range map[string]bool{"/etc/berth/quadlet": true, "/home/u/.config/berth/quadlet": true, "/etc/containers/systemd": false, "/run/containers/systemd": false} {
		if got := unitdir.Own(dir); got != want {
			t.Errorf("%s is berth's own: %v", dir, got)
		}
	}
}

func TestHost(t *testing.T) {
	h := Host{}
	for name, want := range map[string]uint32{"0": 0, "4294967295": 4294967295, "root": 0} {
		if got, err := h.UserID(name); err != nil || got != want {
			t.Errorf("user %s is %d, %v", name, got, err)
		}
	}
	for _, name := range []string{"4294967296", "nobody-has-this-name", "-1"} {
		if _, err := h.UserID(name); err == nil {
			t.Errorf("user %s is one", name)
		}
		if _, err := h.GroupID(name); err == nil {
			t.Errorf("group %s is one", name)
		}
	}
	if !h.Exists("/dev/null") || h.Exists("/dev/absent") {
		t.Error("what exists is not known")
	}
	if errors.Is(Write("/dev/null/x", nil), nil) {
		t.Error("a folder was made below a device")
	}
}
