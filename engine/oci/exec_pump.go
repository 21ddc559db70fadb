package oci

import (
	"errors"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"berth/internal/hostexec"
)

// drainIdle is how long output is waited for once a command has ended: what it
// left in the background may keep its pipes open for ever.
const drainIdle = 300 * time.Millisecond

// pumps move the streams between a command and its caller.
type pumps struct {
	copiers  sync.WaitGroup
	ended    atomic.Bool
	mine     []*os.File // our ends of pipes and the terminal
	theirs   []*os.File // the command's ends, closed once it has them
	readers  []*os.File // those of mine that are read
	master   *os.File
	detached chan struct{}
	done     chan struct{}
}

func newPumps() *pumps {
	return &pumps{detached: make(chan struct{}), done: make(chan struct{})}
}

// pipes connects three separate streams.
func (p *pumps) pipes(cmd *hostexec.Cmd, s Streams) error {
	if s.Stdin != nil {
		r, w, err := os.Pipe()
		if err != nil {
			return err
		}
		p.theirs, p.mine = append(p.theirs, r), append(p.mine, w)
		cmd.Stdin = r
		go p.input(w, s)
	}
	for _, out := range []struct {
		to   io.Writer
		slot *io.Writer
	}{{s.Stdout, &cmd.Stdout}, {s.Stderr, &cmd.Stderr}} {
		if out.to == nil {
			continue
		}
		r, w, err := os.Pipe()
		if err != nil {
			return err
		}
		p.mine, p.theirs, p.readers = append(p.mine, r), append(p.theirs, w), append(p.readers, r)
		*out.slot = w
		p.output(out.to, r)
	}
	return nil
}

// terminal connects one pseudo-terminal as all three streams.
func (p *pumps) terminal(cmd *hostexec.Cmd, o ExecOptions) error {
	master, slave, err := openPTY()
	if err != nil {
		return err
	}
	p.master = master
	p.mine, p.theirs, p.readers = append(p.mine, master), append(p.theirs, slave), append(p.readers, master)
	if o.Size != (Size{}) {
		if err := setSize(master, o.Size); err != nil {
			return err
		}
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, slave
	if o.Streams.Stdin != nil {
		go p.input(master, o.Streams)
	}
	to := o.Streams.Stdout
	if to == nil {
		to = io.Discard
	}
	p.output(to, master)
	return nil
}

// input copies what the caller types. It may stay in the caller's Read after
// the command has ended; what it reads then goes nowhere.
func (p *pumps) input(to *os.File, s Streams) {
	err := copyUntilDetach(to, s.Stdin, s.DetachKeys)
	switch {
	case errors.Is(err, ErrDetached):
		close(p.detached)
	case to != p.master:
		_ = to.Close()
	case err == nil:
		_, _ = to.Write([]byte{4}) // the terminal's end of file
	}
}

// output copies until the command's end is closed or, once it has ended, idle.
func (p *pumps) output(to io.Writer, from *os.File) {
	p.copiers.Go(func() {
		buf := make([]byte, 32<<10)
		for {
			if p.ended.Load() {
				_ = from.SetReadDeadline(time.Now().Add(drainIdle))
			}
			n, err := from.Read(buf)
			if n > 0 {
				if _, werr := to.Write(buf[:n]); werr != nil {
					to = io.Discard // the command must not block on a reader that has gone
				}
			}
			if errors.Is(err, os.ErrDeadlineExceeded) && !p.ended.Load() {
				continue
			}
			if err != nil {
				return
			}
		}
	})
}

// started closes our copies of the command's ends.
func (p *pumps) started() {
	for _, f := range p.theirs {
		_ = f.Close()
	}
	p.theirs = nil
}

// drain waits for the output of a command that has ended.
func (p *pumps) drain() {
	p.ended.Store(true)
	for _, f := range p.readers {
		_ = f.SetReadDeadline(time.Now().Add(drainIdle))
	}
	p.copiers.Wait()
}

func (p *pumps) close() {
	close(p.done)
	p.started()
	for _, f := range p.mine {
		_ = f.Close()
	}
	p.copiers.Wait()
}
