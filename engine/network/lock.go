package network

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"golang.org/x/sys/unix"

	"berth/engine/spec"
)

type lockMode int

const (
	shared    lockMode = unix.LOCK_SH
	exclusive lockMode = unix.LOCK_EX
)

// lockFile takes a lock on an existing file or folder, waiting for it until
// ctx ends.
func lockFile(ctx context.Context, path string, mode lockMode) (unlock func(), err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	if err := flock(ctx, f, mode); err != nil {
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	return func() { _ = f.Close() }, nil
}

// flock locks f, or closes it.
func flock(ctx context.Context, f *os.File, mode lockMode) error {
	if err := flockRetry(f, mode|unix.LOCK_NB); err == nil {
		return nil
	} else if !errors.Is(err, unix.EWOULDBLOCK) {
		_ = f.Close()
		return err
	}
	done := make(chan error, 1)
	// Ends when the lock is ours; if nobody waits for it any more, it is given back.
	go func() { done <- flockRetry(f, mode) }()
	select {
	case err := <-done:
		if err != nil {
			_ = f.Close()
		}
		return err
	case <-ctx.Done():
		go func() { <-done; _ = f.Close() }()
		return ctx.Err()
	}
}

func flockRetry(f *os.File, mode lockMode) error {
	for {
		if err := unix.Flock(int(f.Fd()), int(mode)); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

// turn is the right to call netavark.
type turn struct {
	mode lockMode
	file *os.File // inherited by netavark, so an orphaned one still holds it
	done func()
}

// The calls of netavark on one host share one lock. Measured with 1.4: twenty
// set-ups at once on a bare host fail ("Chain already exists") and leave rules
// twice; a tear-down that finds the bridge empty removes it and the network's
// chains while a set-up is about to use them. Once a network has a pod, set-ups
// run side by side without harm, and twice as fast on two cores. So a call
// takes the lock shared as long as another pod is attached to each of its
// networks and will stay so, else exclusively.
//
// A pod counts as attached while it has a mark, written when its set-up is done
// and removed when its tear-down begins, both with the lock held. Who removes
// his mark and still sees another one may go on with the lock shared: that
// other pod can only go the same way, and whoever finds no mark left waits for
// the exclusive lock, and so for everybody else.

func (m *Manager) markPath(network string, pod spec.PodID) string {
	return filepath.Join(m.netavarkDir(), "attached", network, string(pod))
}

// marked lists the pods with a mark on a network.
func (m *Manager) marked(network string) ([]spec.PodID, error) {
	entries, err := os.ReadDir(filepath.Join(m.netavarkDir(), "attached", network))
	if err != nil && !os.IsNotExist(err) {
		return nil, fmt.Errorf("list the pods on network %q: %w", network, err)
	}
	var pods []spec.PodID
	for _, e := range entries {
		pods = append(pods, spec.PodID(e.Name()))
	}
	return pods, nil
}

func (m *Manager) mark(lease Lease) error {
	if err := m.noteDriver(lease); err != nil {
		return err
	}
	for _, n := range lease.Networks {
		path := m.markPath(n.Network.Name, lease.Pod)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return fmt.Errorf("note that the pod is attached: %w", err)
		}
		if err := os.WriteFile(path, nil, 0o644); err != nil {
			return fmt.Errorf("note that the pod is attached: %w", err)
		}
	}
	return nil
}

func (m *Manager) unmark(lease Lease) error {
	var errs []error
	for _, n := range lease.Networks {
		if err := os.Remove(m.markPath(n.Network.Name, lease.Pod)); err != nil && !os.IsNotExist(err) {
			errs = append(errs, fmt.Errorf("note that the pod is detached: %w", err))
		}
	}
	return errors.Join(errs...)
}

// accompanied reports whether on each network of the lease another pod is
// attached.
func (m *Manager) accompanied(lease Lease) (bool, error) {
	for _, n := range lease.Networks {
		alone, err := m.aloneOn(n.Network.Name, lease.Pod)
		if err != nil || alone {
			return false, err
		}
	}
	return true, nil
}

func (m *Manager) aloneOn(network string, pod spec.PodID) (bool, error) {
	pods, err := m.marked(network)
	if err != nil {
		return false, err
	}
	for _, p := range pods {
		if p != pod {
			return false, nil
		}
	}
	return true, nil
}

// takeTurn waits for the right to call netavark. before runs with the lock
// held, at least shared, ahead of the look at who else is attached.
func (m *Manager) takeTurn(ctx context.Context, lease Lease, want lockMode, before func() error) (*turn, error) {
	select {
	case m.limiter <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	release := sync.OnceFunc(func() { <-m.limiter })
	t, err := m.lockTurn(ctx, lease, want, before)
	if err != nil {
		release()
		return nil, fmt.Errorf("wait for netavark's lock: %w", err)
	}
	t.done = func() { _ = t.file.Close(); release() }
	return t, nil
}

func (m *Manager) lockTurn(ctx context.Context, lease Lease, want lockMode, before func() error) (*turn, error) {
	if want == shared {
		t, err := m.lockNetavark(ctx, shared)
		if err != nil {
			return nil, err
		}
		ok, err := m.mayShare(lease, before)
		if ok {
			return t, nil
		}
		_ = t.file.Close()
		if err != nil {
			return nil, err
		}
	}
	t, err := m.lockNetavark(ctx, exclusive)
	if err != nil {
		return nil, err
	}
	if err := before(); err != nil {
		_ = t.file.Close()
		return nil, err
	}
	return t, nil
}

func (m *Manager) mayShare(lease Lease, before func() error) (bool, error) {
	if err := before(); err != nil {
		return false, err
	}
	return m.accompanied(lease)
}

func (m *Manager) lockNetavark(ctx context.Context, mode lockMode) (*turn, error) {
	dir, err := m.makeRunDir("netavark")
	if err != nil {
		return nil, err
	}
	f, err := os.OpenFile(filepath.Join(dir, "berth.lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	defer m.waits.While("the network", f.Name())()
	if err := flock(ctx, f, mode); err != nil {
		return nil, err
	}
	return &turn{mode: mode, file: f}, nil
}
