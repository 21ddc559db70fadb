package terminal

import (
	"context"
	"os"
	"strings"
	"testing"
)

func TestWhatIsNoTerminal(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	restore, err := Raw(r)
	if err != nil {
		t.Fatal(err)
	}
	if err := restore(); err != nil {
		t.Error(err)
	}
	if _, ok := SizeOf(r); ok {
		t.Error("a pipe has a size")
	}
	ctx, cancel := context.WithCancel(t.Context())
	sizes := Sizes(ctx, r)
	cancel()
	if size, ok := <-sizes; ok {
		t.Errorf("a pipe has the size %v", size)
	}
}

func TestColorsRepeat(t *testing.T) {
	if Colored(0, "x") == Colored(1, "x") {
		t.Error("two neighbours have one colour")
	}
	if Colored(0, "x") != Colored(len(palette()), "x") {
		t.Error("colours do not repeat")
	}
	if s := Colored(3, "web"); !strings.Contains(s, "web") || !strings.HasSuffix(s, "\x1b[0m") {
		t.Errorf("%q does not end the colour", s)
	}
}
