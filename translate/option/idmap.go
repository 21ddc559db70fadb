package option

import (
	"fmt"
	"strings"

	"berth/engine/spec"
	"berth/translate"
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
			m, err := translate.ParseIDMap(strings.Split(text, "-"))
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
