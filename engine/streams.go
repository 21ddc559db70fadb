package engine

import (
	"context"
	"fmt"
	"strings"

	"berth/engine/oci"
	"berth/engine/spec"
)

// Exec runs a further command in a running container and returns its exit code.
func (e *Engine) Exec(ctx context.Context, id spec.PodID, container string, o oci.ExecOptions) (int, error) {
	run, target, err := e.running(id, container)
	if err != nil {
		return 0, err
	}
	e.noteByName(id, container, "exec")
	code, err := run.Exec(ctx, target, o)
	if err == nil {
		e.noteByName(id, container, "exec_died", exitCode(code))
	}
	return code, err
}

// Attach connects to a running container's streams until it ends.
func (e *Engine) Attach(ctx context.Context, id spec.PodID, container string, s oci.Streams, connected func() error) error {
	run, target, err := e.running(id, container)
	if err != nil {
		return err
	}
	e.noteByName(id, container, "attach")
	return run.Attach(ctx, target, s, connected)
}

// running addresses a container that runs, or was created.
func (e *Engine) running(id spec.PodID, name string) (*oci.Runtime, oci.Container, error) {
	c, err := e.container(id, name)
	if err != nil {
		return nil, oci.Container{}, err
	}
	run, err := e.runtimeOf(id)
	if err != nil {
		return nil, oci.Container{}, err
	}
	target := e.target(run, id, c)
	s, err := run.State(target)
	if err != nil {
		return nil, target, err
	}
	if !s.Running() && s.State != spec.StateCreated {
		return nil, target, fmt.Errorf("container %q is %s: %w", name, s.State, oci.ErrNotRunning)
	}
	return run, target, nil
}

// Logs reads what a container wrote. Following ends when the container has.
func (e *Engine) Logs(ctx context.Context, id spec.PodID, container string, o oci.LogOptions, each func(oci.Line) error) error {
	c, err := e.records.ReadContainer(id, container)
	if err != nil {
		return err
	}
	pod, err := e.records.ReadPod(id)
	if err != nil {
		return err
	}
	var read func(context.Context, oci.LogOptions) error
	switch log := pod.LogOf(container); {
	case log.Driver == "journald":
		read = func(ctx context.Context, o oci.LogOptions) error { return oci.ReadJournal(ctx, c.ID, o, each) }
	case readable(log):
		read = func(ctx context.Context, o oci.LogOptions) error { return oci.ReadLog(ctx, c.LogPath, o, each) }
	default:
		return unreadable(pod, container, log)
	}
	if !o.Follow {
		return read(ctx, o)
	}
	// Its end closes the log: what it wrote last is still read.
	done := make(chan struct{})
	o.Done = done
	watch, stop := context.WithCancel(ctx)
	defer stop()
	go func() { // ends with the container, or with us
		defer close(done)
		_, _ = e.WaitContainer(watch, id, container)
	}()
	return read(ctx, o)
}

// PreviousLogs reads what the container made before under that name wrote;
// spec.ErrNotFound if there was none, or its log cannot be told from the present
// one's.
func (e *Engine) PreviousLogs(ctx context.Context, id spec.PodID, container string, o oci.LogOptions, each func(oci.Line) error) error {
	c, err := e.records.ReadContainer(id, container)
	if err != nil {
		return err
	}
	pod, err := e.records.ReadPod(id)
	switch {
	case err != nil:
		return err
	case !readable(pod.LogOf(container)):
		return unreadable(pod, container, pod.LogOf(container))
	case c.Attempt == 0:
		return fmt.Errorf("previous terminated container %q in pod %s: %w", container, pod.Key(), spec.ErrNotFound)
	case pod.OneLog(container):
		return fmt.Errorf("previous log of container %q in pod %s: all of them write to %s: %w", container, pod.Key(), c.LogPath, spec.ErrNotFound)
	}
	o.Follow = false
	return oci.ReadLog(ctx, e.records.Log(id, container, c.Attempt-1), o, each)
}

// readable reports whether what is logged so can be read back.
func readable(log spec.Log) bool {
	d := log.Driver
	return d == "" || d == "k8s-file" || d == "json-file"
}

// unreadable says where the output of a container is to be looked for.
func unreadable(pod spec.Pod, container string, log spec.Log) error {
	if log.Driver == "journald" {
		return fmt.Errorf("what container %q wrote is in the journal: journalctl CONTAINER_NAME=%s", container, pod.ContainerName(container))
	}
	return fmt.Errorf("what container %q wrote cannot be read back: its log driver is %s", container, log.Driver)
}

// LastOutput is the end of what a container wrote: at most so many lines, none
// where that cannot be read.
func (e *Engine) LastOutput(ctx context.Context, id spec.PodID, container string, lines int) []string {
	var out []string
	err := e.Logs(ctx, id, container, oci.LogOptions{Tail: lines}, func(l oci.Line) error {
		out = append(out, strings.TrimRight(string(l.Text[:min(len(l.Text), longestLine)]), "\r\n"))
		return nil
	})
	if err != nil {
		return nil
	}
	return out
}

// longestLine bounds a line of LastOutput, in bytes.
const longestLine = 500

// logLimit is the size, in bytes, at which a log is rotated; 0: never.
func (e *Engine) logLimit(log spec.Log) int64 {
	switch {
	case log.MaxSize < 0:
		return 0
	case log.MaxSize > 0:
		return log.MaxSize
	case e.conf.Containers.LogSizeMax > 0:
		return e.conf.Containers.LogSizeMax
	}
	return oci.DefaultLogSize
}
