package reconciler

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"berth/engine/spec"
	"berth/internal/hostexec"
)

func TestEachErrorOfAPodNamesThePod(t *testing.T) {
	key := spec.PodKey{Namespace: "default", Name: "web"}
	first, second := errors.New("no memory"), errors.New("no network")
	for _, c := range []struct {
		err  error
		want string
	}{
		{errors.Join(first, second), "pod default/web: no memory\npod default/web: no network"},
		{errors.Join(errors.Join(first, second)), "pod default/web: no memory\npod default/web: no network"},
		{fmt.Errorf("%w and %w", first, second), "pod default/web: no memory and no network"},
		{first, "pod default/web: no memory"},
	} {
		err := errors.Join(ofPod(key, c.err)...)
		if err.Error() != c.want || !errors.Is(err, first) {
			t.Errorf("got %q, want %q", err, c.want)
		}
	}
}

func TestAMissingProgramIsSaidOnce(t *testing.T) {
	err := joinFirst([]error{
		fmt.Errorf("pod c: %w", &hostexec.MissingError{Name: "conmon", Package: "conmon"}),
		fmt.Errorf("pod b: %w", context.Canceled),
		errors.New("pod d: port 80 is taken"),
		fmt.Errorf("pod a: %w", &hostexec.MissingError{Name: "conmon", Package: "conmon"}),
		fmt.Errorf("pod a: %w", &hostexec.MissingError{Name: "netavark", Package: "netavark"}),
	})
	const want = `pod a: conmon is not installed: install the package conmon (looked in )
pod a: netavark is not installed: install the package netavark (looked in )
pod d: port 80 is taken`
	if err.Error() != want {
		t.Errorf("got\n%s", err)
	}
	if err := joinFirst([]error{context.Canceled}); !errors.Is(err, context.Canceled) {
		t.Errorf("all called off: %v", err)
	}
}
