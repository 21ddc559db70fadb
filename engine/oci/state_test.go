package oci

import (
	"testing"
	"time"
)

func TestEndIsNotBeforeTheStart(t *testing.T) {
	started := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct{ finished, want time.Duration }{
		"later":                        {time.Minute, time.Minute},
		"in the same tick":             {-4 * time.Millisecond, 0},
		"after the clock was set back": {-time.Hour, -time.Hour},
	} {
		if got := endOf(started.Add(c.finished), started); !got.Equal(started.Add(c.want)) {
			t.Errorf("%s: %v", name, got.Sub(started))
		}
	}
}
