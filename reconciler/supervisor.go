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

// errNothingLeft ends a supervisor on demand.
var errNothingLeft = errors.New("there is nothing left to supervise")

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
	// OnDemand is for one that a command starts for what it leaves behind: it
	// ends when nothing is left, and gives way to one that is not on demand.
	OnDemand bool
}

// Run becomes the supervisor and works until ctx ends, or until a newer one
// comes: then the error is ErrSteppedDown. Pods run on in either case. If there
// is a supervisor that is not older, it is a *SupervisedError. One on demand
// also ends, without an error, when nothing is left to supervise.
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
	desk := &desk{open: func() (*server, error) { return s.serve(ctx, func() { cancel(ErrSteppedDown) }) }}
	if err := desk.reopen(); err != nil {
		return err
	}
	if s.Ready != nil {
		s.Ready()
	}
	if s.OnDemand {
		s.Loop.whenIdle = func() { s.retire(ctx, desk, cancel) }
	}
	err = s.Loop.Run(ctx)
	if err := LeaveEvents(s.RunDir, s.Loop.events.list()); err != nil {
		s.Log.WarnContext(ctx, "events are forgotten", "error", err)
	}
	switch cause := context.Cause(ctx); {
	case err == nil && errors.Is(cause, ErrSteppedDown):
		err = ErrSteppedDown
	case errors.Is(cause, errNothingLeft):
		s.Log.InfoContext(ctx, "nothing is left to supervise")
	}
	return errors.Join(err, desk.close())
}

// desk is the supervisor's answering, which may be closed and opened again.
type desk struct {
	open   func() (*server, error)
	server *server
}

func (d *desk) reopen() (err error) {
	d.server, err = d.open()
	return err
}

func (d *desk) close() error {
	if d.server == nil {
		return nil
	}
	err := d.server.close()
	d.server = nil
	return err
}

// retire ends a supervisor on demand for which nothing seems to be left. It
// stops answering before it looks for the last time: whoever leaves something
// after that finds nobody, and starts another, which waits for the lock.
func (s *Supervisor) retire(ctx context.Context, desk *desk, end context.CancelCauseFunc) {
	if err := desk.close(); err != nil {
		s.Log.WarnContext(ctx, "stop answering", "error", err)
	}
	if s.Loop.nothingLeft(ctx) {
		end(errNothingLeft)
		return
	}
	if err := desk.reopen(); err != nil {
		end(err)
	}
}

// acquire takes the supervisor's lock, asking a holder that is older, or only
// on demand, to step down.
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
	yields := theirs.OnDemand && !s.OnDemand
	if !yields && !newer(s.Version, theirs.Version) {
		_ = f.Close() // nothing was written
		return nil, &SupervisedError{Version: theirs.Version, PID: theirs.PID}
	}
	s.Log.InfoContext(ctx, "the present supervisor is asked to step down", "version", theirs.Version, "pid", theirs.PID)
	if err := client.StepDown(ctx); err != nil {
		s.Log.WarnContext(ctx, "the present supervisor does not answer", "error", err)
	}
	return s.await(ctx, f, &SupervisedError{Version: theirs.Version, PID: theirs.PID}, stepDownTime)
}

// AwaitEnd waits until no supervisor runs, or ctx ends.
func AwaitEnd(ctx context.Context, runDir string) error {
	f, err := os.OpenFile(filepath.Join(runDir, lockName), os.O_RDWR|os.O_CREATE|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return fmt.Errorf("open the supervisor's lock: %w", err)
	}
	if err := pollLock(ctx, f); err != nil {
		return fmt.Errorf("wait for the supervisor's end: %w", err)
	}
	return f.Close()
}

// await waits for the lock for so long.
func (s *Supervisor) await(ctx context.Context, f *os.File, late error, limit time.Duration) (*os.File, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	if err := pollLock(ctx, f); errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return nil, late
	} else if err != nil {
		return nil, err
	}
	return f, nil
}

// pollLock takes the lock as soon as it is free; if it cannot, f is closed.
func pollLock(ctx context.Context, f *os.File) error {
	tick := time.NewTicker(stepDownPoll)
	defer tick.Stop()
	for {
		got, err := tryLock(f)
		if got || err != nil {
			_, err = lockedFile(f, err)
			return err
		}
		select {
		case <-ctx.Done():
			_ = f.Close() // nothing was written
			return ctx.Err()
		case <-tick.C:
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
