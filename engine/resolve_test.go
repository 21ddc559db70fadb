package engine

import (
	"errors"
	"testing"

	"berth/engine/spec"
)

func TestNamesOfPodsAndContainers(t *testing.T) {
	pod := func(namespace, name, kind, origin string, ordinal int) spec.PodStatus {
		id := spec.NewPodID()
		return spec.PodStatus{
			Pod: spec.Pod{ID: id, Namespace: namespace, Name: name, Origin: spec.Origin{
				Kind: kind, Namespace: namespace, Name: origin, Ordinal: ordinal,
			}},
			Containers: []spec.ContainerStatus{{ID: spec.NewContainerID(), Name: "main"}, {Name: "unmade"}},
			Infra:      spec.ContainerStatus{ID: spec.NewContainerID(), Name: infraName},
		}
	}
	pods := []spec.PodStatus{
		pod("default", "web-abc-2", "Deployment", "web", 1), pod("default", "web-abc-1", "Deployment", "web", 0),
		pod("default", "twin", "Pod", "twin", 0), pod("shop", "twin", "Pod", "twin", 0),
	}
	for _, c := range []struct {
		namespace, pod, container string
		want                      int // in pods; -1: none, -2: several
	}{
		{"", "web-abc-2", "web-abc-2-main", 0},
		{"", "web-pod", "web-pod-main", 1},
		{"", "default/web-pod", "default/web-pod-main", 1},
		{"shop", "web-pod", "web-pod-main", -1},
		{"", "twin", "twin-main", -2},
		{"", "shop/twin", "shop/twin-main", 3},
		{"default", "twin", "twin-main", 2},
		{"", string(pods[3].Pod.ID), string(pods[3].Containers[0].ID), 3},
		{"", "twin-pod", "twin-pod-main", -1},
		{"", "twin-unmade", "twin-unmade", -1},
	} {
		p, podErr := findPod(pods, c.namespace, c.pod)
		hit, containerErr := findContainer(pods, c.namespace, c.container)
		for name, got := range map[string]struct {
			id  spec.PodID
			err error
		}{c.pod: {p.Pod.ID, podErr}, c.container: {hit.pod.Pod.ID, containerErr}} {
			missing := errors.Is(got.err, spec.ErrNotFound)
			switch {
			case c.want >= 0 && (got.err != nil || got.id != pods[c.want].Pod.ID):
				t.Errorf("%q in %q: %s, %v", name, c.namespace, got.id, got.err)
			case c.want == -1 && !missing, c.want == -2 && (got.err == nil || missing):
				t.Errorf("%q in %q: %v", name, c.namespace, got.err)
			}
		}
	}
	infra, err := findContainer(pods, "", pods[0].Pod.InfraName())
	if err != nil || infra.container.ID != pods[0].Infra.ID {
		t.Errorf("infra: %v", err)
	}
}
