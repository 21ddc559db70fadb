package kube

import corev1 "k8s.io/api/core/v1"

// ConfigMap returns the ConfigMap of that name.
func (s *Set) ConfigMap(namespace, name string) (*corev1.ConfigMap, bool) {
	o, ok := s.Find(Key{"ConfigMap", namespace, name})
	if !ok {
		return nil, false
	}
	return o.ConfigMap, true
}

// Secret returns the Secret of that name.
func (s *Set) Secret(namespace, name string) (*corev1.Secret, bool) {
	o, ok := s.Find(Key{"Secret", namespace, name})
	if !ok {
		return nil, false
	}
	return o.Secret, true
}

// PersistentVolumeClaim returns the claim of that name.
func (s *Set) PersistentVolumeClaim(namespace, name string) (*corev1.PersistentVolumeClaim, bool) {
	o, ok := s.Find(Key{"PersistentVolumeClaim", namespace, name})
	if !ok {
		return nil, false
	}
	return o.PersistentVolumeClaim, true
}
