package cmd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/coreos/go-systemd/v22/dbus"
	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"berth/engine"
	"berth/engine/spec"
	"berth/reconciler"
	"berth/reconciler/autoupdate"
)

// updateRunner restarts what auto-update has newer images for.
type updateRunner struct {
	*app
	cmd  *cobra.Command
	e    *engine.Engine
	conn *dbus.Conn // to systemd, once it was needed
}

func (r *updateRunner) close() {
	if r.conn != nil {
		r.conn.Close()
	}
}

// RenewPod makes a pod anew, and leaves it to the supervisor.
func (r *updateRunner) RenewPod(ctx context.Context, st *spec.PodStatus, watch bool) error {
	applier := r.applier(r.e)
	id, err := applier.Renew(ctx, st, r.desired(ctx, r.e, &st.Pod))
	r.handOver(r.cmd, r.e)
	if err != nil || !watch {
		return err
	}
	return applier.AwaitProof(ctx, id)
}

// RestorePod has a pod run as it was.
func (r *updateRunner) RestorePod(ctx context.Context, st *spec.PodStatus) error {
	err := r.applier(r.e).Restore(ctx, st, r.desired(ctx, r.e, &st.Pod))
	r.handOver(r.cmd, r.e)
	return err
}

// RestartUnit has whoever runs a unit restart it: systemd, or berth serve in its
// place.
func (r *updateRunner) RestartUnit(ctx context.Context, g *autoupdate.Group, watch bool) error {
	unit := g.Unit
	manager, err := r.managerOf(ctx, unit)
	if err != nil {
		return err
	}
	if err := manager.restart(ctx, unit); err != nil {
		return fmt.Errorf("restart %s: %w", unit, err)
	}
	if !watch {
		return nil
	}
	if err := r.unitProved(ctx, manager, unit); err != nil {
		return err
	}
	return r.runAgain(ctx, g)
}

// memberTime is how long the containers of a pod may take to run after their pod's
// unit does: it has them started by units of their own.
const memberTime = 30 * time.Second

