package oci

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// conmon marks each packet it sends with the stream it is of (conmon's utils.h).
const (
	packetStdout = 2
	packetStderr = 3
	// maxPacket is more than any conmon sends at once.
	maxPacket = 64 << 10
)

// Streams connect a container's, or a command's, standard streams; nil ones
// are left out. The caller makes its terminal raw where it wants that.
type Streams struct {
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	DetachKeys     []byte      // looked for in Stdin; ParseDetachKeys
	Resize         <-chan Size // window sizes; closed or nil for none
}

// Attach connects to a container's streams through conmon until the container
// ends, which is no error, ctx ends, or the detach keys come (ErrDetached).
// connected, if not nil, is called once conmon has accepted: what the container
// says from then on is seen. At the end of Stdin the container's is closed,
// unless it was created to keep it.
func (r *Runtime) Attach(ctx context.Context, c Container, s Streams, connected func() error) error {
	conn, err := dialAttach(c)
	if err != nil {
		return err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	if connected != nil {
		if err := connected(); err != nil {
			return err
		}
	}
	done := make(chan struct{})
	defer close(done)
	// Both end with done; the input copier also stays in a Read of the caller's
	// that nothing of ours can end, and then writes to a closed connection.
	detached := make(chan error, 1)
	if s.Stdin != nil {
		go func() {
			err := copyUntilDetach(conn, s.Stdin, s.DetachKeys)
			if errors.Is(err, ErrDetached) {
				detached <- err
				_ = conn.SetReadDeadline(time.Unix(1, 0))
				return
			}
			_ = conn.CloseWrite()
		}()
	}
	if s.Resize != nil {
		go r.forwardSizes(c, s.Resize, done)
	}
	err = receive(conn, s)
	select {
	case err := <-detached:
		return err
	default:
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// dialAttach connects through the folder's descriptor: a path may be longer
// than the 108 bytes of a socket address.
func dialAttach(c Container) (*net.UnixConn, error) {
	fd, err := unix.Open(filepath.Join(c.Bundle, "attach"), unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("attach: %w", notRunningIfGone(err))
	}
	defer unix.Close(fd)
	conn, err := net.DialUnix("unixpacket", nil, &net.UnixAddr{Net: "unixpacket", Name: fmt.Sprintf("/proc/self/fd/%d", fd)})
	if err != nil {
		return nil, fmt.Errorf("attach: %w", notRunningIfGone(err))
	}
	return conn, nil
}

// notRunningIfGone marks what a dead conmon answers with.
func notRunningIfGone(err error) error {
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, unix.ECONNREFUSED) || errors.Is(err, unix.ENXIO) || errors.Is(err, unix.EPIPE) {
		return fmt.Errorf("%w: %w", ErrNotRunning, err)
	}
	return err
}

// receive copies conmon's packets to their streams until it hangs up.
func receive(conn *net.UnixConn, s Streams) error {
	buf := make([]byte, maxPacket)
	for {
		n, err := conn.Read(buf)
		if n > 1 {
			var w io.Writer
			switch buf[0] {
			case packetStdout:
				w = s.Stdout
			case packetStderr:
				w = s.Stderr
			}
			if w != nil {
				if _, err := w.Write(buf[1:n]); err != nil {
					return err
				}
			}
		}
		if errors.Is(err, io.EOF) || errors.Is(err, unix.ECONNRESET) || n == 0 && err == nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("attach: %w", err)
		}
	}
}

func (r *Runtime) forwardSizes(c Container, sizes <-chan Size, done <-chan struct{}) {
	for {
		select {
		case size, ok := <-sizes:
			if !ok {
				return
			}
			if err := r.Resize(c, size); err != nil {
				r.log.Debug("terminal was not resized", "container", c.ID.Short(), "error", err)
			}
		case <-done:
			return
		}
	}
}
