package oci

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"berth/engine/spec"

	ociv1 "github.com/opencontainers/image-spec/specs-go/v1"
)

// infra starts the pod's infra container.
func (g *rig) infra(change func(*InfraRootfs)) *ctr {
	g.t.Helper()
	rootfs, err := g.EnsureInfraRootfs(filepath.Join(g.dir, "infra"))
	if err != nil {
		g.t.Fatal(err)
	}
	if change != nil {
		change(&rootfs)
	}
	id := spec.NewContainerID()
	s, err := BuildInfra(InfraInput{Pod: g.pod, Rootfs: rootfs, Namespaces: InfraNamespaces(g.pod, ""), CgroupPath: g.CgroupPath(g.pod.ID, id, spec.CgroupPlace{}), Host: g.Host()})
	if err != nil {
		g.t.Fatal(err)
	}
	k := &ctr{g: g, Container: Container{ID: id, Bundle: filepath.Join(g.dir, "c", "_infra"), CgroupPath: g.CgroupPath(g.pod.ID, id, spec.CgroupPlace{})}}
	g.t.Cleanup(func() {
		if err := g.Delete(context.Background(), k.Container, true); err != nil {
			g.t.Error(err)
		}
		k.checkGone()
	})
	if _, err := g.Create(context.Background(), Create{Container: k.Container, Name: "infra", Spec: s, Log: Logging{Driver: "none"}}); err != nil {
		g.t.Fatal(err)
	}
	if err := g.Start(context.Background(), k.Container); err != nil {
		g.t.Fatal(err)
	}
	return k
}

func TestRealPodSharesWhatItShould(t *testing.T) {
	for _, program := range []string{"catatonit", "pause"} {
		t.Run(program, func(t *testing.T) {
			g := newRig(t)
			g.pod.SharePID, g.pod.Hostname = true, "shared"
			g.pod.Sysctls = map[string]string{"kernel.shmmni": "1234", "net.ipv4.ip_unprivileged_port_start": "0"}
			infra := g.infra(func(r *InfraRootfs) {
				if program == "pause" {
					write(t, filepath.Join(r.Path, "pause"), string(pauseProgram), 0o755)
					r.Args = []string{"/pause"}
				}
			})
			shm := filepath.Join(g.dir, "shm")
			if err := EnsureShm(shm, 0); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := RemoveShm(shm); err != nil {
					t.Error(err)
				}
			})
			join := func(script string) *ctr {
				record, _, err := readRecord(infra.Container)
				if err != nil {
					t.Fatal(err)
				}
				return g.mustStart(sh("a", script), func(c *Create) {
					in := g.input(sh("a", script), c.ID)
					in.Namespaces = ContainerNamespaces(g.pod, "", record.Init)
					in.Namespaces.Net = "/proc/" + itoa(record.Init.Pid) + "/ns/net"
					in.ShmPath = shm
					s, err := BuildSpec(in)
					if err != nil {
						t.Fatal(err)
					}
					c.Spec = s
				})
			}
			a := join("hostname; cat /proc/1/comm; cat /proc/sys/kernel/shmmni; cat /proc/sys/net/ipv4/ip_unprivileged_port_start; echo x > /dev/shm/x")
			if s := a.wait(); s.ExitCode != 0 {
				t.Errorf("%+v: %s", s, a.output())
			}
			if got, want := a.output(), "shared\n"+program+"\n1234\n0\n"; got != want {
				t.Errorf("%q, want %q", got, want)
			}
			b := join("cat /dev/shm/x; sh -c 'sleep 0.1 & exec true' & wait; sleep 0.3; ps -o stat,comm | grep -c '^Z'; true")
			if s := b.wait(); s.ExitCode != 0 || b.output() != "x\n0\n" {
				t.Errorf("%+v: zombies %q", s, b.output())
			}
			if err := g.Kill(context.Background(), infra.Container, syscall.SIGTERM, false); err != nil {
				t.Fatal(err)
			}
			infra.wait()
		})
	}
}

