package cmd

import (
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
	f := execFlags{env: []string{"A=flag", "PASSED", "UNSET_HERE", "EMPTY="}, envFiles: []string{file}}
	o, err := f.options()
	if err != nil {
		t.Fatal(err)
	}
	want := []spec.EnvVar{
		{Name: "A", Value: "file"}, {Name: "B", Value: "1=2"}, {Name: "PASSED", Value: "on"},
		{Name: "A", Value: "flag"}, {Name: "PASSED", Value: "on"}, {Name: "EMPTY"},
	}
	if diff := cmp.Diff(want, o.Env); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestBadEnvFileNamesTheLine(t *testing.T) {
	file := filepath.Join(t.TempDir(), "env")
	if err := os.WriteFile(file, []byte("A=1\nnot a name=2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := readEnvFile(file)
	if want := file + `:2: "not a name=2": want name=value`; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}
