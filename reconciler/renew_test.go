package reconciler

import (
	"context"
	"testing"
	"time"

	"berth/engine/spec"
)

// imageOnly is an engine that has one image with a health check.
type imageOnly struct {
	Engine
	health *spec.Health
}

func (i imageOnly) EnsureImage(context.Context, spec.ImageRequest) (spec.Image, error) {
	return spec.Image{Health: i.health}, nil
}

func TestARenewedContainerHasTheHealthCheckOfItsNextImage(t *testing.T) {
	images := &spec.Health{Test: []string{"old"}, Retries: 7}
	for _, c := range []struct {
		what       string
		said       *spec.Health // by flags
		image      *spec.Health // of the image it runs
		next, want *spec.Health // of the next image; what comes of it
	}{
		{"the image's", nil, images, &spec.Health{Test: []string{"new"}}, (&spec.Health{Test: []string{"new"}}).On(nil)},
		{"the image's, which has none any more", nil, images, nil, nil},
		{"its own", &spec.Health{Test: []string{"own"}}, images, &spec.Health{Test: []string{"new"}}, (&spec.Health{Test: []string{"own"}}).On(nil)},
		{"none, though the image has one", &spec.Health{Off: true}, images, &spec.Health{Test: []string{"new"}}, nil},
		{"none", nil, nil, &spec.Health{Test: []string{"new"}}, (&spec.Health{Test: []string{"new"}}).On(nil)},
	} {
		made := withHealth(&spec.ByHand{Health: c.said}, c.image)
		a := newActor(imageOnly{health: c.image}, nil, nil)
		own := a.ownHealth(t.Context(), &spec.Container{ImageID: "old", ByHand: made})
		if got := withHealth(own, c.next).Health; !same(got, c.want) {
			t.Errorf("%s: %+v, want %+v", c.what, got, c.want)
		}
	}
}

func TestWhatIsMadeAnewHasOtherIDs(t *testing.T) {
	pod := &spec.Pod{
		ID: "old", CreatedAt: time.Unix(1, 0), ByHand: true, Containers: []spec.Container{
			{Name: "a", ByHand: &spec.ByHand{ID: "ida"}},
			{Name: "b", ByHand: &spec.ByHand{ID: "idb", Requires: []spec.ContainerRef{{Pod: "old", Name: "a"}, {Pod: "other", Name: "x"}}}},
		},
	}
	next := anew(pod)
	b := next.Containers[1].ByHand
	if next.ID == pod.ID || b.ID == "idb" || b.Requires[0] != (spec.ContainerRef{Pod: next.ID, Name: "a"}) || b.Requires[1].Pod != "other" {
		t.Errorf("%+v", next)
	}
	if old := pod.Containers[1].ByHand; old.ID != "idb" || old.Requires[0].Pod != "old" {
		t.Errorf("the former pod was changed: %+v", old)
	}
}
