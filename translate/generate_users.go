package translate

import (
	"fmt"
	"math"
	"reflect"
	"strings"

	"berth/engine/spec"
)

// users says whose users the pod has, where the YAML so far does not: in Kubernetes'
// field if that can, else in podman's annotation.
func (g *generator) users() {
	const key = podmanPrefix + "userns"
	said, err := usersOf(&g.out.Spec, g.out.Annotations[key])
	asked := askedUsers(g.pod.Users)
	if err == nil && said != nil && reflect.DeepEqual(said.Namespace, asked) || said == nil && asked == nil {
		return
	}
	delete(g.out.Annotations, key)
	g.out.Spec.HostUsers = nil
	if asked == nil {
		return
	}
	s := &g.out.Spec
	word, ok := usersWord(asked)
	switch {
	case !ok:
		g.lost("Kubernetes has no field for --userns, --uidmap and --gidmap: they are left out")
	case word == "auto" && !s.HostNetwork && !s.HostPID && !s.HostIPC:
		s.HostUsers = new(false)
	default:
		g.podmanOnly(key, word, "--userns "+word)
	}
}

// askedUsers are a pod's as somebody asked for them, without what was chosen.
func askedUsers(u *spec.UserNamespace) *spec.UserNamespace {
	if u != nil && u.Auto != nil {
		return &spec.UserNamespace{Auto: u.Auto}
	}
	return u
}

// usersWord is podman's word for users, if it has one.
func usersWord(u *spec.UserNamespace) (word string, ok bool) {
	if u.Auto == nil {
		every := []spec.IDMap{{Size: math.MaxUint32}}
		return "keep-id", reflect.DeepEqual(u, &spec.UserNamespace{UIDs: every, GIDs: every})
	}
	var options []string
	if u.Auto.Size > 0 {
		options = append(options, fmt.Sprintf("size=%d", u.Auto.Size))
	}
	for _, m := range u.Auto.UIDs {
		options = append(options, fmt.Sprintf("uidmapping=%d:%d:%d", m.Container, m.Host, m.Size))
	}
	for _, m := range u.Auto.GIDs {
		options = append(options, fmt.Sprintf("gidmapping=%d:%d:%d", m.Container, m.Host, m.Size))
	}
	if len(options) == 0 {
		return "auto", true
	}
	return "auto:" + strings.Join(options, ","), true
}
