package network

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"berth/internal/hostexec"
)

const cgroupRoot = "/sys/fs/cgroup"

// dnsCgroup is the name server's cgroup: "berth/dns". An engine root of its own has
// one of its own.
func (m *Manager) dnsCgroup() string {
	if m.prefix == DefaultNetwork {
		return "berth/dns"
	}
	return "berth/dns-" + m.prefix
}

// userModeCgroup is that of the process that is a namespace's network stack.
func (m *Manager) userModeCgroup(namespace string) string {
	return m.prefix + "/network/" + userModeKey(namespace)
}

// inV2 is where a cgroup lies in the v2 tree; "" where there is none.
func inV2(group string) string {
	for _, root := range []string{cgroupRoot, filepath.Join(cgroupRoot, "unified")} {
		var st unix.Statfs_t
		if unix.Statfs(root, &st) == nil && int64(st.Type) == unix.CGROUP2_SUPER_MAGIC {
			return filepath.Join(root, group)
		}
	}
	return ""
}

// inOwnCgroup runs a program that leaves a process behind which pods need when we,
// and the unit we run in, are gone: in a cgroup of its own. Where that cannot be
// had, as in a read-only tree, it stays in the caller's.
func (m *Manager) inOwnCgroup(ctx context.Context, group string, cmd hostexec.Cmd) error {
	if f := m.openCgroup(group); f != nil {
		cmd.CgroupFD = f
		defer f.Close()
	}
	_, err := hostexec.Run(ctx, cmd)
	var ran *hostexec.ExitError
	if err != nil && cmd.CgroupFD != nil && ctx.Err() == nil && !errors.As(err, &ran) {
		m.log.Debug("a helper cannot have a cgroup of its own", "cgroup", group, "error", err)
		cmd.CgroupFD = nil
		_, err = hostexec.Run(ctx, cmd)
	}
	return err
}

// startInOwnCgroup is inOwnCgroup for a program that is the process itself. It is
// nobody's child once we have ended.
func (m *Manager) startInOwnCgroup(group string, cmd hostexec.Cmd) error {
	if f := m.openCgroup(group); f != nil {
		cmd.CgroupFD = f
		defer f.Close()
	}
	process, err := hostexec.Start(cmd)
	if err != nil && cmd.CgroupFD != nil {
		m.log.Debug("a helper cannot have a cgroup of its own", "cgroup", group, "error", err)
		cmd.CgroupFD = nil
		process, err = hostexec.Start(cmd)
	}
	if err != nil {
		return err
	}
	go func() { _ = process.Wait() }() // ends with it: else it would stay a zombie while we last
	m.leaveV1Cgroups(process.Process.Pid, group)
	return nil
}

// openCgroup makes and opens a cgroup in the v2 tree; nil where that cannot be done.
func (m *Manager) openCgroup(group string) *os.File {
	dir := inV2(group)
	if dir == "" {
		return nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		m.log.Debug("a helper cannot have a cgroup of its own", "cgroup", group, "error", err)
		return nil
	}
	f, err := os.Open(dir)
	if err != nil {
		return nil
	}
	return f
}

// leaveV1Cgroups moves a process out of the caller's cgroup v1 groups, by which some
// hosts' systemd and container managers kill what they started.
func (m *Manager) leaveV1Cgroups(pid int, group string) {
	data, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "cgroup"))
	if err != nil {
		return
	}
	for line := range strings.Lines(string(data)) {
		// "4:memory:/user.slice": hierarchy, controllers, path
		fields := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(fields) != 3 || fields[1] == "" || fields[2] == "/" {
			continue
		}
		mount := filepath.Join(cgroupRoot, strings.TrimPrefix(fields[1], "name="))
		dir := filepath.Join(mount, group)
		err := os.MkdirAll(dir, 0o755)
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, "cgroup.procs"), []byte(strconv.Itoa(pid)), 0o644)
		}
		if err != nil {
			m.log.Debug("a helper stays in the caller's cgroup", "hierarchy", fields[1], "error", err)
		}
	}
}

// awaitEmpty waits until nobody is in a cgroup any more: a process that is about to
// end has its command line no more, but still its sockets.
func (m *Manager) awaitEmpty(ctx context.Context, group string) error {
	dir := inV2(group)
	if dir == "" {
		return nil
	}
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), m.endTimeout)
	defer cancel()
	for {
		if err := os.Remove(dir); !errors.Is(err, unix.EBUSY) {
			return nil
		}
		select {
		case <-time.After(5 * time.Millisecond):
		case <-limited.Done():
			return fmt.Errorf("cgroup %s: processes in it do not end", dir)
		}
	}
}

// removeCgroup removes what openCgroup and leaveV1Cgroups made, and the folders
// above that have become empty.
func (m *Manager) removeCgroup(group string) {
	dirs, _ := filepath.Glob(filepath.Join(cgroupRoot, "*", group))
	for _, dir := range append(dirs, inV2(group)) {
		if dir == "" {
			continue
		}
		for range strings.Split(group, "/") {
			_ = os.Remove(dir) // still in use, or gone: both are fine
			dir = filepath.Dir(dir)
		}
	}
}
