package filter

import (
	"fmt"
	"slices"
	"time"

	"berth/engine/network"
	"berth/engine/spec"
	"berth/engine/volume"
)

// Volumes are the filters of volume ls and volume prune. users says which pods
// use a volume.
// all is every volume, so that since= and after= can name one that is not listed.
func Volumes(now time.Time, users map[string][]spec.PodKey, all []volume.Volume) Matchers[volume.Volume] {
	type V = volume.Volume
	since := func(v V, s string) (bool, error) {
		if i := slices.IndexFunc(all, func(v V) bool { return v.Name == s }); i >= 0 {
			return v.CreatedAt.After(all[i].CreatedAt), nil
		}
		t, err := ParseTime(now, s)
		if err != nil {
			return false, fmt.Errorf("volume %q: %w", s, spec.ErrNotFound)
		}
		return v.CreatedAt.After(t), nil
	}
	return Matchers[V]{
		"name":   func(v V, s string) (bool, error) { return Pattern(v.Name, s) },
		"label":  func(v V, s string) (bool, error) { return label(v.Labels, s), nil },
		"label!": func(v V, s string) (bool, error) { return !label(v.Labels, s), nil },
		"opt":    func(v V, s string) (bool, error) { return label(v.Options, s), nil },
		"driver": func(v V, s string) (bool, error) { return v.Driver == s, nil },
		"scope":  func(v V, s string) (bool, error) { return v.Scope == s, nil },
		"dangling": isTrue(func(v V) bool {
			return len(users[v.Name]) == 0
		}),
		"until": func(v V, s string) (bool, error) {
			t, err := ParseTime(now, s)
			return err == nil && v.CreatedAt.Before(t), err
		},
		"since": since,
		"after": since,
	}
}

// Networks are the filters of network ls. used says which networks pods join.
func Networks(now time.Time, used map[string]bool) Matchers[network.Network] {
	type N = network.Network
	return Matchers[N]{
		"name":   func(n N, s string) (bool, error) { return Pattern(n.Name, s) },
		"id":     func(n N, s string) (bool, error) { return idPattern(n.ID, s) },
		"driver": func(n N, s string) (bool, error) { return n.Driver == s, nil },
		"label":  func(n N, s string) (bool, error) { return label(n.Labels, s), nil },
		"label!": func(n N, s string) (bool, error) { return !label(n.Labels, s), nil },
		"dangling": isTrue(func(n N) bool {
			return !used[n.Name]
		}),
		"until": func(n N, s string) (bool, error) {
			t, err := ParseTime(now, s)
			return err == nil && n.Created.Before(t), err
		},
	}
}
