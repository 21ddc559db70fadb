package translate

import (
	"slices"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"berth/engine/spec"
)

// resources translates requests and limits; oomScores follows when all of the
// pod's containers are known.
func (b *builder) resources(c *corev1.Container) spec.Resources {
	limits := c.Resources.Limits
	r := spec.Resources{
		CPURequest:    request(c, corev1.ResourceCPU).MilliValue(),
		CPULimit:      limits.Cpu().MilliValue(),
		MemoryRequest: request(c, corev1.ResourceMemory).Value(),
		MemoryLimit:   limits.Memory().Value(),
	}
	b.resourceAnnotations(c.Name, &r)
	return r
}

// request is what a container asks for: without a request its limit.
func request(c *corev1.Container, name corev1.ResourceName) *resource.Quantity {
	if q, ok := c.Resources.Requests[name]; ok {
		return &q
	}
	q := c.Resources.Limits[name]
	return &q
}

// The kubelet's oom_score_adj by class of service.
const (
	oomGuaranteed   = -997
	oomBurstableMin = 3
	oomBestEffort   = 1000
)

// OOMScores gives each container its oom_score_adj on a host of so much memory:
// the class is the pod's, the score of a burstable container falls with its share
// of the host's memory.
func OOMScores(pod *spec.Pod, memory int64) {
	class := pod.QOS()
	for _, list := range [][]spec.Container{pod.InitContainers, pod.Containers} {
		for i := range list {
			score := oomScore(class, list[i].Resources.MemoryRequest, memory)
			list[i].Resources.OOMScoreAdj = &score
		}
	}
	for i := range pod.InitContainers { // a sidecar outlives the containers it serves
		if c := &pod.InitContainers[i]; c.RestartPolicy == spec.RestartAlways {
			for _, app := range pod.Containers {
				*c.Resources.OOMScoreAdj = min(*c.Resources.OOMScoreAdj, *app.Resources.OOMScoreAdj)
			}
		}
	}
}

func oomScore(class spec.QOSClass, request, capacity int64) int {
	switch class {
	case spec.QOSGuaranteed:
		return oomGuaranteed
	case spec.QOSBestEffort:
		return oomBestEffort
	}
	share := 0.0
	if capacity > 0 {
		share = float64(request) / float64(capacity)
	}
	return min(max(oomBestEffort-int(share*oomBestEffort), oomBurstableMin), oomBestEffort-1)
}

// memoryLimit is what the containers of a pod may use together; 0 if one of
// them may use any amount.
func memoryLimit(pod *corev1.PodSpec) int64 {
	var sum int64
	for _, c := range pod.Containers {
		limit := c.Resources.Limits.Memory().Value()
		if limit == 0 {
			return 0
		}
		sum += limit
	}
	for _, c := range pod.InitContainers {
		limit := c.Resources.Limits.Memory().Value()
		if limit == 0 {
			return 0
		}
		sum = max(sum, limit)
	}
	return sum
}

// resourceFieldRef is a request or a limit of a container in units of the
// divisor, rounded up. Without a limit it is what the host has. c is whose it is
// where the reference does not say; nil: it must.
func (b *builder) resourceFieldRef(c *corev1.Container, ref *corev1.ResourceFieldSelector, field string) (string, bool) {
	if ref.ContainerName != "" || c == nil {
		all := slices.Concat(b.from.InitContainers, b.from.Containers)
		i := slices.IndexFunc(all, func(c corev1.Container) bool { return c.Name == ref.ContainerName })
		if i < 0 {
			b.errorf(field+".containerName", "the pod has no container %q%s", ref.ContainerName, didYouMeanOneOf(ref.ContainerName, containerNames(b.from)))
			return "", false
		}
		c = &all[i]
	}
	quantity, milli := resource.Quantity{}, false
	switch ref.Resource {
	case "limits.cpu":
		quantity, milli = c.Resources.Limits[corev1.ResourceCPU], true
		if quantity.IsZero() {
			quantity = *resource.NewMilliQuantity(b.host.CPUs, resource.DecimalSI)
		}
	case "limits.memory":
		quantity = c.Resources.Limits[corev1.ResourceMemory]
		if quantity.IsZero() {
			quantity = *resource.NewQuantity(b.host.Memory, resource.BinarySI)
		}
	case "requests.cpu":
		quantity, milli = *request(c, corev1.ResourceCPU), true
	case "requests.memory":
		quantity = *request(c, corev1.ResourceMemory)
	case "requests.ephemeral-storage":
		quantity = *request(c, corev1.ResourceEphemeralStorage)
	default:
		known := []string{"limits.cpu", "limits.memory", "requests.cpu", "requests.memory", "requests.ephemeral-storage"}
		b.errorf(field+".resource", "unknown resource %q%s", ref.Resource, didYouMeanOneOf(ref.Resource, known))
		return "", false
	}
	value, divisor := quantity.Value(), ref.Divisor.Value()
	if milli {
		value, divisor = quantity.MilliValue(), ref.Divisor.MilliValue()
		if ref.Divisor.IsZero() {
			divisor = 1000
		}
	}
	return strconv.FormatInt(ceilDiv(value, max(1, divisor)), 10), true
}

func ceilDiv(value, divisor int64) int64 {
	if value <= 0 {
		return 0
	}
	return (value-1)/divisor + 1
}
