package image

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"go.podman.io/storage"

	"berth/engine/spec"
	"berth/internal/tree"
)

// EmptyRootfs takes all that was written out of a root file system that is not
// mounted: it is as it was made. ok is false where that cannot be done so that
// nobody could tell, with other drivers than overlay, say: then it is to be removed.
func (s *Store) EmptyRootfs(ctx context.Context, id spec.ContainerID) (ok bool, err error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	store, err := s.open()
	if err != nil {
		return false, err
	}
	c, err := store.Container(string(id))
	if errors.Is(err, storage.ErrContainerUnknown) {
		return false, nil
	}
	if err != nil || store.GraphDriverName() != "overlay" {
		return false, err
	}
	driver, err := store.GraphDriver()
	if err != nil {
		return false, err
	}
	facts, err := driver.Metadata(c.LayerID)
	if err != nil {
		return false, err
	}
	upper, lower := facts["UpperDir"], strings.Split(facts["LowerDir"], ":")[0]
	if upper == "" || lower == "" || filepath.Base(upper) != "diff" || isMount(facts["MergedDir"]) || !sameRoot(upper, lower) {
		return false, nil
	}
	entries, err := os.ReadDir(upper)
	if err != nil {
		return false, err
	}
	for _, e := range entries {
		if err := tree.Remove(filepath.Join(upper, e.Name())); err != nil {
			return false, fmt.Errorf("empty root file system %s: %w", id.Short(), err)
		}
	}
	return true, nil
}

// isMount reports whether something is mounted at a folder, or cannot tell.
func isMount(dir string) bool {
	var here, above unix.Stat_t
	if dir == "" || unix.Lstat(dir, &here) != nil || unix.Lstat(filepath.Dir(dir), &above) != nil {
		return true
	}
	return here.Dev != above.Dev
}

// sameRoot reports whether the root of a layer says no more of itself than that
// below it does: mode, owner, and no attributes but overlayfs's own. A container
// may have changed them.
func sameRoot(upper, lower string) bool {
	var a, b unix.Stat_t
	if unix.Lstat(upper, &a) != nil || unix.Lstat(lower, &b) != nil || a.Mode != b.Mode || a.Uid != b.Uid || a.Gid != b.Gid {
		return false
	}
	buf := make([]byte, 4096)
	n, err := unix.Llistxattr(upper, buf)
	if err != nil {
		return errors.Is(err, unix.ENOTSUP)
	}
	for _, name := range strings.Split(strings.TrimRight(string(buf[:n]), "\x00"), "\x00") {
		if name != "" && !strings.HasPrefix(name, "trusted.overlay.") && !strings.HasPrefix(name, "user.overlay.") && name != "security.selinux" {
			return false
		}
	}
	return true
}
