package kube

import (
	"encoding/json"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"berth/internal/source"
)

// Object is one Kubernetes object and where it was read. Exactly one of the
// typed fields is set, the one its Kind names; defaults have been filled in.
type Object struct {
	Kind      string // "Pod", "Deployment", …
	Namespace string // "" for a Namespace itself
	Name      string

	Pos source.Pos
	// Fields gives the position of a field by its path ("spec.containers[0].image"),
	// of the nearest parent when the path itself was not written.
	Fields Positions

	// Owner is who may change and prune what this object becomes: an
	// engine/spec Owner, set by the source that read the object.
	Owner string
	// Options are the options the object was given with on the command line,
	// as translate wrote them; nil in a folder.
	Options json.RawMessage
	// Created is since when the object is known: when kube play was given it first,
	// or when its file was last changed; zero: that is not known.
	Created time.Time
	// Input says that the object was given only for the pods that read it: it
	// goes with the last of them.
	Input bool

	Pod                   *corev1.Pod
	Deployment            *appsv1.Deployment
	ConfigMap             *corev1.ConfigMap
	Secret                *corev1.Secret
	PersistentVolumeClaim *corev1.PersistentVolumeClaim
	NamespaceObject       *corev1.Namespace
}

// Key identifies an object among all of its kind.
type Key struct{ Kind, Namespace, Name string }

// String is "Kind namespace/name".
func (k Key) String() string { return k.Kind + " " + k.Namespace + "/" + k.Name }

// Key is the object's identity.
func (o *Object) Key() Key { return Key{o.Kind, o.Namespace, o.Name} }

// Set is everything that should be there, as one or more sources see it.
type Set struct {
	Objects []*Object
	// Unknown lists owners part of whose objects could not be read: what they
	// own and does not stand in Objects is kept, not removed.
	Unknown []string
	// Diagnostics says what is wrong with what could not be read, and warns.
	Diagnostics source.Diagnostics
}

// Find returns the object of that key.
func (s *Set) Find(key Key) (*Object, bool) {
	for _, o := range s.Objects {
		if o.Key() == key {
			return o, true
		}
	}
	return nil, false
}
