package oci

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"berth/engine/spec"
	"berth/internal/atomicfile"
)

// conmonGrace is how long conmon may take to end after its container.
const conmonGrace = 3 * time.Second

// Delete removes all there is of a container but its root file system, its log
// and what the caller put into the bundle: processes, the runtime's record,
// cgroups, exit file, bundle. Read the exit code before. Without force a
// container that runs is spec.ErrInUse; what is gone already is success.
//
// It also ends what a killed call of ours left behind: a conmon still creating.
func (r *Runtime) Delete(ctx context.Context, c Container, force bool) error {
	if !force {
		s, err := r.State(c)
		if err != nil {
			return err
		}
		if s.Running() {
			return fmt.Errorf("container %s runs: %w", c.ID.Short(), spec.ErrInUse)
		}
	}
	ctx = context.WithoutCancel(ctx)
	var errs []error
	step := func(what string, err error) {
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", what, err))
		}
	}
	step("end what is still creating it", r.endCreating(ctx, c))
	step("delete it from the runtime", r.deleteRecord(ctx, c))
	if c.CgroupPath != "" {
		step("remove its cgroup", r.removeCgroup(ctx, cgroupFolder(c.CgroupPath)))
	}
	step("end its conmon", r.endConmon(ctx, c))
	step("remove conmon's cgroup", r.removeConmonCgroup(ctx, c))
	step("remove its exit file", atomicfile.Remove(filepath.Join(r.exitDir, string(c.ID))))
	if len(errs) == 0 {
		// The PID files go last: until then a next call finds what is left.
		step("remove its bundle", removeBundle(c))
	}
	return errors.Join(errs...)
}

// deleteRecord has the runtime forget the container, killing what runs. One it
// does not know costs no call.
func (r *Runtime) deleteRecord(ctx context.Context, c Container) error {
	dir := filepath.Join(r.stateRoot, string(c.ID))
	if !exists(dir) {
		return nil
	}
	// runc looks only every 100 ms whether what it killed has ended.
	killed := r.killInit(ctx, c)
	_, err := r.call(ctx, c, "delete", "--force", string(c.ID))
	if err == nil {
		return nil
	}
	err = r.helperError("delete", err)
	if killed != nil {
		return errors.Join(killed, err)
	}
	// A record cut short by a kill cannot be deleted by the runtime itself.
	// What processes there are, are in the cgroup, which goes next.
	if e := os.RemoveAll(dir); e != nil {
		return errors.Join(err, e)
	}
	r.log.Warn("runtime could not delete a container, its record was removed", "container", c.ID.Short(), "error", err)
	return nil
}

// killInit kills the container's process and waits until it is gone.
func (r *Runtime) killInit(ctx context.Context, c Container) error {
	record, _, err := readRecord(c)
	if err != nil {
		return err
	}
	err = record.Init.Signal(syscall.SIGKILL)
	if errors.Is(err, os.ErrProcessDone) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := r.thaw(c); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, removalLimit)
	defer cancel()
	return record.Init.Wait(ctx)
}

// endCreating kills a conmon, and its runtime, that hold the bundle while no
// process of the container is known: those of a call that was killed half-way.
func (r *Runtime) endCreating(ctx context.Context, c Container) error {
	if exists(c.path("process.json")) {
		return nil
	}
	busy, err := bundleInUse(c)
	if err != nil || !busy {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, removalLimit)
	defer cancel()
	for {
		// What one of them starts while it is killed is seen at the next look.
		found, err := killMatching(func(cmdline string) bool { return isConmonOf(cmdline, c) })
		if err != nil || found == 0 {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("conmon or the runtime does not end: %w", ctx.Err())
		case <-time.After(time.Millisecond):
		}
	}
}

// endConmon waits for conmon to end with its container, and then makes it.
func (r *Runtime) endConmon(ctx context.Context, c Container) error {
	record, _, err := readRecord(c)
	if err != nil {
		return err
	}
	wait, cancel := context.WithTimeout(ctx, conmonGrace)
	defer cancel()
	if err := record.Conmon.Wait(wait); err == nil {
		return nil
	}
	if err := record.Conmon.Signal(syscall.SIGKILL); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	ctx, cancel = context.WithTimeout(ctx, conmonGrace)
	defer cancel()
	return record.Conmon.Wait(ctx)
}

// removeBundle removes what is ours in the bundle, and the folder if nothing
// else is in it.
func removeBundle(c Container) error {
	if err := removeFiles(c); err != nil {
		return err
	}
	err := os.Remove(c.Bundle)
	if err != nil && !errors.Is(err, os.ErrNotExist) && !errors.Is(err, syscall.ENOTEMPTY) {
		return err
	}
	return nil
}

// killMatching kills every process whose command line is the one looked for, and
// says how many it found alive. It walks all of /proc: only for what no file names.
func killMatching(is func(cmdline string) bool) (found int, err error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return 0, err
	}
	var errs []error
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		p, err := FindProcess(pid)
		if err != nil {
			continue // it has ended
		}
		data, err := os.ReadFile(filepath.Join("/proc", entry.Name(), "cmdline"))
		if err != nil || !is(string(data)) {
			continue
		}
		switch err := p.Signal(syscall.SIGKILL); {
		case err == nil:
			found++
		case !errors.Is(err, os.ErrProcessDone):
			errs = append(errs, err)
		}
	}
	return found, errors.Join(errs...)
}

func itoa(n int) string { return strconv.Itoa(n) }
