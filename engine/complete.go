package engine

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"

	"berth/engine/oci"
	"berth/engine/spec"

	ociv1 "github.com/opencontainers/image-spec/specs-go/v1"
)

// complete is a pod with what only this host knows of its containers made by
// hand: names for volumes that have none, those that their images declare, and
// the ports that these expose, where all are to be published.
func (e *Engine) complete(ctx context.Context, pod *spec.Pod) (*spec.Pod, error) {
	if pod.Users == nil && !slices.ContainsFunc(pod.All(), func(c spec.Container) bool { return c.ByHand != nil }) {
		return pod, nil
	}
	out := *pod
	if err := e.mapUsers(&out); err != nil {
		return nil, err
	}
	out.Volumes, out.Ports = slices.Clone(pod.Volumes), slices.Clone(pod.Ports)
	out.InitContainers, out.Containers = slices.Clone(pod.InitContainers), slices.Clone(pod.Containers)
	for _, list := range [][]spec.Container{out.InitContainers, out.Containers} {
		for i := range list {
			if err := e.completeContainer(ctx, &out, &list[i]); err != nil {
				return nil, fmt.Errorf("container %q: %w", list[i].Name, err)
			}
		}
	}
	return &out, nil
}

func (e *Engine) completeContainer(ctx context.Context, pod *spec.Pod, c *spec.Container) error {
	hand := c.ByHand
	if hand == nil {
		return nil
	}
	for _, m := range c.Mounts {
		for i, v := range pod.Volumes {
			if v.Name == m.Volume && v.Named != nil && v.Named.Anonymous && v.Named.Volume == "" {
				named := *v.Named
				named.Volume = anonymousName(hand.ID, v.Name)
				pod.Volumes[i].Named = &named
			}
		}
	}
	if hand.Notify == spec.NotifyHealthy && c.Healthy() == nil {
		return fmt.Errorf("%w: --sdnotify healthy: there is no health check, nor has the image one: add --health-cmd", spec.ErrConfig)
	}
	if hand.Rootfs != nil {
		return nil
	}
	img, err := e.images.Lookup(ctx, imageOf(c))
	if err != nil {
		return err
	}
	config, err := e.images.Config(ctx, img.ID)
	if err != nil {
		return err
	}
	if len(config.Config.Labels) > 0 {
		labelled := *hand
		labelled.Labels = maps.Clone(config.Config.Labels)
		maps.Copy(labelled.Labels, hand.Labels)
		c.ByHand, hand = &labelled, &labelled
	}
	if hand.ImageVolumes == spec.ImageVolumesAnonymous {
		addImageVolumes(pod, c, config.Config)
	}
	if !hand.PublishAll {
		return nil
	}
	return publishAll(pod, c, config.Config)
}

// addImageVolumes mounts a volume without a name at each folder that the image
// declares as one and nothing else is mounted on.
func addImageVolumes(pod *spec.Pod, c *spec.Container, image ociv1.ImageConfig) {
	c.Mounts = slices.Clone(c.Mounts)
	for _, p := range oci.ImageVolumePaths(image) {
		if slices.ContainsFunc(c.Mounts, func(m spec.Mount) bool { return path.Clean(m.Path) == p }) {
			continue
		}
		name := anonymousName(c.ByHand.ID, p)
		pod.Volumes = append(pod.Volumes, spec.Volume{Name: name, Named: &spec.NamedVolume{Volume: name, Anonymous: true}})
		c.Mounts = append(c.Mounts, spec.Mount{Volume: name, Path: p, Options: []string{"nosuid", "nodev"}})
	}
}

// publishAll publishes what the image and the container itself expose, each port
// that is not published yet on a free one of the host.
func publishAll(pod *spec.Pod, c *spec.Container, image ociv1.ImageConfig) error {
	published := 0
	for _, exposed := range append(slices.Sorted(maps.Keys(image.ExposedPorts)), c.ByHand.Expose...) {
		ports, protocol, err := exposedPorts(exposed)
		if err != nil {
			return err
		}
		for _, n := range ports {
			if slices.ContainsFunc(pod.Ports, func(p spec.PortMapping) bool { return p.ContainerPort == n && p.Protocol == protocol }) {
				continue
			}
			if published++; published > mostExposed {
				return fmt.Errorf("%w: more than %d ports are exposed: name those to be published", spec.ErrConfig, mostExposed)
			}
			pod.Ports = append(pod.Ports, spec.PortMapping{ContainerPort: n, Protocol: protocol, Container: c.Name})
		}
	}
	return nil
}

// mostExposed bounds a range of ports, and how many are published because they
// are exposed: each takes a socket.
const mostExposed = 1024

// exposedPorts reads "80", "80/udp" or "8000-8010/tcp".
func exposedPorts(s string) (ports []uint16, protocol string, err error) {
	numbers, protocol, ok := strings.Cut(s, "/")
	if !ok || protocol == "" {
		protocol = "tcp"
	}
	first, last, isRange := strings.Cut(numbers, "-")
	if !isRange {
		last = first
	}
	from, errFrom := strconv.ParseUint(first, 10, 16)
	to, errTo := strconv.ParseUint(last, 10, 16)
	if errFrom != nil || errTo != nil || from == 0 || to < from || to-from >= mostExposed || !slices.Contains([]string{"tcp", "udp", "sctp"}, protocol) {
		return nil, "", fmt.Errorf("%w: exposed port %q is not PORT[-PORT][/PROTOCOL]", spec.ErrConfig, s)
	}
	for n := from; n <= to; n++ {
		ports = append(ports, uint16(n))
	}
	return ports, protocol, nil
}

// anonymousName names a volume that nobody did, after the container it is for and
// its place there.
func anonymousName(id spec.ContainerID, what string) string {
	sum := sha256.Sum256([]byte(string(id) + "\x00" + what))
	return hex.EncodeToString(sum[:])
}
