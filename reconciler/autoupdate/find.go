package autoupdate

import (
	"fmt"
	"slices"
	"strings"

	"berth/engine/spec"
)

// Labels of containers, and annotations of pods in YAML; those may end in
// "/<container>".
const (
	PolicyLabel   = "io.containers.autoupdate"
	AuthfileLabel = "io.containers.autoupdate.authfile"
)

// Policy says where a newer image comes from.
type Policy string

// Policies. The word "image" is an old one for registry.
const (
	Registry Policy = "registry" // another image than ours has its name in its registry
	Local    Policy = "local"    // another image has its name on this host

	disabled Policy = "disabled"
)

// ParsePolicy reads a policy; "" is none.
func ParsePolicy(word string) (Policy, error) {
	switch p := Policy(word); p {
	case Registry, Local:
		return p, nil
	case "image":
		return Registry, nil
	case "", disabled:
		return "", nil
	}
	return "", fmt.Errorf("%s: %q is no policy: want registry, local or disabled", PolicyLabel, word)
}

// Container is one that asks for newer images.
type Container struct {
	Pod      spec.PodKey
	ID       spec.ContainerID
	Name     string // as people know it
	Image    string // as it was named
	ImageID  string // what it runs
	Policy   Policy
	Authfile string
	Unit     string // the systemd unit it runs in, or ""
	Alone    bool   // no pod is around it: its end is its unit's
}

// Group is what is restarted together: a systemd unit, or all pods of one object.
type Group struct {
	Unit       string
	Pods       []spec.PodStatus // where no unit has them
	Containers []Container
}

// Find finds the running containers that ask for newer images. Those whose policy
// cannot be read are left out, and are errors.
func Find(observed []spec.PodStatus) ([]Group, []error) {
	var groups []Group
	var errs []error
	at := map[string]int{}
	for i := range observed {
		st := &observed[i]
		asking, err := inPod(st)
		errs = append(errs, err...)
		if len(asking) == 0 {
			continue
		}
		unit := unitOf(&st.Pod)
		key := together(&st.Pod)
		n, ok := at[key]
		if !ok {
			n = len(groups)
			at[key] = n
			groups = append(groups, Group{Unit: unit})
		}
		g := &groups[n]
		g.Containers = append(g.Containers, asking...)
		if unit == "" {
			g.Pods = append(g.Pods, *st)
		}
	}
	slices.SortStableFunc(groups, func(a, b Group) int { return strings.Compare(a.name(), b.name()) })
	return groups, errs
}

// unitOf is the systemd unit that a pod runs in, or "".
func unitOf(p *spec.Pod) string {
	if unit, ok := p.Owner.Unit(); ok {
		return unit
	}
	return ""
}

// together names what a pod is restarted with.
func together(p *spec.Pod) string {
	if unit := unitOf(p); unit != "" {
		return "unit " + unit
	}
	if p.Origin.Kind == "" { // made by hand
		return "pod " + string(p.ID)
	}
	return string(p.Owner) + " " + p.Origin.String()
}

func (g *Group) name() string {
	if g.Unit != "" {
		return g.Unit
	}
	return g.Pods[0].Pod.Key().String()
}

// inPod are the containers of a pod that ask.
func inPod(st *spec.PodStatus) (asking []Container, errs []error) {
	unit := unitOf(&st.Pod)
	for i := range st.Containers {
		c := &st.Containers[i]
		made, ok := st.Pod.Container(c.Name)
		if !ok || c.Init || !c.Running() || rootless(made) {
			continue
		}
		policy, err := ParsePolicy(said(&st.Pod, made, PolicyLabel))
		if err != nil {
			errs = append(errs, fmt.Errorf("container %s: %w", st.Pod.ContainerName(c.Name), err))
		}
		if policy == "" {
			continue
		}
		asking = append(asking, Container{
			Pod: st.Pod.Key(), ID: c.ID, Name: st.Pod.ContainerName(c.Name), Image: made.Image, ImageID: c.ImageID,
			Policy: policy, Authfile: said(&st.Pod, made, AuthfileLabel), Unit: unit, Alone: st.Pod.Bare,
		})
	}
	return asking, errs
}

// rootless reports whether a container has a folder for its root, and no image.
func rootless(c *spec.Container) bool { return c.ByHand != nil && c.ByHand.Rootfs != nil }

// said is what a container is labelled with. In YAML what is said of the container
// goes before what is said of the pod, and annotations before labels.
func said(p *spec.Pod, c *spec.Container, key string) string {
	if c.ByHand != nil {
		return c.ByHand.Labels[key]
	}
	for _, words := range []map[string]string{p.Annotations, p.Labels} {
		for _, name := range []string{key + "/" + c.Name, key} {
			if value, ok := words[name]; ok {
				return value
			}
		}
	}
	return ""
}
