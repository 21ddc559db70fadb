package holder

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Process has a lock.
type Process struct {
	PID  int
	Name string // as /proc/<pid>/comm has it
}

// Of are the processes that hold a lock on the file at path, by their IDs. What
// other users' processes have open only root sees.
func Of(path string) []Process {
	path, err := filepath.EvalSymlinks(path) // as the kernel names what is open
	if err != nil {
		return nil
	}
	fds, _ := filepath.Glob("/proc/[0-9]*/fd/*") // the pattern is well-formed
	var found []Process
	for _, fd := range fds {
		if target, err := os.Readlink(fd); err != nil || target != path {
			continue
		}
		proc := filepath.Dir(filepath.Dir(fd))
		pid, _ := strconv.Atoi(filepath.Base(proc)) // the pattern admits digits only
		if len(found) > 0 && found[len(found)-1].PID == pid {
			continue
		}
		// Who waits for the lock has the file open as well; the kernel notes the
		// lock with what it was taken by, and all who inherited that.
		info, err := os.ReadFile(filepath.Join(proc, "fdinfo", filepath.Base(fd)))
		if err != nil || !bytes.Contains(info, []byte("\nlock:")) {
			continue
		}
		comm, _ := os.ReadFile(filepath.Join(proc, "comm"))
		found = append(found, Process{pid, strings.TrimSpace(string(comm))})
	}
	return found
}
