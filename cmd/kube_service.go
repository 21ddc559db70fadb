package cmd

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/coreos/go-systemd/v22/daemon"

	"berth/engine"
	"berth/engine/spec"
	"berth/reconciler"
)

// propagations say when the failure of containers is that of their service.
func propagations() []string { return []string{"all", "any", "none"} }

// stayAsService is what kube play does as the main process of a service: it says that
// the pods are up and stays until they have ended or systemd ends it. The pods
// do not depend on it; who ends them is kube down, after it. Where no service
// waits for it, as in one of Type=oneshot, it does not stay.
func (a *app) stayAsService(ctx context.Context, e *engine.Engine, result reconciler.ApplyResult, propagate string) error {
	if os.Getenv("NOTIFY_SOCKET") == "" {
		return nil
	}
	if _, err := daemon.SdNotify(false, daemon.SdNotifyReady); err != nil {
		return fmt.Errorf("tell systemd that the pods run: %w", err)
	}
	err := waitForPods(ctx, e, result)
	if errors.Is(err, context.Canceled) {
		return nil // systemd stops the service
	}
	if err != nil {
		return err
	}
	failed, all, err := failures(ctx, e, result)
	if err != nil {
		return err
	}
	if propagate == "any" && failed > 0 || propagate == "all" && failed > 0 && failed == all {
		return &exitError{code: 1, err: fmt.Errorf("%d of %d containers failed", failed, all)}
	}
	return nil
}

// failures counts the containers that ended with an error, among all but those
// that prepare a pod.
func failures(ctx context.Context, e *engine.Engine, result reconciler.ApplyResult) (failed, all int, err error) {
	for _, p := range result.Pods {
		st, err := e.ObservePod(ctx, p.ID)
		if errors.Is(err, spec.ErrNotFound) {
			continue
		}
		if err != nil {
			return 0, 0, err
		}
		for _, c := range st.Containers {
			if c.Init {
				continue
			}
			all++
			if c.ExitCode != 0 {
				failed++
			}
		}
	}
	return failed, all, nil
}
