package image

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/moby/sys/mountinfo"
	"go.podman.io/storage"
	"golang.org/x/sys/unix"
)

// settleTries is how often a storage that is clearing up after a killed process
// is asked again.
const settleTries = 5

// untilSettled does something again as long as the storage stumbles over what a
// killed process left in its folder of things to delete. One killed between
// mounting a root file system and noting that it did leaves a mount the storage
// knows nothing of; it then deletes through that, what vanishes in the mount
// comes back as whiteouts below it, and the folder is never empty. So whatever is
// mounted there comes off first.
func untilSettled(store storage.Store, do func() error) error {
	err := do()
	for try := 1; try < settleTries && (errors.Is(err, unix.ENOTEMPTY) || errors.Is(err, unix.EBUSY)); try++ {
		doomed := filepath.Join(store.GraphRoot(), store.GraphDriverName(), "tempdirs")
		mounts, listErr := mountinfo.GetMounts(mountinfo.PrefixFilter(doomed))
		if listErr != nil {
			return errors.Join(err, listErr)
		}
		for _, m := range slices.Backward(mounts) { // what is on top first
			if unmountErr := unmountAll(m.Mountpoint); unmountErr != nil {
				return errors.Join(err, unmountErr)
			}
		}
		time.Sleep(time.Duration(try) * 20 * time.Millisecond) // no event tells when the kernel has let go
		err = do()
	}
	return err
}

// unmountAll takes every mount off path; none is success.
func unmountAll(path string) error {
	for {
		err := unix.Unmount(path, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW)
		if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOENT) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("unmount %s: %w", path, err)
		}
	}
}
