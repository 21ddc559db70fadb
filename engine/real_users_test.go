package engine_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"berth/engine/secret"
	"berth/engine/spec"
)

// wholeProc mounts a /proc on which nothing lies, as hosts have it, the test host's
// own boot ID being in the way: without one the kernel lets nobody but root mount
// another (user_namespaces(7)).
func wholeProc(t *testing.T) {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount("proc", dir, "proc", 0, ""); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
}

func TestContainersHaveUsersOfTheirOwn(t *testing.T) {
	e := realEngine(t)
	if testRuntime() != "crun" {
		pod := handPod("refused", "sleep", "1000")
		pod.Users = &spec.UserNamespace{UIDs: []spec.IDMap{{Host: 300000, Size: 1000}}, GIDs: []spec.IDMap{{Host: 300000, Size: 1000}}}
		refused(t, e, pod, spec.ErrConfig)
		return
	}
	wholeProc(t)
	for _, table := range []string{"/etc/subuid", "/etc/subgid"} {
		if err := os.WriteFile(table, []byte("containers:200000:1000000\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := e.Secrets().Create(secret.Secret{Name: "key"}, []byte("secret"), true); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Secrets().Clear() })
	dir := t.TempDir()
	var hosts []int
	for _, name := range []string{"first", "second"} {
		pod := handPod(name, "sleep", "1000")
		pod.Users = &spec.UserNamespace{Auto: &spec.AutoUsers{}}
		pod.Containers[0].User.Name = "1234"
		pod.Containers[0].ByHand.Secrets = []spec.SecretUse{{Secret: "key", UID: 1234, Mode: 0o400}}
		mount(pod, "/mnt", spec.Volume{Host: &spec.HostVolume{Path: dir}}, "U")
		st := start(t, e, pod)
		info, err := os.Stat(filepath.Join("/proc", strconv.Itoa(st.Containers[0].Pid)))
		if err != nil {
			t.Fatal(err)
		}
		host := owner(info)
		hosts = append(hosts, host)
		if host != int(st.Pod.Users.UIDs[0].Host)+1234 || host < 200000 {
			t.Errorf("%s runs as %d of the host, maps %+v", name, host, st.Pod.Users)
		}
		got := inside(t, e, pod.ID, "cat /proc/self/uid_map; cat /run/secrets/key; echo; echo x > /mnt/x; ls -ln /mnt /bin/busybox; cat /etc/hosts")
		if !strings.Contains(got, "secret\n") || !strings.Contains(got, " 1234     0 ") || !strings.Contains(got, " 0        0 ") || !strings.Contains(got, "localhost") {
			t.Errorf("inside:\n%s", got)
		}
		file, err := os.Stat(filepath.Join(dir, "x"))
		if err != nil || owner(file) != host {
			t.Errorf("what it wrote is of another: %v, %v", file, err)
		}
		_ = os.Remove(filepath.Join(dir, "x"))
	}
	if hosts[0] == hosts[1] {
		t.Errorf("both run as %d", hosts[0])
	}
}

func TestUsersAreMappedAsAPersonSays(t *testing.T) {
	e := realEngine(t)
	if testRuntime() != "crun" {
		pod := handPod("refused", "sleep", "1000")
		pod.Users = &spec.UserNamespace{UIDs: []spec.IDMap{{Host: 300000, Size: 1000}}, GIDs: []spec.IDMap{{Host: 300000, Size: 1000}}}
		refused(t, e, pod, spec.ErrConfig)
		return
	}
	wholeProc(t)
	pod := handPod("mapped", "sleep", "1000")
	pod.Users = &spec.UserNamespace{
		UIDs: []spec.IDMap{{Container: 0, Host: 300000, Size: 1000}}, GIDs: []spec.IDMap{{Container: 0, Host: 400000, Size: 1000}},
	}
	st := start(t, e, pod)
	info, err := os.Stat(filepath.Join("/proc", strconv.Itoa(st.Containers[0].Pid)))
	if err != nil || owner(info) != 300000 || int(info.Sys().(*syscall.Stat_t).Gid) != 400000 {
		t.Errorf("it runs as %+v, %v", info.Sys(), err)
	}
	if got := inside(t, e, pod.ID, "echo x > /new && cat /new"); got != "x\n" {
		t.Errorf("inside %q", got)
	}
	guest := handPod("guest", "sleep", "1000")
	guest.Networks = nil
	guest.Users = &spec.UserNamespace{Join: spec.Join{Container: &spec.ContainerRef{Pod: pod.ID, Name: "c"}}}
	other := start(t, e, guest)
	if namespaceIn(t, other.Containers[0].Pid, "user") != namespaceIn(t, st.Containers[0].Pid, "user") {
		t.Error("it does not share the other's users")
	}
	pod = handPod("nobody", "sleep", "1000")
	pod.Users = &spec.UserNamespace{}
	refused(t, e, pod, spec.ErrConfig)
}

func TestAPodMadeByHandHasUsersOfItsOwn(t *testing.T) {
	e, ctx := realEngine(t), context.Background()
	if testRuntime() != "crun" {
		t.Skip("only crun does that")
	}
	wholeProc(t)
	pod := busyboxPod("house")
	pod.Containers, pod.ByHand, pod.PlainNames, pod.Owner, pod.Hostname = nil, true, true, spec.OwnerRun, "house"
	pod.Users = &spec.UserNamespace{
		UIDs: []spec.IDMap{{Container: 0, Host: 500000, Size: 65536}}, GIDs: []spec.IDMap{{Container: 0, Host: 500000, Size: 65536}},
	}
	unlock, err := e.Lock(ctx, pod.Key())
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	defer func() {
		if err := e.RemovePod(ctx, pod.ID, 0); err != nil {
			t.Error(err)
		}
	}()
	c := handPod("c", "sleep", "1000").Containers[0]
	if err := errors.Join(e.EnsurePod(ctx, pod, nil), e.AddContainer(ctx, pod.ID, c, nil, false), e.StartContainer(ctx, pod.ID, "c")); err != nil {
		t.Fatal(err)
	}
	st, err := e.ObservePod(ctx, pod.ID)
	if err != nil {
		t.Fatal(err)
	}
	if namespaceIn(t, st.Containers[0].Pid, "user") != namespaceIn(t, st.Infra.Pid, "user") {
		t.Error("the container has other users than its pod")
	}
	if got := inside(t, e, pod.ID, "cat /proc/self/uid_map; echo x > /x; ls -ln /x"); !strings.Contains(got, "500000") || !strings.Contains(got, " 0        0 ") {
		t.Errorf("inside %q", got)
	}
}