// A container of a shared PID namespace has children that outlive its first process.
func TestRealDeleteEndsWhatIsLeftInTheCgroup(t *testing.T) {
	g := newRig(t)
	g.pod.HostPID = true
	k := g.mustStart(sh("a", "sleep 4712 & echo up"), func(c *Create) {
		in := g.input(sh("a", "setsid sleep 4712 >/dev/null 2>&1 & echo up"), c.ID)
		in.Namespaces = InfraNamespaces(g.pod, "")
		s, err := BuildSpec(in)
		if err != nil {
			t.Fatal(err)
		}
		c.Spec = s
	})
	k.wait()
	if len(processesWith("sleep 4712")) == 0 {
		t.Error("the test shows nothing: no process was left")
	}
	if err := g.Delete(context.Background(), k.Container, false); err != nil {
		t.Error(err)
	}
	if left := processesWith("sleep 4712"); len(left) > 0 {
		t.Errorf("processes %v are left", left)
	}
}

func TestRealRestrictions(t *testing.T) {
	g := newRig(t)
	run := func(c spec.Container, image ociv1.ImageConfig, mounts ...Mount) (string, State) {
		k := g.mustStart(c, func(cr *Create) {
			in := g.input(c, cr.ID)
			in.Image, in.Mounts, in.VolumeDir = image, mounts, filepath.Join(g.dir, "volumes", string(cr.ID))
			if err := PrepareImageVolumes(t.Context(), in); err != nil {
				t.Fatal(err)
			}
			s, err := BuildSpec(in)
			if err != nil {
				t.Fatal(err)
			}
			cr.Spec = s
		})
		s := k.wait()
		return k.output(), s
	}
	status := "grep -E '^(CapEff|CapBnd|CapAmb|NoNewPrivs|Seccomp):' /proc/self/status | tr '\\t\\n' ' '"
	c := sh("a", status)
	if out, _ := run(c, ociv1.ImageConfig{}); !strings.Contains(out, "CapEff: 00000000800405fb CapBnd: 00000000800405fb CapAmb: 0000000000000000 NoNewPrivs: 0 Seccomp: 2") {
		t.Errorf("default: %s", out)
	}
	c = sh("a", status+"; id -u; id -G; pwd")
	c.Security = spec.Security{NoNewPrivileges: true, CapAdd: []string{"NET_BIND_SERVICE"}, CapDrop: []string{"ALL"}, Seccomp: "unconfined"}
	if out, _ := run(c, ociv1.ImageConfig{User: "app", WorkingDir: "/new/dir"}); !strings.Contains(out, "CapEff: 0000000000000400 CapBnd: 0000000000000400 CapAmb: 0000000000000400 NoNewPrivs: 1 Seccomp: 0") ||
		!strings.Contains(out, "1000\n1001 2000\n/new/dir\n") {
		t.Errorf("user: %s", out)
	}
	c = sh("a", "touch /x 2>/dev/null || echo readonly; cat /data/seed; echo more > /data/more && echo writable; cat /proc/kcore 2>/dev/null | head -c 1 | wc -c; echo 1 2>/dev/null >/proc/sys/kernel/domainname || echo masked; touch /sys/x 2>/dev/null || echo sys")
	c.Security.ReadOnlyRoot = true
	write(t, filepath.Join(g.rootfs, "data/seed"), "seed\n", 0o644)
	if out, _ := run(c, ociv1.ImageConfig{Volumes: map[string]struct{}{"/data": {}}}); !strings.Contains(out, "readonly\nseed\nwritable\n0\nmasked\nsys\n") {
		t.Errorf("read-only: %s", out)
	}
	if exists(filepath.Join(g.rootfs, "data/more")) {
		t.Error("the image's volume lies in the root file system")
	}
	c = sh("a", status+"; ls /dev/kmsg; echo ok > /proc/sys/kernel/domainname; touch /sys/fs/cgroup/x 2>&1 | grep -c 'Read-only'")
	c.Security.Privileged = true
	if out, _ := run(c, ociv1.ImageConfig{}); !strings.Contains(out, "Seccomp: 0") || !strings.Contains(out, "/dev/kmsg\n0\n") {
		t.Errorf("privileged: %s", out)
	}
	host := filepath.Join(g.dir, "host")
	write(t, filepath.Join(host, "f"), "from the host\n", 0o644)
	c = sh("a", "cat /mnt/deep/f; touch /mnt/deep/g 2>/dev/null || echo ro")
	if out, _ := run(c, ociv1.ImageConfig{}, Mount{Source: host, Path: "/mnt/deep", ReadOnly: true, Options: []string{"noexec"}}); !strings.Contains(out, "from the host\n") || !strings.Contains(out, "ro\n") {
		t.Errorf("mount: %s", out)
	}
}