// runAgain waits until the containers of a pod have run for a while, or have ended
// well. Of a pod's unit, and of one that plays YAML, an end may look like success.
func (r *updateRunner) runAgain(ctx context.Context, g *autoupdate.Group) error {
	limit, again := time.After(memberTime+unitProof), time.NewTicker(unitLook)
	defer again.Stop()
	for {
		var wrong error
		for _, c := range g.Containers {
			if c.Alone {
				continue
			}
			_, now, err := r.e.FindContainer(ctx, c.Pod.Namespace, c.Name)
			switch {
			case err != nil:
				wrong = fmt.Errorf("container %s does not run again: %w", c.Name, err)
			case now.Running() && time.Since(now.StartedAt) >= unitProof, now.Finished() && now.ExitCode == 0:
			default:
				wrong = fmt.Errorf("container %s does not stay up, it is %s", c.Name, now.State)
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

// unitManager runs units.
type unitManager interface {
	// restart waits until the unit is up, as long as its own settings let that take.
	restart(ctx context.Context, unit string) error
	// state says how the unit does; start differs from start to start.
	state(ctx context.Context, unit string) (up bool, start string, err error)
}

func (r *updateRunner) managerOf(ctx context.Context, unit string) (unitManager, error) {
	client := reconciler.NewClient(r.e.Paths().Run)
	if _, err := (servedUnits{client}).view(ctx, unit); err == nil {
		return servedUnits{client}, nil
	}
	if r.conn == nil {
		conn, err := systemdConn(ctx, asUser())
		if err != nil {
			return nil, fmt.Errorf("reach systemd: %w", err)
		}
		if conn == nil {
			return nil, fmt.Errorf("%s cannot be restarted: neither systemd runs here nor a berth serve with that unit", unit)
		}
		r.conn = conn
	}
	return systemdUnits{r.conn}, nil
}

// unitProof is how long a unit has to stay up, as a pod; unitLook is between two
// looks: of one unit neither manager tells by itself.
const (
	unitProof = 5 * time.Second
	unitLook  = 250 * time.Millisecond
)

// unitProved waits until a unit has stayed up for a while, and its pods have shown
// that they work. A unit that merely began to run, which is all that a restart
// waits for where nothing in it tells when it is ready, may have failed since.
func (r *updateRunner) unitProved(ctx context.Context, manager unitManager, unit string) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return unitStays(ctx, manager, unit) })
	observed, err := r.e.Observe(ctx)
	if err != nil && len(observed) == 0 {
		return errors.Join(err, group.Wait())
	}
	for i := range observed {
		pod := &observed[i].Pod
		if pod.Owner != spec.UnitOwner(unit) {
			continue
		}
		group.Go(func() error {
			err := r.applier(r.e).AwaitProof(ctx, pod.ID)
			if errors.Is(err, spec.ErrNotFound) {
				return nil // it went with its end: how that was, the unit says
			}
			return err
		})
	}
	return group.Wait()
}

// unitStays watches a unit for a while. One that is done has ended well, or it
// would have failed.
func unitStays(ctx context.Context, manager unitManager, unit string) error {
	began, again, first := time.Now(), time.NewTicker(unitLook), ""
	defer again.Stop()
	for {
		up, start, err := manager.state(ctx, unit)
		if err != nil {
			return err
		}
		if first == "" {
			first = start
		}
		switch {
		case start != first:
			return fmt.Errorf("%s does not stay up: it was started again", unit)
		case !up, time.Since(began) >= unitProof:
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-again.C:
		}
	}
}

// systemdUnits are units that systemd runs.
type systemdUnits struct{ conn *dbus.Conn }

func (s systemdUnits) restart(ctx context.Context, unit string) error {
	done := make(chan string, 1)
	if _, err := s.conn.RestartUnitContext(ctx, unit, "replace", done); err != nil {
		return err
	}
	select {
	case result := <-done:
		if result != "done" {
			return fmt.Errorf("%s: journalctl -u %s says why", result, unit)
		}
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s systemdUnits) state(ctx context.Context, unit string) (up bool, start string, err error) {
	properties, err := s.conn.GetUnitPropertiesContext(ctx, unit)
	if err != nil {
		return false, "", fmt.Errorf("ask systemd for %s: %w", unit, err)
	}
	state, _ := properties["ActiveState"].(string)
	if state == "failed" || state == "activating" {
		return false, "", fmt.Errorf("%s does not stay up, it is %s: journalctl -u %s says why", unit, state, unit)
	}
	return state != "inactive", fmt.Sprint(properties["InvocationID"]), nil
}

// servedUnits are units that a berth serve runs.
type servedUnits struct{ client *reconciler.Client }

func (s servedUnits) view(ctx context.Context, unit string) (reconciler.UnitView, error) {
	views, err := s.client.Units(ctx)
	if err != nil {
		return reconciler.UnitView{}, err
	}
	for _, v := range views {
		if v.Service == unit {
			return v, nil
		}
	}
	return reconciler.UnitView{}, fmt.Errorf("unit %s: %w", unit, spec.ErrNotFound)
}

func (s servedUnits) restart(ctx context.Context, unit string) error {
	before, err := s.view(ctx, unit)
	if err != nil {
		return err
	}
	if err := s.client.RenewUnit(ctx, unit); err != nil {
		return err
	}
	again := time.NewTicker(unitLook)
	defer again.Stop()
	for {
		now, err := s.view(ctx, unit)
		switch anew := now.Since != before.Since; {
		case err != nil:
			return err
		case anew && now.Status == "failed":
			return fmt.Errorf("it has failed: %s", cmp.Or(now.Message, string(now.Result)))
		case anew && (now.Status == "active" || now.Status == "inactive"):
			return nil
		case !anew && now.Status == "active" && now.Message != "" && now.Message != before.Message:
			return errors.New(now.Message) // it cannot be replaced
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-again.C:
		}
	}
}

func (s servedUnits) state(ctx context.Context, unit string) (up bool, start string, err error) {
	v, err := s.view(ctx, unit)
	if err != nil {
		return false, "", err
	}
	if v.Status == "failed" || v.Status == "activating" {
		return false, "", fmt.Errorf("%s does not stay up: %s", unit, cmp.Or(v.Message, string(v.Result), v.Status))
	}
	return v.Status == "active", v.Since.String(), nil
}
