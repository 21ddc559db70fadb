package network

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// Dial connects over TCP from within the namespace pinned at path. The host in
// address is an IP address without a zone.
//
// Only the socket is made in there: a socket keeps the namespace it was made in,
// whoever connects it. So no thread waits for the answer.
func Dial(ctx context.Context, path, transport, address string) (net.Conn, error) {
	to, err := netip.ParseAddrPort(address)
	fail := func(err error) (net.Conn, error) {
		op := &net.OpError{Op: "dial", Net: transport, Err: err}
		if to.IsValid() {
			op.Addr = net.TCPAddrFromAddrPort(to)
		}
		return nil, op
	}
	if err != nil {
		return fail(err)
	}
	addr, family, err := dialAddr(transport, to)
	if err != nil {
		return fail(err)
	}
	if err := ctx.Err(); err != nil {
		return fail(err)
	}
	fd, err := socketIn(path, family)
	if err != nil {
		return fail(err)
	}
	err = unix.Connect(fd, addr)
	// A poller that is given the socket sooner takes it for one that was hung up.
	f := os.NewFile(uintptr(fd), "tcp")
	defer f.Close() // FileConn has a copy
	if errors.Is(err, unix.EINPROGRESS) || errors.Is(err, unix.EINTR) {
		err = connected(ctx, f)
	} else if err != nil {
		err = os.NewSyscallError("connect", err)
	}
	if err != nil {
		return fail(err)
	}
	conn, err := net.FileConn(f)
	if err != nil {
		return fail(err)
	}
	return conn, nil
}

// dialAddr is an address as the kernel takes it, and its family.
func dialAddr(transport string, to netip.AddrPort) (unix.Sockaddr, int, error) {
	ip := to.Addr().Unmap()
	switch {
	case ip.Zone() != "":
		return nil, 0, &net.AddrError{Err: "a zone cannot be named here", Addr: to.String()}
	case ip.Is4() && (transport == "tcp" || transport == "tcp4"):
		return &unix.SockaddrInet4{Port: int(to.Port()), Addr: ip.As4()}, unix.AF_INET, nil
	case ip.Is6() && (transport == "tcp" || transport == "tcp6"):
		return &unix.SockaddrInet6{Port: int(to.Port()), Addr: ip.As16()}, unix.AF_INET6, nil
	}
	return nil, 0, net.UnknownNetworkError(transport + " to " + to.String())
}

// connected waits for the end of a connect.
func connected(ctx context.Context, f *os.File) error {
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = f.SetWriteDeadline(time.Unix(1, 0)) })
	defer stop()
	var result error
	err = raw.Write(func(fd uintptr) bool {
		code, err := unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_ERROR)
		if err != nil {
			result = os.NewSyscallError("getsockopt", err)
			return true
		}
		if code != 0 {
			result = os.NewSyscallError("connect", unix.Errno(code))
			return true
		}
		_, err = unix.Getpeername(int(fd)) // no error, and no peer: not yet
		return err == nil
	})
	if ctx.Err() != nil && err != nil {
		return ctx.Err()
	}
	return errors.Join(err, result)
}

// socketIn makes a socket in the namespace pinned at path. The thread that goes
// there comes back; one that cannot is thrown away. The process's first thread
// does not go: it is what /proc/self shows to the rest of us.
func socketIn(path string, family int) (int, error) {
	type answer struct {
		fd  int
		err error
	}
	done := make(chan answer, 1)
	go func() { // ends with its thread, where that is lost
		runtime.LockOSThread()
		if unix.Gettid() == unix.Getpid() {
			defer runtime.UnlockOSThread() // until then, nobody else gets this one
			fd, err := socketIn(path, family)
			done <- answer{fd, err}
			return
		}
		fd, back, err := visit(path, family)
		if back {
			runtime.UnlockOSThread()
		}
		done <- answer{fd, err}
	}()
	a := <-done
	return a.fd, a.err
}

// visit makes a socket in the namespace pinned at path, and says whether the
// thread is back where it was.
func visit(path string, family int) (fd int, back bool, err error) {
	home, err := unix.Open("/proc/thread-self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, true, os.NewSyscallError("open", err)
	}
	defer unix.Close(home)
	there, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, true, fmt.Errorf("open network namespace %s: %w", path, err)
	}
	defer unix.Close(there)
	if err := unix.Setns(there, unix.CLONE_NEWNET); err != nil {
		return -1, true, fmt.Errorf("enter network namespace %s: %w", path, err)
	}
	fd, err = unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, unix.IPPROTO_TCP)
	if err != nil {
		err = os.NewSyscallError("socket", err)
	}
	return fd, unix.Setns(home, unix.CLONE_NEWNET) == nil, err
}
