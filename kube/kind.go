package kube

import (
	"fmt"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"berth/internal/source"
)

// kindInfo is a kind of object that berth runs.
type kindInfo struct {
	name, apiVersion string
	// target makes the typed field of o and returns a pointer to it.
	target func(o *Object) any
	// complete fills in defaults, check validates.
	complete func(o *Object)
	check    func(c *check, o *Object)
}

// kinds is every kind that berth runs.
func kinds() []kindInfo {
	return []kindInfo{
		{"Pod", "v1", func(o *Object) any { return set(&o.Pod) }, defaultPod, checkPod},
		{"Deployment", "apps/v1", func(o *Object) any { return set(&o.Deployment) }, defaultDeployment, checkDeployment},
		{"ConfigMap", "v1", func(o *Object) any { return set(&o.ConfigMap) }, func(*Object) {}, checkConfigMap},
		{"Secret", "v1", func(o *Object) any { return set(&o.Secret) }, defaultSecret, checkSecret},
		{"PersistentVolumeClaim", "v1", func(o *Object) any { return set(&o.PersistentVolumeClaim) }, defaultClaim, checkClaim},
		{"Namespace", "v1", func(o *Object) any { return set(&o.NamespaceObject) }, func(*Object) {}, checkNamespace},
	}
}

// listKind holds objects of any kind under items; so does a kind's own list
// ("PodList").
const listKind = "List"

func set[T any](p **T) *T {
	*p = new(T)
	return *p
}

// kindNamed finds the kind of that name.
func kindNamed(name string) (kindInfo, bool) {
	for _, k := range kinds() {
		if k.name == name {
			return k, true
		}
	}
	return kindInfo{}, false
}

func kindNames() []string {
	var names []string
	for _, k := range kinds() {
		names = append(names, k.name)
	}
	return append(names, listKind)
}

// otherKinds is what Kubernetes has besides, so that none of it is taken for a
// misspelt kind of ours.
const otherKinds = ` Service StatefulSet DaemonSet ReplicaSet ReplicationController Job CronJob Ingress IngressClass NetworkPolicy
 ServiceAccount Role RoleBinding ClusterRole ClusterRoleBinding PersistentVolume StorageClass HorizontalPodAutoscaler
 PodDisruptionBudget PodTemplate Endpoints EndpointSlice Event LimitRange ResourceQuota Node PriorityClass RuntimeClass
 CustomResourceDefinition ValidatingWebhookConfiguration MutatingWebhookConfiguration Lease Binding VolumeSnapshot Gateway HTTPRoute `

// unknownKind is the message about a kind that is not one of ours.
func unknownKind(name string) string {
	hint := ""
	if !strings.Contains(strings.ReplaceAll(otherKinds, "\n", " "), " "+name+" ") {
		hint = source.DidYouMean(shorten(name, 60), kindNames())
	}
	return fmt.Sprintf("kind %s is not one berth runs (it runs %s)%s", quote(name), strings.Join(kindNames(), ", "), hint)
}

// typeMeta gives the object's apiVersion and kind, which its typed form repeats.
func (k kindInfo) typeMeta() metav1.TypeMeta {
	return metav1.TypeMeta{Kind: k.name, APIVersion: k.apiVersion}
}

// Meta is the object's metadata.
func (o *Object) Meta() *metav1.ObjectMeta {
	switch {
	case o.Pod != nil:
		return &o.Pod.ObjectMeta
	case o.Deployment != nil:
		return &o.Deployment.ObjectMeta
	case o.ConfigMap != nil:
		return &o.ConfigMap.ObjectMeta
	case o.Secret != nil:
		return &o.Secret.ObjectMeta
	case o.PersistentVolumeClaim != nil:
		return &o.PersistentVolumeClaim.ObjectMeta
	case o.NamespaceObject != nil:
		return &o.NamespaceObject.ObjectMeta
	}
	return &metav1.ObjectMeta{}
}

// typed is the object's typed form.
func (o *Object) typed() any {
	switch {
	case o.Pod != nil:
		return o.Pod
	case o.Deployment != nil:
		return o.Deployment
	case o.ConfigMap != nil:
		return o.ConfigMap
	case o.Secret != nil:
		return o.Secret
	case o.PersistentVolumeClaim != nil:
		return o.PersistentVolumeClaim
	case o.NamespaceObject != nil:
		return o.NamespaceObject
	}
	return nil
}

// PodTemplate is the pod that the object makes: a Pod's own metadata and spec,
// a Deployment's template. Other kinds have none.
func (o *Object) PodTemplate() (*metav1.ObjectMeta, *corev1.PodSpec, bool) {
	switch {
	case o.Pod != nil:
		return &o.Pod.ObjectMeta, &o.Pod.Spec, true
	case o.Deployment != nil:
		return templateOf(o.Deployment)
	}
	return nil, nil, false
}

func templateOf(d *appsv1.Deployment) (*metav1.ObjectMeta, *corev1.PodSpec, bool) {
	return &d.Spec.Template.ObjectMeta, &d.Spec.Template.Spec, true
}
