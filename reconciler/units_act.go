package reconciler

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

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
		o.Timeout, err = u.start(ctx, s)
		return o, err
	case unit.StepPost:
		return o, u.runHooks(ctx, s, s.Hooks.StartPost, nil)
	case unit.StepForget:
		if err := u.remove(ctx, s, st); err != nil {
			return o, err
		}
		if kindOf(st.File) == quadlet.Network {
			if err := u.opts.RemoveNetwork(ctx, st.Resource, spec.UnitOwner(st.Name)); err != nil {
				u.log.WarnContext(ctx, "network stays, although its unit file is gone", "network", st.Resource, "error", err)
			}
		}
		u.unlisten(st.Name)
		return o, u.engine.RemoveUnit(ctx, st.Name)
	}
	return o, u.stop(ctx, s, st)
}

// runHooks runs commands of the host, one after another, until one fails that may
// not.
func (u *units) runHooks(ctx context.Context, s *unit.Service, list []unit.HostCommand, env []string) error {
	for _, c := range list {
		err := u.opts.Command(ctx, c.Args, slices.Concat(s.Hooks.Env, []string{"PODMAN_SYSTEMD_UNIT=" + s.Name}, env))
		switch {
		case err == nil:
		case c.Ignore && ctx.Err() == nil:
			u.log.InfoContext(ctx, "command of the host failed, which is of no matter", "unit", s.Name, "command", c.Args[0], "error", err)
		default:
			return fmt.Errorf("%s: %w", c.Args[0], err)
		}
	}
	return nil
}

// stop removes what a unit made, with the host's commands before and after that.
func (u *units) stop(ctx context.Context, s *unit.Service, st *spec.UnitState) error {
	if s == nil {
		return u.remove(ctx, nil, st)
	}
	if s.Grace < unit.Forever && len(s.Hooks.Stop)+len(s.Hooks.StopPost) > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, 2*s.Grace+undoLimit)
		defer cancel()
	}
	var errs []error
	if st.Phase != "" { // it was started, and did not fail to be
		errs = append(errs, u.runHooks(ctx, s, s.Hooks.Stop, nil))
	}
	errs = append(errs, u.remove(ctx, s, st))
	errs = append(errs, u.runHooks(ctx, s, s.Hooks.StopPost, []string{
		"SERVICE_RESULT=" + string(st.Result), fmt.Sprintf("EXIT_STATUS=%d", st.ExitCode), "EXIT_CODE=exited",
	}))
	return errors.Join(errs...)
}

// start makes what a unit describes. Of a start that failed nothing is left.
func (u *units) start(ctx context.Context, s *unit.Service) (timeout bool, err error) {
	within := ctx
	if s.Within < unit.Forever {
		var cancel context.CancelFunc
		within, cancel = context.WithTimeout(ctx, s.Within)
		defer cancel()
	}
	if err = u.runHooks(within, s, s.Hooks.StartPre, nil); err == nil {
		err = u.make(within, s)
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
		err = errors.Join(err, u.stop(undo, s, &spec.UnitState{
			Name: s.Name, File: s.Unit.Path, Resource: s.Resource, Result: spec.UnitExitCode, ExitCode: unit.StartFailed,
		}))
	}
	return timeout, err
}

// startsAtOnce bounds how many units are made at a time. It is wide, since some wait
// for their images.
const startsAtOnce = 32

// make makes what a unit describes.
func (u *units) make(ctx context.Context, s *unit.Service) error {
	return u.starts.do(ctx, func() error { return u.makeOne(ctx, s) })
}

func (u *units) makeOne(ctx context.Context, s *unit.Service) error {
	switch s.Unit.Name.Kind {
	case quadlet.Container:
		return u.startContainer(ctx, s)
	case quadlet.Pod:
		return u.startPod(ctx, s)
	case quadlet.Kube:
		if err := u.awaitUnplayed(ctx, s); err != nil {
			return err
		}
	}
	return u.opts.Call(ctx, s.Name, s.Folder, s.Start)
}

// awaitUnplayed waits until the loop has removed the pods that it made of a .kube
// unit's YAML, where that came before the unit's file.
func (u *units) awaitUnplayed(ctx context.Context, s *unit.Service) error {
	folder := u.ownerOf(s.Unit.Path)
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		observed, err := u.engine.Observe(ctx)
		if err != nil && len(observed) == 0 {
			return err
		}
		if !slices.ContainsFunc(observed, func(st spec.PodStatus) bool {
			return st.Pod.Owner == folder && slices.Contains(s.Start, st.Pod.Origin.File)
		}) {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for the pods of the same YAML to go: %w", ctx.Err())
		case <-tick.C:
		}
	}
}

// unitHost is the host as a unit's commands see it: with its variables.
type unitHost struct {
	option.Host
	env []string
}

func (h unitHost) Environ() []string { return h.env }

// hostOf is the host as a unit sees it.
func (u *units) hostOf(s *unit.Service) option.Host {
	env := slices.DeleteFunc(slices.Clone(s.Hooks.Env), func(pair string) bool {
		return strings.HasPrefix(pair, "PODMAN_SYSTEMD_UNIT=") // there is no systemd, nor its journal
	})
	return unitHost{u.opts.Host, slices.Concat(u.opts.Host.Environ(), env)}
}

