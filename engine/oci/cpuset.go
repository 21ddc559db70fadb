package oci

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"berth/engine/spec"
)

// checkSets refuses processors and memory nodes that this host lacks. The kernel says
// of them no more than that a number is wrong.
func checkSets(c *spec.Container) []error {
	var errs []error
	for _, set := range []struct{ asked, name, file string }{
		{c.Resources.CPUSet, "cpuset-cpus", "/sys/devices/system/cpu/online"},
		{c.ByHand.Tuning.CPUSetMems, "cpuset-mems", "/sys/devices/system/node/online"},
	} {
		data, err := os.ReadFile(set.file)
		online := strings.TrimSpace(string(data))
		if err != nil || online == "" || set.asked == "" {
			continue
		}
		if n, missing := absent(set.asked, online); missing {
			errs = append(errs, fmt.Errorf("%w: %s %s cannot be enforced: this host has no %d, only %s", spec.ErrConfig, set.name, set.asked, n, online))
		}
	}
	return errs
}

// absent is the first number of a list such as 0-2,4 that is not in another.
func absent(asked, there string) (n int, missing bool) {
	known := numberRanges(there)
	for _, r := range numberRanges(asked) {
		for n := r.first; n <= r.last; n++ { // ends at the first that is not there
			found := false
			for _, k := range known {
				found = found || k.first <= n && n <= k.last
			}
			if !found {
				return n, true
			}
		}
	}
	return 0, false
}

type numberRange struct{ first, last int }

// numberRanges reads a list such as 0-2,4; what is no number is left out.
func numberRanges(list string) []numberRange {
	var out []numberRange
	for part := range strings.SplitSeq(list, ",") {
		from, to, isRange := strings.Cut(part, "-")
		if !isRange {
			to = from
		}
		first, err := strconv.Atoi(from)
		last, err2 := strconv.Atoi(to)
		if err == nil && err2 == nil {
			out = append(out, numberRange{first, last})
		}
	}
	return out
}
