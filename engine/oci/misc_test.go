package oci

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"berth/engine/spec"

	"golang.org/x/sys/unix"
)

func mkfifo(path string) error { return unix.Mkfifo(path, 0o644) }

func TestProcess(t *testing.T) {
	cmd := exec.Command("sleep", "1000")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p, err := FindProcess(cmd.Process.Pid)
	if err != nil || !p.Alive() {
		t.Fatalf("%+v, %v", p, err)
	}
	other := Process{Pid: p.Pid, StartTime: p.StartTime + 1}
	if other.Alive() {
		t.Error("another process with the PID is taken for this one")
	}
	if err := other.Signal(syscall.SIGKILL); !errors.Is(err, os.ErrProcessDone) {
		t.Errorf("another process was signalled: %v", err)
	}
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	if err := p.Wait(ended); !errors.Is(err, context.Canceled) {
		t.Errorf("wait: %v", err)
	}
	done := make(chan error)
	go func() { done <- p.Wait(context.Background()) }()
	if err := p.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	if p.Alive() {
		t.Error("a zombie is alive")
	}
	_ = cmd.Wait()
	if err := p.Signal(syscall.SIGTERM); !errors.Is(err, os.ErrProcessDone) {
		t.Errorf("%v", err)
	}
	for _, none := range []Process{{}, {Pid: -1}, {Pid: 1 << 30}} {
		if none.Alive() || none.Wait(context.Background()) != nil {
			t.Errorf("%+v lives", none)
		}
	}
}

func TestParseStat(t *testing.T) {
	line := "12 (a) b (c) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 4711 20 21"
	if s, err := parseStat([]byte(line)); err != nil || s != (stat{state: 'S', parent: 1, startTime: 4711}) {
		t.Errorf("%+v %v", s, err)
	}
	for _, bad := range []string{"", "12 (a S 1", "12 (a) S 1", "1 (a) SS 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 4711", strings.Replace(line, "4711", "x", 1)} {
		if _, err := parseStat([]byte(bad)); err == nil {
			t.Errorf("%q was read", bad)
		}
	}
}

func TestReadExit(t *testing.T) {
	dir := t.TempDir()
	if _, _, ok, err := ReadExit(dir, "a"); ok || err != nil {
		t.Errorf("missing: %v, %v", ok, err)
	}
	write(t, filepath.Join(dir, "a"), "137", 0o644)
	if code, when, ok, err := ReadExit(dir, "a"); code != 137 || when.IsZero() || !ok || err != nil {
		t.Errorf("%d %v %v %v", code, when, ok, err)
	}
	write(t, filepath.Join(dir, "a"), "", 0o644)
	if _, _, ok, err := ReadExit(dir, "a"); ok || err == nil {
		t.Error("an empty file was read")
	}
}

func TestRuntimeErrors(t *testing.T) {
	for message, want := range map[string]struct {
		code int
		text string
	}{
		"executable file `nosuch` not found in $PATH: No such file or directory\n": {127, `executable "nosuch" not found in the image's $PATH`},
		`time="2026-01-02T03:04:05Z" level=warning msg="unable to get oom kill count" error="x"
time="2026-01-02T03:04:05Z" level=error msg="runc create failed: unable to start container process: exec: \"nosuch\": executable file not found in $PATH"`: {127, `executable "nosuch" not found`},
		`exec: "/no/such": stat /no/such: no such file or directory`:                                                               {127, `"/no/such"`},
		`exec: "/etc/passwd": permission denied`:                                                                                   {126, "permission denied"},
		"2026-01-02T03:04:05.678901Z: open executable: Permission denied":                                                          {126, "open executable: Permission denied"},
		"exec /bin/bad: exec format error":                                                                                         {126, "exec format error"},
		"the path `/etc/passwd` exists but it is not executable: Operation not permitted":                                          {126, "cannot be executed: the path `/etc/passwd`"},
		"the path `/etc` is not a regular file: Operation not permitted":                                                           {126, "cannot be executed: the path `/etc`"},
		"cannot find `` in $PATH: No such file or directory":                                                                       {127, "was not found in the image"},
		"executable file `/no/such` not found: No such file or directory":                                                          {127, `executable "/no/such" not found`},
		"chdir to `/x`: No such file or directory":                                                                                 {127, "working directory is not in the container"},
		"open `/var/lib/x`: No such file or directory":                                                                             {0, "crun create: open `/var/lib/x`"},
		`exec failed: unable to start container process: chdir to cwd ("/x") set in config.json failed: no such file or directory`: {127, "working directory is not in the container"},
		"mount `proc` to `proc`: Operation not permitted\nwriting file `x`: bad thing\n":                                           {0, "permitted; writing"},
		"": {0, "did not say why"},
	} {
		err := runtimeError("crun", "create", message)
		var command *CommandError
		if errors.As(err, &command) != (want.code != 0) || command != nil && command.Code != want.code || !strings.Contains(err.Error(), want.text) {
			t.Errorf("%q: %v", message, err)
		}
	}
}

