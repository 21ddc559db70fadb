package oci

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// queued is a siginfo_t that carries a value (sigqueue(3)), on 64-bit
// architectures; x/sys/unix keeps those fields to itself.
type queued struct {
	signo, errno, code, _ int32
	pid, uid              int32
	value                 int32
	_                     [100]byte
}

// siQueue is SI_QUEUE.
const siQueue = -1

// EndWith has the embedded pause, first process of a container, end with an exit
// code. One that has ended is success.
func (r *Runtime) EndWith(c Container, code int) error {
	record, created, err := readRecord(c)
	if err != nil || !created {
		return err
	}
	err = record.Init.queue(unix.SIGTERM, int32(code&255))
	if errors.Is(err, os.ErrProcessDone) {
		return nil
	}
	return err
}

// queue sends a signal with a value to this very process; os.ErrProcessDone if it
// has ended.
func (p Process) queue(sig syscall.Signal, value int32) error {
	f, err := p.Open()
	if err != nil {
		return err
	}
	defer f.Close()
	info := queued{signo: int32(sig), code: siQueue, pid: int32(os.Getpid()), uid: int32(os.Getuid()), value: value}
	_, _, failed := unix.Syscall6(unix.SYS_PIDFD_SEND_SIGNAL, f.Fd(), uintptr(sig), uintptr(unsafe.Pointer(&info)), 0, 0, 0)
	runtime.KeepAlive(&info)
	switch failed {
	case 0:
		return nil
	case unix.ESRCH:
		return os.ErrProcessDone
	}
	return fmt.Errorf("signal process %d: %w", p.Pid, failed)
}
