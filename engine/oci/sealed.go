package oci

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"

	"golang.org/x/sys/unix"
)

// sealed makes copies of crun in memory that nobody can change.
//
// So that no container can overwrite the host's crun (CVE-2019-5736), crun, at
// each of its calls, copies itself into such a memory file and executes that,
// unless it finds that it was started from one. That is half of what a call
// costs, and mounts itself on a file in /tmp for a moment, where the mount stays
// if it is killed just then: so it is started from ours. conmon, too, gets the
// name of the copy. It lives on without us, but executes crun once and first of
// all: should we be gone by then, the container is not made, as if crun had
// failed, and no other process has our number so soon.
type sealed struct {
	mu     sync.Mutex
	copies map[string]sealedCopy // by path
	// kept are the files of all copies ever made, also of programs that were
	// replaced since: a call may be about to execute one.
	kept []*os.File
}

type sealedCopy struct {
	of   os.FileInfo
	path string // where this process, and no other, can execute it
}

// program is where this process executes the runtime: itself, or a copy of it.
func (r *Runtime) program() string {
	if filepath.Base(r.runtime) != "crun" {
		return r.runtime // runc does so only for what it leaves in a container
	}
	return r.sealed.copyOf(r.runtime)
}

// copyOf is the path of a program's copy, or the program's own where there can
// be none.
func (s *sealed) copyOf(program string) string {
	info, err := os.Stat(program)
	if err != nil {
		return program // whoever executes it will say so
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	c, ok := s.copies[program]
	if !ok || !unchanged(c.of, info) {
		c = sealedCopy{of: info, path: program}
		if file, err := seal(program); err == nil {
			s.kept = append(s.kept, file)
			if path, err := pathOf(file); err == nil {
				c.path = path
			}
		}
		s.copies[program] = c
	}
	return c.path
}

func unchanged(a, b os.FileInfo) bool {
	return os.SameFile(a, b) && a.Size() == b.Size() && a.ModTime().Equal(b.ModTime())
}

// pathOf is where a program can be executed that is open here. It names this
// process, not "self": in the child that executes it another file may have the
// number, as those it is given (hostexec.Cmd.ExtraFiles) take their places, and
// others while they are moved there.
func pathOf(file *os.File) (string, error) {
	path := fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), file.Fd())
	ours, err := file.Stat()
	if err != nil {
		return "", err
	}
	there, err := os.Stat(path)
	if err != nil || !os.SameFile(ours, there) { // another PID namespace's /proc
		return "", fmt.Errorf("%s is not %s: %w", path, file.Name(), errors.Join(err, os.ErrNotExist))
	}
	return path, unix.Access(path, unix.X_OK)
}

// seal copies a program into memory and has the kernel refuse every change of
// it. A script is none: it would be read by its name.
func seal(program string) (_ *os.File, err error) {
	from, err := os.Open(program)
	if err != nil {
		return nil, err
	}
	defer from.Close()
	magic := make([]byte, 4)
	if _, err := io.ReadFull(from, magic); err != nil || !bytes.Equal(magic, []byte("\x7fELF")) {
		return nil, fmt.Errorf("%s is no ELF program", program)
	}
	if _, err := from.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	fd, err := unix.MemfdCreate(filepath.Base(program), unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING|unix.MFD_EXEC)
	if err != nil { // kernels before 6.3 do not know MFD_EXEC, and take it for granted
		fd, err = unix.MemfdCreate(filepath.Base(program), unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	}
	if err != nil {
		return nil, err
	}
	file := os.NewFile(uintptr(fd), program)
	defer func() {
		if err != nil {
			_ = file.Close()
		}
	}()
	if _, err := io.Copy(file, from); err != nil {
		return nil, err
	}
	// Exactly these are what crun looks for.
	_, err = unix.FcntlInt(file.Fd(), unix.F_ADD_SEALS, unix.F_SEAL_SEAL|unix.F_SEAL_SHRINK|unix.F_SEAL_GROW|unix.F_SEAL_WRITE)
	return file, err
}
