package terminal

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// pty is a terminal, and what somebody types at it.
func pty(t *testing.T) (person, f *os.File) {
	t.Helper()
	person, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	fd := int(person.Fd())
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err = errors.Join(err, unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0)); err != nil {
		t.Fatal(err)
	}
	if f, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = errors.Join(person.Close(), f.Close()) })
	return person, f
}

func echoes(t *testing.T, f *os.File) bool {
	t.Helper()
	state, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	return state.Lflag&unix.ECHO != 0
}

func TestHiddenAnswers(t *testing.T) {
	person, f := pty(t)
	if _, err := person.WriteString("me\n"); err != nil {
		t.Fatal(err)
	}
	if line, err := ReadLine(t.Context(), f); line != "me" || err != nil {
		t.Errorf("%q, %v", line, err)
	}
	type answer struct {
		line string
		err  error
	}
	ask := func(ctx context.Context) <-chan answer {
		done := make(chan answer, 1)
		go func() {
			line, err := ReadHidden(ctx, f)
			done <- answer{line, err}
		}()
		for begun := time.Now(); echoes(t, f); {
			if time.Since(begun) > 10*time.Second {
				t.Fatal("what is typed is shown")
			}
		}
		return done
	}
	done := ask(t.Context())
	if _, err := person.WriteString("s3cret word\n"); err != nil {
		t.Fatal(err)
	}
	if got := <-done; got.line != "s3cret word" || got.err != nil || !echoes(t, f) {
		t.Errorf("%+v, shown again: %v", got, echoes(t, f))
	}
	// Who thinks better of it gets the terminal back as it was.
	ctx, cancel := context.WithCancel(t.Context())
	done = ask(ctx)
	cancel()
	if got := <-done; !errors.Is(got.err, context.Canceled) || !echoes(t, f) {
		t.Errorf("%+v, shown again: %v", got, echoes(t, f))
	}
	if _, err := person.WriteString("\n"); err != nil { // for the read that is left
		t.Fatal(err)
	}
}

func TestAnswersEnd(t *testing.T) {
	in := strings.NewReader("one\r\ntwo\nthree")
	for _, want := range []string{"one", "two", "three"} {
		if line, err := ReadLine(t.Context(), in); line != want || err != nil {
			t.Errorf("%q, %v", line, err)
		}
	}
	if _, err := ReadLine(t.Context(), in); !errors.Is(err, io.EOF) {
		t.Error(err)
	}
	if line, err := ReadLine(t.Context(), strings.NewReader(strings.Repeat("x", 2*longestLine))); err == nil {
		t.Errorf("%d bytes are an answer", len(line))
	}
}
