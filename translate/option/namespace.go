package option

import (
	"errors"
	"strings"

	"berth/engine/spec"
)

// join reads container:NAME and ns:PATH, which namespaces of all kinds have.
func (m *maker) join(flag, value string) (spec.Join, bool) {
	kind, rest, _ := strings.Cut(value, ":")
	switch kind {
	case "container":
		ref, ok := m.ref(flag, value, rest)
		if !ok {
			return spec.Join{}, true
		}
		return spec.Join{Container: &ref}, true
	case "ns":
		if !strings.HasPrefix(rest, "/") {
			m.noteFlag(flag, value, errors.New("give the absolute path of a namespace: ns:/run/…"))
		}
		return spec.Join{Path: rest}, true
	}
	return spec.Join{}, false
}

// ref asks for the container of a name.
func (m *maker) ref(flag, value, name string) (spec.ContainerRef, bool) {
	if name == "" {
		m.noteFlag(flag, value, errors.New("the name of a container is missing"))
		return spec.ContainerRef{}, false
	}
	ref, err := m.host.Container(name)
	m.noteFlag(flag, value, err)
	return ref, err == nil
}
