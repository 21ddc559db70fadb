package oci

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"berth/internal/atomicfile"
)

// ErrNoCgroup is a container that nobody keeps account of.
var ErrNoCgroup = errors.New("it has no cgroup of its own")

// Stats is what a container has used since it began, as its cgroup counts it. What
// the kernel does not count on this host is zero; memory and processes are always
// known.
type Stats struct {
	CPU, CPUSystem          time.Duration // in all, and in the kernel
	Memory                  int64         // in use now, as MemoryUsed
	MemoryLimit             int64         // at most what the host has
	BlockRead, BlockWritten int64         // bytes
	Pids                    int
	NetReceived, NetSent    int64 // bytes, of all interfaces but lo
	Interfaces              []Interface
	PerCPU                  []time.Duration // where the kernel says so: cgroup v1
}

// Interface is what went through a network interface, in bytes and packets.
type Interface struct {
	Name                         string
	Received, Sent               int64
	ReceivedPackets, SentPackets int64
	ReceiveErrors, SendErrors    int64
	ReceiveDropped, SendDropped  int64
}

// Stats reads what a container uses. init is its first process, by which its network
// is found; none: it has the host's, which is not its own to count.
func (r *Runtime) Stats(c Container, init Process) (Stats, error) {
	folder := c.CgroupFolder()
	if folder == "" {
		return Stats{}, ErrNoCgroup
	}
	var s Stats
	var err error
	if s.Memory, err = r.MemoryUsed(folder); err != nil {
		return s, err
	}
	read := r.readLegacy
	if r.host.Cgroups.Unified {
		read = r.readUnified
	}
	if err := read(folder, &s); err != nil {
		return s, err
	}
	if total := r.host.Memory; s.MemoryLimit <= 0 || s.MemoryLimit > total {
		s.MemoryLimit = total
	}
	if s.Pids == 0 {
		pids := map[int]bool{}
		for _, dir := range r.host.Cgroups.folders(folder) {
			found, err := cgroupProcesses(dir)
			if err != nil {
				return s, err
			}
			for _, p := range found {
				pids[p] = true
			}
		}
		s.Pids = len(pids)
	}
	if init.Pid > 0 {
		data, err := atomicfile.ReadFile(fmt.Sprintf("/proc/%d/net/dev", init.Pid))
		if err != nil && !processGone(err) && !errors.Is(err, unix.ESRCH) && !errors.Is(err, unix.EINVAL) {
			return s, err
		}
		if init.Alive() { // or it may be what another process sees
			s.parseNet(data)
		}
	}
	return s, nil
}

// readUnified reads the files of cgroup v2 (cgroup-v2.rst).
func (r *Runtime) readUnified(folder string, s *Stats) error {
	dir := filepath.Join(cgroupRoot, folder)
	err := eachPair(filepath.Join(dir, "cpu.stat"), func(key string, n int64) {
		switch key {
		case "usage_usec":
			s.CPU = time.Duration(n) * time.Microsecond
		case "system_usec":
			s.CPUSystem = time.Duration(n) * time.Microsecond
		}
	})
	if err != nil {
		return err
	}
	io, err := optional(filepath.Join(dir, "io.stat"))
	if err != nil {
		return err
	}
	s.parseUnifiedIO(io)
	s.MemoryLimit, err = number(filepath.Join(dir, "memory.max"))
	if err != nil {
		return err
	}
	pids, err := number(filepath.Join(dir, "pids.current"))
	s.Pids = int(pids)
	return err
}

