package reconciler

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"berth/engine/spec"
)

// errResize is other CPU or memory that a running container cannot be given now.
var errResize = errors.New("it cannot be resized")

// touch does what a pod takes without being made anew. Containers that must be
// restarted for it are marked first: whoever comes next goes on with that, also
// if the rest was not done. Its lock is held.
func (a *actor) touch(ctx context.Context, p PodPlan) error {
	id := p.Observed.Pod.ID
	if p.Afresh {
		if err := a.markAll(ctx, id); err != nil {
			return err
		}
	}
	for _, name := range p.Files {
		volume, ok := p.Desired.Volume(name)
		if !ok {
			continue
		}
		if err := a.engine.UpdateFiles(ctx, id, name, volume.Files); err != nil {
			return fmt.Errorf("new files for volume %q: %w", name, err)
		}
	}
	for _, name := range p.Resize {
		if err := a.resize(ctx, p, name); err != nil {
			return err
		}
	}
	if p.Describe {
		if err := a.engine.DescribePod(ctx, id, p.Desired); err != nil {
			return err
		}
	}
	if !p.Adopt {
		return nil
	}
	return a.engine.SetOwner(ctx, id, p.Desired.Owner, p.Desired.Origin)
}

// markAll has all containers of a pod that run start again.
func (a *actor) markAll(ctx context.Context, id spec.PodID) error {
	st, err := a.engine.ObservePod(ctx, id)
	if err != nil {
		return err
	}
	history := spec.History{}
	maps.Copy(history, st.History)
	for i := range st.Containers {
		if c := &st.Containers[i]; ran(&st, c) {
			history[c.Name] = mark(onceMore(history[c.Name]), c, markFiles)
		}
	}
	return a.engine.SaveHistory(ctx, id, history)
}

// resize gives a container the CPU and memory that its object says now. One that
// must be restarted for it is ended before, so that it may also be given less
// than it used.
func (a *actor) resize(ctx context.Context, p PodPlan, name string) error {
	want, ok := p.Desired.Container(name)
	if !ok {
		return nil
	}
	st, err := a.engine.ObservePod(ctx, p.Observed.Pod.ID)
	if err != nil {
		return err
	}
	made, ok := st.Pod.Container(name)
	if !ok {
		return nil
	}
	to := made.Redeclare(want.Resources)
	if slices.Contains(p.Renew, name) {
		if err := a.renew(ctx, &st, name); err != nil {
			return err
		}
	}
	if err := a.engine.UpdateContainer(ctx, st.Pod.ID, &to); err != nil {
		return fmt.Errorf("container %q: %w: %w", name, errResize, err)
	}
	return nil
}

// renew ends a container that is to be started again, if it runs.
func (a *actor) renew(ctx context.Context, st *spec.PodStatus, name string) error {
	c, ok := st.Container(name)
	if !ok || !c.Running() {
		return nil
	}
	history := spec.History{}
	maps.Copy(history, st.History)
	history[name] = mark(onceMore(history[name]), c, markSize)
	if err := a.engine.SaveHistory(ctx, st.Pod.ID, history); err != nil {
		return err
	}
	why := spec.Doom{Reason: markSize, Message: restarting(name, markSize), Grace: graceFor(&st.Pod, name, ownGrace)}
	return a.endDoomed(ctx, st, []Ending{{name, why}})
}
