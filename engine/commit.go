package engine

import (
	"context"
	"errors"
	"fmt"

	"berth/engine/image"
	"berth/engine/spec"
)

// CommitContainer makes an image of what a container changed, and of the image it
// stands on, and returns its ID. With pause its processes are held meanwhile.
func (e *Engine) CommitContainer(ctx context.Context, id spec.PodID, name string, pause bool, o image.CommitOptions) (made string, err error) {
	pod, err := e.records.ReadPod(id)
	if err != nil {
		return "", err
	}
	c, ok := pod.Container(name)
	if !ok {
		return "", fmt.Errorf("container %q of pod %s: %w", name, pod.Key(), spec.ErrNotFound)
	}
	record, err := e.records.ReadContainer(id, name)
	if err != nil {
		return "", err
	}
	if c.ByHand != nil && c.ByHand.Rootfs != nil {
		return "", fmt.Errorf("container %q stands on a folder, not on an image: use tar and berth import: %w", name, spec.ErrConfig)
	}
	o.Container = *c
	for _, p := range pod.Ports {
		if pod.Bare {
			o.Exposed = append(o.Exposed, fmt.Sprintf("%d/%s", p.ContainerPort, p.Protocol))
		}
	}
	if pause {
		resume, err := e.pause(id, name)
		if err != nil {
			return "", fmt.Errorf("pause container %q: %w", name, err)
		}
		defer func() { err = errors.Join(err, resume()) }()
	}
	made, err = e.images.Commit(ctx, record.Rootfs(), o)
	if err != nil {
		return "", fmt.Errorf("commit container %q: %w", name, err)
	}
	e.noteContainer(&pod, &record, "commit")
	return made, nil
}

// pause holds the processes of a container that runs, until resume.
func (e *Engine) pause(id spec.PodID, name string) (resume func() error, err error) {
	st, err := e.ObservePod(context.Background(), id)
	if err != nil {
		return nil, err
	}
	none := func() error { return nil }
	if c, ok := st.Container(name); !ok || c.State != spec.StateRunning {
		return none, nil
	}
	record, err := e.records.ReadContainer(id, name)
	if err != nil {
		return nil, err
	}
	run, err := e.runtimeOf(id)
	if err != nil {
		return nil, err
	}
	target := e.target(run, id, record)
	return run.Hold(target)
}
