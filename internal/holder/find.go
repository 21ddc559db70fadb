package holder

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Process has a lock.
type Process struct {
	PID  int
	Name string // as /proc/<pid>/comm has it
}

// Of are the processes that hold locks on the files at paths, by path. What other
// users' processes have open only root sees.
func Of(paths ...string) map[string][]Process {
	asked := map[string][]string{}
	for _, path := range paths {
		if real, err := filepath.EvalSymlinks(path); err == nil { // as the kernel names what is open
			asked[real] = append(asked[real], path)
		}
	}
	found := map[string][]Process{}
	if len(asked) == 0 {
		return found
	}
	fds, _ := filepath.Glob("/proc/[0-9]*/fd/*") // the pattern is well-formed
	for _, fd := range fds {
		target, err := os.Readlink(fd)
		if err != nil || asked[target] == nil {
			continue
		}
		holder, ok := holderBy(fd)
		for _, path := range asked[target] {
			if ok && !slices.Contains(found[path], holder) {
				found[path] = append(found[path], holder)
			}
		}
	}
	return found
}

// holderBy is the process whose descriptor that is, if it holds a lock by it. Who
// waits for the lock has the file open as well; the kernel notes the lock with
// what it was taken by, and all who inherited that.
func holderBy(fd string) (Process, bool) {
	proc := filepath.Dir(filepath.Dir(fd))
	info, err := os.ReadFile(filepath.Join(proc, "fdinfo", filepath.Base(fd)))
	if err != nil || !bytes.Contains(info, []byte("\nlock:")) {
		return Process{}, false
	}
	pid, _ := strconv.Atoi(filepath.Base(proc)) // digits only
	comm, _ := os.ReadFile(filepath.Join(proc, "comm"))
	return Process{pid, strings.TrimSpace(string(comm))}, true
}
