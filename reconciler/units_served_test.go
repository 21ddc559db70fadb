package reconciler

import (
	"testing"
	"time"

	"berth/engine/spec"
)

func TestMadeAnew(t *testing.T) {
	then := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	before := UnitView{Status: "active", Since: then}
	later := then.Add(time.Second)
	for what, c := range map[string]struct {
		before, now UnitView
		done        bool
		fails       string
	}{
		"nothing has happened yet":             {before, before, false, ""},
		"the same moment, in another zone":     {before, UnitView{Status: "active", Since: then.In(time.FixedZone("", 3600))}, false, ""},
		"it is ending":                         {before, UnitView{Status: "deactivating", Since: later}, false, ""},
		"it is starting":                       {before, UnitView{Status: "activating", Since: later}, false, ""},
		"it is up again":                       {before, UnitView{Status: "active", Since: later}, true, ""},
		"it has done its work":                 {before, UnitView{Status: "inactive", Since: later}, true, ""},
		"it has failed":                        {before, UnitView{Status: "failed", Since: later, Result: spec.UnitExitCode}, false, "it has failed: exit-code"},
		"it has failed, and says why":          {before, UnitView{Status: "failed", Since: later, Result: spec.UnitExitCode, Message: "no such file"}, false, "it has failed: no such file"},
		"it had failed before":                 {UnitView{Status: "failed", Since: then}, UnitView{Status: "failed", Since: then}, false, ""},
		"it cannot be replaced":                {before, UnitView{Status: "active", Since: then, Message: "no such image"}, false, "no such image"},
		"what it said before says nothing now": {UnitView{Status: "active", Since: then, Message: "old"}, UnitView{Status: "active", Since: then, Message: "old"}, false, ""},
	} {
		t.Run(what, func(t *testing.T) {
			done, err := madeAnew(&c.before, &c.now)
			if done != c.done || (err != nil) != (c.fails != "") || err != nil && err.Error() != c.fails {
				t.Errorf("%v, %v; want %v, %q", done, err, c.done, c.fails)
			}
		})
	}
}
