package network

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"berth/engine/spec"
	"berth/internal/atomicfile"
)

// userModeDir has a file for each process that is a network stack: its ID and its
// namespace.
func (m *Manager) userModeDir() string { return filepath.Join(m.runDir, "usermode") }

// userModeKey is what a network stack's files and cgroup are named by: the folder
// that its namespace is pinned in, which is one pod's.
func userModeKey(namespace string) string { return filepath.Base(filepath.Dir(namespace)) }

func (m *Manager) userModeNote(namespace string) string {
	return filepath.Join(m.userModeDir(), userModeKey(namespace))
}

// noteUserMode notes which process is a namespace's network stack. That only spares a
// search: whose process one is, its command line says.
func (m *Manager) noteUserMode(namespace string, pid int) error {
	if _, err := m.makeRunDir("usermode"); err != nil {
		return err
	}
	return atomicfile.WriteVolatile(m.userModeNote(namespace), fmt.Appendf(nil, "%d %s", pid, namespace), 0o644)
}

// findUserMode returns the process that is a namespace's network stack, or nil.
func (m *Manager) findUserMode(namespace string) (*running, error) {
	r, err := findRunning(m.userModeNote(namespace), func(pid int) bool { return userModeNamespace(pid) == namespace })
	if err != nil {
		return nil, fmt.Errorf("look for the process of network namespace %s: %w", namespace, err)
	}
	return r, nil
}

// userModeNamespace is the namespace whose network stack a process is, as its
// command line has it; "" of any other process, and of one that has ended.
func userModeNamespace(pid int) string {
	proc := filepath.Join("/proc", strconv.Itoa(pid))
	comm, err := os.ReadFile(filepath.Join(proc, "comm"))
	if err != nil {
		return ""
	}
	program := strings.TrimSpace(string(comm))
	before, ours := "--netns", strings.HasPrefix(program, "pasta") || strings.HasPrefix(program, "passt")
	if program == spec.Slirp4netns {
		before, ours = slirpByPath, true
	}
	if !ours {
		return ""
	}
	cmdline, err := os.ReadFile(filepath.Join(proc, "cmdline"))
	if err != nil {
		return ""
	}
	_, rest, _ := bytes.Cut(cmdline, []byte("\x00"+before+"\x00"))
	namespace, _, _ := bytes.Cut(rest, []byte{0})
	return string(namespace)
}

// endUserMode ends a namespace's network stack, also one whose start was cut short,
// and removes what there is of it.
func (m *Manager) endUserMode(ctx context.Context, namespace string) error {
	for {
		r, err := m.findUserMode(namespace)
		if err != nil {
			return err
		}
		if r == nil { // one that was to start another is gone, too
			break
		}
		if err = r.signal(unix.SIGTERM); err == nil || errors.Is(err, unix.ESRCH) {
			err = m.awaitEnd(ctx, r)
		}
		r.close()
		if err != nil {
			return fmt.Errorf("end process %d, the network of %s: %w", r.pid, namespace, err)
		}
	}
	if err := m.awaitEmpty(ctx, m.userModeCgroup(namespace)); err != nil {
		return err
	}
	m.removeCgroup(m.userModeCgroup(namespace))
	var errs []error
	for _, suffix := range []string{"", slirpLog, slirpSocket} {
		if err := os.Remove(m.userModeNote(namespace) + suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// userModes finds network stacks that are no live pod's, and what ended ones left.
func (c *checker) userModes() error {
	notes, err := os.ReadDir(c.m.userModeDir())
	if errors.Is(err, fs.ErrNotExist) {
		return nil // there never was one
	}
	if err != nil {
		return err
	}
	namespaces := map[string]bool{}
	for _, n := range notes {
		data, err := os.ReadFile(filepath.Join(c.m.userModeDir(), n.Name()))
		if _, namespace, ok := strings.Cut(string(data), " "); ok && err == nil && filepath.Ext(n.Name()) == "" {
			namespaces[namespace] = true
		}
	}
	pids, err := processes()
	if err != nil {
		return err
	}
	for _, pid := range pids {
		if namespace := userModeNamespace(pid); strings.HasPrefix(namespace, c.m.runDir+"/") {
			namespaces[namespace] = true
		}
	}
	for namespace := range namespaces {
		if !slices.ContainsFunc(c.live, func(l Lease) bool { return l.UserMode != nil && l.Namespace == namespace }) {
			c.add("process", "network of "+namespace, "", func(ctx context.Context) error { return c.m.endUserMode(ctx, namespace) })
		}
	}
	return nil
}
