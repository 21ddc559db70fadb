package cmd

import (
	"context"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// A supervisor is at rest while it allocates less than this much in so long. At
// rest, one of 100 pods allocates 50 kB.
const (
	restTime  = 5 * time.Second
	restAlloc = 1 << 20
)

// freeMemory returns memory to the system once a burst of work is over, until
// ctx ends. The runtime would keep as much as the burst took: it frees only what
// a collection finds to be too much, and at rest the next one is minutes away.
func freeMemory(ctx context.Context) {
	tick := time.NewTicker(restTime)
	defer tick.Stop()
	allocated := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	var b burst
	for {
		metrics.Read(allocated)
		if b.over(allocated[0].Value.Uint64()) {
			debug.FreeOSMemory()
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// burst is much work at a time.
type burst struct {
	allocated uint64 // bytes, ever, as last seen
	on        bool
}

// over reports, once, that a burst has ended, given what has been allocated by
// now.
func (b *burst) over(allocated uint64) bool {
	was := b.on
	b.on = allocated-b.allocated > restAlloc
	b.allocated = allocated
	return was && !b.on
}
