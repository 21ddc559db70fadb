package engine_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"berth/engine"
	"berth/engine/secret"
	"berth/engine/spec"
)

// mount mounts a volume in the pod's container.
func mount(pod *spec.Pod, at string, v spec.Volume, options ...string) *spec.Mount {
	v.Name = "v" + strings.ReplaceAll(at, "/", "-")
	c := &pod.Containers[0]
	pod.Volumes = append(pod.Volumes, v)
	c.Mounts = append(c.Mounts, spec.Mount{Volume: v.Name, Path: at, Options: options})
	return &c.Mounts[len(c.Mounts)-1]
}

// removeVolume removes a volume when the pods that are made after this call are gone.
func removeVolume(t *testing.T, e *engine.Engine, name *string) {
	t.Cleanup(func() {
		if err := e.RemoveVolume(context.Background(), *name, false); err != nil && !errors.Is(err, spec.ErrNotFound) {
			t.Error(err)
		}
	})
}

func TestANewVolumeGetsWhatTheImageHas(t *testing.T) {
	e, ctx := realEngine(t), context.Background()
	pod := handPod("filler", "sleep", "1000")
	mount(pod, "/bin", spec.Volume{Named: &spec.NamedVolume{Volume: "filled"}})
	mount(pod, "/empty/of/it", spec.Volume{Named: &spec.NamedVolume{Volume: "empty"}})
	filled, empty := "filled", "empty"
	removeVolume(t, e, &filled)
	removeVolume(t, e, &empty)
	start(t, e, pod)
	v, err := e.Volumes().Inspect(ctx, "filled")
	if err != nil {
		t.Fatal(err)
	}
	if link, err := os.Readlink(filepath.Join(v.Mountpoint, "sh")); err != nil || link != "busybox" {
		t.Errorf("sh leads to %q, %v", link, err)
	}
	if got := inside(t, e, pod.ID, "ls /empty/of/it"); got != "" {
		t.Errorf("the other holds %q", got)
	}
	// What a person takes out stays out.
	if err := os.Remove(filepath.Join(v.Mountpoint, "nslookup")); err != nil {
		t.Fatal(err)
	}
	anew(t, e, pod)
	if _, err := os.Lstat(filepath.Join(v.Mountpoint, "nslookup")); !os.IsNotExist(err) {
		t.Errorf("it is back: %v", err)
	}
}

func TestAVolumeWithDataIsLeftAsItIs(t *testing.T) {
	e, ctx := realEngine(t), context.Background()
	mine := "mine"
	removeVolume(t, e, &mine)
	if _, err := e.EnsureVolume(ctx, &spec.NamedVolume{Volume: "mine"}); err != nil {
		t.Fatal(err)
	}
	v, err := e.Volumes().Inspect(ctx, "mine")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(v.Mountpoint, "data"), []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	pod := handPod("leaver", "sleep", "1000")
	mount(pod, "/mnt", spec.Volume{Named: &spec.NamedVolume{Volume: "mine"}})
	start(t, e, pod)
	if got := inside(t, e, pod.ID, "ls /mnt"); got != "data\n" {
		t.Errorf("it holds %q", got)
	}
}

