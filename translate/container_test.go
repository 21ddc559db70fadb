package translate

import (
	"testing"

	corev1 "k8s.io/api/core/v1"

	"berth/engine/spec"
)

func TestPullPolicy(t *testing.T) {
	for image, want := range map[string]spec.PullPolicy{
		"nginx":                              spec.PullAlways,
		"nginx:latest":                       spec.PullAlways,
		"nginx:1.27":                         spec.PullMissing,
		"quay.io:443/nginx":                  spec.PullAlways,
		"quay.io:443/nginx:1":                spec.PullMissing,
		"nginx@sha256:aa":                    spec.PullMissing,
		"nginx:latest@sha256:aa":             spec.PullMissing,
		"localhost/mine":                     spec.PullMissing,
		"localhost/mine:latest":              spec.PullMissing,
		"localhost:5000/mine":                spec.PullAlways,
		"docker.io/library/localhost:latest": spec.PullAlways,
	} {
		if got := pullPolicy(&corev1.Container{Image: "localhost/mine", ImagePullPolicy: corev1.PullAlways}); got != spec.PullMissing {
			t.Errorf("no registry has images of localhost/, got %s", got)
		}
		if got := pullPolicy(&corev1.Container{Image: image}); got != want {
			t.Errorf("pullPolicy(%q) = %s, want %s", image, got, want)
		}
	}
	if got := pullPolicy(&corev1.Container{Image: "localhost/mine", ImagePullPolicy: corev1.PullAlways}); got != spec.PullMissing {
		t.Errorf("no registry has images of localhost/, got %s", got)
	}
	if got := pullPolicy(&corev1.Container{Image: "nginx", ImagePullPolicy: corev1.PullNever}); got != spec.PullNever {
		t.Errorf("what is written must win, got %s", got)
	}
}
