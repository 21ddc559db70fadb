package option

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"berth/engine/spec"
)

// parseIDMapOption reads the option idmap of a mount:
// idmap[=uids=0-1-10#10-11-10;gids=0-100-10], ranges of the file system's
// IDs, those they are seen as, and how many. @ before a range says that these
// are of the container's user namespace.
func parseIDMapOption(word string) (*spec.IDMaps, error) {
	out := &spec.IDMaps{}
	_, rest, given := strings.Cut(word, "=")
	if !given || rest == "true" || rest == "" {
		return out, nil
	}
	if rest == "false" {
		return nil, nil
	}
	for part := range strings.SplitSeq(rest, ";") {
		name, ranges, _ := strings.Cut(part, "=")
		var list []spec.IDMap
		for s := range strings.SplitSeq(ranges, "#") {
			text, relative := strings.CutPrefix(s, "@")
			m, err := parseIDs(strings.Split(text, "-"))
			if err != nil {
				return nil, fmt.Errorf("idmap: range %q: %w", s, err)
			}
			m.Relative = relative
			list = append(list, m)
		}
		switch name {
		case "uids":
			out.UIDs = list
		case "gids":
			out.GIDs = list
		default:
			return nil, fmt.Errorf("idmap: unknown list %q%s", name, oneOf(name, []string{"uids", "gids"}))
		}
	}
	return out, nil
}

// parseIDs reads container, host and size of a range; a size that is left out
// is 1.
func parseIDs(parts []string) (spec.IDMap, error) {
	if len(parts) == 2 {
		parts = append(parts, "1")
	}
	if len(parts) != 3 {
		return spec.IDMap{}, errors.New("write three numbers: the first in the container, the first on the host, how many")
	}
	var n [3]uint64
	for i, s := range parts {
		var err error
		if n[i], err = strconv.ParseUint(s, 10, 32); err != nil {
			return spec.IDMap{}, fmt.Errorf("%q is not a number of a user or group", s)
		}
	}
	switch {
	case n[2] == 0:
		return spec.IDMap{}, errors.New("a range of none")
	case n[0]+n[2] > math.MaxUint32 || n[1]+n[2] > math.MaxUint32:
		return spec.IDMap{}, errors.New("the range ends beyond 4294967295")
	}
	return spec.IDMap{Container: uint32(n[0]), Host: uint32(n[1]), Size: uint32(n[2])}, nil
}
