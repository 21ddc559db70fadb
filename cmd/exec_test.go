package cmd

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"berth/engine/spec"
)

func TestExecEnvironment(t *testing.T) {
	file := filepath.Join(t.TempDir(), "env")
	if err := os.WriteFile(file, []byte("# comment\nA=file\n\nB=1=2\r\nPASSED\nUNSET_HERE\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PASSED", "on")
	f := execFlags{env: []string{"A=flag", "PASSED", "UNSET_HERE", "EMPTY="}, envFiles: []string{file, "-" + file + ".gone"}}
	o, err := f.options(optionHost{})
	if err != nil {
		t.Fatal(err)
	}
	want := []spec.EnvVar{{Name: "A", Value: "flag"}, {Name: "B", Value: "1=2"}, {Name: "PASSED", Value: "on"}, {Name: "EMPTY"}}
	if diff := cmp.Diff(want, o.Env); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestAllThatIsWrongWithTheEnvironmentIsTold(t *testing.T) {
	file := filepath.Join(t.TempDir(), "env")
	if err := os.WriteFile(file, []byte("A=1\n=2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	f := execFlags{env: []string{"=x"}, envFiles: []string{file, file + ".gone"}}
	_, err := f.options(optionHost{})
	want := fmt.Sprintf(`--env-file %q: line 2: the name is missing: write NAME=value
--env-file "%s.gone": open %[2]s.gone: no such file or directory
--env "=x": the name is missing: write NAME=value`, file, file)
	if err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}
