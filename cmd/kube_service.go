package cmd

import (
	"context"
	"crypto/sha256"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"berth/engine"
	"berth/engine/spec"
	"berth/reconciler"
)

// serviceFlags make kube play the main process of a systemd unit.
type serviceFlags struct {
	container   bool
	propagation string
}

func (s *serviceFlags) register(cmd *cobra.Command) {
	words := []string{string(reconciler.PropagateNone), string(reconciler.PropagateAny), string(reconciler.PropagateAll)}
	f := cmd.Flags()
	f.BoolVar(&s.container, "service-container", false, "for systemd units: leave a process that lives as long as the pods")
	f.Var(newChoice(&s.propagation, words[0], words), "service-exit-code-propagation", "for systemd units: `whose` failure is that process's: "+orList(words))
	_ = f.MarkHidden("service-container")
	_ = f.MarkHidden("service-exit-code-propagation")
}

// owner is who owns what is played: the unit that this command runs for.
func (s *serviceFlags) owner(unit string) (spec.Owner, error) {
	if !s.container {
		return spec.OwnerPlay, nil
	}
	if unit == "" {
		return "", fmt.Errorf("--service-container is for systemd units, which set %s", unitVariable)
	}
	return spec.UnitOwner(unit), nil
}

// startService starts what stands for a unit's pods, and tells systemd of it. Where
// no service waits for that, as in one of Type=oneshot, nothing has to. The command
// ends with end: the pods may be over by then.
func (a *app) startService(ctx context.Context, e *engine.Engine, owner spec.Owner, s *serviceFlags) (end func() error, err error) {
	end = func() error { return nil }
	if os.Getenv("NOTIFY_SOCKET") == "" && a.unit == "" {
		return end, nil
	}
	root, command, err := e.PauseRoot()
	if err != nil {
		return nil, err
	}
	unit, _ := owner.Unit()
	name := fmt.Sprintf("%x-service", sha256.Sum256([]byte(unit)))[64-12:] // twelve digits of it
	pod := reconciler.NewService(name, owner, reconciler.Propagation(s.propagation), root, command)
	if a.unit != "" {
		pod.Cgroup = spec.CgroupPlace{} // a supervisor's is not the unit's
	}
	id, err := a.applier(e).Create(ctx, pod, reconciler.CreateOptions{Replace: true})
	if err != nil {
		return nil, fmt.Errorf("start the service container: %w", err)
	}
	if a.unit != "" {
		return end, nil // whoever runs the unit sees it
	}
	c, made := created{pod: id, key: pod.Key(), name: name}, &pod.Containers[0]
	return func() error { return a.endForSystemd(ctx, e, c, made) }, a.tellSystemd(ctx, e, c, made)
}
