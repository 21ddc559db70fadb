package reconciler

import (
	"context"
	"errors"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"berth/engine/spec"
)

// Under imagePullPolicy Always the kubelet has a container's image pulled before
// each start, which asks the registry for no more than a digest where the image is
// here. The first start is told of by the pod's making; those after it are here.

// pulls is what came of pulling images again, by the container that has ended.
type pulls map[spec.ContainerID]pull

type pull struct {
	image spec.Image
	err   error
}

// errPullFirst says that another container is to be started now whose image was
// not pulled yet.
var errPullFirst = errors.New("an image is to be pulled first")

// pullsAgain reports whether a container's image is pulled before it is started.
func pullsAgain(st *spec.PodStatus, name string) bool {
	made, ok := st.Pod.Container(name)
	c, seen := st.Container(name)
	return ok && seen && made.ByHand == nil && made.PullPolicy == spec.PullAlways && c.Finished()
}

// pullAgain pulls the images of what is to be started again, all at the same time.
// No lock is held.
func (a *actor) pullAgain(ctx context.Context, st *spec.PodStatus, names []string) pulls {
	out := pulls{}
	var mu sync.Mutex
	var group errgroup.Group
	for _, name := range names {
		if !pullsAgain(st, name) {
			continue
		}
		made, _ := st.Pod.Container(name)
		c, _ := st.Container(name)
		group.Go(func() error {
			image, err := a.image(ctx, st.Pod.Key(), made, spec.PullOptions{})
			mu.Lock()
			defer mu.Unlock()
			out[c.ID] = pull{image, err}
			return nil
		})
	}
	_ = group.Wait() // the errors are in out
	return out
}

// takeImages has what is started made from the images that were pulled, and what
// has none wait. The pod's lock is held.
func (a *actor) takeImages(ctx context.Context, st *spec.PodStatus, next *Next, images pulls) error {
	var start []string
	for _, name := range next.Start {
		c, _ := st.Container(name)
		if !pullsAgain(st, name) {
			start = append(start, name)
			continue
		}
		got, ok := images[c.ID]
		switch {
		case !ok:
			return errPullFirst
		case ctx.Err() != nil:
			return ctx.Err()
		case got.err == nil:
			if err := a.takeImage(ctx, &st.Pod, name, got.image); err != nil {
				return err
			}
			start = append(start, name)
			continue
		}
		if err := a.notPulled(ctx, &st.Pod, c, got.err); err != nil {
			return err
		}
		if c.Init {
			break // those after it wait for it
		}
	}
	next.Start = start
	return nil
}

// takeImage records the image, if it is another one.
func (a *actor) takeImage(ctx context.Context, pod *spec.Pod, name string, image spec.Image) error {
	made, _ := pod.Container(name)
	if made.ImageID == image.ID {
		return nil
	}
	return a.engine.TakeImage(ctx, pod.ID, name, image)
}

// notPulled records that an ended container has no image to be made from again,
// and tells of it.
func (a *actor) notPulled(ctx context.Context, pod *spec.Pod, c *spec.ContainerStatus, why error) error {
	made, _ := pod.Container(c.Name)
	err, tries := newImageError(made, why), 1
	if f := c.Failed; f != nil && (f.Reason == reasonPull || f.Reason == reasonPullBackoff) {
		tries += f.Tries
	}
	a.log.WarnContext(ctx, "image cannot be pulled again", "pod", pod.Key().String(), "container", c.Name, "image", made.Image, "error", why)
	a.tellFailure(pod.Key(), err)
	err = waitingFor(err, tries)
	a.tellWaiting(pod.Key(), err)
	return a.engine.SaveFailure(ctx, pod.ID, c.Name, spec.Failure{Reason: reasonOf(err), Message: err.Error(), At: time.Now(), Tries: tries})
}
