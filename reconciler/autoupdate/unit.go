package autoupdate

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"berth/engine/spec"
)

// Units is who runs units: systemd, or a supervisor in its place.
type Units interface {
	// Restart waits until the unit is up, as long as its own settings let that take.
	Restart(ctx context.Context, unit string) error
	State(ctx context.Context, unit string) (UnitState, error)
}

// UnitState says how a unit does.
type UnitState struct {
	Status string // systemd's word: its ActiveState
	Start  string // differs from start to start
	Why    string // why it is not up, or who knows
}

// Pods is what runs in units.
type Pods interface {
	Observe(ctx context.Context) ([]spec.PodStatus, error)
	FindContainer(ctx context.Context, namespace, name string) (spec.PodStatus, spec.ContainerStatus, error)
	// AwaitProof waits until a pod has shown that it works. One that is gone is
	// spec.ErrNotFound.
	AwaitProof(ctx context.Context, id spec.PodID) error
}

const (
	// unitProof is how long what was restarted has to stay up.
	unitProof = 5 * time.Second
	// unitLook is between two looks: of one unit nobody tells by himself.
	unitLook = 250 * time.Millisecond
	// memberTime is how long the containers of a pod may take to run after their
	// pod's unit does: it has them started by units of their own.
	memberTime = 30 * time.Second
)

// RestartUnit restarts the unit of a group. With watch it also waits until the unit
// and its pods have shown that they work, as Runner says.
func RestartUnit(ctx context.Context, units Units, pods Pods, g *Group, watch bool) error {
	if err := units.Restart(ctx, g.Unit); err != nil {
		return fmt.Errorf("restart %s: %w", g.Unit, err)
	}
	if !watch {
		return nil
	}
	if err := unitProved(ctx, units, pods, g.Unit); err != nil {
		return err
	}
	return runAgain(ctx, pods, g)
}

// unitProved waits until a unit has stayed up for a while, and its pods have shown
// that they work. A unit that merely began to run, which is all that a restart
// waits for where nothing in it tells when it is ready, may have failed since.
func unitProved(ctx context.Context, units Units, pods Pods, unit string) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return unitStays(ctx, units, unit) })
	observed, err := pods.Observe(ctx)
	if err != nil && len(observed) == 0 {
		return errors.Join(err, group.Wait())
	}
	for i := range observed {
		pod := &observed[i].Pod
		if pod.Owner != spec.UnitOwner(unit) {
			continue
		}
		group.Go(func() error {
			err := pods.AwaitProof(ctx, pod.ID)
			if errors.Is(err, spec.ErrNotFound) {
				return nil // it went with its end: how that was, the unit says
			}
			return err
		})
	}
	return group.Wait()
}

// unitStays watches a unit for a while.
func unitStays(ctx context.Context, units Units, unit string) error {
	began, again, first := time.Now(), time.NewTicker(unitLook), ""
	defer again.Stop()
	for {
		now, err := units.State(ctx, unit)
		if err != nil {
			return err
		}
		if first == "" {
			first = now.Start
		}
		if done, err := stayed(unit, first, now, time.Since(began)); done || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-again.C:
		}
	}
}

// stayed reports whether a unit that has been watched for that long has stayed up
// for long enough; first is the start that was seen at first.
func stayed(unit, first string, now UnitState, watched time.Duration) (bool, error) {
	switch {
	case now.Status == "failed", now.Status == "activating":
		why := ""
		if now.Why != "" {
			why = ": " + now.Why
		}
		return false, fmt.Errorf("%s does not stay up, it is %s%s", unit, now.Status, why)
	case now.Status == "inactive":
		return true, nil // it has ended well, or it would have failed
	case now.Status == "deactivating": // how it ends is not known yet
	case now.Start != first:
		return false, fmt.Errorf("%s does not stay up: it was started again", unit)
	}
	return watched >= unitProof, nil
}

// runAgain waits until the containers of a pod have run for a while, or have ended
// well. Of a pod's unit, and of one that plays YAML, an end may look like success.
func runAgain(ctx context.Context, pods Pods, g *Group) error {
	limit, again := time.After(memberTime+unitProof), time.NewTicker(unitLook)
	defer again.Stop()
	for {
		var wrong error
		for i := range g.Containers {
			c := &g.Containers[i]
			if c.Alone {
				continue
			}
			_, now, err := pods.FindContainer(ctx, c.Pod.Namespace, c.Name)
			if err != nil {
				err = fmt.Errorf("container %s does not run again: %w", c.Name, err)
			} else {
				err = runs(c, &now, time.Now())
			}
			if err != nil {
				wrong = err
			}
		}
		if wrong == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-limit:
			return wrong
		case <-again.C:
		}
	}
}

// runs fails unless a container has run for a while, or has ended well.
func runs(c *Container, st *spec.ContainerStatus, now time.Time) error {
	if st.Running() && now.Sub(st.StartedAt) >= unitProof || st.Finished() && st.ExitCode == 0 {
		return nil
	}
	return fmt.Errorf("container %s does not stay up, it is %s", c.Name, st.State)
}
