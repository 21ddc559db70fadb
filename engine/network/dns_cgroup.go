package network

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

const cgroupRoot = "/sys/fs/cgroup"

// dnsCgroup is the name server's cgroup in the v2 tree; "" where there is none.
func (m *Manager) dnsCgroup() string {
	for _, root := range []string{cgroupRoot, filepath.Join(cgroupRoot, "unified")} {
		var st unix.Statfs_t
		if unix.Statfs(root, &st) == nil && int64(st.Type) == unix.CGROUP2_SUPER_MAGIC {
			return filepath.Join(root, m.dnsCgroupName())
		}
	}
	return ""
}

// dnsCgroupName is "berth/dns"; an engine root of its own has one of its own.
func (m *Manager) dnsCgroupName() string {
	if m.prefix == DefaultNetwork {
		return "berth/dns"
	}
	return "berth/dns-" + m.prefix
}

// openDNSCgroup makes and opens the name server's cgroup; nil where that cannot
// be done, as in a read-only tree. It then stays in the caller's.
func (m *Manager) openDNSCgroup() *os.File {
	dir := m.dnsCgroup()
	if dir == "" {
		return nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		m.log.Debug("name server cannot have a cgroup of its own", "error", err)
		return nil
	}
	f, err := os.Open(dir)
	if err != nil {
		return nil
	}
	return f
}

// leaveV1Cgroups moves the name server out of the caller's cgroup v1 groups,
// by which some hosts' systemd and container managers kill what they started.
func (m *Manager) leaveV1Cgroups(pid int) {
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
		dir := filepath.Join(mount, m.dnsCgroupName())
		err := os.MkdirAll(dir, 0o755)
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, "cgroup.procs"), []byte(strconv.Itoa(pid)), 0o644)
		}
		if err != nil {
			m.log.Debug("name server stays in the caller's cgroup", "hierarchy", fields[1], "error", err)
		}
	}
}

// removeDNSCgroup removes what openDNSCgroup and leaveV1Cgroups made.
func (m *Manager) removeDNSCgroup() {
	dirs, _ := filepath.Glob(filepath.Join(cgroupRoot, "*", m.dnsCgroupName()))
	for _, dir := range append(dirs, m.dnsCgroup()) {
		if dir != "" {
			_ = os.Remove(dir)               // still in use, or gone: both are fine
			_ = os.Remove(filepath.Dir(dir)) // shared with pods: goes with the last of them
		}
	}
}
