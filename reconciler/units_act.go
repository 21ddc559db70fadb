package reconciler

import (
	"context"
	"errors"
	"fmt"

	"berth/engine/spec"
	"berth/quadlet"
	"berth/reconciler/unit"
	"berth/translate/option"
)

// carryOut does one step. s is nil where the unit is known no more.
func (u *units) carryOut(ctx context.Context, step unit.Step, s *unit.Service, st *spec.UnitState) (o unit.Outcome, err error) {
	switch step.Kind {
	case unit.StepPrepare:
		return o, u.prepare(ctx, s)
	case unit.StepStart:
		if s.Unit.Name.Kind == quadlet.Network && u.opts.Call(ctx, s.Name, []string{"network", "exists", s.Resource}) != nil {
			o.Made = true
		}
		o.Timeout, err = u.start(ctx, s)
		return o, err
	case unit.StepForget:
		if err := u.remove(ctx, s, st); err != nil {
			return o, err
		}
		if st.Made && kindOf(st.File) == quadlet.Network {
			if err := u.opts.Call(ctx, st.Name, []string{"network", "rm", st.Resource}); err != nil {
				u.log.WarnContext(ctx, "network stays, although its unit file is gone", "network", st.Resource, "error", err)
			}
		}
		return o, u.engine.RemoveUnit(ctx, st.Name)
	}
	return o, u.remove(ctx, s, st)
}

// start makes what a unit describes. Of a start that failed nothing is left.
func (u *units) start(ctx context.Context, s *unit.Service) (timeout bool, err error) {
	within := ctx
	if s.Within < unit.Forever {
		var cancel context.CancelFunc
		within, cancel = context.WithTimeout(ctx, s.Within)
		defer cancel()
	}
	switch s.Unit.Name.Kind {
	case quadlet.Container:
		err = u.startContainer(within, s)
	case quadlet.Pod:
		err = u.startPod(within, s)
	default:
		err = u.opts.Call(within, s.Name, s.Start)
	}
	if err == nil {
		return false, nil
	}
	timeout = within.Err() != nil && ctx.Err() == nil
	if timeout {
		err = fmt.Errorf("it was not made in time (TimeoutStartSec=%s): %w", s.Within, err)
	}
	if !s.Kept() {
		undo, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoLimit)
		defer cancel()
		err = errors.Join(err, u.remove(undo, s, &spec.UnitState{Name: s.Name, File: s.Unit.Path, Resource: s.Resource}))
	}
	return timeout, err
}

// container is what a .container unit's arguments say.
func (u *units) container(s *unit.Service) (*option.Made, error) {
	made, err := option.ParseRun(s.Start[1:], u.opts.Host)
	if err != nil {
		return nil, err
	}
	c := made.Container()
	made.SetName(s.Resource, s.Resource)
	c.ByHand.ID = spec.NewContainerID()
	c.ByHand.CreateCommand = append([]string{"berth"}, s.Start...)
	c.ByHand.Remove = false // the unit does that
	if c.ByHand.Cgroup.Mode == spec.CgroupsSplit {
		c.ByHand.Cgroup.Mode = "" // it has no cgroup of a unit's to lie in
	}
	u.belongs(made.Pod, s)
	option.NameHost(made.Pod, c.ByHand.ID)
	return made, nil
}

// belongs says whose a pod is.
func (u *units) belongs(p *spec.Pod, s *unit.Service) {
	p.ID, p.Owner, p.Origin = spec.NewPodID(), spec.UnitOwner(s.Name), spec.Origin{File: s.Unit.Path}
	if p.Cgroup.Mode == spec.CgroupsSplit {
		p.Cgroup.Mode = ""
	}
}

func (u *units) startContainer(ctx context.Context, s *unit.Service) error {
	made, err := u.container(s)
	if err != nil {
		return err
	}
	o := CreateOptions{Pull: made.Pull, Replace: true}
	if made.Into == "" {
		_, err := u.applier.Create(ctx, made.Pod, o)
		return err
	}
	into, err := u.podNamed(ctx, made.Into)
	if err != nil {
		return err
	}
	made.AddTo(&into.Pod)
	return u.applier.AddContainer(ctx, into.Pod.ID, *made.Container(), made.Pod.Volumes, o)
}

// podNamed finds a pod made by hand.
func (u *units) podNamed(ctx context.Context, name string) (*spec.PodStatus, error) {
	observed, err := u.engine.Observe(ctx)
	for i := range observed {
		if p := &observed[i].Pod; p.ByHand && p.Name == name {
			return &observed[i], nil
		}
	}
	if err != nil {
		return nil, err
	}
	return nil, fmt.Errorf("there is no pod %q: %w", name, spec.ErrNotFound)
}

func (u *units) pod(s *unit.Service) (*option.Made, error) {
	made, err := option.ParsePodCreate(s.Pre[2:], u.opts.Host)
	if err != nil {
		return nil, err
	}
	u.belongs(made.Pod, s)
	option.NameHost(made.Pod, "")
	return made, nil
}

func (u *units) startPod(ctx context.Context, s *unit.Service) error {
	made, err := u.pod(s)
	if err != nil {
		return err
	}
	id, err := u.applier.Create(ctx, made.Pod, CreateOptions{Pull: made.Pull, Replace: true, NoStart: true})
	if err != nil {
		return err
	}
	return u.applier.Start(ctx, id, nil)
}

// prepare makes another definition of a unit that runs ready to be started: its
// images are there, and the engine has nothing to say against it. What a .kube unit
// plays is made ready by playing it: only what changed is made anew.
func (u *units) prepare(ctx context.Context, s *unit.Service) error {
	switch s.Unit.Name.Kind {
	case quadlet.Container:
		made, err := u.container(s)
		if err != nil {
			return err
		}
		_, err = u.actor.prepare(ctx, identified(made.Pod), made.Pull)
		return err
	case quadlet.Pod:
		made, err := u.pod(s)
		if err != nil {
			return err
		}
		return u.engine.CheckPod(ctx, identified(made.Pod))
	case quadlet.Kube:
		return u.opts.Call(ctx, s.Name, s.Start)
	}
	return nil
}

// remove takes away what a unit made, unless that is kept.
func (u *units) remove(ctx context.Context, s *unit.Service, st *spec.UnitState) error {
	var err error
	if s != nil && len(s.StopPost) > 0 {
		err = u.opts.Call(ctx, s.Name, s.StopPost)
	}
	observed, look := u.engine.Observe(ctx)
	if look != nil && len(observed) == 0 {
		return errors.Join(err, look)
	}
	own := madeBy(observed, st)
	if own == nil {
		return err
	}
	o := RemoveOptions{Grace: ownGrace, Volumes: true, Depend: true}
	if grace := graceFor(&own.st.Pod, own.container, ownGrace); s != nil && s.Grace < grace {
		o.Grace = s.Grace
	}
	if own.container == "" || own.st.Pod.Bare {
		return errors.Join(err, u.applier.RemovePod(ctx, own.st.Pod.ID, o))
	}
	return errors.Join(err, u.applier.RemoveContainer(ctx, own.st.Pod.ID, own.container, o))
}
