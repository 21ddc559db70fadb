package engine

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"berth/engine/spec"
	"berth/engine/volume"
	"berth/internal/tree"
)

const (
	// autoName is whose ranges of /etc/subuid and /etc/subgid are handed out, as
	// containers-storage.conf(5) has it.
	autoName = "containers"
	// autoSize is how many users a pod gets that does not say: the numbers that
	// images use.
	autoSize = 65536
)

// lockUsers makes the caller the only one who hands out users.
func (e *Engine) lockUsers(ctx context.Context) (unlock func(), err error) {
	f, err := e.records.Lock(ctx, spec.PodKey{Namespace: "_users", Name: "_users"}) // no pod's: it begins with an underscore
	if err != nil {
		return nil, err
	}
	return func() { _ = f.Close() }, nil
}

// mapUsers says how a pod's users are mapped that is to be made: it chooses ranges
// that no other pod has, or takes over those of the container whose users it shares.
func (e *Engine) mapUsers(pod *spec.Pod) error {
	users := pod.Users
	if users == nil {
		return nil
	}
	mapped := *users
	switch {
	case users.Join.Container != nil:
		other, err := e.records.ReadPod(users.Join.Container.Pod)
		if err != nil {
			return fmt.Errorf("share the users of container %q: %w", users.Join.Container.Name, err)
		}
		if other.Users == nil {
			pod.Users = nil // the host's
			return nil
		}
		mapped.UIDs, mapped.GIDs = other.Users.UIDs, other.Users.GIDs
	case users.Join.Path != "":
		return fmt.Errorf("%w: user namespace %s: nobody knows how it maps users: give the maps with --uidmap and --gidmap", spec.ErrConfig, users.Join.Path)
	case users.Auto != nil:
		var err error
		if mapped.UIDs, err = e.chooseUsers(users.Auto.Size, users.Auto.UIDs, "/etc/subuid", func(u *spec.UserNamespace) []spec.IDMap { return u.UIDs }); err != nil {
			return err
		}
		if mapped.GIDs, err = e.chooseUsers(users.Auto.Size, users.Auto.GIDs, "/etc/subgid", func(u *spec.UserNamespace) []spec.IDMap { return u.GIDs }); err != nil {
			return err
		}
	}
	if len(mapped.UIDs) == 0 || len(mapped.GIDs) == 0 {
		return fmt.Errorf("%w: a user namespace without maps: nobody could be anybody in it", spec.ErrConfig)
	}
	pod.Users = &mapped
	return nil
}

// chooseUsers maps size users, or groups, those in fixed as they say.
func (e *Engine) chooseUsers(size uint32, fixed []spec.IDMap, table string, of func(*spec.UserNamespace) []spec.IDMap) ([]spec.IDMap, error) {
	if size == 0 {
		size = autoSize
	}
	ranges, err := SubordinateIDs(table, autoName)
	if err != nil {
		return nil, err
	}
	if len(ranges) == 0 {
		return nil, fmt.Errorf("%w: a pod's own users are taken from a range that %s has none of: add the line %s:2147483647:2147483647 to it", spec.ErrConfig, table, autoName)
	}
	pods, _, err := e.records.ListPods()
	if err != nil {
		return nil, err
	}
	taken := slices.Clone(fixed)
	for _, p := range pods {
		if p.Users != nil {
			taken = append(taken, of(p.Users)...)
		}
	}
	maps := slices.Clone(fixed)
	for _, gap := range gaps(size, fixed) {
		start, ok := freeRange(ranges, taken, gap.Size)
		if !ok {
			return nil, fmt.Errorf("%w: %s has no %d numbers in a row left for user %q: add a range, or ask for fewer (auto:size=)", spec.ErrConfig, table, gap.Size, autoName)
		}
		gap.Host = start
		maps, taken = append(maps, gap), append(taken, gap)
	}
	return maps, nil
}