func TestALayerAboveAFolderGoesWithTheContainer(t *testing.T) {
	e, ctx := realEngine(t), context.Background()
	dir := filepath.Join("/var/lib/berth", t.Name()+",odd:name")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.WriteFile(filepath.Join(dir, "below"), []byte("of the host\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	pod := handPod("above", "sleep", "1000")
	mount(pod, "/mnt", spec.Volume{Host: &spec.HostVolume{Path: dir}, Overlay: &spec.Overlay{}})
	start(t, e, pod)
	if got := inside(t, e, pod.ID, "echo changed > /mnt/below; echo new > /mnt/new; cat /mnt/below"); got != "changed\n" {
		t.Errorf("inside it is %q", got)
	}
	if data, err := os.ReadFile(filepath.Join(dir, "below")); err != nil || string(data) != "of the host\n" {
		t.Errorf("on the host it is %q, %v", data, err)
	}
	if err := e.StopContainer(ctx, pod.ID, "c", 0); err != nil {
		t.Fatal(err)
	}
	if err := e.StartContainer(ctx, pod.ID, "c"); err != nil {
		t.Fatal(err)
	}
	if got := inside(t, e, pod.ID, "cat /mnt/below; ls /mnt"); got != "of the host\nbelow\n" {
		t.Errorf("inside it is %q", got)
	}
}

func TestALayerMayBeKept(t *testing.T) {
	e := realEngine(t)
	dir := filepath.Join("/var/lib/berth", t.Name())
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	for _, name := range []string{"lower", "upper", "work"} {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	pod := handPod("kept", "sleep", "1000")
	mount(pod, "/mnt", spec.Volume{
		Host:    &spec.HostVolume{Path: filepath.Join(dir, "lower")},
		Overlay: &spec.Overlay{Upper: filepath.Join(dir, "upper"), Work: filepath.Join(dir, "work")},
	})
	start(t, e, pod)
	inside(t, e, pod.ID, "echo kept > /mnt/new")
	if data, err := os.ReadFile(filepath.Join(dir, "upper/new")); err != nil || string(data) != "kept\n" {
		t.Errorf("upper has %q, %v", data, err)
	}
}

func TestAnImageIsMounted(t *testing.T) {
	e := realEngine(t)
	pod := handPod("images", "sleep", "1000")
	mount(pod, "/img", spec.Volume{Image: &spec.ImageVolume{Image: "localhost/busybox:latest"}})
	mount(pod, "/rw", spec.Volume{Image: &spec.ImageVolume{Image: "localhost/busybox:latest", SubPath: "bin", Writable: true}})
	start(t, e, pod)
	got := inside(t, e, pod.ID, "ls /img/bin/sh /rw/sh; (echo x > /img/x) 2>/dev/null || echo refused; echo x > /rw/x && cat /rw/x")
	if got != "/img/bin/sh\n/rw/sh\nrefused\nx\n" {
		t.Errorf("inside %q", got)
	}
}

func TestFileSystemsInMemory(t *testing.T) {
	e := realEngine(t)
	pod := handPod("memory", "sleep", "1000")
	pod.Containers[0].Security.ReadOnlyRoot = true
	mount(pod, "/scratch", spec.Volume{Tmpfs: &spec.TmpfsVolume{Options: []string{"size=1m", "mode=1777"}}})
	mount(pod, "/bin2", spec.Volume{Tmpfs: &spec.TmpfsVolume{Kind: "ramfs"}})
	start(t, e, pod)
	got := inside(t, e, pod.ID, "echo a > /scratch/a; echo b > /tmp/b; echo c > /run/c; echo d > /bin2/d; (echo e > /e) 2>/dev/null || echo refused; cat /scratch/a /tmp/b /run/c /bin2/d")
	if got != "refused\na\nb\nc\nd\n" {
		t.Errorf("inside %q", got)
	}
}

func TestStoredSecretsReachContainers(t *testing.T) {
	e := realEngine(t)
	for name, data := range map[string]string{"file": "of a file", "env": "of the environment"} {
		if _, err := e.Secrets().Create(secret.Secret{Name: name}, []byte(data), true); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { _ = e.Secrets().Clear() })
	pod := handPod("secretive", "sleep", "1000")
	pod.Containers[0].ByHand.Secrets = []spec.SecretUse{
		{Secret: "file"}, {Secret: "file", Path: "/else/where", UID: 7, GID: 8, Mode: 0o400}, {Secret: "env", Env: "KEY"},
	}
	start(t, e, pod)
	got := inside(t, e, pod.ID, `cat /run/secrets/file; echo; cat /else/where; echo; echo $KEY; ls -ln /run/secrets/file /else/where`)
	if !strings.HasPrefix(got, "of a file\nof a file\nof the environment\n") || !strings.Contains(got, "-r--r--r--") || !strings.Contains(got, "-r--------    1 7        8") {
		t.Errorf("inside:\n%s", got)
	}
	leaked := func(text string) (found []string) {
		_ = filepath.WalkDir("/var/lib/berth", func(path string, d os.DirEntry, err error) error {
			if err == nil && d.Type().IsRegular() && !strings.HasPrefix(path, e.Paths().Secrets()) {
				if data, err := os.ReadFile(path); err == nil && strings.Contains(string(data), text) {
					found = append(found, path)
				}
			}
			return nil
		})
		return found
	}
	if found := append(leaked("of a file"), leaked("of the environment")...); len(found) > 0 {
		t.Errorf("on disk in %q", found)
	}
	pod = handPod("without", "sleep", "1000")
	pod.Containers[0].ByHand.Secrets = []spec.SecretUse{{Secret: "none"}}
	refused(t, e, pod, spec.ErrNotFound)
}

// refused sees that a pod cannot be made.
func refused(t *testing.T, e *engine.Engine, pod *spec.Pod, class error) {
	t.Helper()
	ctx := context.Background()
	unlock, err := e.Lock(ctx, pod.Key())
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	if err := e.EnsurePod(ctx, pod, []string{"c"}); !errors.Is(err, class) {
		t.Errorf("err %v, want %v", err, class)
	}
	if err := e.RemovePod(ctx, pod.ID, 0); err != nil {
		t.Error(err)
	}
}

func TestATreeOfTheHostIsARoot(t *testing.T) {
	e := realEngine(t)
	tree := filepath.Join("/var/lib/berth", t.Name())
	t.Cleanup(func() { _ = os.RemoveAll(tree) })
	if err := os.MkdirAll(filepath.Join(tree, "bin"), 0o755); err != nil {
		t.Fatal(err)
	}
	busybox, err := os.ReadFile("/bin/busybox")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(tree, "bin/busybox"), busybox, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"sh", "sleep", "cat"} {
		if err := os.Symlink("busybox", filepath.Join(tree, "bin", name)); err != nil {
			t.Fatal(err)
		}
	}
	for _, overlay := range []bool{true, false} {
		pod := handPod("tree", "/bin/sleep", "1000")
		pod.Containers[0].Image = ""
		pod.Containers[0].ByHand.Rootfs = &spec.Rootfs{Path: tree, Overlay: overlay}
		t.Run("", func(t *testing.T) {
			st := start(t, e, pod)
			if st.Containers[0].ImageID != "" {
				t.Errorf("it has image %s", st.Containers[0].ImageID)
			}
			inside(t, e, pod.ID, "echo x > /new; cat /new")
			if _, err := os.Lstat(filepath.Join(tree, "new")); os.IsNotExist(err) != overlay {
				t.Errorf("overlay %v: on the host: %v", overlay, err)
			}
		})
	}
}

func TestVolumesAreGivenToTheContainersUser(t *testing.T) {
	e := realEngine(t)
	dir := t.TempDir()
	outside := filepath.Join(t.TempDir(), "outside")
	for _, path := range []string{filepath.Join(dir, "file"), outside} {
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(outside, filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	pod := handPod("owner", "sleep", "1000")
	pod.Containers[0].User.Name = "1234:5678"
	mount(pod, "/mnt", spec.Volume{Host: &spec.HostVolume{Path: dir}}, "U")
	start(t, e, pod)
	if got := inside(t, e, pod.ID, "cat /mnt/file && echo mine; cat /etc/passwd"); !strings.HasPrefix(got, "mine\n") || !strings.Contains(got, "1234:*:1234:5678:") {
		t.Errorf("inside %q", got)
	}
	if got := inside(t, e, pod.ID, "ls -ln /mnt"); strings.Count(got, "1234     5678") < 1 {
		t.Errorf("inside %q", got)
	}
	info, err := os.Stat(outside)
	if err != nil || owner(info) != 0 {
		t.Errorf("what a link leads to has another owner: %v, %v", info, err)
	}
}

func TestUnnamedVolumesAndThoseOfTheImage(t *testing.T) {
	e, ctx := realEngine(t), context.Background()
	pod := handPod("nameless", "sleep", "1000")
	mount(pod, "/data", spec.Volume{Named: &spec.NamedVolume{Anonymous: true}})
	var name string
	removeVolume(t, e, &name)
	st := start(t, e, pod)
	if name = st.Pod.Volumes[0].Named.Volume; len(name) != 64 {
		t.Fatalf("it is named %q", name)
	}
	inside(t, e, pod.ID, "echo kept > /data/x")
	anew(t, e, pod)
	if got := inside(t, e, pod.ID, "cat /data/x"); got != "kept\n" {
		t.Errorf("inside %q", got)
	}
	users, err := e.VolumeUsers(ctx)
	if err != nil || len(users[name]) != 1 {
		t.Errorf("users %v, %v", users, err)
	}
}

func TestHowAContainerMadeByHandFindsItself(t *testing.T) {
	e := realEngine(t)
	pod := handPod("self", "sh", "-c", "umask; sleep 1000")
	pod.Hostname = ""
	pod.Hosts = []spec.HostAlias{{IP: "192.0.2.9", Names: []string{"other"}}, {IP: spec.HostGateway, Names: []string{"gate"}}}
	pod.Containers[0].ByHand.Init, pod.Containers[0].ByHand.Umask = true, "0027"
	st := start(t, e, pod)
	short := pod.Containers[0].ByHand.ID.Short()
	got := inside(t, e, pod.ID, "hostname; cat /etc/hostname; cat /proc/1/cmdline; echo; cat /etc/hosts")
	for _, want := range []string{
		short + "\n" + short + "\n", "/run/podman-init", "192.0.2.9\tother\n", "\tgate\n", "host.containers.internal",
		st.IPs[0] + "\t" + short + " self\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is missing from:\n%s", want, got)
		}
	}
	if strings.Contains(got, "Kubernetes") {
		t.Errorf("inside:\n%s", got)
	}
	if said := e.LastOutput(context.Background(), pod.ID, "c", 10); len(said) != 1 || said[0] != "0027" {
		t.Errorf("its umask is %q", said)
	}
}

func owner(info os.FileInfo) int {
	st, _ := info.Sys().(*syscall.Stat_t)
	return int(st.Uid)
}

// anew takes a pod that start has up down, and up again.
func anew(t *testing.T, e *engine.Engine, pod *spec.Pod) {
	t.Helper()
	ctx := context.Background()
	if err := e.StopPod(ctx, pod.ID, 0); err != nil {
		t.Fatal(err)
	}
	if err := e.EnsurePod(ctx, pod, nil); err != nil {
		t.Fatal(err)
	}
	if err := e.StartContainer(ctx, pod.ID, "c"); err != nil {
		t.Fatal(err)
	}
}