func TestRealTerminal(t *testing.T) {
	g := newRig(t)
	k := g.mustStart(spec.Container{Name: "a", Command: []string{"sh", "-c", "tty; echo $TERM"}, TTY: true})
	if s := k.wait(); s.ExitCode != 0 || !strings.Contains(k.output(), "/dev/pts/0\r\nxterm\r\n") {
		t.Errorf("%+v %q", s, k.output())
	}
}

// What conmon holds is held until the container ends, and not by the container.
func TestRealExtraFiles(t *testing.T) {
	g := newRig(t)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	k := g.mustStart(sh("a", "ls /proc/self/fd | wc -l; sleep 1000"), func(c *Create) { c.ExtraFiles = []*os.File{w} })
	_ = w.Close()
	k.waitForOutput("")
	if out := k.output(); out != "4\n" { // 0, 1, 2 and the folder ls reads
		t.Errorf("the container sees %s descriptors", out)
	}
	done := make(chan struct{})
	go func() {
		_, _ = r.Read(make([]byte, 1))
		close(done)
	}()
	select {
	case <-done:
		t.Error("the descriptor was closed while the container runs")
	default:
	}
	if err := g.Kill(context.Background(), k.Container, syscall.SIGKILL, false); err != nil {
		t.Fatal(err)
	}
	k.wait()
	<-done
}

func TestRealPassthrough(t *testing.T) {
	g := newRig(t)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	k := g.mustStart(sh("a", "echo straight"), func(c *Create) {
		c.Log = Logging{Driver: "passthrough", Passthrough: [3]*os.File{nil, w, w}}
	})
	k.wait()
	_ = w.Close()
	var out bytes.Buffer
	if _, err := out.ReadFrom(r); err != nil || out.String() != "straight\n" {
		t.Errorf("%q %v", out.String(), err)
	}
}

func TestRealRotation(t *testing.T) {
	g := newRig(t)
	c := sh("a", "i=0; while read x; do i=$((i+1)); echo line $i; done")
	c.Stdin = true
	k := g.mustStart(c)
	ctx := within(t, 20e9)
	lines := make(chan string, 100)
	go func() {
		_ = ReadLog(ctx, k.log, LogOptions{Follow: true}, func(l Line) error {
			lines <- string(l.Text)
			return nil
		})
	}()
	conn, err := dialAttach(k.Container)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	expect := func(want string) {
		t.Helper()
		if _, err := conn.Write([]byte("go\n")); err != nil {
			t.Fatal(err)
		}
		select {
		case got := <-lines:
			if got != want {
				t.Errorf("%q, want %q", got, want)
			}
		case <-ctx.Done():
			t.Fatalf("%q was not seen", want)
		}
	}
	expect("line 1")
	for n := 2; n <= 6; n++ {
		if err := g.RotateLog(k.Container, k.log, 3); err != nil {
			t.Fatal(err)
		}
		waitForFile(t, k.log)
		expect("line " + itoa(n))
	}
	if n := highestRotated(k.log); n != 2 {
		t.Errorf("%d rotated files, want 2", n)
	}
	if got := k.output(); got != "line 4\nline 5\nline 6\n" {
		t.Errorf("kept %q", got)
	}
	// With conmon gone the log keeps its name.
	if err := g.Kill(context.Background(), k.Container, syscall.SIGKILL, false); err != nil {
		t.Fatal(err)
	}
	k.waitForConmon()
	if err := g.RotateLog(k.Container, k.log, 3); err == nil {
		t.Error("a dead conmon reopened the log")
	}
	if !exists(k.log) {
		t.Error("the log lost its name")
	}
}
