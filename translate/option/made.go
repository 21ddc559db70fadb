package option

import (
	"slices"
	"strings"

	"berth/engine/spec"
)

// Made is what flags say: a pod, and what is to be done with it. Identities,
// owner and times are the caller's to give, and names where the flags give none.
type Made struct {
	// Pod has one container, or none where it is of PodCreate. Of one that goes
	// Into a pod that is there only the container and its volumes count; call AddTo
	// and hand both to the engine.
	Pod *spec.Pod
	// Into is the pod, by name or ID, that the container is added to.
	Into string

	Replace     bool   // what has the name is removed
	RemoveImage bool   // once the container has ended
	IDFile      string // gets the ID, of the pod or the container
	Quiet       bool
	Pull        spec.PullOptions
	Attach      Attach
	Warnings    []string // what is given and changes nothing
}

// Container is the one container.
func (m *Made) Container() *spec.Container {
	return &m.Pod.Containers[0]
}

// Whole is the pod with its container among those of its kind.
func (m *Made) Whole() *spec.Pod {
	p := *m.Pod
	p.Containers = nil
	p.Add(*m.Container())
	return &p
}

// SetName names the container, and the pod that is only there for it. It is kept
// under the same name, but where one that was renamed is kept under that. In a pod
// of several its volumes are named after it, so that they are its own.
func (m *Made) SetName(name, kept string) {
	c := m.Container()
	c.Name = kept
	if kept != name {
		c.ByHand.Called = name
	}
	nameTag(&m.Pod.Log, name)
	if c.ByHand.Log != nil {
		nameTag(c.ByHand.Log, name)
	}
	if m.Pod.Bare {
		m.Pod.Name = name
		return
	}
	for i := range m.Pod.Volumes {
		v := &m.Pod.Volumes[i]
		for j := range c.Mounts {
			if c.Mounts[j].Volume == v.Name {
				c.Mounts[j].Volume = kept + "-" + v.Name
			}
		}
		v.Name = kept + "-" + v.Name
	}
}

// KeptName is the name by which a pod keeps a container: its own, unless one is there
// under it that gives way, or is called otherwise by now.
func KeptName(pod *spec.Pod, name string, id spec.ContainerID) string {
	if _, there := pod.Container(name); there {
		return name + "-" + id.Short()
	}
	return name
}

// NameHost gives a pod the hostname that podman would, where none is given: a
// container that stands alone is called by its ID, unless it is called as the host.
func NameHost(p *spec.Pod, alone spec.ContainerID) {
	uts := p.Join.UTS
	switch {
	case p.Hostname != "" || uts.Host || uts.Container != nil || uts.Path != "":
	case !p.Bare:
		p.Hostname = p.Name
	case !p.HostNet:
		p.Hostname = alone.Short()
	}
}

// WithoutPasswords is a command line as records keep it: without passwords.
func WithoutPasswords(words []string) []string {
	out := slices.Clone(words)
	for i, word := range words {
		for flag, without := range passwords {
			if value, given := strings.CutPrefix(word, flag+"="); given {
				out[i] = flag + "=" + without(value)
			}
			if i > 0 && words[i-1] == flag {
				out[i] = without(word)
			}
		}
	}
	return out
}

// passwords are the flags that hold some, and what is left of their values.
var passwords = map[string]func(string) string{
	"--creds": func(string) string { return "…" },
	"--decryption-key": func(value string) string {
		key, passphrase, locked := strings.Cut(value, ":")
		kept := strings.HasPrefix(passphrase, "file=") || strings.HasPrefix(passphrase, "fd=") || key == "provider"
		if !locked || kept {
			return value
		}
		return key + ":…"
	},
}

// Attach says what of the container the caller's terminal gets.
type Attach struct {
	Detach                bool
	Stdin, Stdout, Stderr bool
	ProxySignals          bool
	Keys                  string // that detach; empty: none do
}
