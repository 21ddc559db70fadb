package filename

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestShortNamesStayReadable(t *testing.T) {
	if got := Fit("default", "web", ".json"); got != "default_web.json" {
		t.Errorf("got %q", got)
	}
	// The longest that always worked stays: files of that name are on disks.
	if got, want := Fit("n", strings.Repeat("x", 253), ""), "n_"+strings.Repeat("x", 253); got != want {
		t.Errorf("got %q", got)
	}
}

func TestEveryNameHasAFileOfItsOwn(t *testing.T) {
	dir, seen := t.TempDir(), map[string]string{}
	for _, namespace := range []string{"n", strings.Repeat("n", 63)} {
		for length := 180; length <= 253; length++ {
			for _, last := range []string{"a", "b"} {
				name := strings.Repeat("x", length-1) + last
				file := Fit(namespace, name, ".json")
				if other, taken := seen[file]; taken {
					t.Errorf("%s/%s and %s have the file %s", namespace, name, other, file)
				}
				seen[file] = namespace + "/" + name
				if err := os.WriteFile(filepath.Join(dir, file), nil, 0o600); err != nil {
					t.Error(err)
				}
				if Fit(namespace, name, ".json") != file {
					t.Errorf("%s/%s has two files", namespace, name)
				}
			}
		}
	}
}
