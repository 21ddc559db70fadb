package cmd

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"berth/reconciler"
)

// wakeOnClockSet looks at everything anew when the clock is set, until ctx ends:
// what is due by the clock is due sooner or later then than its timer says.
func wakeOnClockSet(ctx context.Context, loop *reconciler.Loop, log *slog.Logger) {
	err := watchClock(ctx, func() {
		log.Info("the clock was set")
		loop.Wake()
	})
	if err != nil {
		log.Warn("nobody tells when the clock is set: what is due by it may be noticed late", "error", err)
	}
}

// watchClock calls set whenever the clock was set, until ctx ends. The kernel
// tells of it those who have a timer on that clock and ask for it.
// https://man7.org/linux/man-pages/man2/timerfd_create.2.html
func watchClock(ctx context.Context, set func()) error {
	fd, err := unix.TimerfdCreate(unix.CLOCK_REALTIME, unix.TFD_CLOEXEC|unix.TFD_NONBLOCK)
	if err != nil {
		return os.NewSyscallError("timerfd_create", err)
	}
	timer := os.NewFile(uintptr(fd), "timerfd")
	defer timer.Close()
	stop := context.AfterFunc(ctx, func() { _ = timer.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	never := unix.ItimerSpec{Value: unix.NsecToTimespec(math.MaxInt64)}
	for {
		err := unix.TimerfdSettime(fd, unix.TFD_TIMER_ABSTIME|unix.TFD_TIMER_CANCEL_ON_SET, &never, nil)
		switch {
		case errors.Is(err, unix.ECANCELED): // it was set again since; the timer is armed all the same
			set()
		case err != nil:
			return os.NewSyscallError("timerfd_settime", err)
		}
		_, err = timer.Read(make([]byte, 8))
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, unix.ECANCELED):
			set()
		case err != nil:
			return err
		}
	}
}
