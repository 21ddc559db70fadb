package oci

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/moby/sys/user"
	"golang.org/x/sys/unix"

	"berth/internal/atomicfile"
)

// ProcessInfo is one process of a container, as proc(5) describes it. IDs are
// those inside the container, unless they are said to be the host's.
type ProcessInfo struct {
	Pid, PPid, Pgid, HostPid int
	Comm                     string
	Args                     []string // empty of a process that has none to show
	State                    byte     // "R", "S", "D", …
	TTY                      uint64   // device number, 0: none
	CPU                      time.Duration
	Elapsed                  time.Duration // since it began
	Nice                     int
	VSize, RSS               int64 // bytes

	User, RealUser, Group, RealGroup uint32
	HostUser, HostGroup              uint32
	Groups, HostGroups               []uint32

	Inheritable, Permitted, Effective, Bounding, Ambient uint64 // capabilities, by bit
	Seccomp                                              int    // 0: disabled, 1: strict, 2: filter
	Label                                                string // of the host's security module
}

// Names are the users and groups of a container and of its host, by number.
type Names struct{ Users, Groups, HostUsers, HostGroups map[uint32]string }

// Processes lists what runs of a container, by age; init is its first process, and
// if that ends meanwhile the error is os.ErrProcessDone: its PID may be another's. A
// container without a cgroup of its own has those that stem from that one.
func (r *Runtime) Processes(c Container, init Process) ([]ProcessInfo, Names, error) {
	list, names, err := r.processes(c, init.Pid)
	if !init.Alive() {
		return nil, Names{}, os.ErrProcessDone
	}
	return list, names, err
}

func (r *Runtime) processes(c Container, pid int) ([]ProcessInfo, Names, error) {
	first, err := readProcess(pid)
	if err != nil {
		return nil, Names{}, err
	}
	pids, err := r.processesOf(c, pid)
	if err != nil {
		return nil, Names{}, err
	}
	inside, err := insideOf(pid, len(first.namespacePids))
	if err != nil {
		return nil, Names{}, err
	}
	var found []procEntry
	for _, p := range pids {
		one, err := readProcess(p)
		if errors.Is(err, os.ErrProcessDone) {
			continue
		}
		if err != nil {
			return nil, Names{}, err
		}
		found = append(found, one)
	}
	slices.SortFunc(found, func(a, b procEntry) int { return int(b.Elapsed - a.Elapsed) })
	out := make([]ProcessInfo, len(found))
	for i, p := range found {
		out[i] = p.ProcessInfo
		info := &out[i]
		info.Pid, info.PPid, info.Pgid = inside.pid(p.namespacePids), inside.parent(found, p.hostParent), inside.pid(p.namespaceGroups)
		info.HostUser, info.HostGroup, info.HostGroups = info.User, info.Group, info.Groups
		info.User, info.RealUser = inside.users.inside(info.User), inside.users.inside(info.RealUser)
		info.Group, info.RealGroup = inside.groups.inside(info.Group), inside.groups.inside(info.RealGroup)
		info.Groups = nil
		for _, g := range info.HostGroups {
			info.Groups = append(info.Groups, inside.groups.inside(g))
		}
	}
	return out, readNames(pid), nil
}

// processesOf are the PIDs of a container on this host, the first one's among them.
func (r *Runtime) processesOf(c Container, pid int) ([]int, error) {
	found := map[int]bool{pid: true}
	if folder := c.CgroupFolder(); folder != "" {
		var errs []error
		for _, dir := range r.host.Cgroups.folders(folder) {
			pids, err := cgroupProcesses(dir)
			errs = append(errs, err)
			for _, p := range pids {
				found[p] = true
			}
		}
		if err := errors.Join(errs...); err != nil {
			return nil, err
		}
	} else if err := addDescendants(found); err != nil {
		return nil, err
	}
	var list []int
	for p := range found {
		list = append(list, p)
	}
	slices.Sort(list)
	return list, nil
}

// addDescendants adds all processes that stem from those found.
func addDescendants(found map[int]bool) error {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return err
	}
	children := map[int][]int{}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		if parent := parentOf(pid); parent > 0 {
			children[parent] = append(children[parent], pid)
		}
	}
	var next []int
	for p := range found {
		next = append(next, p)
	}
	for len(next) > 0 {
		p := next[0]
		next = next[1:]
		for _, child := range children[p] {
			if !found[child] {
				found[child] = true
				next = append(next, child)
			}
		}
	}
	return nil
}

