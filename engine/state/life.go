package state

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"berth/engine/spec"
	"berth/internal/atomicfile"
)

// SaveLife records what is known of a running container, in its bundle, with
// which it goes. Where that is gone there is nothing to record.
func (s *Store) SaveLife(id spec.PodID, name string, life spec.Life) error {
	err := save(atomicfile.WriteVolatileJSON, s.lifeFile(id, name), life)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// ReadLife reads what is known of the container made under a name; nil where
// that is nothing, or is about another one.
func (s *Store) ReadLife(id spec.PodID, name string, c spec.ContainerID) (*spec.Life, error) {
	life, err := load[spec.Life](s.lifeFile(id, name))
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, ErrTorn) || err == nil && life.Container != c {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &life, nil
}

func (s *Store) lifeFile(id spec.PodID, name string) string {
	return filepath.Join(s.Bundle(id, name), "life.json")
}

// TellStarted tells whoever watches PodRuns that a process of the pod was
// started, or that the pod is to be removed: its run folder gets a new time.
func (s *Store) TellStarted(id spec.PodID) error {
	now := time.Now()
	return os.Chtimes(s.PodRun(id), now, now)
}

// haste is the end that was set to terminations: of the pod under the ID of its
// infra container, so that it says nothing of another sandbox, and of single
// containers under what names their present run.
type haste struct {
	// By counts from the machine's start: setting the clock changes nothing.
	By map[spec.ContainerID]time.Duration `json:"by"`
}

// HasteFile is the name of the file in a pod's run folder that says by when
// terminations must be over.
const HasteFile = "haste.json"

// Hasten records by when a container must be gone, and with an infra container
// its pod. What was recorded before holds if it is sooner; of containers not
// among there it is dropped.
func (s *Store) Hasten(id spec.PodID, c spec.ContainerID, deadline time.Time, there []spec.ContainerID) error {
	dir, err := os.Open(s.PodRun(id))
	if errors.Is(err, fs.ErrNotExist) {
		return nil // and so is the sandbox
	}
	if err != nil {
		return err
	}
	defer dir.Close()
	if err := waitFlock(dir); err != nil {
		return err
	}
	up, err := uptime()
	if err != nil {
		return err
	}
	next := haste{By: map[spec.ContainerID]time.Duration{c: up + time.Until(deadline)}}
	path := filepath.Join(s.PodRun(id), HasteFile)
	old, err := load[haste](path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, ErrTorn) {
		return err
	}
	if by, said := old.By[c]; said && by <= next.By[c] {
		return nil
	}
	for other, by := range old.By {
		if other != c && slices.Contains(there, other) {
			next.By[other] = by
		}
	}
	err = save(atomicfile.WriteVolatileJSON, path, next)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// ReadHaste is by when a container must be gone, and with an infra container its
// pod; ok is false where nobody said so.
func (s *Store) ReadHaste(id spec.PodID, c spec.ContainerID) (deadline time.Time, ok bool, err error) {
	h, err := load[haste](filepath.Join(s.PodRun(id), HasteFile))
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, ErrTorn) {
		return time.Time{}, false, nil
	}
	if err != nil {
		return time.Time{}, false, err
	}
	by, said := h.By[c]
	if !said {
		return time.Time{}, false, nil
	}
	up, err := uptime()
	if err != nil {
		return time.Time{}, false, err
	}
	return time.Now().Add(by - up), true, nil
}

// uptime is the kernel's clock that nobody sets; all processes of a boot share it.
func uptime() (time.Duration, error) {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		return 0, os.NewSyscallError("clock_gettime", err)
	}
	return time.Duration(ts.Nano()), nil
}
