package kube

import (
	"reflect"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

func valueOf(p any) reflect.Value { return reflect.ValueOf(p).Elem() }

// ifNil makes *p point to value where it points nowhere.
func ifNil[T any](p **T, value T) {
	if *p == nil {
		*p = &value
	}
}

// ifZero sets *p where it holds nothing.
func ifZero[T comparable](p *T, value T) {
	var zero T
	if *p == zero {
		*p = value
	}
}

// complete fills in what an API server would: the namespace and the kind's
// defaults.
//
// Rules: https://github.com/kubernetes/kubernetes/blob/master/pkg/apis/core/v1/defaults.go
func (o *Object) complete(info kindInfo) {
	meta := o.Meta()
	if info.name == "Namespace" {
		meta.Namespace = ""
	} else {
		ifZero(&meta.Namespace, metav1.NamespaceDefault)
	}
	o.Name, o.Namespace = meta.Name, meta.Namespace
	info.complete(o)
	valueOf(o.typed()).FieldByName("TypeMeta").Set(reflect.ValueOf(info.typeMeta()))
}

func defaultDeployment(o *Object) {
	d := &o.Deployment.Spec
	ifNil(&d.Replicas, 1)
	ifNil(&d.RevisionHistoryLimit, 10)
	ifNil(&d.ProgressDeadlineSeconds, 600)
	ifZero(&d.Strategy.Type, appsv1.RollingUpdateDeploymentStrategyType)
	if d.Strategy.Type == appsv1.RollingUpdateDeploymentStrategyType {
		ifNil(&d.Strategy.RollingUpdate, appsv1.RollingUpdateDeployment{})
		ifNil(&d.Strategy.RollingUpdate.MaxUnavailable, intstr.FromString("25%"))
		ifNil(&d.Strategy.RollingUpdate.MaxSurge, intstr.FromString("25%"))
	}
	defaultPodSpec(&d.Template.Spec)
}

// defaultSecret merges stringData into data, over which it wins.
func defaultSecret(o *Object) {
	s := o.Secret
	ifZero(&s.Type, corev1.SecretTypeOpaque)
	if s.Data == nil && len(s.StringData) > 0 {
		s.Data = make(map[string][]byte, len(s.StringData))
	}
	for key, value := range s.StringData {
		s.Data[key] = []byte(value)
	}
	s.StringData = nil
}

func defaultClaim(o *Object) {
	ifNil(&o.PersistentVolumeClaim.Spec.VolumeMode, corev1.PersistentVolumeFilesystem)
}
