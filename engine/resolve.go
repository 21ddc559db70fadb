package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"berth/engine/spec"
)

// FindPod finds a pod as people name one: by name, namespace/name, ID or a
// unique beginning of it, or as `<controller>-pod`, which is the first pod of a
// Deployment. A container that stands alone is no pod to people. With namespace "" all namespaces are searched. What fits several
// pods is an error that names them.
func (e *Engine) FindPod(ctx context.Context, namespace, name string) (spec.PodStatus, error) {
	pods, err := e.Observe(ctx)
	if ctx.Err() != nil {
		return spec.PodStatus{}, err
	}
	pod, missed := findPod(pods, namespace, name)
	return pod, unseen(err, missed)
}

// unseen is why nothing was found: that some pods cannot be observed, where it
// may be among those, is no reason not to find others.
func unseen(observing, missed error) error {
	if errors.Is(missed, spec.ErrNotFound) && observing != nil {
		return observing
	}
	return missed
}

func findPod(pods []spec.PodStatus, namespace, name string) (spec.PodStatus, error) {
	if ns, bare, ok := strings.Cut(name, "/"); ok {
		namespace, name = ns, bare
	}
	var byName, byController, byID []spec.PodStatus
	for _, p := range pods {
		if p.Pod.Bare || namespace != "" && p.Pod.Namespace != namespace {
			continue
		}
		switch {
		case p.Pod.Name == name:
			byName = append(byName, p)
		case controllerPod(&p.Pod) == name:
			byController = append(byController, p)
		case idPrefix(name) && strings.HasPrefix(string(p.Pod.ID), name):
			byID = append(byID, p)
		}
	}
	for _, found := range [][]spec.PodStatus{byName, byController, byID} {
		if len(found) == 1 {
			return found[0], nil
		}
		if len(found) > 1 {
			return spec.PodStatus{}, ambiguous("pod", name, found, func(p spec.PodStatus) string {
				return fmt.Sprintf("%s (%s)", p.Pod.Key(), p.Pod.ID.Short())
			})
		}
	}
	return spec.PodStatus{}, fmt.Errorf("pod %q: %w", name, spec.ErrNotFound)
}

// controllerPod is podman's name for the pod of a controller; of several it is
// the first one's.
func controllerPod(p *spec.Pod) string {
	if p.Origin.Kind == "Pod" || p.Origin.Kind == "" || p.Origin.Ordinal > 0 {
		return ""
	}
	return p.Origin.Name + "-pod"
}

// FindContainer finds a container as people name one: `<pod>-<container>`, the
// pod also by its controller, with its namespace and a slash before where
// needed, ID or a unique beginning of it. Infra containers are found too, under
// their own names.
func (e *Engine) FindContainer(ctx context.Context, namespace, name string) (spec.PodStatus, spec.ContainerStatus, error) {
	pods, err := e.Observe(ctx)
	if ctx.Err() != nil {
		return spec.PodStatus{}, spec.ContainerStatus{}, err
	}
	hit, missed := findContainer(pods, namespace, name)
	return hit.pod, hit.container, unseen(err, missed)
}

type containerHit struct {
	pod       spec.PodStatus
	container spec.ContainerStatus
}

func findContainer(pods []spec.PodStatus, namespace, name string) (containerHit, error) {
	if ns, bare, ok := strings.Cut(name, "/"); ok {
		namespace, name = ns, bare
	}
	var byName, byController, byID []containerHit
	for _, p := range pods {
		if namespace != "" && p.Pod.Namespace != namespace {
			continue
		}
		controller := controllerPod(&p.Pod)
		for _, c := range append(slices.Clone(p.Containers), p.Infra) {
			if c.ID == "" {
				continue
			}
			full := p.Pod.ContainerName(c.Name)
			if c.Name == infraName {
				full = p.Pod.InfraName()
			}
			switch {
			case full == name:
				byName = append(byName, containerHit{p, c})
			case controller != "" && controller+"-"+c.Name == name:
				byController = append(byController, containerHit{p, c})
			case idPrefix(name) && (strings.HasPrefix(string(c.ID), name) || strings.HasPrefix(string(c.Rootfs()), name)): // what is said of an image in use names the latter
				byID = append(byID, containerHit{p, c})
			}
		}
	}
	for _, found := range [][]containerHit{byName, byController, byID} {
		if len(found) == 1 {
			return found[0], nil
		}
		if len(found) > 1 {
			return containerHit{}, ambiguous("container", name, found, func(h containerHit) string {
				return fmt.Sprintf("%s of pod %s (%s)", h.container.Name, h.pod.Pod.Key(), h.container.ID.Short())
			})
		}
	}
	return containerHit{}, fmt.Errorf("container %q: %w", name, spec.ErrNotFound)
}

func ambiguous[T any](kind, name string, found []T, describe func(T) string) error {
	names := make([]string, len(found))
	for i, f := range found {
		names[i] = describe(f)
	}
	return fmt.Errorf("%s %q could be any of %s: say which by namespace/name or ID", kind, name, strings.Join(names, ", "))
}

func idPrefix(s string) bool {
	return s != "" && strings.Trim(s, "0123456789abcdef") == ""
}
