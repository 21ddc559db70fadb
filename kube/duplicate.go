package kube

import (
	"fmt"

	"berth/internal/source"
)

// Duplicates reports every object whose key an earlier one already has.
func Duplicates(objects []*Object) source.Diagnostics {
	var ds source.Diagnostics
	first := map[Key]*Object{}
	for _, o := range objects {
		other, twice := first[o.Key()]
		if !twice {
			first[o.Key()] = o
			continue
		}
		ds = append(ds, source.Diagnostic{
			Pos: o.Fields.At("metadata.name"), Field: "metadata.name",
			Message: fmt.Sprintf("there are two of %s, the other is at %s", o.Key(), other.Fields.At("metadata.name")),
		})
	}
	return ds
}
