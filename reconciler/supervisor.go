package reconciler

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Names of the supervisor's files in the run folder.
const (
	lockName   = "supervisor.lock"
	socketName = "berth.sock"
)

// How long a supervisor that was asked to step down may take.
const (
	stepDownTime = 15 * time.Second
	stepDownPoll = 20 * time.Millisecond
)

// ErrSteppedDown is how a supervisor ends that gave way to another.
var ErrSteppedDown = errors.New("another supervisor takes over")

// SupervisedError says that an engine root has a supervisor already.
type SupervisedError struct {
	Version string // empty: it did not answer
	PID     int
}

// Error says which one and what to do.
func (e *SupervisedError) Error() string {
	if e.Version == "" {
		return "a supervisor is running already and does not answer: see who holds " + lockName
	}
	return fmt.Sprintf("a supervisor is running already (berth %s, process %d): stop that one first", e.Version, e.PID)
}

// Supervisor is the one loop of an engine root: it holds the lock and answers
// at the socket.
type Supervisor struct {
	Loop    *Loop
	RunDir  string // /run/berth
	Version string // of this program; a newer one makes an older one step down
	Log     *slog.Logger
	Ready   func() // called when the socket answers; nil: nobody wants to know
}

// Run becomes the supervisor and works until ctx ends, or until a newer one
// comes: then the error is ErrSteppedDown. Pods run on in either case. If there
// is a supervisor that is not older, it is a *SupervisedError.
func (s *Supervisor) Run(ctx context.Context) error {
	if s.Log == nil {
		s.Log = slog.New(slog.DiscardHandler)
	}
	if err := os.MkdirAll(s.RunDir, 0o755); err != nil {
		return fmt.Errorf("become the supervisor: %w", err)
	}
	lock, err := s.acquire(ctx)
	if err != nil {
		return err
	}
	defer lock.Close() // gives it up
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	server, err := s.serve(ctx, func() { cancel(ErrSteppedDown) })
	if err != nil {
		return err
	}
	if s.Ready != nil {
		s.Ready()
	}
	err = s.Loop.Run(ctx)
	if cause := context.Cause(ctx); err == nil && errors.Is(cause, ErrSteppedDown) {
		err = ErrSteppedDown
	}
	return errors.Join(err, server.close())
}

// acquire takes the supervisor's lock, asking an older holder to step down.
func (s *Supervisor) acquire(ctx context.Context) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(s.RunDir, lockName), os.O_RDWR|os.O_CREATE|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the supervisor's lock: %w", err)
	}
	got, err := tryLock(f)
	if got || err != nil {
		return lockedFile(f, err)
	}
	client := NewClient(s.RunDir)
	theirs, err := client.Version(ctx)
	if err != nil {
		// It may be ending just now; else it is stuck.
		return s.await(ctx, f, &SupervisedError{}, time.Second)
	}
	if !newer(s.Version, theirs.Version) {
		_ = f.Close() // nothing was written
		return nil, &SupervisedError{Version: theirs.Version, PID: theirs.PID}
	}
	s.Log.InfoContext(ctx, "an older supervisor is asked to step down", "version", theirs.Version, "pid", theirs.PID)
	if err := client.StepDown(ctx); err != nil {
		s.Log.WarnContext(ctx, "the older supervisor does not answer", "error", err)
	}
	return s.await(ctx, f, &SupervisedError{Version: theirs.Version, PID: theirs.PID}, stepDownTime)
}

// await waits for the lock for so long.
func (s *Supervisor) await(ctx context.Context, f *os.File, late error, limit time.Duration) (*os.File, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	tick := time.NewTicker(stepDownPoll)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			_ = f.Close() // nothing was written
			return nil, late
		case <-tick.C:
		}
		if got, err := tryLock(f); got || err != nil {
			return lockedFile(f, err)
		}
	}
}

func tryLock(f *os.File) (bool, error) {
	err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return false, nil
	}
	return err == nil, err
}

func lockedFile(f *os.File, err error) (*os.File, error) {
	if err != nil {
		_ = f.Close() // nothing was written
		return nil, fmt.Errorf("take the supervisor's lock: %w", err)
	}
	return f, nil
}

// newer reports whether a version is later than another: "v1.10.0" than
// "1.9.3-dirty". Of versions that cannot be compared none is newer.
func newer(mine, theirs string) bool {
	a, okA := numbers(mine)
	b, okB := numbers(theirs)
	if !okA || !okB {
		return false
	}
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return a[i] > b[i]
		}
	}
	return len(a) > len(b)
}

func numbers(version string) ([]int, bool) {
	version = strings.TrimPrefix(version, "v")
	if i := strings.IndexAny(version, "-+ "); i >= 0 {
		version = version[:i]
	}
	var out []int
	for _, part := range strings.Split(version, ".") {
		n, err := strconv.Atoi(part)
		if err != nil {
			return nil, false
		}
		out = append(out, n)
	}
	return out, true
}
