package reconciler

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"berth/engine/spec"
)

// The kubelet's reasons why a container has no image.
const (
	reasonPull        = "ErrImagePull"
	reasonPullBackoff = "ImagePullBackOff"
	reasonNeverPull   = "ErrImageNeverPull"
	reasonImageName   = "InvalidImageName"
)

// imageError is an image that a container cannot have now.
type imageError struct {
	container, image string
	reason           string
	waits            bool // it was tried more than once, and is waited for
	err              error
}

func (e *imageError) Error() string {
	if e.waits {
		return fmt.Sprintf("Back-off pulling image %q: %s: %v", e.image, reasonPull, e.err)
	}
	return fmt.Sprintf("container %q: %v", e.container, e.err)
}

func (e *imageError) Unwrap() error { return e.err }

func (e *imageError) why() string {
	if e.waits {
		return reasonPullBackoff
	}
	return e.reason
}

func newImageError(c *spec.Container, err error) error {
	e := &imageError{container: c.Name, image: c.Image, reason: reasonPull, err: err}
	switch {
	case errors.Is(err, spec.ErrImageName):
		e.reason = reasonImageName
	case errors.Is(err, spec.ErrPull):
	case errors.Is(err, spec.ErrImageMissing):
		e.reason = reasonNeverPull
	}
	return e
}

// waitingFor is why a pod is still not there after several tries: an image whose
// pull is tried again and again is waited for.
func waitingFor(err error, tries int) error {
	var e *imageError
	if tries < 2 || !errors.As(err, &e) || e.reason != reasonPull {
		return err
	}
	waits := *e
	waits.waits = true
	return &waits
}

// resolve has the images of a pod fetched, all at the same time, and returns
// the pod with what they are.
func (a *actor) resolve(ctx context.Context, pod *spec.Pod, pull spec.PullOptions) (*spec.Pod, error) {
	out := *pod
	out.InitContainers = append([]spec.Container(nil), pod.InitContainers...)
	out.Containers = append([]spec.Container(nil), pod.Containers...)
	group, ctx := errgroup.WithContext(ctx)
	for _, list := range [][]spec.Container{out.InitContainers, out.Containers} {
		for i := range list {
			if hand := list[i].ByHand; hand != nil && hand.Rootfs != nil {
				continue
			}
			group.Go(func() error {
				c := &list[i]
				image, err := a.image(ctx, pod.Key(), c, pull)
				if err != nil {
					return newImageError(c, err)
				}
				c.ImageID, c.ImageDigest = image.ID, image.Digest
				c.ByHand = withHealth(c.ByHand, image.Health)
				return nil
			})
		}
	}
	if infra := pod.Infra; infra != nil && infra.Image != "" {
		group.Go(func() error {
			_, err := a.engine.EnsureImage(ctx, spec.ImageRequest{Ref: infra.Image, Pull: pull})
			if err != nil {
				return fmt.Errorf("image of the infra container: %w", err)
			}
			return nil
		})
	}
	return &out, group.Wait()
}

// image fetches a container's image, and tells of it as the kubelet does.
func (a *actor) image(ctx context.Context, key spec.PodKey, c *spec.Container, pull spec.PullOptions) (spec.Image, error) {
	req := spec.ImageRequest{Ref: c.Image, Policy: c.PullPolicy, Pull: pull}
	if a.events == nil {
		return a.engine.EnsureImage(ctx, req)
	}
	if c.PullPolicy == spec.PullMissing || c.PullPolicy == "" {
		here := req
		here.Policy = spec.PullNever
		if image, err := a.engine.EnsureImage(ctx, here); err == nil {
			a.events.add(key, EventNormal, "Pulled", fmt.Sprintf("Container image %q already present on machine", c.Image))
			return image, nil
		}
	}
	if c.PullPolicy == spec.PullNever {
		return a.engine.EnsureImage(ctx, req)
	}
	a.events.add(key, EventNormal, "Pulling", fmt.Sprintf("Pulling image %q", c.Image))
	began := time.Now()
	image, err := a.engine.EnsureImage(ctx, req)
	if err == nil {
		took := time.Since(began).Truncate(time.Millisecond)
		a.events.add(key, EventNormal, "Pulled",
			fmt.Sprintf("Successfully pulled image %q in %v (%v including waiting). Image size: %d bytes.", c.Image, took, took, image.Size))
	}
	return image, err
}

// tellFailure tells why a pod does not come about, in the kubelet's words.
func (a *actor) tellFailure(key spec.PodKey, err error) {
	var e *imageError
	if !errors.As(err, &e) {
		a.events.add(key, EventWarning, reasonOf(err), err.Error())
		return
	}
	switch e.reason {
	case reasonNeverPull:
		a.events.add(key, EventWarning, reasonNeverPull, fmt.Sprintf("Container image %q is not present with pull policy of Never", e.image))
	case reasonImageName:
		a.events.add(key, EventWarning, "InspectFailed", fmt.Sprintf("Failed to apply default image tag %q: %v", e.image, e.err))
	default:
		a.events.add(key, EventWarning, "Failed", fmt.Sprintf("Failed to pull image %q: %v", e.image, e.err))
	}
	a.events.add(key, EventWarning, "Failed", "Error: "+e.reason)
}

// tellWaiting tells that an image is waited for.
func (a *actor) tellWaiting(key spec.PodKey, err error) {
	var e *imageError
	if errors.As(err, &e) && e.waits {
		a.events.add(key, EventNormal, "BackOff", fmt.Sprintf("Back-off pulling image %q", e.image))
		a.events.add(key, EventWarning, "Failed", "Error: "+reasonPullBackoff)
	}
}