func TestErrorsInARuntimesLog(t *testing.T) {
	for name, test := range map[string]struct{ log, want string }{
		"runc, crun 1.8": {`{"level":"warning","msg":"oom count","time":"x"}
{"msg":"chdir to ` + "`/x`" + `","level":"error","time":"2026-01-02T03:04:05Z"}
`, "chdir to `/x`"},
		"crun 1.28": {`{
  "msg": "executable file ` + "`a` or `\\/b`" + ` not found",
  "level": "error",
  "time": "2026-01-02T03:04:05.547640Z"
}
{
  "msg": "and more",
  "level": "error"
}
`, "executable file `a` or `/b` not found; and more"},
		"half written": {"{\n  \"msg\": \"exec", ""},
		"empty":        {"", ""},
	} {
		if got := errorsIn([]byte(test.log)); got != test.want {
			t.Errorf("%s: %q", name, got)
		}
	}
}

func TestDetachKeys(t *testing.T) {
	for text, want := range map[string]string{"ctrl-p,ctrl-q": "\x10\x11", "a,ctrl-]": "a\x1d", "ctrl-@": "\x00", "": ""} {
		if got, err := ParseDetachKeys(text); err != nil || string(got) != want {
			t.Errorf("%q: %q, %v", text, got, err)
		}
	}
	for _, text := range []string{"ctrl-", "ab", "ctrl-1", "a,", "ctrl-pp"} {
		if _, err := ParseDetachKeys(text); err == nil {
			t.Errorf("%q was read", text)
		}
	}
	for _, test := range []struct {
		parts []string
		want  string
		err   error
	}{
		{[]string{"hello"}, "hello", nil},
		{[]string{"ab\x10", "\x11never"}, "ab", ErrDetached},
		{[]string{"ab\x10", "cd"}, "ab\x10cd", nil},
		{[]string{"ab\x10"}, "ab\x10", nil},
		{[]string{"\x10\x10\x11"}, "\x10", ErrDetached},
	} {
		var out bytes.Buffer
		err := copyUntilDetach(&out, &parts{test.parts}, []byte("\x10\x11"))
		if out.String() != test.want || !errors.Is(err, test.err) {
			t.Errorf("%q: %q, %v", test.parts, out.String(), err)
		}
	}
}

// parts is a reader that gives one string at a time.
type parts struct{ list []string }

func (p *parts) Read(b []byte) (int, error) {
	if len(p.list) == 0 {
		return 0, errEOF
	}
	n := copy(b, p.list[0])
	p.list = p.list[1:]
	return n, nil
}

