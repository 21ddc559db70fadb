package filter

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"berth/cmd/report"
)

// Pods are the filters of pod ps.
func Pods(now time.Time) Matchers[report.Pod] {
	type P = report.Pod
	return Matchers[P]{
		"id":        func(p P, v string) (bool, error) { return idPattern(p.ID, v) },
		"name":      func(p P, v string) (bool, error) { return Pattern(p.Name, v) },
		"namespace": func(p P, v string) (bool, error) { return p.Namespace == v, nil },
		"label":     func(p P, v string) (bool, error) { return label(p.Labels, v), nil },
		"label!":    func(p P, v string) (bool, error) { return !label(p.Labels, v), nil },
		"network":   func(p P, v string) (bool, error) { return slices.Contains(p.Networks, v), nil },
		"status":    podState,
		"owner":     func(p P, v string) (bool, error) { return p.Owner == v, nil },
		"until": func(p P, v string) (bool, error) {
			t, err := ParseTime(now, v)
			return err == nil && p.Created.Before(t), err
		},
		"ctr-ids": anyContainer(func(c report.PodContainer, v string) (bool, error) { return idPattern(c.ID, v) }),
		"ctr-names": anyContainer(func(c report.PodContainer, v string) (bool, error) {
			return Pattern(c.Names, v)
		}),
		"ctr-status": anyContainer(func(c report.PodContainer, v string) (bool, error) {
			return containerState(c.Status, v)
		}),
		"ctr-number": func(p P, v string) (bool, error) {
			n, err := strconv.Atoi(v)
			if err != nil {
				return false, fmt.Errorf("want a number")
			}
			return len(p.Containers) == n, nil
		},
	}
}

func podState(p report.Pod, want string) (bool, error) {
	known := []string{"created", "running", "paused", "stopped", "exited", "degraded", "dead"}
	if !slices.Contains(known, strings.ToLower(want)) {
		return false, fmt.Errorf("not a pod status: want one of %s", strings.Join(known, ", "))
	}
	return strings.EqualFold(p.Status, want), nil
}

func anyContainer(match func(report.PodContainer, string) (bool, error)) func(report.Pod, string) (bool, error) {
	return func(p report.Pod, v string) (bool, error) {
		for _, c := range p.Containers {
			if ok, err := match(c, v); ok || err != nil {
				return ok, err
			}
		}
		return false, nil
	}
}
