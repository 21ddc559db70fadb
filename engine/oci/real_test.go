package oci

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"berth/engine/spec"
	"berth/internal/testhost"

	ociv1 "github.com/opencontainers/image-spec/specs-go/v1"
)

// rig is a Runtime on a test host, with folders of its own.
type rig struct {
	*Runtime
	t      *testing.T
	dir    string
	rootfs string
	pod    *spec.Pod
}

func newRig(t *testing.T, change ...func(*Options)) *rig {
	t.Helper()
	testhost.Need(t)
	dir := t.TempDir()
	o := Options{
		StateRoot: filepath.Join(dir, "oci"), ExitDir: filepath.Join(dir, "exits"), CgroupManager: ManagerCgroupfs,
		Timeout: 20 * time.Second, Log: slog.New(slog.NewTextHandler(testWriter{t}, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Runtime: runtimeForHost(t),
	}
	for _, f := range change {
		f(&o)
	}
	r, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	pod := &spec.Pod{ID: spec.NewPodID(), Namespace: "default", Name: "web", Hostname: "web"}
	g := &rig{Runtime: r, t: t, dir: dir, rootfs: busyboxRootfs(t, dir), pod: pod}
	t.Cleanup(func() {
		if err := r.RemovePodCgroup(context.Background(), pod.ID, spec.CgroupPlace{}); err != nil {
			t.Error(err)
		}
	})
	return g
}

// runtimeForHost is the runtime that works on this machine's two kinds of
// hosts: Debian 12's crun refuses a v2 tree without controllers.
func runtimeForHost(t testing.TB) string {
	c, err := readControllers()
	if err != nil {
		t.Fatal(err)
	}
	if c.Unified {
		return "runc"
	}
	return "crun"
}

type testWriter struct{ t *testing.T }

func (w testWriter) Write(p []byte) (int, error) {
	w.t.Log(strings.TrimSpace(string(p)))
	return len(p), nil
}

// busyboxRootfs makes a root file system of the static busybox.
func busyboxRootfs(t *testing.T, dir string) string {
	t.Helper()
	rootfs := filepath.Join(dir, "rootfs")
	for _, d := range []string{"bin", "etc", "proc", "sys", "dev", "tmp", "run"} {
		if err := os.MkdirAll(filepath.Join(rootfs, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	data, err := os.ReadFile("/bin/busybox")
	if err != nil {
		t.Skipf("needs the static busybox: %v", err)
	}
	write(t, filepath.Join(rootfs, "bin/busybox"), string(data), 0o755)
	out, err := exec.Command("/bin/busybox", "--list").Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range strings.Fields(string(out)) {
		if err := os.Symlink("busybox", filepath.Join(rootfs, "bin", name)); err != nil && !os.IsExist(err) {
			t.Fatal(err)
		}
	}
	write(t, filepath.Join(rootfs, "etc/passwd"), "root:x:0:0:root:/root:/bin/sh\napp:x:1000:1001:app:/home/app:/bin/sh\n", 0o644)
	write(t, filepath.Join(rootfs, "etc/group"), "root:x:0:\napp:x:1001:\nextra:x:2000:app\n", 0o644)
	return rootfs
}

func write(t *testing.T, path, text string, mode os.FileMode) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

// ctr is one container of a rig.
type ctr struct {
	Container
	g   *rig
	log string
}

func (g *rig) input(c spec.Container, id spec.ContainerID) Input {
	return Input{
		Pod: g.pod, Container: &c, Image: ociv1.ImageConfig{}, Rootfs: g.rootfs,
		CgroupPath: g.CgroupPath(g.pod.ID, id, spec.CgroupPlace{}), Host: g.Host(),
	}
}

// create creates a container; it is deleted when the test ends.
func (g *rig) create(c spec.Container, change ...func(*Create)) (*ctr, error) {
	g.t.Helper()
	id := spec.NewContainerID()
	s, err := BuildSpec(g.input(c, id))
	if err != nil {
		g.t.Fatal(err)
	}
	k := &ctr{g: g, log: filepath.Join(g.dir, "logs", string(id)+".log"), Container: Container{
		ID: id, Bundle: filepath.Join(g.dir, "c", string(id)), CgroupPath: g.CgroupPath(g.pod.ID, id, spec.CgroupPlace{}),
	}}
	create := Create{Container: k.Container, Name: "web-" + c.Name, Spec: s, Log: Logging{Path: k.log}, Stdin: c.Stdin}
	for _, f := range change {
		f(&create)
	}
	g.t.Cleanup(func() {
		if err := g.Delete(context.Background(), k.Container, true); err != nil {
			g.t.Error(err)
		}
		k.checkGone()
	})
	_, err = g.Create(context.Background(), create)
	return k, err
}

func (g *rig) mustStart(c spec.Container, change ...func(*Create)) *ctr {
	g.t.Helper()
	k, err := g.create(c, change...)
	if err != nil {
		g.t.Fatal(err)
	}
	if err := g.Start(context.Background(), k.Container); err != nil {
		g.t.Fatal(err)
	}
	return k
}

func (k *ctr) state() State {
	k.g.t.Helper()
	s, err := k.g.State(k.Container)
	if err != nil {
		k.g.t.Fatal(err)
	}
	return s
}

func (k *ctr) wait() State {
	k.g.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	s, err := k.g.Wait(ctx, k.Container)
	if err != nil {
		k.g.t.Fatalf("wait: %v", err)
	}
	return s
}

// waitForConmon waits until conmon, too, has ended, just after the exit file.
func (k *ctr) waitForConmon() {
	k.g.t.Helper()
	k.wait()
	record, _, err := readRecord(k.Container)
	if err != nil {
		k.g.t.Fatal(err)
	}
	if err := record.Conmon.Wait(within(k.g.t, 20*time.Second)); err != nil {
		k.g.t.Fatal(err)
	}
}

// output is all the container has written.
func (k *ctr) output() string {
	k.g.t.Helper()
	var b strings.Builder
	if err := ReadLog(context.Background(), k.log, LogOptions{}, func(l Line) error {
		b.Write(l.Text)
		b.WriteByte('\n')
		return nil
	}); err != nil {
		k.g.t.Fatal(err)
	}
	return b.String()
}

// checkGone sees that nothing of a deleted container is left on the host.
func (k *ctr) checkGone() {
	k.g.t.Helper()
	for _, path := range []string{k.Bundle, filepath.Join(k.g.stateRoot, string(k.ID)), filepath.Join(k.g.exitDir, string(k.ID))} {
		if exists(path) {
			k.g.t.Errorf("%s is left", path)
		}
	}
	for _, folder := range []string{cgroupFolder(k.CgroupPath), k.g.conmonFolder(k.ID)} {
		for _, dir := range k.g.host.Cgroups.folders(folder) {
			if exists(dir) {
				k.g.t.Errorf("cgroup %s is left", dir)
			}
		}
	}
	for _, pid := range processesWith(string(k.ID)) {
		k.g.t.Errorf("process %d is left: %s", pid, cmdline(pid))
	}
}

func processesWith(text string) []int {
	var found []int
	entries, _ := os.ReadDir("/proc")
	for _, e := range entries {
		p := atoi(e.Name())
		if p > 0 && strings.Contains(cmdline(p), text) {
			if _, err := FindProcess(p); err == nil {
				found = append(found, p)
			}
		}
	}
	return found
}

func cmdline(pid int) string {
	data, _ := os.ReadFile(filepath.Join("/proc", itoa(pid), "cmdline"))
	return string(bytes.ReplaceAll(data, []byte{0}, []byte{' '}))
}

func atoi(s string) int {
	n := 0
	for _, c := range s {
		if c < '0' || c > '9' {
			return 0
		}
		n = n*10 + int(c-'0')
	}
	return n
}

func sh(name, script string) spec.Container {
	return spec.Container{Name: name, Command: []string{"/bin/sh", "-c", script}}
}

func TestRealLifeCycle(t *testing.T) {
	g := newRig(t)
	k, err := g.create(sh("a", "echo out; echo err >&2; id -u; hostname; exit 7"))
	if err != nil {
		t.Fatal(err)
	}
	if s := k.state(); s.State != spec.StateCreated || s.Pid == 0 || s.ConmonPid == 0 {
		t.Fatalf("after create: %+v", s)
	}
	if err := g.Start(context.Background(), k.Container); err != nil {
		t.Fatal(err)
	}
	s := k.wait()
	if s.State != spec.StateExited || s.ExitCode != 7 || s.StartedAt.IsZero() || s.FinishedAt.Before(s.StartedAt.Add(-time.Second)) {
		t.Errorf("after exit: %+v", s)
	}
	if got := strings.Fields(k.output()); !slices.Equal(slices.Sorted(slices.Values(got)), []string{"0", "err", "out", "web"}) {
		t.Errorf("log %q", got) // the two streams come in any order
	}
	if err := g.Delete(context.Background(), k.Container, false); err != nil {
		t.Error(err)
	}
	if s := k.state(); s.State != spec.StateNone {
		t.Errorf("after delete: %+v", s)
	}
}

func TestRealKill(t *testing.T) {
	g := newRig(t)
	k := g.mustStart(sh("a", "trap 'exit 3' TERM; echo ready; while :; do sleep 0.05; done"))
	k.waitForOutput("ready")
	if err := g.Delete(context.Background(), k.Container, false); err == nil {
		t.Error("a running container was deleted without force")
	}
	if err := g.Kill(context.Background(), k.Container, syscall.SIGTERM, false); err != nil {
		t.Fatal(err)
	}
	if s := k.wait(); s.ExitCode != 3 {
		t.Errorf("%+v", s)
	}
	k = g.mustStart(sh("b", "sleep 1000"))
	if err := g.Kill(context.Background(), k.Container, syscall.SIGKILL, true); err != nil {
		t.Fatal(err)
	}
	if s := k.wait(); s.ExitCode != 137 || s.OOMKilled {
		t.Errorf("%+v", s)
	}
	if err := g.Kill(context.Background(), k.Container, syscall.SIGKILL, false); err == nil {
		t.Error("an ended container could be killed")
	}
}

// waitForOutput follows the log until a line holds text.
func (k *ctr) waitForOutput(text string) {
	k.g.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	found := os.ErrExist
	err := ReadLog(ctx, k.log, LogOptions{Follow: true}, func(l Line) error {
		if strings.Contains(string(l.Text), text) {
			return found
		}
		return nil
	})
	if err != found {
		k.g.t.Fatalf("%q was not written: %v; state %+v", text, err, k.state())
	}
}
