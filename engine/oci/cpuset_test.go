package oci

import (
	"strings"
	"testing"

	"berth/engine/spec"
)

func TestAbsentProcessors(t *testing.T) {
	for _, test := range []struct {
		asked, there string
		n            int
		missing      bool
	}{
		{"0", "0-1", 0, false},
		{"0-1", "0,1", 0, false},
		{"1,0-1", "0-1", 0, false},
		{"0-3", "0-1,3", 2, true},
		{"0,99", "0-1", 99, true},
		{"0-2000000000", "0-1", 2, true},
	} {
		if n, missing := absent(test.asked, test.there); n != test.n || missing != test.missing {
			t.Errorf("%s of %s: %d, %v", test.asked, test.there, n, missing)
		}
	}
}

func TestSetsOfThisHost(t *testing.T) {
	c := &spec.Container{Resources: spec.Resources{CPUSet: "0"}, ByHand: &spec.ByHand{}}
	if errs := checkSets(c); len(errs) > 0 {
		t.Error(errs)
	}
	c.Resources.CPUSet = "999999"
	if errs := checkSets(c); len(errs) != 1 || !strings.Contains(errs[0].Error(), "cpuset-cpus 999999 cannot be enforced: this host has no 999999, only 0") {
		t.Error(errs)
	}
}
