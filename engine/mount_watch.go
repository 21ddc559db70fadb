package engine

import (
	"context"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// watchMounts tells when mounts of our mount namespace may have changed, and
// once at first, until ctx ends.
func watchMounts(ctx context.Context) (<-chan struct{}, error) {
	const path = "/proc/self/mountinfo"
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	f := os.NewFile(uintptr(fd), path)
	raw, err := f.SyscallConn()
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	changed := make(chan struct{})
	go func() { // ends with ctx
		defer f.Close()
		stop := context.AfterFunc(ctx, func() { _ = f.SetReadDeadline(time.Unix(1, 0)) })
		defer stop()
		// The file can always be read; what wakes us is that the kernel says so
		// once more, at each change (proc_pid_mountinfo(5)). It is told to look
		// after the wait was begun and before it is waited: no change is missed.
		for ctx.Err() == nil {
			told := false
			err := raw.Read(func(uintptr) bool {
				if told {
					return true
				}
				told = true
				select {
				case changed <- struct{}{}:
				case <-ctx.Done():
				}
				return ctx.Err() != nil
			})
			if err != nil {
				return
			}
		}
	}()
	return changed, nil
}
