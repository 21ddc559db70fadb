package translate

import (
	"fmt"
	"slices"
	"strings"

	"berth/internal/source"
	"berth/kube"
)

// index finds the objects that pods refer to.
type index struct {
	objects map[kube.Key]*kube.Object
}

func newIndex(set *kube.Set) *index {
	x := &index{objects: make(map[kube.Key]*kube.Object, len(set.Objects))}
	for _, o := range set.Objects {
		x.objects[o.Key()] = o
	}
	return x
}

// config is the content of a ConfigMap or a Secret, by key.
type config struct {
	text   map[string]string
	binary map[string][]byte // of a ConfigMap: not for the environment
}

// find returns the content of a ConfigMap or Secret.
func (x *index) find(key kube.Key) (config, bool) {
	o, ok := x.objects[key]
	switch {
	case !ok:
		return config{}, false
	case o.ConfigMap != nil:
		return config{o.ConfigMap.Data, o.ConfigMap.BinaryData}, true
	case o.Secret != nil:
		text := make(map[string]string, len(o.Secret.Data)+len(o.Secret.StringData))
		for k, v := range o.Secret.Data {
			text[k] = string(v)
		}
		for k, v := range o.Secret.StringData { // wins, as in the API server
			text[k] = v
		}
		return config{text, nil}, true
	}
	return config{}, false
}

// missing says that an object is not there and which one may have been meant.
func (x *index) missing(key kube.Key) string {
	var names, elsewhere []string
	for k := range x.objects {
		switch {
		case k.Kind != key.Kind:
		case k.Namespace == key.Namespace:
			names = append(names, k.Name)
		case k.Name == key.Name:
			elsewhere = append(elsewhere, k.Namespace)
		}
	}
	slices.Sort(names)
	slices.Sort(elsewhere)
	message := fmt.Sprintf("%s %s/%s does not exist", key.Kind, key.Namespace, key.Name)
	if len(elsewhere) > 0 {
		return message + fmt.Sprintf(", but one of this name is in namespace %s: a pod can only use those of its own", strings.Join(elsewhere, ", "))
	}
	if hint := source.DidYouMean(key.Name, names); hint != "" {
		return message + hint
	}
	return message + ": add it, or set optional: true"
}

// missingKey says that an object lacks a key and which one may have been meant.
func (c config) missingKey(object kube.Key, key string) string {
	message := fmt.Sprintf("%s %s/%s has no key %q", object.Kind, object.Namespace, object.Name, key)
	if hint := source.DidYouMean(key, c.keys()); hint != "" {
		return message + hint
	}
	if len(c.text)+len(c.binary) > 0 {
		return message + ", only " + strings.Join(c.keys(), ", ")
	}
	return message + ", it is empty"
}

// keys lists all keys, sorted.
func (c config) keys() []string {
	var keys []string
	for k := range c.text {
		keys = append(keys, k)
	}
	for k := range c.binary {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// data is the content of a key as a file.
func (c config) data(key string) ([]byte, bool) {
	if v, ok := c.text[key]; ok {
		return []byte(v), true
	}
	v, ok := c.binary[key]
	return v, ok
}