// container is what a .container unit's arguments say, without an identity.
func (u *units) container(s *unit.Service) (*option.Made, error) {
	return option.ParseRun(s.Start[1:], u.hostOf(s))
}

// identify says who the container of a unit is, in a pod that is there, if into is one.
func (u *units) identify(made *option.Made, s *unit.Service, into *spec.Pod) {
	c := made.Container()
	c.ByHand.ID = spec.NewContainerID()
	kept := s.Resource
	if into != nil {
		kept = option.KeptName(into, s.Resource, c.ByHand.ID)
	}
	made.SetName(s.Resource, kept)
	c.ByHand.CreateCommand = option.WithoutPasswords(append([]string{"berth"}, s.Start...))
	c.ByHand.Remove = false // the unit does that
	if c.ByHand.Cgroup.Mode == spec.CgroupsSplit {
		c.ByHand.Cgroup.Mode = "" // it has no cgroup of a unit's to lie in
	}
	u.belongs(made.Pod, s)
	option.NameHost(made.Pod, c.ByHand.ID)
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
	var into *spec.Pod
	if made.Into != "" {
		st, err := u.podNamed(ctx, made.Into)
		if err != nil {
			return err
		}
		into = &st.Pod
	}
	u.identify(made, s, into)
	u.warn(ctx, s, made)
	if hand := made.Container().ByHand; hand.Notify == spec.NotifyContainer && u.opts.RunDir != "" {
		if hand.NotifySocket, err = u.listen(ctx, s.Name); err != nil {
			return err
		}
	}
	o := CreateOptions{Pull: made.Pull, Replace: true}
	if into == nil {
		_, err := u.applier.Create(ctx, made.Pod, o)
		return err
	}
	made.AddTo(into)
	return u.applier.AddContainer(ctx, into.ID, *made.Container(), made.Pod.Volumes, o)
}

// warn logs what is given and changes nothing.
func (u *units) warn(ctx context.Context, s *unit.Service, made *option.Made) {
	for _, w := range made.Warnings {
		u.log.WarnContext(ctx, "a setting has no effect", "unit", s.Name, "reason", w)
	}
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
	made, err := option.ParsePodCreate(s.Pre[2:], u.hostOf(s))
	if err != nil {
		return nil, err
	}
	u.belongs(made.Pod, s)
	made.Pod.CreateCommand = option.WithoutPasswords(append([]string{"berth"}, s.Pre...))
	option.NameHost(made.Pod, "")
	return made, nil
}

func (u *units) startPod(ctx context.Context, s *unit.Service) error {
	made, err := u.pod(s)
	if err != nil {
		return err
	}
	u.warn(ctx, s, made)
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
		u.identify(made, s, nil)
		_, err = u.actor.prepare(ctx, identified(made.Pod), made.Pull)
		return err
	case quadlet.Pod:
		made, err := u.pod(s)
		if err != nil {
			return err
		}
		return u.engine.CheckPod(ctx, identified(made.Pod))
	case quadlet.Kube:
		return u.opts.Call(ctx, s.Name, s.Folder, s.Start)
	}
	return nil
}

// remove takes away what a unit made, unless that is kept.
func (u *units) remove(ctx context.Context, s *unit.Service, st *spec.UnitState) error {
	observed, err := u.engine.Observe(ctx)
	if err != nil && len(observed) == 0 {
		return err
	}
	err = u.removePlayed(ctx, s, st, observed)
	if s != nil && len(s.StopPost) > 0 && (kindOf(st.File) != quadlet.Kube || slices.Contains(s.StopPost, "--force")) {
		err = errors.Join(err, u.opts.Call(ctx, s.Name, s.Folder, s.StopPost))
	}
	own := madeBy(observed, st)
	if own == nil {
		return err
	}
	o := RemoveOptions{Grace: ownGrace, Volumes: true, Depend: true, KeepPod: true}
	if grace := graceFor(&own.st.Pod, own.container, ownGrace); s != nil && s.Grace < grace {
		o.Grace = s.Grace
	}
	last := u.actor.stop.do(ctx, func() error {
		if own.container == "" || own.st.Pod.Bare {
			return u.applier.RemovePod(ctx, own.st.Pod.ID, o)
		}
		return u.applier.RemoveContainer(ctx, own.st.Pod.ID, own.container, o)
	})
	if gone(last) { // its pod went meanwhile
		last = nil
	}
	return errors.Join(err, last)
}

// removePlayed removes the pods of a .kube unit, whatever its YAML says by now.
func (u *units) removePlayed(ctx context.Context, s *unit.Service, st *spec.UnitState, observed []spec.PodStatus) error {
	if kindOf(st.File) != quadlet.Kube {
		return nil
	}
	var group errgroup.Group
	for i := range observed {
		p := &observed[i].Pod
		if p.Owner != spec.UnitOwner(st.Name) || isService(p) {
			continue
		}
		o := RemoveOptions{Grace: ownGrace}
		if grace := graceOf(p, ownGrace); s != nil && s.Grace < grace {
			o.Grace = s.Grace
		}
		group.Go(func() error {
			return u.actor.stop.do(ctx, func() error { return u.applier.RemovePod(ctx, p.ID, o) })
		})
	}
	return group.Wait()
}
