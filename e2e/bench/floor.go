package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// floor does what no way to run a pod can do without, by the helpers directly:
// two root file systems mounted, a network namespace, netavark, and two
// containers of the runtime (the infra container and the pod's own).
type floor struct {
	runtime, netavark, aardvark string
	lists                       bool   // netavark 2: networks are a list
	old                         bool   // netavark before 1.17: slow, and its part is the same for everyone
	lower                       string // the unpacked image
	dir                         string
}

func newFloor(ctx context.Context, dir, lower string) (*floor, error) {
	f := &floor{dir: dir, lower: lower}
	var err error
	for _, name := range []string{"crun", "runc"} {
		if f.runtime, err = helper(name); err == nil {
			break
		}
	}
	if err != nil {
		return nil, err
	}
	if f.netavark, err = helper("netavark"); err != nil {
		return nil, err
	}
	if f.aardvark, err = helper("aardvark-dns"); err != nil {
		return nil, err
	}
	var major, minor int
	said := version(ctx, f.netavark, "--version")
	if _, err := fmt.Sscanf(said, "netavark %d.%d", &major, &minor); err != nil {
		return nil, fmt.Errorf("netavark --version says %q: %w", said, err)
	}
	f.lists, f.old = major >= 2, major == 1 && minor < 17
	return f, os.MkdirAll(filepath.Join(dir, "net"), 0o755)
}

// helper finds a program on PATH or where distributions keep podman's.
func helper(name string) (string, error) {
	if path, err := exec.LookPath(name); err == nil {
		return path, nil
	}
	for _, dir := range []string{"/usr/lib/podman", "/usr/libexec/podman", "/usr/local/libexec/podman"} {
		if path, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("%s is not installed: run `make deps`", name)
}

func (f *floor) containers(i int) []string {
	return []string{fmt.Sprintf("floor%d-infra", i), fmt.Sprintf("floor%d-main", i)}
}

func (f *floor) up(ctx context.Context, i int) error {
	netns := f.netns(i)
	if err := pinNamespace(netns); err != nil {
		return err
	}
	if err := f.network(ctx, "setup", i); err != nil {
		return err
	}
	for _, id := range f.containers(i) {
		if err := f.container(ctx, id, netns); err != nil {
			return err
		}
	}
	return nil
}

func (f *floor) down(ctx context.Context, i int) error {
	var errs []error
	for _, id := range f.containers(i) {
		bundle := filepath.Join(f.dir, id)
		errs = append(errs, quiet(exec.CommandContext(ctx, f.runtime, "delete", "-f", id)),
			unix.Unmount(filepath.Join(bundle, "rootfs"), unix.MNT_DETACH), os.RemoveAll(bundle))
	}
	errs = append(errs, f.network(ctx, "teardown", i), unix.Unmount(f.netns(i), unix.MNT_DETACH), os.Remove(f.netns(i)))
	return errors.Join(errs...)
}

// upAll starts n pods, side by side but for the first: netavark 1.4 makes what a
// network's pods share as if nobody else did.
func (f *floor) upAll(ctx context.Context, n int) error {
	if err := f.up(ctx, 0); err != nil {
		return err
	}
	return f.each(1, n, func(i int) error { return f.up(ctx, i) })
}

// downAll ends what upAll started, the first last.
func (f *floor) downAll(ctx context.Context, n int) error {
	err := f.each(1, n, func(i int) error { return f.down(ctx, i) })
	return errors.Join(err, f.down(ctx, 0))
}

// each does something for the pods from first to before end, side by side.
func (f *floor) each(first, end int, do func(i int) error) error {
	var group sync.WaitGroup
	var mu sync.Mutex
	var errs []error
	next := make(chan int)
	for range 2 * runtime.NumCPU() {
		group.Go(func() {
			for i := range next {
				if err := do(i); err != nil {
					mu.Lock()
					errs = append(errs, err)
					mu.Unlock()
				}
			}
		})
	}
	for i := first; i < end; i++ {
		next <- i
	}
	close(next)
	group.Wait()
	return errors.Join(errs...)
}

func (f *floor) container(ctx context.Context, id, netns string) error {
	bundle := filepath.Join(f.dir, id)
	rootfs := filepath.Join(bundle, "rootfs")
	upper, work := filepath.Join(bundle, "upper"), filepath.Join(bundle, "work")
	for _, dir := range []string{rootfs, upper, work} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	if err := unix.Mount("overlay", rootfs, "overlay", 0, "lowerdir="+f.lower+",upperdir="+upper+",workdir="+work); err != nil {
		return fmt.Errorf("mount a root file system: %w", err)
	}
	config, err := json.Marshal(containerConfig(id, netns))
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(bundle, "config.json"), config, 0o600); err != nil {
		return err
	}
	if err := quiet(exec.CommandContext(ctx, f.runtime, "create", "--bundle", bundle, id)); err != nil {
		return err
	}
	return quiet(exec.CommandContext(ctx, f.runtime, "start", id))
}

