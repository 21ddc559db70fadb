package filter

import (
	"fmt"
	"path"
	"strconv"
	"strings"
	"time"

	"berth/cmd/report"
	"berth/engine/spec"
)

// Images are the filters of images and image prune. all is every image, so
// that before= and since= can name one that is not listed.
func Images(now time.Time, all []report.Image) Matchers[report.Image] {
	type I = report.Image
	later := func(i I, v string) (bool, error) {
		other, err := findImage(all, v)
		return err == nil && i.Entry().Created.After(other.Entry().Created), err
	}
	return Matchers[I]{
		"id": func(i I, v string) (bool, error) {
			return strings.HasPrefix(i.ID, strings.TrimPrefix(v, "sha256:")), nil
		},
		"digest":       func(i I, v string) (bool, error) { return strings.HasPrefix(i.Digest, v), nil },
		"label":        func(i I, v string) (bool, error) { return label(i.Labels, v), nil },
		"label!":       func(i I, v string) (bool, error) { return !label(i.Labels, v), nil },
		"reference":    func(i I, v string) (bool, error) { return reference(i, v) },
		"dangling":     isTrue(func(i I) bool { return i.Dangling }),
		"intermediate": isTrue(func(i I) bool { return i.Entry().Intermediate }),
		"manifest":     isTrue(func(I) bool { return false }),
		"readonly":     isTrue(func(i I) bool { return i.ReadOnly }),
		"containers":   isTrue(func(i I) bool { return i.Containers > 0 }),
		"until": func(i I, v string) (bool, error) {
			t, err := ParseTime(now, v)
			return err == nil && i.Entry().Created.Before(t), err
		},
		"before": func(i I, v string) (bool, error) {
			other, err := findImage(all, v)
			return err == nil && i.Entry().Created.Before(other.Entry().Created), err
		},
		"since": later,
		"after": later,
	}
}

func isTrue[T any](is func(T) bool) func(T, string) (bool, error) {
	return func(item T, v string) (bool, error) {
		want, err := strconv.ParseBool(v)
		if err != nil {
			return false, fmt.Errorf("want true or false")
		}
		return is(item) == want, nil
	}
}

// reference reports whether one of an image's names matches.
func reference(i report.Image, want string) (bool, error) {
	for _, name := range i.RepoTags {
		if ok, err := Reference(name, want); ok || err != nil {
			return ok, err
		}
	}
	return false, nil
}

// Reference matches a name, whole or from any of its slashes on, with or
// without its tag; * stands for anything but a slash.
func Reference(full, want string) (bool, error) {
	repository, _ := report.SplitTag(full)
	for _, name := range []string{full, repository} {
		for {
			if ok, err := path.Match(want, name); ok || err != nil {
				return ok, err
			}
			_, rest, more := strings.Cut(name, "/")
			if !more {
				break
			}
			name = rest
		}
	}
	return false, nil
}

func findImage(all []report.Image, nameOrID string) (report.Image, error) {
	for _, i := range all {
		if len(nameOrID) >= 2 && strings.HasPrefix(i.ID, nameOrID) {
			return i, nil
		}
		if ok, _ := reference(i, nameOrID); ok {
			return i, nil
		}
	}
	return report.Image{}, fmt.Errorf("%s: %w", nameOrID, spec.ErrImageMissing)
}
