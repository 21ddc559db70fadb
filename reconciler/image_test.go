package reconciler

import (
	"errors"
	"fmt"
	"testing"

	"berth/engine/spec"
)

func TestWhatAnImageIsWaitedForSpeaksAsTheKubelet(t *testing.T) {
	c := &spec.Container{Name: "c", Image: "img:1"}
	refused := errors.New("refused")
	for name, test := range map[string]struct {
		err            error
		first, later   string
		first2, later2 string // messages
	}{
		"a pull": {
			fmt.Errorf("%w: %w", spec.ErrPull, refused), "ErrImagePull", "ImagePullBackOff",
			`container "c": image cannot be pulled: refused`, `Back-off pulling image "img:1": ErrImagePull: image cannot be pulled: refused`,
		},
		"a policy": {
			fmt.Errorf("img:1: %w", spec.ErrImageMissing), "ErrImageNeverPull", "ErrImageNeverPull",
			`container "c": img:1: image not known`, `container "c": img:1: image not known`,
		},
		"a name": {
			fmt.Errorf("%w: %q %w", spec.ErrPull, "A:", spec.ErrImageName), "InvalidImageName", "InvalidImageName",
			`container "c": image cannot be pulled: "A:" is not an image name`, `container "c": image cannot be pulled: "A:" is not an image name`,
		},
	} {
		err := error(prepareError{newImageError(c, test.err)})
		for tries, want := range map[int][2]string{1: {test.first, test.first2}, 2: {test.later, test.later2}} {
			got := waitingFor(err, tries)
			if reasonOf(got) != want[0] || got.Error() != want[1] {
				t.Errorf("%s, try %d: %s: %v", name, tries, reasonOf(got), got)
			}
		}
	}
	if boom := errors.New("boom"); waitingFor(boom, 5) != boom {
		t.Error("another error was changed")
	}
}

func TestReasonsAreTheKubelets(t *testing.T) {
	for want, err := range map[string]error{
		"RunContainerError":          fmt.Errorf("create: %w, %w", spec.ErrCommand, spec.ErrConfig),
		"CreateContainerConfigError": fmt.Errorf("create: %w", spec.ErrConfig),
		"CreateContainerError":       errors.New("no space left on device"),
		"NodePorts":                  fmt.Errorf("ports: %w", &spec.PortTakenError{Err: errors.New("in use")}),
		"ErrImageNeverPull":          fmt.Errorf("lost: %w", spec.ErrImageMissing),
	} {
		if got := reasonOf(err); got != want {
			t.Errorf("%v: %s, want %s", err, got, want)
		}
	}
}