// quiet runs a command whose children outlive it and must not hold a pipe of ours.
func quiet(cmd *exec.Cmd) error {
	log, err := os.CreateTemp("", "bench-*")
	if err != nil {
		return err
	}
	defer os.Remove(log.Name())
	defer log.Close()
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Run(); err != nil {
		said, _ := os.ReadFile(log.Name())
		return fmt.Errorf("%s: %w: %s", strings.Join(cmd.Args, " "), err, bytes.TrimSpace(said))
	}
	return nil
}

func containerConfig(id, netns string) map[string]any {
	type m = map[string]any
	caps := []string{"CAP_CHOWN", "CAP_KILL", "CAP_SETUID", "CAP_SETGID", "CAP_NET_BIND_SERVICE"}
	return m{
		"ociVersion": "1.0.2",
		"root":       m{"path": "rootfs"},
		"hostname":   "floor",
		"process": m{
			"args": []string{"sleep", "100000"}, "cwd": "/", "env": []string{"PATH=/bin"},
			"capabilities": m{"bounding": caps, "effective": caps, "permitted": caps},
		},
		"mounts": []m{
			{"destination": "/proc", "type": "proc", "source": "proc"},
			{"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": []string{"nosuid", "mode=755"}},
			{"destination": "/dev/pts", "type": "devpts", "source": "devpts", "options": []string{"newinstance", "ptmxmode=0666"}},
			{"destination": "/dev/shm", "type": "tmpfs", "source": "shm", "options": []string{"mode=1777"}},
			{"destination": "/sys", "type": "sysfs", "source": "sysfs", "options": []string{"ro"}},
		},
		"linux": m{
			"cgroupsPath": "/floor/" + id,
			"namespaces": []m{{"type": "pid"}, {"type": "mount"}, {"type": "ipc"}, {"type": "uts"}, {"type": "cgroup"},
				{"type": "network", "path": netns}},
		},
	}
}

func (f *floor) netns(i int) string { return fmt.Sprintf("/run/netns-floor-%d", i) }

// pinNamespace makes a network namespace that stays: a bind mount of it.
func pinNamespace(path string) error {
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		return err
	}
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with its namespace
		err := unix.Unshare(unix.CLONE_NEWNET)
		if err == nil {
			err = unix.Mount("/proc/thread-self/ns/net", path, "none", unix.MS_BIND, "")
		}
		done <- err
	}()
	if err := <-done; err != nil {
		return fmt.Errorf("make a network namespace: %w", err)
	}
	return nil
}

// network asks netavark, as berth and podman do.
func (f *floor) network(ctx context.Context, verb string, i int) error {
	type m = map[string]any
	const name = "floor"
	attach := m{"interface_name": "eth0", "static_ips": []string{fmt.Sprintf("10.99.%d.%d", i/200, i%200+2)}, "aliases": []string{fmt.Sprintf("pod%d", i)}}
	info := m{
		"name": name, "id": strings.Repeat("f", 64), "driver": "bridge", "network_interface": "floor0",
		"subnets": []m{{"subnet": "10.99.0.0/16", "gateway": "10.99.0.1"}}, "ipv6_enabled": false, "internal": false,
		// Without names: netavark 1.4 starts and stops aardvark-dns by turns, and fails, when
		// many ask at once.
		"dns_enabled": false, "ipam_options": m{"driver": "host-local"},
	}
	var networks any = m{name: attach}
	if f.lists {
		attach["name"] = name
		networks = []m{attach}
	}
	request, err := json.Marshal(m{
		"container_id": fmt.Sprintf("%064x", i+1), "container_name": fmt.Sprintf("pod%d", i),
		"networks": networks, "network_info": m{name: info},
	})
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, f.netavark, "--config", filepath.Join(f.dir, "net"), "--aardvark-binary", f.aardvark, verb, f.netns(i))
	cmd.Stdin = bytes.NewReader(request)
	return quiet(cmd)
}
