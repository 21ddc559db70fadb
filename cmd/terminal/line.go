package terminal

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// longestLine bounds what is read of an answer, in bytes.
const longestLine = 64 << 10

// ReadLine reads an answer to its end of line, and nothing after that; at the end of
// what there is to read it may lack one. When ctx ends so does the wait, but the
// read that is under way does not: it is for commands that end then.
func ReadLine(ctx context.Context, in io.Reader) (string, error) {
	type answer struct {
		line string
		err  error
	}
	read := make(chan answer, 1)
	go func() { // ends with the line, or the process
		line, err := readLine(in)
		read <- answer{line, err}
	}()
	select {
	case a := <-read:
		return a.line, a.err
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

func readLine(in io.Reader) (string, error) {
	var line strings.Builder
	one := make([]byte, 1)
	for {
		n, err := in.Read(one)
		switch {
		case n > 0 && one[0] == '\n':
			return strings.TrimSuffix(line.String(), "\r"), nil
		case n > 0:
			line.Write(one)
		}
		switch {
		case line.Len() > longestLine:
			return "", fmt.Errorf("a line of more than %d bytes is no answer", longestLine)
		case errors.Is(err, io.EOF) && line.Len() > 0:
			return line.String(), nil
		case err != nil:
			return "", err
		}
	}
}

// ReadHidden is ReadLine from a terminal that meanwhile does not show what is typed.
func ReadHidden(ctx context.Context, f *os.File) (line string, err error) {
	fd := int(f.Fd())
	shown, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil {
		return "", fmt.Errorf("ask the terminal: %w", err)
	}
	hidden := *shown
	hidden.Lflag &^= unix.ECHO
	if err := unix.IoctlSetTermios(fd, unix.TCSETS, &hidden); err != nil {
		return "", fmt.Errorf("have the terminal hide what is typed: %w", err)
	}
	defer func() {
		if back := unix.IoctlSetTermios(fd, unix.TCSETS, shown); back != nil {
			err = errors.Join(err, fmt.Errorf("have the terminal show what is typed again: %w", back))
		}
	}()
	return ReadLine(ctx, f)
}
