package report

import (
	"testing"

	"berth/engine/spec"
)

func TestMemoryHasAsMuchSwapAgainUnlessSaid(t *testing.T) {
	none, some := int64(-1), int64(300)
	for name, c := range map[string]struct {
		memory     int64
		swap       *int64
		wantReport int64
	}{
		"no limit":    {0, nil, 0},
		"memory only": {100, nil, 200},
		"both":        {100, &some, 300},
		"any swap":    {100, &none, -1},
	} {
		made := spec.Container{ByHand: &spec.ByHand{Tuning: spec.Tuning{MemorySwap: c.swap}}}
		got := HostConfig{Memory: c.memory}
		got.byHand(&spec.Pod{}, &made)
		if got.MemorySwap != c.wantReport {
			t.Errorf("%s: %d, want %d", name, got.MemorySwap, c.wantReport)
		}
	}
}
