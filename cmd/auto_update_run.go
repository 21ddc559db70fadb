package cmd

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/coreos/go-systemd/v22/dbus"
	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"berth/engine"
	"berth/engine/spec"
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

// RestartUnit has systemd restart a unit, and waits as long as the unit's own
// settings let that take.
func (r *updateRunner) RestartUnit(ctx context.Context, unit string, watch bool) error {
	if r.conn == nil {
		conn, err := systemdConn(ctx, asUser())
		if err != nil {
			return fmt.Errorf("reach systemd: %w", err)
		}
		if conn == nil {
			return errors.New("systemd does not run here, so that its units cannot be restarted")
		}
		r.conn = conn
	}
	done := make(chan string, 1)
	if _, err := r.conn.RestartUnitContext(ctx, unit, "replace", done); err != nil {
		return fmt.Errorf("restart %s: %w", unit, err)
	}
	select {
	case result := <-done:
		if result != "done" {
			return fmt.Errorf("restart %s: %s: journalctl -u %s says why", unit, result, unit)
		}
	case <-ctx.Done():
		return fmt.Errorf("restart %s: %w", unit, ctx.Err())
	}
	if !watch {
		return nil
	}
	return r.unitProved(ctx, unit)
}

// Between two looks at a unit, and how long it has to stay up: as long as a pod.
const (
	unitLook  = 250 * time.Millisecond
	unitProof = 5 * time.Second
)

// unitProved waits until a unit has stayed up for a while, and its pods have shown
// that they work. A unit that merely began to run, which is all that a restart
// waits for where nothing in it tells when it is ready, may have failed since.
func (r *updateRunner) unitProved(ctx context.Context, unit string) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return r.unitStays(ctx, unit) })
	observed, err := r.e.Observe(ctx)
	if err != nil && len(observed) == 0 {
		return errors.Join(err, group.Wait())
	}
	for i := range observed {
		pod := &observed[i].Pod
		if pod.Owner != spec.UnitOwner(unit) || !pod.HasInfra() && len(pod.Containers) == 0 {
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

// unitStays watches a unit for a while. Nothing tells of a unit but signals that
// systemd sends for all of them; so it is looked at.
func (r *updateRunner) unitStays(ctx context.Context, unit string) error {
	began, again, first := time.Now(), time.NewTicker(unitLook), ""
	defer again.Stop()
	for {
		properties, err := r.conn.GetUnitPropertiesContext(ctx, unit)
		if err != nil {
			return fmt.Errorf("ask systemd for %s: %w", unit, err)
		}
		state, _ := properties["ActiveState"].(string)
		invocation := fmt.Sprint(properties["InvocationID"])
		if first == "" {
			first = invocation
		}
		switch {
		case state == "failed", state == "activating", invocation != first:
			return fmt.Errorf("%s does not stay up: journalctl -u %s says why", unit, unit)
		case time.Since(began) >= unitProof, state == "inactive":
			return nil // one that is done has ended well, or it would have failed
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-again.C:
		}
	}
}
