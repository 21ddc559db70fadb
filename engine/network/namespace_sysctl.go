package network

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"berth/engine/spec"
)

// SetParameters sets those of the kernel's parameters that are a network's, in the
// namespace pinned at path. Where users are mapped no runtime may: the namespace is
// made before their own, and is not theirs.
func (m *Manager) SetParameters(path string, parameters map[string]string) error {
	done := make(chan error, 1)
	go func() { // ends with what it does
		runtime.LockOSThread() // for good: the thread ends with the goroutine
		if unix.Gettid() == unix.Getpid() {
			// It is what /proc/self shows to the rest of us, so another goes.
			defer runtime.UnlockOSThread()
			done <- m.SetParameters(path, parameters)
			return
		}
		done <- setParametersIn(path, parameters)
	}()
	return <-done
}

func setParametersIn(path string, parameters map[string]string) error {
	there, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("open network namespace %s: %w", path, err)
	}
	defer there.Close()
	if err := unix.Setns(int(there.Fd()), unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("enter network namespace %s: %w", path, err)
	}
	for _, name := range slices.Sorted(maps.Keys(parameters)) {
		if !strings.HasPrefix(name, "net.") {
			continue
		}
		if name == spec.PingGroups {
			return fmt.Errorf("%w: sysctl %s would be about groups of the host, not of the container, whose users are mapped: drop it, all may ping", spec.ErrConfig, name)
		}
		err := os.WriteFile(sysctlPath(name), []byte(parameters[name]), 0o644)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return fmt.Errorf("%w: sysctl %s: this kernel's networks have no such parameter", spec.ErrConfig, name)
		case err != nil:
			return fmt.Errorf("%w: sysctl %s=%s: %w", spec.ErrConfig, name, parameters[name], err)
		}
	}
	return nil
}
