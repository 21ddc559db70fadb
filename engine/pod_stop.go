package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"berth/engine/network"
	"berth/engine/oci"
	"berth/engine/spec"
	"berth/engine/state"
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
	containers, err := e.records.Containers(id)
	errs := []error{err}
	var group errgroup.Group
	results := make(chan error, len(containers))
	for name, c := range containers {
		group.Go(func() error {
			results <- e.haltContainer(ctx, &pod, name, c, grace)
			return nil
		})
	}
	_ = group.Wait() // the errors are in results
	close(results)
	for err := range results {
		errs = append(errs, err)
	}
	sb, ok, err := e.records.ReadSandbox(id)
	errs = append(errs, err)
	if ok {
		errs = append(errs, e.stopSandbox(ctx, &pod, sb))
	}
	return errors.Join(errs...)
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
	if err := e.StopPod(ctx, id, grace); err != nil {
		return fmt.Errorf("stop pod %s: %w", pod.Key(), err)
	}
	containers, err := e.records.Containers(id)
	if err != nil {
		return err
	}
	var group errgroup.Group
	for name := range containers {
		group.Go(func() error { return e.discard(ctx, &pod, name) })
	}
	if err := group.Wait(); err != nil {
		return err
	}
	return e.records.RemovePod(id)
}

// haltContainer ends a container and clears away what made it run; its layer,
// its log and how it ended stay.
func (e *Engine) haltContainer(ctx context.Context, pod *spec.Pod, name string, c state.Container, grace time.Duration) error {
	runtime, err := e.runtime()
	if err != nil {
		return err
	}
	target := e.target(runtime, pod.ID, name, c.ID)
	if err := endProcess(ctx, runtime, target, c.StopSignal, grace); err != nil {
		return fmt.Errorf("stop container %q: %w", name, err)
	}
	if c.Ended == nil {
		if c.Ended, err = ended(runtime, target, c); err != nil {
			return err
		}
		if err := e.records.SaveContainer(pod.ID, c); err != nil {
			return err
		}
	}
	return errors.Join(
		runtime.Delete(ctx, target, true),
		e.volumeSet(pod.ID).ReleaseContainer(name),
		e.images.UnmountRootfs(ctx, c.ID))
}

// ended is how a container ended, nil if it never ran.
func ended(runtime *oci.Runtime, target oci.Container, c state.Container) (*spec.Termination, error) {
	s, err := runtime.State(target)
	if err != nil || s.State == spec.StateNone || s.StartedAt.IsZero() {
		return nil, err
	}
	status := describe(s)
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
// that it left. One that was created and never started is cleared away by Delete.
func endProcess(ctx context.Context, runtime *oci.Runtime, target oci.Container, signal string, grace time.Duration) error {
	s, err := runtime.State(target)
	if err != nil || !s.Running() {
		return err
	}
	if grace > 0 && !s.ConmonLost {
		if err := runtime.Kill(ctx, target, stopSignal(signal), false); err != nil && !errors.Is(err, oci.ErrNotRunning) {
			return err
		}
		waiting, cancel := context.WithTimeout(ctx, grace)
		defer cancel()
		if _, err := runtime.Wait(waiting, target); err == nil || ctx.Err() != nil {
			return ctx.Err()
		}
	}
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

// discard removes a container and all that was made for it but its log.
func (e *Engine) discard(ctx context.Context, pod *spec.Pod, name string) error {
	c, err := e.records.ReadContainer(pod.ID, name)
	if errors.Is(err, spec.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := e.haltContainer(ctx, pod, name, c, 0); err != nil {
		return err
	}
	if err := e.images.RemoveRootfs(ctx, c.ID); err != nil {
		return fmt.Errorf("remove the layer of container %q: %w", name, err)
	}
	if err := os.RemoveAll(filepath.Join(e.records.Pod(pod.ID), "image-volumes", string(c.ID))); err != nil {
		return err
	}
	return e.records.RemoveContainer(pod.ID, c)
}

// stopSandbox undoes startSandbox, in whatever state that was left.
func (e *Engine) stopSandbox(ctx context.Context, pod *spec.Pod, sb state.Sandbox) error {
	var errs []error
	if !pod.HostNet && len(sb.Lease) > 0 {
		var lease network.Lease
		if err := json.Unmarshal(sb.Lease, &lease); err != nil {
			errs = append(errs, fmt.Errorf("read the address lease: %w", err))
		} else {
			errs = append(errs,
				e.networks.Teardown(ctx, e.networkPod(pod, sb.Ports), lease),
				e.networks.Release(ctx, lease))
		}
	}
	runtime, err := e.runtime()
	if err != nil {
		return errors.Join(append(errs, err)...)
	}
	errs = append(errs,
		runtime.Delete(ctx, e.target(runtime, pod.ID, infraName, sb.Infra), true),
		e.networks.RemoveNamespace(e.records.Netns(pod.ID)),
		e.volumeSet(pod.ID).Release(),
		oci.RemoveShm(e.shmPath(pod.ID)),
		e.removeEtcFiles(pod.ID),
		runtime.RemovePodCgroup(ctx, pod.ID),
		os.RemoveAll(e.records.Bundle(pod.ID, infraName)))
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("take down the sandbox: %w", err) // its record stays, for the next attempt
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
	return e.haltContainer(ctx, &pod, name, c, grace)
}

// KillContainer sends a signal, by name or number, to a container's process.
func (e *Engine) KillContainer(ctx context.Context, id spec.PodID, name, signal string) error {
	sig, err := oci.ParseSignal(signal)
	if err != nil {
		return err
	}
	_, c, err := e.container(id, name)
	if err != nil {
		return err
	}
	runtime, err := e.runtime()
	if err != nil {
		return err
	}
	return runtime.Kill(ctx, e.target(runtime, id, name, c), sig, false)
}

// RemoveContainer ends a container at once and forgets it.
func (e *Engine) RemoveContainer(ctx context.Context, id spec.PodID, name string) error {
	pod, err := e.pod(id)
	if err != nil {
		return err
	}
	return e.discard(ctx, &pod, name)
}
