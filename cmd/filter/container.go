package filter

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"berth/cmd/report"
	"berth/engine/spec"
)

// Containers are the filters of ps, start, stop and rm. all is every
// container, so that before= and since= can name one that is not listed.
func Containers(now time.Time, all []report.Container) Matchers[report.Container] {
	type C = report.Container
	return Matchers[C]{
		"id":   func(c C, v string) (bool, error) { return idPattern(c.ID, v) },
		"name": func(c C, v string) (bool, error) { return Pattern(c.Names[0], v) },
		"label": func(c C, v string) (bool, error) {
			return label(c.Labels, v), nil
		},
		"label!": func(c C, v string) (bool, error) { return !label(c.Labels, v), nil },
		"annotation": func(c C, v string) (bool, error) {
			return label(c.PodStatus().Pod.Annotations, v), nil
		},
		"annotation!": func(c C, v string) (bool, error) {
			return !label(c.PodStatus().Pod.Annotations, v), nil
		},
		"status":   func(c C, v string) (bool, error) { return containerState(c.State, v) },
		"health":   func(c C, v string) (bool, error) { return healthState(c.HealthWord(), v) },
		"ancestor": func(c C, v string) (bool, error) { return ancestor(c, v) },
		"exited":   exited,
		"pod": func(c C, v string) (bool, error) {
			return c.PodName == v || c.Namespace+"/"+c.PodName == v || strings.HasPrefix(c.Pod, v), nil
		},
		"namespace":            func(c C, v string) (bool, error) { return c.Namespace == v, nil },
		"network":              func(c C, v string) (bool, error) { return slices.Contains(c.Networks, v), nil },
		"volume":               func(c C, v string) (bool, error) { return usesVolume(c, v), nil },
		"command":              func(c C, v string) (bool, error) { return len(c.Command) > 0 && c.Command[0] == v, nil },
		"restart-policy":       func(c C, v string) (bool, error) { return report.RestartPolicyOf(c) == v, nil },
		"should-start-on-boot": isTrue(startsAtBoot),
		"until": func(c C, v string) (bool, error) {
			t, err := ParseTime(now, v)
			return err == nil && created(c).Before(t), err
		},
		"before": func(c C, v string) (bool, error) {
			other, err := find(all, v)
			return err == nil && created(c).Before(created(other)), err
		},
		"since": func(c C, v string) (bool, error) {
			other, err := find(all, v)
			return err == nil && created(c).After(created(other)), err
		},
	}
}

// startsAtBoot reports whether a container is started again after a reboot as things
// are: one that was stopped is not, unless it always restarts.
func startsAtBoot(c report.Container) bool {
	switch report.RestartPolicyOf(c) {
	case "always":
		return true
	case "unless-stopped":
		return !c.ContainerStatus().Stopped
	}
	return false
}

func created(c report.Container) time.Time { return report.CreatedAt(c) }

func containerState(state, want string) (bool, error) {
	known := []string{"created", "running", "paused", "exited", "unknown", "stopped", "initialized", "removing", "stopping"}
	if !slices.Contains(known, want) {
		return false, fmt.Errorf("not a container status: want one of %s", strings.Join(known, ", "))
	}
	return state == want || want == "stopped" && state == string(spec.StateExited), nil
}

func healthState(state, want string) (bool, error) {
	known := []string{"healthy", "unhealthy", "starting", "none"}
	if !slices.Contains(known, want) {
		return false, fmt.Errorf("not a state of health: want one of %s", strings.Join(known, ", "))
	}
	return state == want, nil
}

// ancestor matches the image's name, whole or without registry or tag, or its ID.
func ancestor(c report.Container, want string) (bool, error) {
	name, _ := report.SplitTag(c.Image)
	short := name[strings.LastIndexByte(name, '/')+1:]
	switch {
	case c.Image == want, name == want, short == want, strings.HasSuffix(c.Image, "/"+want):
		return true, nil
	case len(want) >= 2 && c.ImageID != "" && strings.HasPrefix(c.ImageID, strings.TrimPrefix(want, "sha256:")):
		return true, nil
	}
	return Pattern(c.Image, want)
}

func exited(c report.Container, want string) (bool, error) {
	code, err := strconv.Atoi(want)
	if err != nil {
		return false, fmt.Errorf("want an exit code")
	}
	return c.Exited && c.ExitCode == code, nil
}

func usesVolume(c report.Container, want string) bool {
	source, destination, both := strings.Cut(want, ":")
	pod := &c.PodStatus().Pod
	for _, s := range pod.All() {
		if pod.ContainerName(s.Name) != c.Names[0] {
			continue
		}
		for _, m := range s.Mounts {
			name := ""
			if v, ok := pod.Volume(m.Volume); ok && v.Named != nil {
				name = v.Named.Volume
			} else if ok && v.Host != nil {
				name = v.Host.Path
			}
			if both && name == source && m.Path == destination || !both && (name == want || m.Path == want) {
				return true
			}
		}
	}
	return false
}

func find(all []report.Container, nameOrID string) (report.Container, error) {
	for _, c := range all {
		if c.Names[0] == nameOrID || strings.HasPrefix(c.ID, nameOrID) {
			return c, nil
		}
	}
	return report.Container{}, fmt.Errorf("container %q: %w", nameOrID, spec.ErrNotFound)
}
