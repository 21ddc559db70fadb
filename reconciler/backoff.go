package reconciler

import (
	"time"

	"berth/engine/spec"
)

// The kubelet's restart back-off (pkg/kubelet, MaxCrashLoopBackOff): the first
// restart is at once, then the delay doubles, counted from the container's end.
const (
	backoffFirst = 10 * time.Second
	backoffMost  = 300 * time.Second
	backoffReset = 2 * backoffMost // a container that ended later than this after its last restart starts afresh
)

// restartAt is when a container that ended then may be started again. An end that
// is yet to come says that the clock was set back: nobody waits for that.
func restartAt(h spec.ContainerHistory, ended, now time.Time) time.Time {
	switch {
	case ended.After(now):
		return now
	case h.Backoff == 0 || expired(h, ended):
		return ended
	}
	return ended.Add(h.Backoff)
}

// retryAt is when a container may be made that could not be. A failure that is yet
// to come says that the clock was set back.
func retryAt(f *spec.Failure, now time.Time) time.Time {
	if f.At.After(now) {
		return now
	}
	delay := backoffFirst
	for i := 1; i < f.Tries && delay < backoffMost; i++ {
		delay *= 2
	}
	return f.At.Add(min(delay, backoffMost))
}

// raise is the history after a restart at now of a container that ended then.
func raise(h spec.ContainerHistory, ended, now time.Time) spec.ContainerHistory {
	switch {
	case h.Backoff == 0 || expired(h, ended):
		h.Backoff = backoffFirst
	default:
		h.Backoff = min(2*h.Backoff, backoffMost)
	}
	h.BackoffAt = now
	return onceMore(h)
}

// onceMore is the history after one more restart.
func onceMore(h spec.ContainerHistory) spec.ContainerHistory {
	h.Restarts++
	h.Counted = true
	return h
}

func expired(h spec.ContainerHistory, ended time.Time) bool {
	return ended.Sub(h.BackoffAt) > backoffReset
}

// What a pod needs and another holds, such as a port, is mostly let go in a
// moment: by a pod of the same change that is on its way out.
const (
	blockedFirst = 250 * time.Millisecond
	blockedTries = 6
)

// retry is the back-off of whole attempts that failed with an error: a pull, a
// sandbox, a container that cannot be made.
type retry struct {
	delay   time.Duration
	blocked int // quick tries so far
	tries   int
}

// next is how long to wait after one more failure.
func (r *retry) next(err error) time.Duration {
	r.tries++
	if isBlocked(err) && r.blocked < blockedTries {
		r.blocked++
		return blockedFirst << (r.blocked - 1)
	}
	r.delay = min(max(2*r.delay, backoffFirst), backoffMost)
	return r.delay
}
