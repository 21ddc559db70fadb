package translate

import (
	"encoding/json"
	"errors"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"berth/engine/spec"
)

// given gives back the pod as it was given, with what was decided otherwise:
// the name and labels a controller made, what flags of `kube play` said, what a
// running pod was given anew.
func (g *generator) given() {
	p := g.pod
	if err := errors.Join(json.Unmarshal(p.Manifest, &g.out), json.Unmarshal(p.Manifest, &g.written)); err != nil {
		g.errorf("its manifest cannot be read: %v", err)
		return
	}
	if meta, _ := g.written["metadata"].(map[string]any); meta["namespace"] == spec.DefaultNamespace {
		delete(meta, "namespace") // as most write it
	}
	g.out.ObjectMeta = metav1.ObjectMeta{
		Name: p.Name, Namespace: p.Namespace, Labels: maps.Clone(p.Labels), Annotations: maps.Clone(p.Annotations),
	}
	g.out.Status = corev1.PodStatus{}
	g.givenNetwork()
	g.givenPorts()
	g.users()
	Update(&g.out, p)
	for _, list := range [][]corev1.Container{g.out.Spec.InitContainers, g.out.Spec.Containers} {
		for i := range list {
			if c, ok := p.Container(list[i].Name); ok {
				g.givenByHand(c)
				g.givenSeccomp(c)
			}
		}
	}
	g.lostFlags()
}

// givenNetwork says of a pod that --network put on the host's that it is there.
// Names are asked for as before.
func (g *generator) givenNetwork() {
	s := &g.out.Spec
	if !g.pod.HostNet || s.HostNetwork {
		return
	}
	s.HostNetwork = true
	if g.pod.DNS.Mode == spec.DNSCluster {
		s.DNSPolicy = corev1.DNSClusterFirstWithHostNet
	}
	for i := range s.Containers {
		for j := range s.Containers[i].Ports { // none is published but as itself
			s.Containers[i].Ports[j].HostPort = 0
		}
	}
}

// givenPorts puts published ports where they belong. On the host's network none
// is published, and what was given says it all.
func (g *generator) givenPorts() {
	if g.pod.HostNet {
		return
	}
	published := slices.Clone(g.pod.Ports)
	take := func(container string, of corev1.ContainerPort) (spec.PortMapping, bool) {
		for i, m := range published {
			if samePort(of, m) && (m.Container == container || m.Container == "") {
				published = slices.Delete(published, i, i+1)
				return m, true
			}
		}
		return spec.PortMapping{}, false
	}
	for i := range g.out.Spec.Containers {
		c := &g.out.Spec.Containers[i]
		for j := range c.Ports {
			of := &c.Ports[j]
			m, ok := take(c.Name, *of)
			switch {
			case ok && (m.HostPort == 0 || int32(m.HostPort) != of.HostPort || m.HostIP != of.HostIP):
				made := g.port(m)
				of.HostPort, of.HostIP = made.HostPort, made.HostIP
			case !ok:
				of.HostPort, of.HostIP = 0, ""
			}
		}
	}
	for _, m := range published {
		at := slices.IndexFunc(g.out.Spec.Containers, func(c corev1.Container) bool { return c.Name == m.Container })
		c := &g.out.Spec.Containers[max(at, 0)]
		c.Ports = append(c.Ports, g.port(m))
	}
}

// Update says in a pod as it was given what its containers have by now: CPU,
// memory and the restart policy can be changed while they run.
func Update(out *corev1.Pod, p *spec.Pod) {
	for _, list := range [][]corev1.Container{out.Spec.InitContainers, out.Spec.Containers} {
		for i := range list {
			c, ok := p.Container(list[i].Name)
			if !ok {
				continue
			}
			updateResources(&list[i], c)
			if d := c.Declared; d != nil && c.RestartPolicy != d.RestartPolicy {
				list[i].RestartPolicy = nil
				if c.RestartPolicy != "" {
					list[i].RestartPolicy = new(corev1.ContainerRestartPolicy(c.RestartPolicy))
				}
			}
		}
	}
}

func updateResources(out *corev1.Container, c *spec.Container) {
	has := func(list corev1.ResourceList, name corev1.ResourceName) int64 {
		q := list[name]
		if name == corev1.ResourceCPU {
			return q.MilliValue()
		}
		return q.Value()
	}
	for _, r := range []struct {
		list *corev1.ResourceList
		name corev1.ResourceName
		now  int64
	}{
		{&out.Resources.Limits, corev1.ResourceCPU, c.Resources.CPULimit},
		{&out.Resources.Limits, corev1.ResourceMemory, c.Resources.MemoryLimit},
		{&out.Resources.Requests, corev1.ResourceCPU, c.Resources.CPURequest},
		{&out.Resources.Requests, corev1.ResourceMemory, c.Resources.MemoryRequest},
	} {
		was := has(*r.list, r.name)
		if r.list == &out.Resources.Requests && was == 0 { // what is limited is requested
			was = has(out.Resources.Limits, r.name)
		}
		if was == r.now {
			continue
		}
		if *r.list == nil {
			*r.list = corev1.ResourceList{}
		}
		q := resource.NewQuantity(r.now, resource.BinarySI)
		if r.name == corev1.ResourceCPU {
			q = resource.NewMilliQuantity(r.now, resource.DecimalSI)
		}
		(*r.list)[r.name] = *q
		if q.IsZero() {
			delete(*r.list, r.name)
		}
	}
}

// givenByHand says of processes and cores what a person has set.
func (g *generator) givenByHand(c *spec.Container) {
	if c.Declared == nil {
		return
	}
	was, now := c.Declared.Resources, c.Resources
	if n := strconv.FormatInt(now.PidsLimit, 10); now.PidsLimit != was.PidsLimit {
		g.givenAnnotation(c, "pids-limit", n, "a limit of "+n+" processes", now.PidsLimit == 0)
	}
	if now.CPUSet != was.CPUSet {
		g.givenAnnotation(c, "cpuset", now.CPUSet, "the cores "+now.CPUSet, now.CPUSet == "")
	}
}

// givenAnnotation says of a limit that Kubernetes has no field for what a person
// has set: in podman's annotation if there is one, else in a new one, if those
// are asked for.
func (g *generator) givenAnnotation(c *spec.Container, key, value, what string, gone bool) {
	own := podmanPrefix + key + "/" + c.Name
	_, mine := g.out.Annotations[own]
	_, all := g.out.Annotations[podmanPrefix+key]
	delete(g.out.Annotations, own)
	switch {
	case gone && all && key == "pids-limit":
		g.annotate(own, "-1")
	case gone && all:
		g.lost("container %s: no annotation takes back %s%s, which is for all containers", c.Name, podmanPrefix, key)
	case gone:
	case mine || all:
		g.annotate(own, value)
	default:
		g.podmanOnly(own, value, what)
	}
}

// givenSeccomp warns of a profile that another folder of profiles made.
func (g *generator) givenSeccomp(c *spec.Container) {
	file := c.Security.Seccomp
	if !path.IsAbs(file) || strings.HasPrefix(file, DefaultSeccompRoot+"/") {
		return
	}
	for _, value := range g.pod.Annotations {
		if value == file { // given by its path
			return
		}
	}
	g.lost("container %s has the seccomp profile %s: give --seccomp-profile-root when you play this", c.Name, file)
}
