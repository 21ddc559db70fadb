package engine

import (
	"errors"
	"testing"

	ociv1 "github.com/opencontainers/image-spec/specs-go/v1"

	"berth/engine/spec"
)

func TestPublishAllIsBounded(t *testing.T) {
	for name, c := range map[string]struct {
		image   []string
		want    int
		refused bool
	}{
		"each once":               {[]string{"80/tcp", "80-81/tcp", "80/udp"}, 3, false},
		"as many as there may be": {[]string{"1-1024/tcp"}, mostExposed, false},
		"an image with all ports": {[]string{"1-1024/tcp", "1025-2048/tcp"}, 0, true},
		"no port":                 {[]string{"http"}, 0, true},
	} {
		ports := map[string]struct{}{}
		for _, p := range c.image {
			ports[p] = struct{}{}
		}
		pod := &spec.Pod{}
		err := publishAll(pod, &spec.Container{ByHand: &spec.ByHand{}}, ociv1.ImageConfig{ExposedPorts: ports})
		if errors.Is(err, spec.ErrConfig) != c.refused || !c.refused && len(pod.Ports) != c.want {
			t.Errorf("%s: %d ports, %v", name, len(pod.Ports), err)
		}
	}
}
