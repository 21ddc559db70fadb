package reconciler

import (
	"fmt"
	"path"
	"strings"

	"berth/engine/spec"
)

// UnitNamed finds the unit that a person means: by the name of its file
// ("web.container"), of its service ("web.service"), or by either without what it ends
// in, the service's first. names says both of one in the list. None is
// spec.ErrNotFound, several an error that lists them.
func UnitNamed[T any](list []T, name string, names func(T) (file, service string)) (T, error) {
	var none T
	bare := func(s string) string { return strings.TrimSuffix(s, path.Ext(s)) }
	for _, means := range []func(file, service string) bool{
		func(file, _ string) bool { return file == name },
		func(_, service string) bool { return name != "" && (service == name || service == name+".service") },
		func(file, _ string) bool { return bare(file) == name },
	} {
		var found []T
		var files []string
		for _, one := range list {
			if file, service := names(one); means(file, service) {
				found, files = append(found, one), append(files, file)
			}
		}
		switch len(found) {
		case 0:
		case 1:
			return found[0], nil
		default:
			return none, fmt.Errorf("%q may be each of %s: give the whole name", name, strings.Join(files, ", "))
		}
	}
	return none, fmt.Errorf("unit %q: %w", name, spec.ErrNotFound)
}