// gaps are the numbers from 0 to size in a container that fixed says nothing of.
func gaps(size uint32, fixed []spec.IDMap) []spec.IDMap {
	sorted := slices.SortedFunc(slices.Values(fixed), func(a, b spec.IDMap) int { return int(int64(a.Container) - int64(b.Container)) })
	var list []spec.IDMap
	next := uint64(0)
	for _, f := range append(sorted, spec.IDMap{Container: math.MaxUint32}) {
		end := min(uint64(f.Container), uint64(size))
		if end > next {
			list = append(list, spec.IDMap{Container: uint32(next), Size: uint32(end - next)})
		}
		next = max(next, uint64(f.Container)+uint64(f.Size))
	}
	return list
}

// freeRange is the first place in ranges, whose Host and Size count, where so many
// numbers in a row are not taken.
func freeRange(ranges, taken []spec.IDMap, size uint32) (uint32, bool) {
	for _, r := range ranges {
		at, end := uint64(r.Host), uint64(r.Host)+uint64(r.Size)
		for at+uint64(size) <= end {
			i := slices.IndexFunc(taken, func(t spec.IDMap) bool {
				return uint64(t.Host) < at+uint64(size) && at < uint64(t.Host)+uint64(t.Size)
			})
			if i < 0 {
				return uint32(at), true
			}
			at = uint64(taken[i].Host) + uint64(taken[i].Size)
		}
	}
	return 0, false
}

// SubordinateIDs reads the ranges of a user in /etc/subuid or /etc/subgid (subuid(5)),
// whose Host and Size count; none is no error.
func SubordinateIDs(table, name string) ([]spec.IDMap, error) {
	f, err := os.Open(table)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var ranges []spec.IDMap
	scan := bufio.NewScanner(f)
	for n := 1; scan.Scan(); n++ {
		fields := strings.Split(strings.TrimSpace(scan.Text()), ":")
		if len(fields) != 3 || fields[0] != name {
			continue
		}
		start, errStart := strconv.ParseUint(fields[1], 10, 32)
		size, errSize := strconv.ParseUint(fields[2], 10, 32)
		if errStart != nil || errSize != nil || start == 0 || start+size > math.MaxUint32 {
			return nil, fmt.Errorf("%w: %s:%d: %q is no range of users: want name:first:count", spec.ErrConfig, table, n, scan.Text())
		}
		ranges = append(ranges, spec.IDMap{Host: uint32(start), Size: uint32(size)})
	}
	return ranges, scan.Err()
}

// hostIDs are the user and the group of the host that those in a pod's containers are.
func hostIDs(pod *spec.Pod, uid, gid uint32) (hostUID, hostGID int, err error) {
	hostUID, hostGID, ok := pod.Users.Host(uid, gid)
	if !ok {
		err = fmt.Errorf("%w: user %d:%d is not mapped by the container's user namespace: map more users", spec.ErrConfig, uid, gid)
	}
	return hostUID, hostGID, err
}

// openRoot mounts a root file system where the root of the pod's user namespace
// finds it, and nobody else: the image store's folders are root's alone.
func (e *Engine) openRoot(pod *spec.Pod, id spec.ContainerID, rootfs string) (string, error) {
	uid, gid, err := hostIDs(pod, 0, 0)
	if err != nil {
		return "", err
	}
	own := filepath.Join(e.records.Roots(), string(id))
	target := filepath.Join(own, "root")
	if err := e.closeRoot(id); err != nil {
		return "", err
	}
	if err := os.MkdirAll(target, 0o700); err != nil {
		return "", err
	}
	if err := e.letThrough(); err != nil {
		return "", err
	}
	if err := os.Chown(own, uid, gid); err != nil {
		return "", err
	}
	if err := unix.Mount(rootfs, target, "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
		return "", &os.PathError{Op: "mount", Path: target, Err: err}
	}
	return target, nil
}

// letThrough has whoever is nobody here pass through, and not list, the folders
// that lead to root file systems.
func (e *Engine) letThrough() error {
	if err := os.MkdirAll(e.records.Roots(), 0o711); err != nil {
		return err
	}
	return errors.Join(os.Chmod(e.records.Run, 0o711), os.Chmod(e.records.Roots(), 0o711))
}

// closeRoot undoes openRoot; gone is success.
func (e *Engine) closeRoot(id spec.ContainerID) error {
	own := filepath.Join(e.records.Roots(), string(id))
	if _, err := os.Lstat(own); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err := volume.Unmount(filepath.Join(own, "root")); err != nil {
		return err
	}
	return tree.Remove(own)
}
