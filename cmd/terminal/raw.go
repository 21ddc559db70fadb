package terminal

import (
	"fmt"
	"os"

	"golang.org/x/term"
)

// Raw makes the terminal behind f pass every key on and echo nothing, and
// returns what gives it back; where f is no terminal, nothing happens.
func Raw(f *os.File) (restore func() error, err error) {
	fd := int(f.Fd())
	if !term.IsTerminal(fd) {
		return func() error { return nil }, nil
	}
	state, err := term.MakeRaw(fd)
	if err != nil {
		return nil, fmt.Errorf("make the terminal raw: %w", err)
	}
	return func() error { return term.Restore(fd, state) }, nil
}
