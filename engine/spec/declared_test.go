package spec

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestDeclared(t *testing.T) {
	score := func(n int) *int { return &n }
	yaml := Resources{CPULimit: 100, MemoryLimit: 64, PidsLimit: 5, OOMScoreAdj: score(1)}
	hand := Resources{CPULimit: 200, MemoryLimit: 64, PidsLimit: 9, OOMScoreAdj: score(1)}
	declared := &Declared{Resources: yaml, RestartPolicy: RestartAlways}
	made := Container{Name: "c", Image: "i", Resources: yaml, RestartPolicy: RestartAlways}
	set := Container{Name: "c", Image: "i", Resources: hand, RestartPolicy: RestartNever, Declared: declared}
	for sentence, c := range map[string]struct{ got, want Container }{
		"what nobody has set is as declared":          {made.AsDeclared(), made},
		"what a person sets holds":                    {made.Override(hand, RestartNever), set},
		"the object's word is kept beside it":         {set.AsDeclared(), made},
		"the object's word is kept, set it twice":     {set.Override(Resources{PidsLimit: 1}, ""), Container{Name: "c", Image: "i", Resources: Resources{PidsLimit: 1}, Declared: declared}},
		"who sets what the object says, sets nothing": {set.Override(yaml, RestartAlways), made},
		"where the object says something else of CPU and memory, that holds": {
			set.Redeclare(Resources{CPULimit: 300}),
			Container{Name: "c", Image: "i", Resources: Resources{CPULimit: 300, PidsLimit: 9}, RestartPolicy: RestartNever,
				Declared: &Declared{Resources: Resources{CPULimit: 300, PidsLimit: 5}, RestartPolicy: RestartAlways}},
		},
		"and nothing of a person's is left if that was all": {
			made.Override(Resources{CPULimit: 1, PidsLimit: 5}, RestartAlways).Redeclare(Resources{CPULimit: 2}),
			Container{Name: "c", Image: "i", Resources: Resources{CPULimit: 2, PidsLimit: 5}, RestartPolicy: RestartAlways},
		},
	} {
		if diff := cmp.Diff(c.want, c.got); diff != "" {
			t.Errorf("%s:\n%s", sentence, diff)
		}
	}
	if yaml.CPULimit != 100 || declared.Resources.CPULimit != 100 {
		t.Error("what it was made of has changed")
	}
	updated := made
	updated.Update(&set)
	if diff := cmp.Diff(set, updated); diff != "" {
		t.Error(diff)
	}
}
