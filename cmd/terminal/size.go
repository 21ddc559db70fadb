package terminal

import (
	"context"
	"os"
	"os/signal"

	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

// Size is a window's size in characters.
type Size struct{ Rows, Cols uint16 }

// SizeOf is the size of the terminal behind f; ok is false if it is none.
func SizeOf(f *os.File) (size Size, ok bool) {
	cols, rows, err := term.GetSize(int(f.Fd()))
	if err != nil || rows <= 0 || cols <= 0 {
		return Size{}, false
	}
	return Size{uint16(rows), uint16(cols)}, true
}

// Sizes gives the size of the terminal behind f, now and whenever it changes,
// until ctx ends; then the channel is closed.
func Sizes(ctx context.Context, f *os.File) <-chan Size {
	sizes := make(chan Size, 1)
	changed := make(chan os.Signal, 1)
	signal.Notify(changed, unix.SIGWINCH)
	go func() {
		defer close(sizes)
		defer signal.Stop(changed)
		for {
			if size, ok := SizeOf(f); ok {
				select {
				case sizes <- size:
				case <-ctx.Done():
					return
				}
			}
			select {
			case <-changed:
			case <-ctx.Done():
				return
			}
		}
	}()
	return sizes
}
