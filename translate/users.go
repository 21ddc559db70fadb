package translate

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"berth/engine/spec"
)

// Users is whose users a pod has.
type Users struct {
	Namespace *spec.UserNamespace `json:"namespace,omitempty"` // nil: those of the host
	As        *IDs                `json:"as,omitempty"`        // whom containers run as that name nobody; nil: whom the image says
}

// IDs are the numbers of a user and a group.
type IDs struct {
	UID int64 `json:"uid"`
	GID int64 `json:"gid"`
}

// ParseUsers reads podman's word for the users of a pod of YAML: the flag --userns and
// the annotation. An empty one says nothing of them.
func ParseUsers(word string) (*Users, error) {
	kind, options, _ := strings.Cut(word, ":")
	switch kind {
	case "":
		return nil, nil
	case "host":
		return &Users{}, nil
	case "auto":
		auto, err := ParseAutoUsers(options)
		return &Users{Namespace: &spec.UserNamespace{Auto: auto}}, err
	case "keep-id":
		return RootKeepsID(options)
	case "nomap":
		return nil, errors.New("it is for others than root: write auto or host")
	case "private", "ns", "container":
		return nil, errors.New("it does not say how the users of a pod of YAML are mapped: write auto, keep-id or host")
	}
	return nil, fmt.Errorf("unknown%s", didYouMeanOneOf(kind, []string{"auto", "keep-id", "host"}))
}

// users says whose users the pod has: as the flag says, else as its YAML does.
func (b *builder) users() {
	users := b.options.Users
	for name := range b.pod.Annotations {
		if strings.HasPrefix(name, podmanPrefix+"userns/") {
			b.errorf(annotationField(name), "containers of a pod share its users: write %suserns", podmanPrefix)
		}
	}
	if users == nil {
		value, at, _ := b.podmanAnnotation("userns", "")
		var err error
		if users, err = usersOf(b.from, value); err != nil {
			b.errorf(at, "%q: %v", value, err)
		}
	}
	if users == nil {
		return
	}
	b.pod.Users, b.runAs = users.Namespace, users.As
}

// usersOf is whose users a pod's YAML says that it has: podman's annotation goes
// before the field. nil: nothing.
func usersOf(from *corev1.PodSpec, annotation string) (*Users, error) {
	users, err := ParseUsers(annotation)
	if users == nil && err == nil && from.HostUsers != nil && !*from.HostUsers {
		users = &Users{Namespace: &spec.UserNamespace{Auto: &spec.AutoUsers{}}}
	}
	return users, err
}

// ParseAutoUsers reads the options of --userns auto:.
func ParseAutoUsers(options string) (*spec.AutoUsers, error) {
	auto := &spec.AutoUsers{}
	if options == "" {
		return auto, nil
	}
	for word := range strings.SplitSeq(options, ",") {
		key, value, _ := strings.Cut(word, "=")
		switch key {
		case "size":
			n, err := strconv.ParseUint(value, 10, 32)
			if err != nil || n == 0 {
				return nil, fmt.Errorf("%q is not a number of users", value)
			}
			auto.Size = uint32(n)
		case "uidmapping", "gidmapping":
			ids, err := ParseIDMap(strings.Split(value, ":"))
			if err != nil {
				return nil, fmt.Errorf("%s: %w", key, err)
			}
			if key == "uidmapping" {
				auto.UIDs = append(auto.UIDs, ids)
			} else {
				auto.GIDs = append(auto.GIDs, ids)
			}
		default:
			return nil, fmt.Errorf("unknown option %q%s", word, didYouMeanOneOf(key, []string{"size", "uidmapping", "gidmapping"}))
		}
	}
	return auto, nil
}

// KeepID is who the caller is in a container, and how many users that has.
type KeepID struct{ UID, GID, Size uint32 }

// ParseKeepID reads the options of --userns keep-id: over what is in keep.
func ParseKeepID(options string, keep KeepID) (KeepID, error) {
	if options == "" {
		return keep, nil
	}
	for word := range strings.SplitSeq(options, ",") {
		key, value, _ := strings.Cut(word, "=")
		into, ok := map[string]*uint32{"uid": &keep.UID, "gid": &keep.GID, "size": &keep.Size}[key]
		if !ok {
			return keep, fmt.Errorf("unknown option %q%s", word, didYouMeanOneOf(key, []string{"uid", "gid", "size"}))
		}
		n, err := strconv.ParseUint(value, 10, 31)
		if err != nil {
			return keep, fmt.Errorf("%s=%q: not a number of a user or group", key, value)
		}
		*into = uint32(n)
	}
	return keep, nil
}

// RootKeepsID is --userns keep-id of root's: each user of the host is the one of the
// same number, and processes that do not say otherwise are root, or whom the options
// name.
func RootKeepsID(options string) (*Users, error) {
	keep, err := ParseKeepID(options, KeepID{})
	if err == nil && keep.Size > 0 {
		err = errors.New("size= is for others than root, who has all users: drop it")
	}
	all := []spec.IDMap{{Size: math.MaxUint32}}
	return &Users{
		Namespace: &spec.UserNamespace{UIDs: all, GIDs: slices.Clone(all)},
		As:        &IDs{UID: int64(keep.UID), GID: int64(keep.GID)},
	}, err
}

// ParseIDMap reads the numbers of a range: the first in the container, the first on
// the host, how many; without the third it is one.
func ParseIDMap(parts []string) (spec.IDMap, error) {
	if len(parts) == 2 {
		parts = append(parts, "1")
	}
	if len(parts) != 3 {
		return spec.IDMap{}, errors.New("write three numbers: the first in the container, the first on the host, how many")
	}
	var n [3]uint64
	for i, s := range parts {
		var err error
		if n[i], err = strconv.ParseUint(s, 10, 32); err != nil {
			return spec.IDMap{}, fmt.Errorf("%q is not a number of a user or group", s)
		}
	}
	switch {
	case n[2] == 0:
		return spec.IDMap{}, errors.New("a range of none")
	case n[0]+n[2] > math.MaxUint32 || n[1]+n[2] > math.MaxUint32:
		return spec.IDMap{}, errors.New("the range ends beyond 4294967295")
	}
	return spec.IDMap{Container: uint32(n[0]), Host: uint32(n[1]), Size: uint32(n[2])}, nil
}
