package reconciler

import (
	"context"
	"fmt"
	"slices"
	"time"

	"berth/engine/spec"
)

// Propagation says how a service container's exit code follows from those of the
// pods it stands for.
type Propagation string

// Propagations, in podman's words.
const (
	PropagateNone Propagation = "none" // always 0
	PropagateAny  Propagation = "any"  // that of the first container that failed
	PropagateAll  Propagation = "all"  // likewise, if all containers failed
)

// serviceAnnotation marks a service container; its value is the Propagation.
const serviceAnnotation = "berth/service-exit-code-propagation"

// NewService is the pod of a service container: the main process of a systemd unit
// that plays Kubernetes YAML. It does nothing, lives as long as one of the unit's
// pods does, and then ends with the exit code that follows from theirs. root and
// command are what it runs, which does as EndWith says.
func NewService(name string, owner spec.Owner, how Propagation, root string, command []string) *spec.Pod {
	nobody := int64(65535)
	return &spec.Pod{
		Namespace: spec.DefaultNamespace, Name: name, Owner: owner, Bare: true,
		HostNet: true, NoHosts: true, NoHostname: true, DNS: spec.DNS{Mode: spec.DNSNone},
		RestartPolicy: spec.RestartNever, TerminationGrace: time.Second,
		Annotations: map[string]string{serviceAnnotation: string(how)},
		Cgroup:      spec.CgroupPlace{Mode: spec.CgroupsNoConmon}, // conmon is the unit's
		Log:         spec.Log{Driver: "none"},
		Containers: []spec.Container{{
			Name: name, Command: command, User: spec.User{UID: &nobody, GID: &nobody},
			Security: spec.Security{ReadOnlyRoot: true, NoNewPrivileges: true, CapDrop: []string{"ALL"}},
			ByHand: &spec.ByHand{
				Rootfs: &spec.Rootfs{Path: root}, Passwd: spec.Passwd{Off: true}, Systemd: spec.SystemdNever, NoTmpfs: true, NoShm: true,
			},
		}},
	}
}

// isService reports whether a pod is that of a service container.
func isService(p *spec.Pod) bool { return p.Bare && p.Annotations[serviceAnnotation] != "" }

// servedBy are the Kubernetes pods that a service container stands for.
func servedBy(service *spec.Pod, observed []spec.PodStatus) []*spec.PodStatus {
	var out []*spec.PodStatus
	for i := range observed {
		if p := &observed[i].Pod; p.Owner == service.Owner && p.Origin.Kind != "" {
			out = append(out, &observed[i])
		}
	}
	return out
}

// serviceEnd reports whether nothing runs any more of the pods that a service
// container stands for, nor will, and the exit code that follows. It is pure.
func serviceEnd(pods []*spec.PodStatus, how Propagation) (code int, over bool) {
	failed, all := 0, true
	for _, st := range pods {
		for i := range st.Containers {
			c := &st.Containers[i]
			if c.Running() || WillRun(st, c.Name) {
				return 0, false
			}
			ended, ok := lastExit(st, c)
			switch {
			case st.Verdict != nil && !ok:
				ended = spec.ExitUnknown
			case c.Init && ok && ended == 0, c.Init && !ok:
				continue // it has done its work, or never had to
			}
			if failed == 0 {
				failed = ended
			}
			all = all && ended != 0
		}
	}
	switch {
	case how == PropagateAny, how == PropagateAll && all:
		return failed, true
	}
	return 0, true
}

// unitStarts reports whether a pod from the YAML of a systemd unit is down: what
// ran in it before is started by its unit alone.
func (d *decider) unitStarts() bool {
	_, unit := d.st.Pod.Owner.Unit()
	return unit && !byHand(&d.st.Pod) && !d.hurry.Force && slices.ContainsFunc(d.st.Containers, spec.ContainerStatus.Finished)
}

// ofUnit reports whether the worker's pod is a systemd unit's.
func (w *worker) ofUnit() bool {
	p := w.current().plan
	if p.Observed == nil {
		return false
	}
	_, unit := p.Observed.Pod.Owner.Unit()
	return unit
}

// endServices ends the service containers whose pods are over, and removes those that
// whoever was to remove them left.
func (l *Loop) endServices(ctx context.Context, observed []spec.PodStatus) {
	for i := range observed {
		p := &observed[i].Pod
		if !isService(p) {
			continue
		}
		code, over := serviceEnd(servedBy(p, observed), Propagation(p.Annotations[serviceAnnotation]))
		switch {
		case !over:
		case slices.ContainsFunc(observed[i].Containers, spec.ContainerStatus.Running):
			l.endingService(ctx, p, func() error { return l.actor.endService(ctx, p, code) })
		case outlived(&observed[i], observed):
			l.endingService(ctx, p, func() error {
				err := l.actor.removing(ctx, p, RemoveOptions{})
				if err == nil {
					l.Wake() // perhaps nothing is left to supervise
				}
				return err
			})
		}
	}
}

// outlived reports whether a service container has ended and its pods are gone: they
// are removed together, unless the command that does it is cut off.
func outlived(st *spec.PodStatus, observed []spec.PodStatus) bool {
	return isService(&st.Pod) && slices.ContainsFunc(st.Containers, spec.ContainerStatus.Finished) && len(servedBy(&st.Pod, observed)) == 0
}

func (l *Loop) endingService(ctx context.Context, p *spec.Pod, f func() error) {
	l.workers.Go(func() { // ends with ctx
		if err := f(); err != nil && ctx.Err() == nil && !gone(err) {
			l.opts.Log.WarnContext(ctx, "service container cannot be ended", "pod", p.Key().String(), "error", err)
		}
	})
}

// endService has a service container end with an exit code.
func (a *actor) endService(ctx context.Context, p *spec.Pod, code int) error {
	return a.locked(ctx, p.Key(), func() error {
		a.log.InfoContext(ctx, "service container ends with its pods", "pod", p.Key().String(), "owner", string(p.Owner), "exitCode", code)
		return a.engine.EndWith(ctx, p.ID, p.Name, code)
	})
}

// serviceTime is how long a service container may take to end.
const serviceTime = 5 * time.Second

// endServicesOf ends and removes the service containers of units whose last pods
// are gone, so that their units end well.
func (a *Applier) endServicesOf(ctx context.Context, owners []spec.Owner) error {
	isUnit := func(o spec.Owner) bool { _, unit := o.Unit(); return unit }
	if !slices.ContainsFunc(owners, isUnit) {
		return nil // spares most calls another look at everything
	}
	observed, err := a.Engine.Observe(ctx)
	if err != nil && len(observed) == 0 {
		return fmt.Errorf("see which service containers there are: %w", err)
	}
	actor := newActor(a.Engine, a.Log, a.Events)
	for i := range observed {
		p := &observed[i].Pod
		if !isService(p) || !slices.Contains(owners, p.Owner) || len(servedBy(p, observed)) > 0 {
			continue
		}
		if err := actor.endService(ctx, p, 0); err != nil && !gone(err) {
			return err
		}
		waiting, cancel := context.WithTimeout(ctx, serviceTime)
		_, _ = a.Engine.WaitContainer(waiting, p.ID, p.Name) // it is killed below, if need be
		cancel()
		if err := a.RemovePod(ctx, p.ID, RemoveOptions{Grace: 0}); err != nil {
			return err
		}
	}
	return nil
}

// ofUnit reports whether a pod is of a systemd unit's YAML.
func ofUnit(p *spec.Pod) bool {
	_, unit := p.Owner.Unit()
	return unit && p.Origin.Kind != ""
}
