package image

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"berth/engine/spec"
)

func TestHealthOfImages(t *testing.T) {
	for config, want := range map[string]*spec.Health{
		`{"config":{}}`:                                          nil,
		`{"config":{"Healthcheck":{}}}`:                          nil,
		`{"config":{"Healthcheck":{"Test":["NONE"]}}}`:           {Off: true},
		`{"config":{"Healthcheck":{"Test":["CMD"]}}}`:            nil,
		`{"config":{"Healthcheck":{"Test":["CMD","/up","-q"]}}}`: {Test: []string{"/up", "-q"}},
		`{"config":{"Healthcheck":{"Test":["CMD-SHELL","a | b"],"Interval":5000000000,"Timeout":2000000000,"StartPeriod":1000000000,"Retries":4}}}`: {
			Test: []string{"/bin/sh", "-c", "a | b"}, Interval: 5 * time.Second, Timeout: 2 * time.Second, StartPeriod: time.Second, Retries: 4,
		},
		`{"config":{"Healthcheck":{"Test":["CMD","/up"],"Interval":-1,"Retries":-3}}}`: {Test: []string{"/up"}},
		`{"config":{"Healthcheck":{"Test":["CMD","/up"],"Interval":1}}}`:               {Test: []string{"/up"}, Interval: time.Second},
	} {
		got, err := healthOf([]byte(config))
		if err != nil {
			t.Errorf("%s: %v", config, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s:\n%s", config, diff)
		}
	}
	if _, err := healthOf([]byte(`{"config":{"Healthcheck":{"Test":"up"}}}`)); err == nil {
		t.Error("a test that is no list was taken")
	}
}
