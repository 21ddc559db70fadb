package reconciler

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"berth/engine/spec"
)

func TestHealthCheckOfImageAndHand(t *testing.T) {
	own := []string{"/own"}
	image := &spec.Health{Test: []string{"/image"}, Interval: time.Minute, Retries: 7}
	settled := func(h spec.Health) *spec.Health { return &h }
	for name, c := range map[string]struct{ hand, image, want *spec.Health }{
		"neither has one":            {nil, nil, nil},
		"the image's, with defaults": {nil, image, settled(spec.Health{Test: image.Test, Interval: time.Minute, Timeout: 30 * time.Second, Retries: 7})},
		"one's own, with defaults":   {&spec.Health{Test: own}, image, settled(spec.Health{Test: own, Interval: 30 * time.Second, Timeout: 30 * time.Second, Retries: 3})},
		"the image's, told otherwise": {
			&spec.Health{Retries: 2, OnFailure: spec.HealthKill}, image,
			settled(spec.Health{Test: image.Test, Interval: time.Minute, Timeout: 30 * time.Second, Retries: 2, OnFailure: spec.HealthKill}),
		},
		"none is wished":           {&spec.Health{Off: true}, image, nil},
		"the image wants none":     {nil, &spec.Health{Off: true}, nil},
		"only numbers, no command": {&spec.Health{Retries: 2}, nil, nil},
		"never by itself":          {&spec.Health{Test: own, Interval: -1}, nil, settled(spec.Health{Test: own, Interval: -1, Timeout: 30 * time.Second, Retries: 3})},
	} {
		got := withHealth(&spec.ByHand{Health: c.hand}, c.image).Health
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s:\n%s", name, diff)
		}
	}
	if withHealth(nil, image) != nil {
		t.Error("a container of YAML has no such check")
	}
}

func TestHealthLogIsBounded(t *testing.T) {
	long := spec.HealthResult{Output: string(make([]byte, 5000))}
	for name, c := range map[string]struct {
		health          spec.Health
		results, output int
	}{
		"default":     {spec.Health{}, 5, 500},
		"as given":    {spec.Health{MostLog: 2, MaxLog: 3}, 2, 3},
		"any, though": {spec.Health{MostLog: -1, MaxLog: -1}, healthLogMost, 5000},
	} {
		var log []spec.HealthResult
		for range healthLogMost + 10 {
			log = logged(&c.health, log, long)
		}
		if len(log) != c.results || len(log[0].Output) != c.output {
			t.Errorf("%s: %d results of %d characters, want %d of %d", name, len(log), len(log[0].Output), c.results, c.output)
		}
	}
}

func TestOutputIsNotCutWithinACharacter(t *testing.T) {
	for output, want := range map[string]string{
		"abcdef": "abcd", "abc": "abc", "abcé": "abc", "ab€x": "ab", "a😀b": "a", "😀b": "😀", "abcdé": "abcd",
		"\x80\x80\x80\x80\x80\x80": "\x80\x80\x80\x80",
	} {
		log := logged(&spec.Health{MaxLog: 4}, nil, spec.HealthResult{Output: output})
		if got := log[0].Output; got != want {
			t.Errorf("%q: %q, want %q", output, got, want)
		}
	}
}
