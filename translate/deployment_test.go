package translate

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/util/validation"
)

func TestReplicaNamesAreValidAndDistinct(t *testing.T) {
	form := regexp.MustCompile(`^[a-z0-9.-]+-[bcdfghjklmnpqrstvwxz2456789]{10}-[bcdfghjklmnpqrstvwxz2456789]{5}$`)
	for _, name := range []string{"web", "a.b.c", strings.Repeat("x", 45) + "-y", strings.Repeat("long.", 50) + "z"} {
		names := ReplicaNames("default", name, safeEncode(templateHashLen, []byte("template")), 500)
		seen := map[string]bool{}
		for _, n := range names {
			if !form.MatchString(n) || len(n) > maxNameLen {
				t.Errorf("name %q of %q", n, name)
			}
			if errs := validation.IsDNS1123Subdomain(n); len(errs) > 0 {
				t.Errorf("name %q: %v", n, errs)
			}
			if seen[n] {
				t.Errorf("name %q twice", n)
			}
			seen[n] = true
		}
	}
}

func TestReplicaKeepsItsNameWhenScaled(t *testing.T) {
	few, many := ReplicaNames("ns", "web", "bcdfghjklm", 3), ReplicaNames("ns", "web", "bcdfghjklm", 300)
	if !slices.Equal(few, many[:3]) {
		t.Errorf("scaling renames: %v, %v", few, many[:3])
	}
	if other := ReplicaNames("other", "web", "bcdfghjklm", 3); slices.Equal(few, other) {
		t.Errorf("both namespaces have %v", few)
	}
}
