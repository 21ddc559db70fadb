package reconciler

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"berth/engine/spec"
)

// CreateOptions are the wishes of create and run.
type CreateOptions struct {
	Pull    spec.PullOptions
	Replace bool // what was made by hand and has the name gives way
	NoStart bool
	// Connect is called when a container was made and before it is started: to
	// hear all it says. It must not wait for its end. nil: nobody listens.
	Connect func(ctx context.Context, id spec.PodID, name string) error
}

// Create makes a pod by hand, one that its record alone describes, and starts
// it. Its images are fetched and it is checked before anything gives way to it.
// One that cannot start stays, for a person to look at, unless it goes with its
// end. It is given its identities, unless it has them.
func (a *Applier) Create(ctx context.Context, pod *spec.Pod, o CreateOptions) (spec.PodID, error) {
	made := identified(pod)
	actor := newActor(a.Engine, a.Log, a.Events)
	prepared, err := actor.prepare(ctx, made, o.Pull)
	if err != nil {
		return "", err
	}
	names := []string{made.Name}
	if !made.Bare {
		names = append(names, made.InfraName())
		for _, c := range made.All() {
			names = append(names, made.ContainerName(c.Name))
		}
	}
	old, err := a.giveWay(ctx, claim{namespace: made.Namespace, names: names, pod: !made.Bare, replace: o.Replace})
	if err != nil {
		return "", err
	}
	if !o.NoStart {
		if err := actor.startNeeds(ctx, prepared, inOrder(prepared), nil); err != nil {
			return "", err
		}
	}
	return made.ID, a.replaceByHand(ctx, actor, old, prepared, o)
}

// identified is the pod with an identity of its own and of its containers.
func identified(pod *spec.Pod) *spec.Pod {
	made := *pod
	if made.ID == "" {
		made.ID = spec.NewPodID()
	}
	if made.CreatedAt.IsZero() {
		made.CreatedAt = time.Now()
	}
	made.InitContainers, made.Containers = slices.Clone(pod.InitContainers), slices.Clone(pod.Containers)
	for _, list := range [][]spec.Container{made.InitContainers, made.Containers} {
		for i := range list {
			list[i] = withID(list[i])
		}
	}
	made.Volumes = namedAll(pod.Volumes)
	return &made
}

// namedAll gives each volume that nobody named a name that nobody will.
func namedAll(volumes []spec.Volume) []spec.Volume {
	out := slices.Clone(volumes)
	for i, v := range out {
		if v.Named == nil || !v.Named.Anonymous || v.Named.Volume != "" {
			continue
		}
		named := *v.Named
		named.Volume = string(spec.NewContainerID())
		out[i].Named = &named
	}
	return out
}

func withID(c spec.Container) spec.Container {
	if c.ByHand == nil || c.ByHand.ID != "" {
		return c
	}
	hand := *c.ByHand
	hand.ID = spec.NewContainerID()
	c.ByHand = &hand
	return c
}