// procEntry is what is read of one process before its numbers are translated.
type procEntry struct {
	ProcessInfo
	hostParent                     int
	namespacePids, namespaceGroups []int // ours first
}

// userHz is the unit of times in /proc (proc(5): sysconf(_SC_CLK_TCK)).
const userHz = 100

// maxCommandLine bounds what is read of a process's arguments: it makes them up.
const maxCommandLine = 32 << 10

func readProcess(pid int) (procEntry, error) {
	p := procEntry{ProcessInfo: ProcessInfo{HostPid: pid}}
	dir := "/proc/" + strconv.Itoa(pid)
	gone := func(err error) (procEntry, error) {
		if processGone(err) || errors.Is(err, unix.ESRCH) {
			err = os.ErrProcessDone
		}
		return p, err
	}
	stat, err := atomicfile.ReadFile(dir + "/stat")
	if err != nil {
		return gone(err)
	}
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &now); err != nil {
		return p, err
	}
	if err := p.parseStat(stat, time.Duration(now.Nano())); err != nil {
		return p, err
	}
	status, err := atomicfile.ReadFile(dir + "/status")
	if err != nil {
		return gone(err)
	}
	p.parseStatus(status)
	p.Args = readArgs(dir)
	if label, err := atomicfile.ReadFile(dir + "/attr/current"); err == nil {
		p.Label = strings.TrimRight(string(label), "\n\x00")
	}
	return p, nil
}

// readArgs are a process's arguments; of one that has just ended, none.
func readArgs(dir string) []string {
	f, err := os.Open(dir + "/cmdline")
	if err != nil {
		return nil
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxCommandLine))
	if err != nil || len(data) == 0 {
		return nil
	}
	return strings.Split(strings.TrimRight(string(data), "\x00"), "\x00")
}

// parseStat reads /proc/PID/stat; boot is the time since the host started. The
// name in it may hold anything, so that fields are counted from its end.
func (p *procEntry) parseStat(data []byte, boot time.Duration) error {
	malformed := fmt.Errorf("malformed /proc/%d/stat", p.HostPid)
	begin, end := bytes.IndexByte(data, '('), bytes.LastIndexByte(data, ')')
	if begin < 0 || end < begin {
		return malformed
	}
	p.Comm = string(data[begin+1 : end])
	fields := bytes.Fields(data[end+1:])
	if len(fields) < 22 || len(fields[0]) != 1 {
		return malformed
	}
	p.State = fields[0][0]
	number := func(field int) int64 { // as proc(5) numbers them
		n, err := strconv.ParseInt(string(fields[field-3]), 10, 64)
		if err != nil {
			return 0 // of what has no such number, as some kernels say -1 unsigned
		}
		return n
	}
	ticks := func(n int64) time.Duration { return time.Duration(n) * time.Second / userHz }
	p.hostParent, p.TTY, p.Nice = int(number(4)), uint64(uint32(number(7))), int(number(19))
	p.CPU, p.Elapsed = ticks(number(14)+number(15)), max(boot-ticks(number(22)), 0)
	p.VSize, p.RSS = number(23), number(24)*int64(os.Getpagesize())
	return nil
}

// parseStatus reads /proc/PID/status.
func (p *procEntry) parseStatus(data []byte) {
	for line := range strings.Lines(string(data)) {
		key, value, _ := strings.Cut(line, ":")
		words := strings.Fields(value)
		nth := func(i int) uint32 {
			if i >= len(words) {
				return 0
			}
			n, _ := strconv.ParseUint(words[i], 10, 32)
			return uint32(n)
		}
		mask := func() uint64 {
			n, _ := strconv.ParseUint(strings.TrimSpace(value), 16, 64)
			return n
		}
		ints := func() (list []int) {
			for i := range words {
				list = append(list, int(nth(i)))
			}
			return list
		}
		switch key { // numbers of users: real, effective, saved, of the file system
		case "Uid":
			p.RealUser, p.User = nth(0), nth(1)
		case "Gid":
			p.RealGroup, p.Group = nth(0), nth(1)
		case "Groups":
			for i := range words {
				p.Groups = append(p.Groups, nth(i))
			}
		case "NSpid":
			p.namespacePids = ints()
		case "NSpgid":
			p.namespaceGroups = ints()
		case "CapInh":
			p.Inheritable = mask()
		case "CapPrm":
			p.Permitted = mask()
		case "CapEff":
			p.Effective = mask()
		case "CapBnd":
			p.Bounding = mask()
		case "CapAmb":
			p.Ambient = mask()
		case "Seccomp":
			p.Seccomp = int(nth(0))
		}
	}
}