func TestCgroupFolders(t *testing.T) {
	for path, want := range map[string]string{
		"/berth/pod1/c":               "/berth/pod1/c",
		"berth-pod1.slice:berth:c":    "/berth.slice/berth-pod1.slice/berth-c.scope",
		"a-b-c.slice:berth:x":         "/a.slice/a-b.slice/a-b-c.slice/berth-x.scope",
		"system.slice:berth:whatever": "/system.slice/berth-whatever.scope",
	} {
		if got := cgroupFolder(path); got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
	pod := spec.PodID(strings.Repeat("ab", 32))
	for _, manager := range []string{ManagerCgroupfs, ManagerSystemd} {
		for _, name := range []string{defaultCgroup, "berth1a2b3c"} {
			r := &Runtime{manager: manager, cgroup: name}
			if got := cgroupFolder(r.CgroupPath(pod, "c", spec.CgroupPlace{})); filepath.Dir(got) != r.PodCgroup(pod, spec.CgroupPlace{}) {
				t.Errorf("%s: container in %s, pod is %s", manager, got, r.PodCgroup(pod, spec.CgroupPlace{}))
			}
			c := cgroupOf(filepath.Dir(r.PodCgroup(pod, spec.CgroupPlace{})), filepath.Base(r.PodCgroup(pod, spec.CgroupPlace{})), name)
			if c.PodUID != pod.UID() || c.Path != r.PodCgroup(pod, spec.CgroupPlace{}) {
				t.Errorf("%s: %s is read as pod %q's", manager, r.PodCgroup(pod, spec.CgroupPlace{}), c.PodUID)
			}
		}
	}
}

func TestLegacyControllers(t *testing.T) {
	root := t.TempDir()
	kinds := map[string]int64{
		"cpu,cpuacct": unix.CGROUP_SUPER_MAGIC, "memory": unix.CGROUP_SUPER_MAGIC, "systemd": unix.CGROUP_SUPER_MAGIC,
		"unified": unix.CGROUP2_SUPER_MAGIC, "pids": unix.TMPFS_MAGIC, "other": unix.CGROUP_SUPER_MAGIC,
	}
	for name := range kinds {
		write(t, filepath.Join(root, name, "tasks"), "", 0o644)
	}
	write(t, filepath.Join(root, "memory/x/memory.memsw.limit_in_bytes"), "", 0o644)
	if err := os.Symlink("cpu,cpuacct", filepath.Join(root, "cpu")); err != nil {
		t.Fatal(err)
	}
	c, err := legacyControllers(root, func(dir string) (int64, error) { return kinds[filepath.Base(dir)], nil })
	if err != nil || !slices.Equal(c.Names, []string{"cpu", "cpuacct", "memory"}) || !c.Swap || c.Quota || c.Unified ||
		c.Mounts["cpu"] != root+"/cpu,cpuacct" || c.Mounts["systemd"] != root+"/systemd" || c.Mounts["unified"] != root+"/unified" {
		t.Errorf("%+v, %v", c, err)
	}
	if got := c.folders("/x"); len(got) != 4 {
		t.Errorf("%v", got)
	}
}

func TestChooseManager(t *testing.T) {
	if _, err := chooseManager("cgroups", Controllers{}); err == nil {
		t.Error("an unknown manager was taken")
	}
	if got, err := chooseManager(ManagerCgroupfs, Controllers{}); err != nil || got != ManagerCgroupfs {
		t.Errorf("%s, %v", got, err)
	}
}

func TestLogging(t *testing.T) {
	for name, test := range map[string]struct {
		log  Logging
		want string
	}{
		"the default":  {Logging{Path: "/l"}, "-l k8s-file:/l"},
		"with a limit": {Logging{Driver: "k8s-file", Path: "/l", MaxSize: 5}, "-l k8s-file:/l --log-size-max 5"},
		"journald":     {Logging{Driver: "journald", Tag: "t"}, "-l journald --log-tag t"},
		"with fields":  {Logging{Driver: "journald", Labels: []string{"A=b", "C=d"}}, "-l journald --log-label A=b --log-label C=d"},
		"none":         {Logging{Driver: "none"}, "-l none"},
		"passthrough":  {Logging{Driver: "passthrough"}, "-l passthrough"},
	} {
		got, err := appendLogging(nil, test.log)
		if err != nil || strings.Join(got, " ") != test.want {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	for _, bad := range []Logging{{Driver: "syslog"}, {Path: "relative"}, {Path: "/a:b"}, {}} {
		if _, err := appendLogging(nil, bad); !errors.Is(err, spec.ErrConfig) {
			t.Errorf("%+v: %v", bad, err)
		}
	}
}

func TestFieldsOfTheJournalNeedAConmonThatAddsThem(t *testing.T) {
	for help, ok := range map[string]bool{"--log-tag": false, "--log-label": true} {
		conmon := filepath.Join(t.TempDir(), "conmon")
		if err := os.WriteFile(conmon, []byte("#!/bin/sh\ntest \"$*\" = --help && echo "+help+"\n"), 0o700); err != nil {
			t.Fatal(err)
		}
		r := &Runtime{conmon: conmon, timeout: time.Minute}
		if err := r.CheckLog(t.Context(), spec.Log{Driver: "journald", Labels: []string{"A=b"}}); (err == nil) != ok || err != nil && !errors.Is(err, spec.ErrConfig) {
			t.Errorf("with %s: %v", help, err)
		}
		if err := r.CheckLog(t.Context(), spec.Log{Driver: "journald", Tag: "t"}); err != nil {
			t.Errorf("without fields: %v", err)
		}
	}
}

func TestMkdirInRootStaysInside(t *testing.T) {
	outside, root := t.TempDir(), t.TempDir()
	if err := os.Symlink(outside, filepath.Join(root, "link")); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(root, outside), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := MkdirInRoot(root, "/link/new/deep", 0o755, 0, 0); err != nil {
		t.Fatal(err)
	}
	if exists(filepath.Join(outside, "new")) {
		t.Error("a folder was made outside of the root")
	}
	if !exists(filepath.Join(root, outside, "new/deep")) {
		t.Error("no folder was made inside")
	}
	write(t, filepath.Join(root, "file"), "", 0o644)
	if err := MkdirInRoot(root, "/file", 0o755, 0, 0); err == nil {
		t.Error("a file is taken for a folder")
	}
}

func TestImageVolumesAreCopiedSafely(t *testing.T) {
	in := testInput(t, spec.Container{Name: "app", Security: spec.Security{ReadOnlyRoot: true}})
	in.VolumeDir = t.TempDir()
	in.Image.Volumes = map[string]struct{}{"/data": {}, "/var/log": {}, "/mounted": {}, "/missing/one": {}}
	in.Mounts = []Mount{{Source: "/x", Path: "/mounted"}}
	outside := filepath.Join(t.TempDir(), "secret")
	write(t, outside, "secret", 0o600)
	write(t, filepath.Join(in.Rootfs, "data/sub/file"), "text", 0o640)
	if err := os.Symlink(outside, filepath.Join(in.Rootfs, "data/link")); err != nil {
		t.Fatal(err)
	}
	if err := mkfifo(filepath.Join(in.Rootfs, "data/fifo")); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := PrepareImageVolumes(t.Context(), in); err != nil {
			t.Fatal(err)
		}
	}
	dir := imageVolumeDir(in.VolumeDir, "/data")
	data, err := os.ReadFile(filepath.Join(dir, "sub/file"))
	if err != nil || string(data) != "text" {
		t.Errorf("%q, %v", data, err)
	}
	if info, err := os.Stat(filepath.Join(dir, "sub/file")); err != nil || info.Mode() != 0o640 {
		t.Errorf("%v, %v", info, err)
	}
	if got, err := os.Readlink(filepath.Join(dir, "link")); err != nil || got != outside {
		t.Errorf("%q, %v", got, err)
	}
	if exists(filepath.Join(dir, "fifo")) {
		t.Error("a FIFO was copied")
	}
	s, err := BuildSpec(in)
	if err != nil {
		t.Fatal(err)
	}
	var at []string
	for _, m := range s.Mounts {
		if strings.HasPrefix(m.Source, in.VolumeDir) {
			at = append(at, m.Destination)
		}
	}
	if !slices.Equal(at, []string{"/data", "/missing/one", "/var/log"}) {
		t.Errorf("mounted at %v", at)
	}
}

func TestEnsureInfraRootfs(t *testing.T) {
	r := &Runtime{}
	dir := filepath.Join(t.TempDir(), "infra")
	for range 2 {
		got, err := r.EnsureInfraRootfs(dir)
		if err != nil || got.Path != dir {
			t.Fatalf("%+v, %v", got, err)
		}
		if info, err := os.Stat(filepath.Join(dir, got.Args[0])); err != nil || info.Mode() != 0o755 {
			t.Errorf("%v, %v", info, err)
		}
	}
	// A catatonit that needs libraries is of no use in there.
	fake := t.TempDir()
	data, err := os.ReadFile("/bin/ls")
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(fake, "catatonit"), string(data), 0o755)
	r.helperDirs = []string{fake}
	if got, err := r.EnsureInfraRootfs(dir); err != nil || got.Args[0] != "/pause" {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestPauseIsASmallStaticProgram(t *testing.T) {
	if len(pauseProgram) == 0 {
		t.Skip("none for this architecture")
	}
	if len(pauseProgram) > 20<<10 || !static(pauseProgram) {
		t.Errorf("%d bytes, static %v", len(pauseProgram), static(pauseProgram))
	}
}

func TestHelpersAreNotToldOfTheCallersSession(t *testing.T) {
	for _, name := range []string{"XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS", "NOTIFY_SOCKET", "LISTEN_FDS"} {
		t.Setenv(name, "/run/user/0")
	}
	t.Setenv("HOME", "/root")
	if got := helperEnv("A=b"); !slices.Contains(got, "HOME=/root") || !slices.Contains(got, "A=b") || slices.ContainsFunc(got, func(kv string) bool { return strings.Contains(kv, "/run/user/0") }) {
		t.Errorf("helpers get %q", got)
	}
}
