package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"berth/engine/network"
	"berth/engine/oci"
	"berth/engine/spec"
	"berth/engine/state"
	"berth/internal/tree"
)

// StopPod stops a pod's containers, all at the same time, then its sandbox:
// network, mounts, cgroup, infra container. The record, the ended containers
// and the volumes stay. A container gets grace to end before it is killed. It
// goes on through errors, and what is gone already is no error.
func (e *Engine) StopPod(ctx context.Context, id spec.PodID, grace time.Duration) error {
	pod, err := e.pod(id)
	if err != nil {
		return err
	}
	return e.takeDown(ctx, &pod, grace, e.clearContainer)
}

// RemovePod stops a pod and forgets it. Named volumes stay. A pod that is gone
// is no error.
func (e *Engine) RemovePod(ctx context.Context, id spec.PodID, grace time.Duration) error {
	pod, err := e.pod(id)
	if errors.Is(err, spec.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	err = errors.Join(e.removeUnrecorded(ctx, &pod), e.takeDown(ctx, &pod, grace, e.removeContainer))
	if err != nil {
		return fmt.Errorf("remove pod %s: %w", pod.Key(), err)
	}
	if err := e.records.RemovePod(id); err != nil {
		return err
	}
	e.notePod(&pod, "remove")
	return nil
}

// removeUnrecorded removes the layers of containers made by hand whose own record
// a power cut took.
func (e *Engine) removeUnrecorded(ctx context.Context, pod *spec.Pod) error {
	records, err := e.records.Containers(pod.ID)
	for _, c := range pod.All() {
		if _, recorded := records[c.Name]; c.ByHand != nil && !recorded && err == nil {
			err = e.images.RemoveRootfs(ctx, c.ByHand.ID)
		}
	}
	return err
}

// takeDown ends every container, then clears them and the sandbox away, all at
// the same time.
func (e *Engine) takeDown(ctx context.Context, pod *spec.Pod, grace time.Duration, clear func(context.Context, *spec.Pod, state.Container) error) error {
	records, err := e.records.Containers(pod.ID)
	if err != nil {
		return err
	}
	containers := slices.Collect(maps.Values(records))
	ends := make([]func() error, len(containers))
	for i := range containers {
		ends[i] = func() error { return e.endContainer(ctx, pod, &containers[i], grace) }
	}
	if err := together(ends...); err != nil {
		return err
	}
	clears := make([]func() error, len(containers))
	for i := range containers {
		clears[i] = func() error { return clear(ctx, pod, containers[i]) }
	}
	sb, ok, err := e.records.ReadSandbox(pod.ID)
	if err != nil || !ok {
		return errors.Join(err, together(clears...))
	}
	clears = append(clears,
		func() error { return e.leaveNetworks(ctx, pod, sb) },
		func() error { return e.deleteInfra(ctx, pod, sb) })
	if err := together(clears...); err != nil {
		return err // the sandbox's record stays, for the next attempt
	}
	if err := e.clearSandbox(ctx, pod); err != nil {
		return err
	}
	e.notePod(pod, "stop")
	return nil
}

// together does things at the same time, all of them whatever fails.
func together(do ...func() error) error {
	errs := make([]error, len(do))
	var group errgroup.Group
	for i := range do {
		group.Go(func() error {
			errs[i] = do[i]()
			return nil
		})
	}
	_ = group.Wait() // the errors are in errs
	return errors.Join(errs...)
}

// endContainer ends a container's process and records how it ended.
func (e *Engine) endContainer(ctx context.Context, pod *spec.Pod, c *state.Container, grace time.Duration) error {
	runtime, err := e.runtimeOf(pod.ID)
	if err != nil {
		return err
	}
	target := e.target(runtime, pod.ID, *c)
	tell := func(status string) { e.noteContainer(pod, c, status) }
	if err := endProcess(ctx, runtime, target, c.StopSignal, grace, tell); err != nil {
		return fmt.Errorf("stop container %q: %w", c.Name, err)
	}
	if c.Ended != nil {
		return nil
	}
	if c.Ended, err = e.ended(runtime, target, pod, *c); err != nil || c.Ended == nil {
		return err
	}
	e.noteContainer(pod, c, "died", died(c.Ended))
	return e.records.SaveContainer(pod.ID, *c)
}

// clearContainer clears away what made an ended container run; its layer, its
// log and how it ended stay.
func (e *Engine) clearContainer(ctx context.Context, pod *spec.Pod, c state.Container) error {
	return errors.Join(e.deleteContainer(ctx, pod, c), e.images.UnmountRootfs(ctx, c.Rootfs()))
}

// removeContainer removes an ended container and all that was made for it but
// its log.
func (e *Engine) removeContainer(ctx context.Context, pod *spec.Pod, c state.Container) error {
	err := e.deleteContainer(ctx, pod, c)
	if err != nil {
		return err
	}
	if err := e.images.RemoveRootfs(ctx, c.Rootfs()); err != nil {
		return fmt.Errorf("remove the layer of container %q: %w", c.Name, err)
	}
	if err := tree.Remove(e.imageVolumes(pod.ID, c.ID)); err != nil {
		return err
	}
	if made, ok := pod.Container(c.Name); ok && made.ByHand != nil {
		if err := removeIDFile(made.ByHand.IDFile, c.ID); err != nil {
			return err
		}
	}
	if err := e.records.RemoveContainer(pod.ID, c); err != nil {
		return err
	}
	e.noteContainer(pod, &c, "remove")
	return nil
}

func (e *Engine) deleteContainer(ctx context.Context, pod *spec.Pod, c state.Container) error {
	runtime, err := e.runtimeOf(pod.ID)
	if err != nil {
		return err
	}
	target := e.target(runtime, pod.ID, c)
	target.Locks = e.locks(pod.Key())
	if made, ok := pod.Container(c.Name); ok && made.ByHand != nil && c.Begun {
		if err := errors.Join(removePid(made.ByHand.PidFile), removePid(made.ByHand.ConmonPidFile)); err != nil {
			return err
		}
	}
	_, missing := os.Lstat(target.Bundle)
	err = errors.Join(
		runtime.Delete(ctx, target, true),
		e.closeRoot(c.ID),
		e.volumeSet(pod).ReleaseContainer(c.Name))
	if err == nil && missing == nil {
		e.noteContainer(pod, &c, "cleanup")
	}
	return err
}

// imageVolumes is where the volumes lie that a container's image declares.
func (e *Engine) imageVolumes(pod spec.PodID, c spec.ContainerID) string {
	return filepath.Join(e.records.Pod(pod), "image-volumes", string(c))
}

// ended is how a container ended, nil if it never ran.
func (e *Engine) ended(runtime *oci.Runtime, target oci.Container, pod *spec.Pod, c state.Container) (*spec.Termination, error) {
	s, err := runtime.State(target)
	if err != nil || s.State == spec.StateNone || s.StartedAt.IsZero() {
		return nil, err
	}
	status := describe(s)
	status.Name, status.LogPath = c.Name, c.LogPath
	if wanted, ok := pod.Container(c.Name); ok && status.State == spec.StateExited {
		status.Message = e.message(pod, wanted, &status)
	}
	finished := status.FinishedAt
	if finished.IsZero() {
		finished = time.Now()
	}
	return &spec.Termination{
		ContainerID: c.ID, ExitCode: status.ExitCode, Reason: status.Reason, Message: status.Message,
		StartedAt: status.StartedAt, FinishedAt: finished,
	}, nil
}

// endProcess signals a container's process and, after grace, kills it and all
// that it left; tell is called before either. One that was created and never
// started is cleared away by Delete.
func endProcess(
	ctx context.Context, runtime *oci.Runtime, target oci.Container, signal string, grace time.Duration, tell func(status string),
) error {
	s, err := runtime.State(target)
	if err != nil || !s.Running() {
		return err
	}
	if grace > 0 && !s.ConmonLost {
		tell("stop")
		if err := runtime.Kill(ctx, target, stopSignal(signal), false); err != nil && !errors.Is(err, oci.ErrNotRunning) {
			return err
		}
		waiting, cancel := context.WithTimeout(ctx, grace)
		defer cancel()
		if _, err := runtime.Wait(waiting, target); err == nil || ctx.Err() != nil {
			return ctx.Err()
		}
	}
	tell("kill")
	if err := runtime.Kill(ctx, target, syscall.SIGKILL, true); err != nil && !errors.Is(err, oci.ErrNotRunning) {
		return err
	}
	waiting, cancel := context.WithTimeout(ctx, killTimeout)
	defer cancel()
	_, err = runtime.Wait(waiting, target)
	return err
}

// killTimeout is how long a killed container may take to be gone: it may sit
// in an uninterruptible call.
const killTimeout = 30 * time.Second

func stopSignal(name string) syscall.Signal {
	if sig, err := oci.ParseSignal(name); err == nil && sig != 0 {
		return sig
	}
	return syscall.SIGTERM
}

// discard ends and removes the container of that name, if there is one, and gives
// its last record.
func (e *Engine) discard(ctx context.Context, pod *spec.Pod, name string) (state.Container, error) {
	c, err := e.records.ReadContainer(pod.ID, name)
	if errors.Is(err, spec.ErrNotFound) {
		return state.Container{}, nil
	}
	if err != nil {
		return c, err
	}
	if err := e.endContainer(ctx, pod, &c, 0); err != nil {
		return c, err
	}
	return c, e.removeContainer(ctx, pod, c)
}

// leaveNetworks takes a pod off its networks and gives its addresses back.
func (e *Engine) leaveNetworks(ctx context.Context, pod *spec.Pod, sb state.Sandbox) error {
	if len(sb.Lease) == 0 {
		return nil
	}
	var lease network.Lease
	if err := json.Unmarshal(sb.Lease, &lease); err != nil {
		return fmt.Errorf("read the address lease: %w", err)
	}
	if err := e.networks.Teardown(ctx, e.networkPod(pod, sb.Ports), lease); err != nil {
		return err
	}
	return e.networks.Release(ctx, lease)
}

func (e *Engine) deleteInfra(ctx context.Context, pod *spec.Pod, sb state.Sandbox) error {
	runtime, err := e.runtimeFor(sb)
	if err != nil {
		return err
	}
	if sb.NoInfra {
		return nil
	}
	target := e.infraTarget(runtime, pod.ID, sb)
	target.Locks = e.locks(pod.Key())
	if pod.Infra != nil && pod.Infra.ConmonPidFile != "" {
		// Whoever asked for the PID of its conmon wants to see it end well.
		if err := endProcess(ctx, runtime, target, "SIGTERM", infraGrace, func(string) {}); err != nil {
			return err
		}
	}
	if err := runtime.Delete(ctx, target, true); err != nil || pod.Infra == nil {
		return err
	}
	return errors.Join(removePid(pod.Infra.ConmonPidFile), e.releaseInfraRoot(ctx, pod, sb))
}

// infraGrace is how long an infra container may take to end, which does nothing.
const infraGrace = 2 * time.Second

// clearSandbox undoes the rest of startSandbox, when nothing runs any more.
func (e *Engine) clearSandbox(ctx context.Context, pod *spec.Pod) error {
	sb, _, err := e.records.ReadSandbox(pod.ID)
	if err != nil {
		return err
	}
	runtime, err := e.runtimeFor(sb)
	if err != nil {
		return err
	}
	err = errors.Join(
		e.networks.RemoveNamespace(e.records.Netns(pod.ID)),
		e.volumeSet(pod).Release(),
		e.releaseImageVolumes(ctx, pod),
		oci.RemoveShm(e.shmPath(pod.ID)),
		e.removeEtcFiles(pod.ID),
		runtime.RemovePodCgroup(ctx, pod.ID, sb.Cgroup))
	if err != nil {
		return fmt.Errorf("take down the sandbox: %w", err)
	}
	return e.records.RemoveSandbox(pod.ID)
}

// StopContainer ends a container: its stop signal, then after grace SIGKILL.
// One that is not running is success.
func (e *Engine) StopContainer(ctx context.Context, id spec.PodID, name string, grace time.Duration) error {
	pod, err := e.pod(id)
	if err != nil {
		return err
	}
	c, err := e.records.ReadContainer(id, name)
	if errors.Is(err, spec.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := e.endContainer(ctx, &pod, &c, grace); err != nil {
		return err
	}
	return e.clearContainer(ctx, &pod, c)
}

// KillContainer sends a signal, by name or number, to a container's process.
func (e *Engine) KillContainer(ctx context.Context, id spec.PodID, name, signal string) error {
	sig, err := oci.ParseSignal(signal)
	if err != nil {
		return err
	}
	c, err := e.container(id, name)
	if err != nil {
		return err
	}
	runtime, err := e.runtimeOf(id)
	if err != nil {
		return err
	}
	target := e.target(runtime, id, c)
	if s, err := runtime.State(target); err == nil && s.Running() {
		e.noteByName(id, name, "kill") // before what it does to the container is told
	}
	return runtime.Kill(ctx, target, sig, false)
}

// RemoveContainer ends a container at once and forgets it; in a pod that takes
// containers one by one that it was ever part of it, too.
func (e *Engine) RemoveContainer(ctx context.Context, id spec.PodID, name string) error {
	pod, err := e.pod(id)
	if err != nil {
		return err
	}
	if _, err := e.discard(ctx, &pod, name); err != nil || !pod.ByHand {
		return err
	}
	return errors.Join(e.forgetContainer(&pod, name), tree.Remove(filepath.Dir(e.records.Log(pod.ID, name, 0))))
}
