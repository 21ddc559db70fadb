package network

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// EnsureNamespace has a network namespace pinned at path, its loopback up. One
// that is there already is left as it is. Call it in the host's own mount
// namespace: the pin is a bind mount that others must see.
func (m *Manager) EnsureNamespace(path string) error {
	if NamespaceAlive(path) {
		return nil
	}
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("make a network namespace: %w", err)
	}
	unlock, err := lockFile(context.Background(), dir, exclusive)
	if err != nil {
		return fmt.Errorf("make a network namespace: %w", err)
	}
	defer unlock()
	if NamespaceAlive(path) {
		return nil
	}
	f, err := os.OpenFile(path, os.O_RDONLY|os.O_CREATE, 0o644)
	if err != nil {
		return fmt.Errorf("make a network namespace: %w", err)
	}
	_ = f.Close()
	if err := pinNewNamespace(path); err != nil {
		_ = os.Remove(path)
		return fmt.Errorf("make network namespace %s: %w", path, err)
	}
	return nil
}

// pingGroups holds the groups whose processes may send echo requests (icmp(7)), in
// the network namespace of whoever opens it.
const pingGroups = "/proc/sys/net/ipv4/ping_group_range"

// pinNewNamespace makes a namespace and mounts it at path. A thread of its own
// enters it and is thrown away afterwards. Before, it goes back, because the
// runtime cannot throw away a process's first thread, whose namespace
// /proc/self/ns/net shows.
func pinNewNamespace(path string) error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with this goroutine
		done <- func() error {
			home, err := os.Open("/proc/thread-self/ns/net")
			if err != nil {
				return err
			}
			defer home.Close()
			if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
				return os.NewSyscallError("unshare", err)
			}
			lo, err := netlink.LinkByName("lo")
			if err == nil {
				err = netlink.LinkSetUp(lo)
			}
			// Who has no CAP_NET_RAW may ping all the same, as on a host of systemd's.
			// Where a sandbox forbids that, no more than ping is lost.
			_ = os.WriteFile(pingGroups, []byte("0 2147483647"), 0o644)
			if err != nil {
				err = fmt.Errorf("bring loopback up: %w", err)
			} else if err = unix.Mount("/proc/thread-self/ns/net", path, "", unix.MS_BIND, ""); err != nil {
				err = os.NewSyscallError("mount", err)
			}
			return errors.Join(err, os.NewSyscallError("setns", unix.Setns(int(home.Fd()), unix.CLONE_NEWNET)))
		}()
	}()
	return <-done
}

// RemoveNamespace lets a pinned namespace go: it ends with its last process.
// One that is gone already is success.
func (m *Manager) RemoveNamespace(path string) error {
	unlock, err := lockFile(context.Background(), filepath.Dir(path), exclusive)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("remove network namespace %s: %w", path, err)
	}
	defer unlock()
	// More than one mount may lie there; unlinking under a mount would fail.
	for {
		err := unix.Unmount(path, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW)
		if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOENT) {
			break
		}
		if err != nil {
			return fmt.Errorf("unmount network namespace %s: %w", path, err)
		}
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove network namespace %s: %w", path, err)
	}
	return nil
}

// NamespaceAlive reports whether a namespace is pinned at path, or, under
// /proc, one is to be found there.
func NamespaceAlive(path string) bool {
	var st unix.Statfs_t
	if err := unix.Statfs(path, &st); err != nil {
		return false
	}
	return int64(st.Type) == unix.NSFS_MAGIC
}
