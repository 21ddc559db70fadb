package engine

import (
	"testing"

	"berth/engine/spec"
)

func TestOnlyWholeVolumesAreFilledFromTheImage(t *testing.T) {
	byHand, named := &spec.Container{ByHand: &spec.ByHand{}}, &spec.NamedVolume{Volume: "data"}
	for sentence, c := range map[string]struct {
		container *spec.Container
		volume    spec.Volume
		mount     spec.Mount
		want      bool
	}{
		"a named volume":       {byHand, spec.Volume{Named: named}, spec.Mount{}, true},
		"a part of one":        {byHand, spec.Volume{Named: named}, spec.Mount{SubPath: "a"}, false},
		"one without a copy":   {byHand, spec.Volume{Named: &spec.NamedVolume{NoCopy: true}}, spec.Mount{}, false},
		"a layer above one":    {byHand, spec.Volume{Named: named, Overlay: &spec.Overlay{}}, spec.Mount{}, false},
		"one of Kubernetes":    {&spec.Container{}, spec.Volume{Named: named}, spec.Mount{}, false},
		"a folder of the host": {byHand, spec.Volume{Host: &spec.HostVolume{}}, spec.Mount{}, false},
	} {
		if got := fillable(c.container, &c.volume, &c.mount); got != c.want {
			t.Errorf("%s: %v", sentence, got)
		}
	}
}
