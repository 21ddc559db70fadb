package cmd

import (
	"context"
	"fmt"

	"github.com/coreos/go-systemd/v22/dbus"
	"github.com/spf13/cobra"

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
	units, err := r.unitsOf(ctx, g.Unit)
	if err != nil {
		return err
	}
	return autoupdate.RestartUnit(ctx, units, unitPods{r.e, r.applier(r.e)}, g, watch)
}

// unitPods is what runs in units.
type unitPods struct {
	*engine.Engine
	applier *reconciler.Applier
}

func (p unitPods) AwaitProof(ctx context.Context, id spec.PodID) error {
	return p.applier.AwaitProof(ctx, id)
}

// unitsOf is who runs a unit.
func (r *updateRunner) unitsOf(ctx context.Context, unit string) (autoupdate.Units, error) {
	served := servedUnits(r.e)
	if _, err := served.State(ctx, unit); err == nil {
		return served, nil
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

// systemdUnits are units that systemd runs.
type systemdUnits struct{ conn *dbus.Conn }

func (s systemdUnits) Restart(ctx context.Context, unit string) error {
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

func (s systemdUnits) State(ctx context.Context, unit string) (autoupdate.UnitState, error) {
	properties, err := s.conn.GetUnitPropertiesContext(ctx, unit)
	if err != nil {
		return autoupdate.UnitState{}, fmt.Errorf("ask systemd for %s: %w", unit, err)
	}
	status, _ := properties["ActiveState"].(string)
	return autoupdate.UnitState{
		Status: status, Start: fmt.Sprint(properties["InvocationID"]), Why: fmt.Sprintf("journalctl -u %s says why", unit),
	}, nil
}
