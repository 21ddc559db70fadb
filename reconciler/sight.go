package reconciler

import (
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"berth/engine/spec"
	"berth/translate"
)

// Sights joins what was observed with what the supervisor knows besides, if
// there is one: why containers wait, and pods that cannot be made. The order is
// that of namespaces and names.
func Sights(observed []spec.PodStatus, views []PodView, now time.Time) []Sight {
	known := map[spec.PodID]*PodView{}
	there := map[spec.PodKey]bool{}
	var out []Sight
	for i := range views {
		if views[i].ID != "" {
			known[views[i].ID] = &views[i]
		}
	}
	for i := range observed {
		st := &observed[i]
		there[st.Pod.Key()] = true
		s := Sight{Status: *st, Waiting: NextOf(st, now, Hurry{}).Waiting}
		if v := known[st.Pod.ID]; v != nil {
			s.Failure = v.Failure
			for name, w := range v.Waiting {
				if _, ok := s.Waiting[name]; !ok {
					s.Waiting[name] = w
				}
			}
		}
		out = append(out, s)
	}
	for i := range views {
		v := &views[i]
		if v.Wanted != nil && !there[v.Wanted.Key()] {
			out = append(out, Sight{Status: *fresh(v.Wanted), Waiting: v.Waiting, Failure: v.Failure})
		}
	}
	slices.SortStableFunc(out, func(a, b Sight) int {
		x, y := &a.Status.Pod, &b.Status.Pod
		return cmp.Or(cmp.Compare(x.Namespace, y.Namespace), cmp.Compare(x.Name, y.Name))
	})
	return out
}

// Node is the host as a node of Kubernetes.
type Node struct {
	Name string
	IPs  []string
}

// KubePod is the pod as a Kubernetes object: as it was given, or where it was
// made by hand as it would have to be given, with its live metadata and status.
func KubePod(s Sight, on Node) (*corev1.Pod, error) {
	pod, err := givenPod(&s.Status.Pod)
	if err != nil {
		return nil, fmt.Errorf("pod %s: %w", s.Status.Pod.Key(), err)
	}
	s.fill(pod, on)
	return pod, nil
}

// BriefPod is KubePod with no more of its spec than lists show, which costs
// nothing to make.
func BriefPod(s Sight, on Node) *corev1.Pod {
	p, pod := &s.Status.Pod, &corev1.Pod{}
	always := corev1.ContainerRestartPolicyAlways
	for i := range p.InitContainers {
		c := corev1.Container{Name: p.InitContainers[i].Name, Image: p.InitContainers[i].Image}
		if sidecar(&p.InitContainers[i]) {
			c.RestartPolicy = &always
		}
		pod.Spec.InitContainers = append(pod.Spec.InitContainers, c)
	}
	for i := range p.Containers {
		pod.Spec.Containers = append(pod.Spec.Containers, corev1.Container{Name: p.Containers[i].Name, Image: p.Containers[i].Image})
	}
	for _, gate := range p.ReadinessGates {
		pod.Spec.ReadinessGates = append(pod.Spec.ReadinessGates, corev1.PodReadinessGate{ConditionType: corev1.PodConditionType(gate)})
	}
	s.fill(pod, on)
	return pod
}

// fill puts in what is live.
func (s Sight) fill(pod *corev1.Pod, on Node) {
	p := &s.Status.Pod
	pod.TypeMeta = metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"}
	pod.Namespace, pod.Name, pod.Labels, pod.Annotations = p.Namespace, p.Name, p.Labels, p.Annotations
	pod.Generation = generation
	if p.ID != "" {
		pod.UID = types.UID(p.ID.UID())
	}
	if !p.CreatedAt.IsZero() {
		pod.CreationTimestamp = *stamp(p.CreatedAt)
	}
	if r := s.Status.Removal; r != nil {
		pod.DeletionTimestamp = stamp(r.Since.Add(r.Grace))
		grace := int64(r.Grace / time.Second)
		pod.DeletionGracePeriodSeconds = &grace
	}
	pod.OwnerReferences = ownersOf(p)
	pod.Spec.NodeName = on.Name
	s.HostIPs = on.IPs
	pod.Status = KubeStatus(s)
}

// givenPod is what the pod was made from, with what its containers were given since.
func givenPod(p *spec.Pod) (*corev1.Pod, error) {
	var pod corev1.Pod
	if len(p.Manifest) > 0 {
		if err := json.Unmarshal(p.Manifest, &pod); err != nil {
			return nil, fmt.Errorf("read its manifest: %w", err)
		}
		translate.Update(&pod, p)
		return &pod, nil
	}
	objects, diagnostics := translate.Generate(p, translate.GenerateOptions{})
	if err := diagnostics.Err(); err != nil {
		return nil, err
	}
	data, err := json.Marshal(objects[0].Fields)
	if err != nil {
		return nil, err
	}
	return &pod, json.Unmarshal(data, &pod)
}

// ownersOf is the object that made the pod, unless that is the pod itself.
func ownersOf(p *spec.Pod) []metav1.OwnerReference {
	o := p.Origin
	if o.Kind == "" || o.Kind == "Pod" {
		return nil
	}
	version := map[string]string{"Job": "batch/v1", "CronJob": "batch/v1"}[o.Kind]
	if version == "" {
		version = "apps/v1"
	}
	yes := true
	return []metav1.OwnerReference{{
		APIVersion: version, Kind: o.Kind, Name: o.Name, UID: ObjectUID(o.Kind, o.Namespace, o.Name),
		Controller: &yes, BlockOwnerDeletion: &yes,
	}}
}

// ObjectUID is the UID of an object that is no pod. It has none of its own:
// the name says which one it is.
func ObjectUID(kind, namespace, name string) types.UID {
	h := sha256.Sum256([]byte(kind + "\x00" + namespace + "\x00" + name))
	h[6], h[8] = h[6]&0x0f|0x80, h[8]&0x3f|0x80 // version 8, made as one likes (RFC 9562)
	return types.UID(fmt.Sprintf("%x-%x-%x-%x-%x", h[0:4], h[4:6], h[6:8], h[8:10], h[10:16]))
}
