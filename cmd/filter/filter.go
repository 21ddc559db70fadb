package filter

import (
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"berth/internal/source"
)

// Set is what --filter was given, by key.
type Set map[string][]string

// Parse reads --filter values; known are the keys the command has.
func Parse(args, known []string) (Set, error) {
	set := Set{}
	for _, arg := range args {
		key, value, ok := strings.Cut(arg, "=")
		if !ok {
			return nil, fmt.Errorf("--filter %q: want key=value", arg)
		}
		if !slices.Contains(known, key) {
			return nil, fmt.Errorf("--filter %q: no filter %q%s (filters are %s)",
				arg, key, source.DidYouMean(key, known), strings.Join(known, ", "))
		}
		set[key] = append(set[key], value)
	}
	return set, nil
}

// Matchers say by key whether a thing matches a value.
type Matchers[T any] map[string]func(T, string) (bool, error)

// Keys are the keys the matchers have, sorted.
func (m Matchers[T]) Keys() []string { return slices.Sorted(maps.Keys(m)) }

// Apply keeps what of list matches the set.
func Apply[T any](list []T, set Set, matchers Matchers[T]) ([]T, error) {
	if len(set) == 0 {
		return list, nil
	}
	var kept []T
	for _, item := range list {
		ok, err := matches(item, set, matchers)
		if err != nil {
			return nil, err
		}
		if ok {
			kept = append(kept, item)
		}
	}
	return kept, nil
}

func matches[T any](item T, set Set, matchers Matchers[T]) (bool, error) {
	for key, values := range set {
		every := strings.HasPrefix(key, "label") || strings.HasPrefix(key, "annotation")
		hit := every
		for _, value := range values {
			ok, err := matchers[key](item, value)
			if err != nil {
				return false, fmt.Errorf("--filter %s=%s: %w", key, value, err)
			}
			if every {
				hit = hit && ok
			} else {
				hit = hit || ok
			}
		}
		if !hit {
			return false, nil
		}
	}
	return true, nil
}

// label matches "key" or "key=value"; * in a key stands for anything.
func label(labels map[string]string, want string) bool {
	key, value, valued := strings.Cut(want, "=")
	if got, ok := labels[key]; ok && (!valued || got == value) {
		return true
	}
	if !strings.Contains(key, "*") {
		return false
	}
	for k, got := range labels {
		whole := strings.NewReplacer("/", "|") // which * does not stand for, in paths
		if ok, err := path.Match(whole.Replace(key), whole.Replace(k)); err == nil && ok && (!valued || got == value) {
			return true
		}
	}
	return false
}

// Pattern matches a regular expression anywhere in s, as podman does.
func Pattern(s, expression string) (bool, error) {
	if strings.Contains(s, expression) {
		return true, nil
	}
	re, err := regexp.Compile(expression)
	if err != nil {
		return false, fmt.Errorf("not a regular expression: %w", err)
	}
	return re.MatchString(s), nil
}

// idPattern matches a prefix of an ID, or a regular expression.
func idPattern(id, want string) (bool, error) {
	if strings.Trim(want, "0123456789abcdef") == "" {
		return strings.HasPrefix(id, want), nil
	}
	return Pattern(id, want)
}

// ParseTime reads a moment: a duration before now ("10m"), seconds since 1970,
// RFC 3339, or its beginning ("2025-03-04", "2025-03-04T12:00:00") in the zone
// of now.
func ParseTime(now time.Time, s string) (time.Time, error) {
	if d, err := time.ParseDuration(s); err == nil {
		return now.Add(-d), nil
	}
	if t, err := time.Parse(time.RFC3339Nano, s); err == nil {
		return t, nil
	}
	for _, layout := range []string{
		"2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05", "2006-01-02T15:04", "2006-01-02Z07:00", "2006-01-02",
	} {
		if t, err := time.ParseInLocation(layout, s, now.Location()); err == nil {
			return t, nil
		}
	}
	seconds, fraction, _ := strings.Cut(s, ".")
	if n, err := strconv.ParseInt(seconds, 10, 64); err == nil {
		nanos, _ := strconv.ParseInt((fraction + "000000000")[:9], 10, 64)
		return time.Unix(n, nanos), nil
	}
	return time.Time{}, fmt.Errorf("%q is not a time: want a duration (10m), RFC 3339 (2006-01-02T15:04:05Z) or seconds since 1970", s)
}