// readLegacy reads the files of cgroup v1 (admin-guide/cgroup-v1).
func (r *Runtime) readLegacy(folder string, s *Stats) error {
	at := func(controller, file string) string {
		mount := r.host.Cgroups.Mounts[controller]
		if mount == "" {
			return ""
		}
		return filepath.Join(mount, folder, file)
	}
	cpu, err := number(at("cpuacct", "cpuacct.usage"))
	if err != nil {
		return err
	}
	s.CPU = time.Duration(cpu)
	err = eachPair(at("cpuacct", "cpuacct.stat"), func(key string, n int64) {
		if key == "system" {
			s.CPUSystem = time.Duration(n) * time.Second / userHz
		}
	})
	if err != nil {
		return err
	}
	each, err := optional(at("cpuacct", "cpuacct.usage_percpu"))
	if err != nil {
		return err
	}
	for word := range strings.FieldsSeq(each) {
		n, _ := strconv.ParseInt(word, 10, 64)
		s.PerCPU = append(s.PerCPU, time.Duration(n))
	}
	for _, file := range []string{"blkio.throttle.io_service_bytes_recursive", "blkio.throttle.io_service_bytes"} {
		io, err := optional(at("blkio", file))
		if err != nil {
			return err
		}
		if io != "" {
			s.parseLegacyIO(io)
			break
		}
	}
	if s.MemoryLimit, err = number(at("memory", "memory.limit_in_bytes")); err != nil {
		return err
	}
	pids, err := number(at("pids", "pids.current"))
	s.Pids = int(pids)
	return err
}

// parseUnifiedIO adds up lines such as "8:0 rbytes=1 wbytes=2 rios=3 …".
func (s *Stats) parseUnifiedIO(text string) {
	for word := range strings.FieldsSeq(text) {
		key, value, _ := strings.Cut(word, "=")
		n, err := strconv.ParseInt(value, 10, 64)
		switch {
		case err != nil:
		case key == "rbytes":
			s.BlockRead += n
		case key == "wbytes":
			s.BlockWritten += n
		}
	}
}

// parseLegacyIO adds up lines such as "8:0 Read 1".
func (s *Stats) parseLegacyIO(text string) {
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) != 3 {
			continue // the total of all
		}
		n, _ := strconv.ParseInt(fields[2], 10, 64)
		switch fields[1] {
		case "Read":
			s.BlockRead += n
		case "Write":
			s.BlockWritten += n
		}
	}
}

// parseNet reads /proc/PID/net/dev: after two lines of headings, a name and eight
// numbers of what came in, eight of what went out.
func (s *Stats) parseNet(data []byte) {
	for line := range strings.Lines(string(data)) {
		name, rest, ok := strings.Cut(line, ":")
		fields := strings.Fields(rest)
		if name = strings.TrimSpace(name); !ok || name == "lo" || len(fields) < 16 {
			continue
		}
		n := make([]int64, len(fields))
		for i, f := range fields {
			n[i], _ = strconv.ParseInt(f, 10, 64)
		}
		s.Interfaces = append(s.Interfaces, Interface{
			Name: name, Received: n[0], ReceivedPackets: n[1], ReceiveErrors: n[2], ReceiveDropped: n[3],
			Sent: n[8], SentPackets: n[9], SendErrors: n[10], SendDropped: n[11],
		})
		s.NetReceived, s.NetSent = s.NetReceived+n[0], s.NetSent+n[8]
	}
	slices.SortFunc(s.Interfaces, func(a, b Interface) int { return strings.Compare(a.Name, b.Name) })
}

// optional reads a cgroup's file; one that is not there, or with path "", is empty.
func optional(path string) (string, error) {
	if path == "" {
		return "", nil
	}
	data, err := atomicfile.ReadFile(path)
	if gone(err) || errors.Is(err, unix.EOPNOTSUPP) {
		return "", nil
	}
	return string(data), err
}

// number reads a file that holds one; "max", and none, is 0.
func number(path string) (int64, error) {
	text, err := optional(path)
	text = strings.TrimSpace(text)
	if err != nil || text == "" || text == "max" {
		return 0, err
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if errors.Is(err, strconv.ErrRange) { // v1's "no limit" on some kernels
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("read %s: %w", path, err)
	}
	return n, nil
}

// eachPair reads a file of lines of a key and a number.
func eachPair(path string, do func(key string, n int64)) error {
	text, err := optional(path)
	for line := range strings.Lines(text) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		if n, err := strconv.ParseInt(value, 10, 64); err == nil {
			do(key, n)
		}
	}
	return err
}
