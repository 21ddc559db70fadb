package reconciler

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"berth/engine/spec"
)

// DescribeChange says in plain words what differs between two pods. It names
// fields and images, never values: those may be secret.
func DescribeChange(old, new *spec.Pod) string {
	var out []string
	differs := func(what string, a, b any) {
		if !same(a, b) {
			out = append(out, what)
		}
	}
	out = append(out, containerChanges(old.InitContainers, new.InitContainers)...)
	out = append(out, containerChanges(old.Containers, new.Containers)...)
	differs("ports", old.Ports, new.Ports)
	differs("networks", old.Networks, new.Networks)
	differs("user-mode network", old.UserMode, new.UserMode)
	differs("volumes", plainVolumes(old.Volumes), plainVolumes(new.Volumes))
	differs("active deadline", old.ActiveDeadline, new.ActiveDeadline)
	differs("readiness gates", old.ReadinessGates, new.ReadinessGates)
	differs("priority", old.Priority, new.Priority)
	differs("hostname", old.Hostname, new.Hostname)
	differs("host namespaces", [4]bool{old.HostNet, old.HostPID, old.HostIPC, old.SharePID}, [4]bool{new.HostNet, new.HostPID, new.HostIPC, new.SharePID})
	differs("DNS", old.DNS, new.DNS)
	differs("host aliases", old.Hosts, new.Hosts)
	differs("sysctls", old.Sysctls, new.Sysctls)
	differs("restart policy", old.RestartPolicy, new.RestartPolicy)
	differs("termination grace period", old.TerminationGrace, new.TerminationGrace)
	differs("logging", old.Log, new.Log)
	switch {
	case len(out) == 0 && new.UsesSecrets(): // records have no secrets to compare with
		return "a Secret in the environment changed"
	case len(out) == 0:
		return "its definition changed"
	}
	return join(out) + " changed"
}

func containerChanges(old, new []spec.Container) []string {
	var out []string
	before := map[string]spec.Container{}
	for _, c := range old {
		before[c.Name] = c.AsDeclared() // what a person set is not the object's change
	}
	for _, c := range new {
		b, ok := before[c.Name]
		delete(before, c.Name)
		switch {
		case !ok:
			out = append(out, fmt.Sprintf("list of containers (%s added)", c.Name))
		case b.Image != c.Image:
			out = append(out, fmt.Sprintf("image of container %s (%s → %s)", c.Name, b.Image, c.Image))
		default:
			if what := containerChange(b, c); what != "" {
				out = append(out, fmt.Sprintf("%s of container %s", what, c.Name))
			}
		}
	}
	for _, c := range old {
		if _, gone := before[c.Name]; gone {
			out = append(out, fmt.Sprintf("list of containers (%s removed)", c.Name))
		}
	}
	return out
}

func containerChange(a, b spec.Container) string {
	var out []string
	for _, f := range []struct {
		what string
		a, b any
	}{
		{"command", [2][]string{a.Command, a.Args}, [2][]string{b.Command, b.Args}},
		{"environment", a.Env, b.Env},
		{"mounts", a.Mounts, b.Mounts},
		{"resources", a.Resources, b.Resources},
		{"user", a.User, b.User},
		{"security settings", a.Security, b.Security},
		{"working directory", a.WorkingDir, b.WorkingDir},
		{"restart policy", a.RestartPolicy, b.RestartPolicy},
		{"stop signal", a.StopSignal, b.StopSignal},
		{"probes or hooks", a.Lifecycle, b.Lifecycle},
	} {
		if !same(f.a, f.b) {
			out = append(out, f.what)
		}
	}
	return join(out)
}

// plainVolumes leaves out what is not part of a pod's hash.
func plainVolumes(volumes []spec.Volume) []spec.Volume {
	out := make([]spec.Volume, len(volumes))
	for i, v := range volumes {
		if v.Files != nil {
			v.Files = &spec.FilesVolume{}
		}
		if v.Empty != nil {
			v.Empty = &spec.EmptyVolume{Memory: v.Empty.Memory, SizeLimit: v.Empty.SizeLimit}
		}
		out[i] = v
	}
	return out
}

// same compares two values as records keep them: nothing and empty are one.
func same(a, b any) bool {
	x, errA := json.Marshal(a)
	y, errB := json.Marshal(b)
	return errA == nil && errB == nil && bytes.Equal(x, y)
}

// join is "a, b and c".
func join(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:len(words)-1], ", ") + " and " + words[len(words)-1]
}
