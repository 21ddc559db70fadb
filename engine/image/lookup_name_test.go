package image

import (
	"errors"
	"testing"

	"berth/engine/spec"
)

func TestWhatIsNoImageNameIsToldApart(t *testing.T) {
	for _, name := range []string{"Upper/Case", "a//b", "a:b:c:d", "sha256:"} {
		if _, err := parseName(name); !errors.Is(err, spec.ErrImageName) {
			t.Errorf("%q: %v", name, err)
		}
	}
	if _, err := parseName("docker.io/library/nginx:1"); err != nil {
		t.Error(err)
	}
}
