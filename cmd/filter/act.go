package filter

import (
	"fmt"
	"slices"
	"strings"

	"berth/engine/spec"
)

// Acts are the filters of events.
func Acts() Matchers[spec.Act] {
	about := func(kind spec.ActType) func(spec.Act, string) (bool, error) {
		return func(a spec.Act, want string) (bool, error) {
			return a.Type == kind && (a.Name == want || want != "" && strings.HasPrefix(a.ID, want)), nil
		}
	}
	return Matchers[spec.Act]{
		"container": about(spec.ActContainer),
		"event":     func(a spec.Act, want string) (bool, error) { return a.Status == want, nil },
		"image":     about(spec.ActImage),
		"label":     func(a spec.Act, want string) (bool, error) { return label(a.Attributes, want), nil },
		"network": func(a spec.Act, want string) (bool, error) {
			return a.Type == spec.ActNetwork && a.Network == want, nil
		},
		"pod":    about(spec.ActPod),
		"secret": about(spec.ActSecret),
		"type": func(a spec.Act, want string) (bool, error) {
			if !slices.Contains(spec.ActTypes(), spec.ActType(want)) {
				return false, fmt.Errorf("want one of %v", spec.ActTypes())
			}
			return string(a.Type) == want, nil
		},
		"volume": about(spec.ActVolume),
	}
}