// createByHand makes a prepared pod. Its lock is held.
func (a *actor) createByHand(ctx context.Context, pod *spec.Pod, o CreateOptions) error {
	if o.NoStart {
		return a.recordByHand(ctx, pod)
	}
	names := inOrder(pod)
	err := a.setup.do(ctx, func() error {
		if err := a.engine.EnsurePod(ctx, pod, names); err != nil {
			return err
		}
		for _, name := range names {
			if err := a.startConnected(ctx, pod, name, o.Connect); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil || errors.Is(err, spec.ErrExists) {
		return err
	}
	return errors.Join(err, a.setAside(ctx, pod, ""))
}

// wholePod is what is stopped of a pod that is only created.
var wholePod = []string{""}

// recordByHand makes a prepared pod that a person starts later. Where that fails
// nothing is left, which a supervisor would start. Its lock is held.
func (a *actor) recordByHand(ctx context.Context, pod *spec.Pod) error {
	err := a.engine.RecordPod(ctx, pod, wholePod)
	if err == nil || errors.Is(err, spec.ErrExists) {
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoLimit)
	defer cancel()
	if undo := a.forget(ctx, pod); !gone(undo) {
		err = errors.Join(err, undo)
	}
	return err
}

// startConnected starts a container that was made, and has whoever listens
// connect before.
func (a *actor) startConnected(ctx context.Context, pod *spec.Pod, name string, connect func(context.Context, spec.PodID, string) error) error {
	if connect != nil {
		if err := connect(ctx, pod.ID, name); err != nil {
			return fmt.Errorf("connect to container %q: %w", name, err)
		}
	}
	if err := a.engine.StartContainer(ctx, pod.ID, name); err != nil {
		return err
	}
	a.events.of(pod, name, EventNormal, "Created", "Created container "+name)
	a.events.of(pod, name, EventNormal, "Started", "Started container "+name)
	return nil
}

// setAside has what could not be started stay down, or removes it if it goes with
// its end: a pod, or the container of that name. Its lock is held.
func (a *actor) setAside(ctx context.Context, pod *spec.Pod, container string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoLimit)
	defer cancel()
	goes := func(c spec.Container) bool {
		return (container == "" || c.Name == container) && c.ByHand != nil && c.ByHand.Remove
	}
	var err error
	switch {
	case !slices.ContainsFunc(pod.All(), goes):
		err = a.engine.SetStopped(ctx, pod.ID, container, true)
		if container == "" && err == nil { // also what was not made yet stands there then, to be seen and removed
			err = a.engine.RecordPod(ctx, pod, wholePod)
		}
		if container == "" {
			err = errors.Join(err, a.engine.StopPod(ctx, pod.ID, 0))
		}
	case container == "":
		err = a.forget(ctx, pod)
	default:
		err = a.forgetContainer(ctx, pod, container)
	}
	if gone(err) {
		return nil
	}
	return err
}

// AddContainer adds a container, and the volumes it mounts, to a pod made by
// hand, and starts it, as Create does.
func (a *Applier) AddContainer(ctx context.Context, id spec.PodID, c spec.Container, volumes []spec.Volume, o CreateOptions) error {
	st, err := a.Engine.ObservePod(ctx, id)
	if err != nil {
		return err
	}
	if !st.Pod.ByHand {
		return fmt.Errorf("pod %s takes no further container: it was not made by pod create", st.Pod.Key())
	}
	actor, volumes := newActor(a.Engine, a.Log, a.Events), namedAll(volumes)
	grown := st.Pod
	if err := actor.refuseLateInit(ctx, &st.Pod, &c); err != nil {
		return err
	}
	grown.InitContainers, grown.Containers, grown.Volumes = nil, []spec.Container{withID(c)}, append(slices.Clone(st.Pod.Volumes), volumes...)
	prepared, err := actor.prepare(ctx, &grown, o.Pull)
	if err != nil {
		return err
	}
	old, err := a.giveWay(ctx, claim{namespace: st.Pod.Namespace, names: []string{grown.ContainerName(c.Name)}, replace: o.Replace})
	if err != nil {
		return err
	}
	if !o.NoStart {
		if err := actor.startNeeds(ctx, prepared, []string{c.Name}, nil); err != nil {
			return err
		}
	}
	add := func() error { return actor.addByHand(ctx, &st.Pod, prepared.Containers[0], volumes, o) }
	in := func(f func() error) error { return actor.locked(ctx, st.Pod.Key(), f) }
	switch {
	case old == nil:
		return in(add)
	case old.container != "" && old.st.Pod.ID == id:
		return in(func() error { return a.replaceMember(ctx, actor, old, c.Name, add) })
	}
	return a.replaceElsewhere(ctx, actor, old, func() error {
		return in(func() error { return actor.dropFailed(ctx, add(), id, c.Name) })
	})
}

// addByHand adds a prepared container to a pod, whose lock is held.
func (a *actor) addByHand(ctx context.Context, pod *spec.Pod, c spec.Container, volumes []spec.Volume, o CreateOptions) error {
	if err := a.refuseLateInit(ctx, pod, &c); err != nil {
		return err
	}
	if err := a.engine.AddContainer(ctx, pod.ID, c, volumes, o.NoStart); err != nil || o.NoStart {
		return err
	}
	grown := *pod
	grown.Add(c)
	if err := a.startOne(ctx, pod.ID, c.Name, nil, o.Connect); err != nil {
		return errors.Join(err, a.setAside(ctx, &grown, c.Name))
	}
	return nil
}
