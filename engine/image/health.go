package image

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"berth/engine/spec"
)

// leastInterval bounds how often an image has the host start a process.
const leastInterval = time.Second

// healthOf reads the health check of an image's configuration, which only
// Docker's format has (https://github.com/moby/docker-image-spec); nil: none.
func healthOf(blob []byte) (*spec.Health, error) {
	var docker struct {
		Config struct {
			Healthcheck *struct {
				Test                           []string
				Interval, Timeout, StartPeriod time.Duration
				Retries                        int
			}
		} `json:"config"`
	}
	if err := json.Unmarshal(blob, &docker); err != nil {
		return nil, fmt.Errorf("health check: %w", err)
	}
	h := docker.Config.Healthcheck
	if h == nil || len(h.Test) == 0 {
		return nil, nil
	}
	out := &spec.Health{Timeout: max(h.Timeout, 0), StartPeriod: max(h.StartPeriod, 0), Retries: max(h.Retries, 0)}
	if h.Interval > 0 {
		out.Interval = max(h.Interval, leastInterval)
	}
	switch kind, rest := h.Test[0], h.Test[1:]; {
	case kind == "NONE":
		return &spec.Health{Off: true}, nil
	case kind == "CMD-SHELL" && len(rest) > 0:
		out.Test = []string{"/bin/sh", "-c", strings.Join(rest, " ")}
	case kind == "CMD" && len(rest) > 0:
		out.Test = rest
	default:
		return nil, nil
	}
	return out, nil
}
