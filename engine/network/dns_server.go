package network

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"berth/internal/hostexec"
)

// pidFile is where aardvark-dns leaves its process ID, among its files.
const pidFile = "aardvark.pid"

const serverName = "aardvark-dns"

// findServer returns our aardvark-dns, or nil. What the pid file names counts
// only if it is aardvark-dns and works on our folder; a server whose pid file
// is lost is found among all processes.
func (m *Manager) findServer() (*running, error) {
	s, err := findRunning(filepath.Join(m.dnsDir(), pidFile), m.isServer)
	if err != nil {
		return nil, fmt.Errorf("look for %s: %w", serverName, err)
	}
	return s, nil
}

func (m *Manager) isServer(pid int) bool {
	proc := filepath.Join("/proc", strconv.Itoa(pid))
	comm, err := os.ReadFile(filepath.Join(proc, "comm"))
	if err != nil || strings.TrimSpace(string(comm)) != serverName {
		return false
	}
	cmdline, err := os.ReadFile(filepath.Join(proc, "cmdline"))
	return err == nil && bytes.Contains(cmdline, []byte("\x00"+m.dnsDir()+"\x00"))
}

// serverProgram finds aardvark-dns.
func (m *Manager) serverProgram() (string, error) {
	path, err := hostexec.Find(serverName, m.helperDirs)
	if err != nil {
		return "", fmt.Errorf("names of pods need aardvark-dns (or a network without DNS): %w", err)
	}
	return path, nil
}

// ensureServer has aardvark-dns running and says whether it had to start it. It
// must have a file to read, else it ends at once.
func (m *Manager) ensureServer(ctx context.Context) (started bool, err error) {
	s, err := m.findServer()
	if err != nil {
		return false, err
	}
	if s != nil {
		s.close()
		return false, nil
	}
	path, err := m.serverProgram()
	if err != nil {
		return false, err
	}
	if err := os.Remove(filepath.Join(m.dnsDir(), pidFile)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return false, fmt.Errorf("remove the stale pid file of %s: %w", serverName, err)
	}
	said := m.startServer(ctx, path)
	if said == nil {
		return true, nil
	}
	// Newer versions start only where they can listen for all networks.
	putBack, aside, err := m.setLostAside()
	if err != nil || !aside {
		return true, errors.Join(said, err)
	}
	return true, errors.Join(m.startServer(ctx, path), putBack())
}

// startServer starts aardvark-dns, which returns when its child is ready. It
// inherits none of our descriptors and lives in a cgroup of its own: pods need
// it when we and the unit we run in are gone.
func (m *Manager) startServer(ctx context.Context, path string) error {
	log, err := os.OpenFile(filepath.Join(m.netavarkDir(), "aardvark.log"), os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return fmt.Errorf("start %s: %w", serverName, err)
	}
	defer log.Close()
	err = m.inOwnCgroup(ctx, m.dnsCgroup(), hostexec.Cmd{
		Path: path, Args: []string{"--config", m.dnsDir(), "-p", dnsPort, "run"}, Dir: "/",
		Stdout: log, Stderr: log, // files, not pipes: nobody is left to read those
		Session: true, Timeout: m.helperTimeout,
	})
	if err != nil {
		_, _ = log.Seek(0, io.SeekStart)
		said, _ := io.ReadAll(io.LimitReader(log, 4096))
		return fmt.Errorf("start %s: %w: %s", serverName, err, bytes.TrimSpace(said))
	}
	s, err := m.findServer()
	if err != nil || s == nil {
		return errors.Join(fmt.Errorf("start %s: it ended at once", serverName), err)
	}
	defer s.close()
	m.leaveV1Cgroups(s.pid, m.dnsCgroup())
	return nil
}

// tellServer has a running server read its files again. With no file left it
// ends by itself, and is waited for.
func (m *Manager) tellServer(ctx context.Context) error {
	s, err := m.findServer()
	if err != nil || s == nil {
		return err
	}
	defer s.close()
	if err := s.signal(unix.SIGHUP); err != nil && !errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("tell %s of changed names: %w", serverName, err)
	}
	files, err := m.namesFiles()
	if err != nil || len(files) > 0 {
		return err
	}
	if err := m.awaitEnd(ctx, s); err != nil {
		return fmt.Errorf("end %s: %w", serverName, err)
	}
	if err := os.Remove(filepath.Join(m.dnsDir(), pidFile)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("end %s: %w", serverName, err)
	}
	m.removeCgroup(m.dnsCgroup())
	return nil
}
