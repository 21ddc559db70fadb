package reconciler

import (
	"context"
	"time"
)

// heal looks, at once and then at each slow pass, whether the pods' networks are
// as they were made.
func (l *Loop) heal(ctx context.Context) {
	tick := time.NewTicker(l.opts.SlowPass)
	defer tick.Stop()
	var last string
	for {
		healed, err := l.opts.Engine.HealNetworks(ctx)
		if ctx.Err() != nil {
			return
		}
		for _, key := range healed {
			const reason = "firewall rules, a bridge, a kernel setting or a process of it were gone"
			l.opts.Log.WarnContext(ctx, "pod network made anew", "pod", key.String(), "reason", reason)
			l.events.add(key, EventWarning, "NetworkHealed", reason)
		}
		text := ""
		if err != nil {
			text = err.Error()
		}
		if text != "" && text != last {
			l.opts.Log.WarnContext(ctx, "pod networks cannot be healed", "error", err)
		}
		last = text
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