// view is how a container numbers processes, users and groups.
type view struct {
	level         int // how deep its PID namespace lies below ours, 1: it is ours
	users, groups idTable
}

func insideOf(pid, level int) (view, error) {
	v := view{level: max(level, 1)}
	for _, t := range []struct {
		file string
		to   *idTable
	}{{"uid_map", &v.users}, {"gid_map", &v.groups}} {
		data, err := atomicfile.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, t.file))
		if err != nil {
			if processGone(err) {
				err = os.ErrProcessDone
			}
			return v, err
		}
		*t.to = parseIDTable(data)
	}
	return v, nil
}

// pid is the number inside; 0 is none.
func (v view) pid(numbers []int) int {
	if len(numbers) < v.level {
		return 0
	}
	return numbers[v.level-1]
}

// parent is the number inside of a process of ours; 0 where it lies outside.
func (v view) parent(found []procEntry, pid int) int {
	for _, p := range found {
		if p.HostPid == pid {
			return v.pid(p.namespacePids)
		}
	}
	p, err := readProcess(pid) // of another container in the same namespace
	if err != nil {
		return 0
	}
	return v.pid(p.namespacePids)
}

// idTable is a uid_map: inside, outside, how many (user_namespaces(7)).
type idTable [][3]uint32

func parseIDTable(data []byte) idTable {
	var t idTable
	for line := range strings.Lines(string(data)) {
		var row [3]uint32
		if n, _ := fmt.Sscan(line, &row[0], &row[1], &row[2]); n == 3 {
			t = append(t, row)
		}
	}
	return t
}

// overflowID stands for those that a user namespace does not map.
const overflowID = 65534

func (t idTable) inside(id uint32) uint32 {
	for _, row := range t {
		if id >= row[1] && id-row[1] < row[2] {
			return row[0] + (id - row[1])
		}
	}
	return overflowID
}

// readNames reads who is who, in a container and here. Where a table cannot be
// read or is too large numbers have to do.
func readNames(pid int) Names {
	table := func(root, path string, parse func([]byte) map[uint32]string) map[uint32]string {
		data, err := userTable(root, path)
		if err != nil {
			return nil
		}
		return parse(data)
	}
	root := fmt.Sprintf("/proc/%d/root", pid)
	return Names{
		Users: table(root, "/etc/passwd", userNames), Groups: table(root, "/etc/group", groupNames),
		HostUsers: table("/", "/etc/passwd", userNames), HostGroups: table("/", "/etc/group", groupNames),
	}
}

func userNames(data []byte) map[uint32]string {
	names := map[uint32]string{}
	list, _ := user.ParsePasswd(bytes.NewReader(data))
	for _, u := range slices.Backward(list) { // the first one of a number counts
		names[uint32(u.Uid)] = u.Name
	}
	return names
}

func groupNames(data []byte) map[uint32]string {
	names := map[uint32]string{}
	list, _ := user.ParseGroup(bytes.NewReader(data))
	for _, g := range slices.Backward(list) {
		names[uint32(g.Gid)] = g.Name
	}
	return names
}

// CapabilityNames are those of a set, without their CAP_: "none", "full" if it has
// all that the host knows, else by their bits.
func (r *Runtime) CapabilityNames(set uint64) string {
	var names []string
	for bit, name := range capabilityNames() {
		if set&(1<<bit) != 0 {
			names = append(names, strings.TrimPrefix(name, "CAP_"))
		}
	}
	switch {
	case len(names) == 0:
		return "none"
	case len(names) >= len(r.host.Capabilities):
		return "full"
	}
	return strings.Join(names, ",")
}
