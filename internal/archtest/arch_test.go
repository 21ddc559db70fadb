package archtest

import (
	"go/parser"
	"go/token"
	"os"
	"slices"
	"strings"
	"testing"
)

const root = "../.."

func TestRulesHold(t *testing.T) {
	files, err := Load(root)
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 20 {
		t.Fatalf("only %d files found", len(files))
	}
	for _, problem := range Check(files) {
		t.Error(problem)
	}
}

func TestNothingElseStandsAtTheTop(t *testing.T) {
	entries, err := os.ReadDir(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if name := e.Name(); name != ".git" && name != "bin" && !slices.Contains(TopLevel(), name) {
			t.Errorf("%s stands at the top of the repository: which room is it of?", name)
		}
	}
}

func TestArchitectureNamesEveryRoom(t *testing.T) {
	data, err := os.ReadFile(root + "/ARCHITECTURE.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, room := range Rooms() {
		if !strings.Contains(string(data), "`"+room.Path+"`") {
			t.Errorf("ARCHITECTURE.md does not name %s", room.Path)
		}
	}
}

// TestCheckFinds shows that each rule can fail, and what it says then.
func TestCheckFinds(t *testing.T) {
	for _, c := range []struct{ pkg, file, imported, want string }{
		{"kube", "kube/x.go", "berth/engine/spec", "kube may not import engine/spec"},
		{"kube", "kube/x.go", "berth/internal/hostexec", "kube may not import internal/hostexec"},
		{"kube", "kube/x.go", "berth/internal/source", ""},
		{"engine", "engine/x.go", "berth/engine/oci", ""},
		{"engine", "engine/x.go", "berth/engine/enginetest", "engine may not import engine/enginetest"},
		{"engine/oci", "engine/oci/x.go", "berth/engine/network", "parts of the engine do not know each other"},
		{"engine/oci", "engine/oci/x.go", "berth/engine", "parts of the engine do not know each other"},
		{"engine/oci", "engine/oci/x.go", "berth/engine/spec", ""},
		{"engine/spec", "engine/spec/x.go", "berth/internal/source", "engine/spec may not import internal/source"},
		{"engine", "engine/x.go", "k8s.io/api/core/v1", "no Kubernetes types"},
		{"reconciler", "reconciler/x.go", "berth/engine", "reconciler may not import engine"},
		{"reconciler", "reconciler/x.go", "berth/engine/spec", ""},
		{"reconciler", "reconciler/x_test.go", "berth/engine/enginetest", ""},
		{"reconciler", "reconciler/x.go", "berth/manifests", "reconciler may not import manifests"},
		{"reconciler", "reconciler/x.go", "berth/reconciler/probe", ""},
		{"reconciler/probe", "reconciler/probe/x.go", "berth/reconciler", "reconciler/probe may not import reconciler"},
		{"reconciler/probe", "reconciler/probe/x.go", "google.golang.org/grpc", "for half the price"},
		{"reconciler/probe", "reconciler/probe/x_test.go", "google.golang.org/grpc", ""},
		{"translate", "translate/x.go", "berth/engine/oci", "translate may not import engine/oci"},
		{"translate", "translate/x.go", "os", "translate may not import os"},
		{"translate", "translate/x.go", "github.com/spf13/pflag", "belongs to translate/option, cmd"},
		{"translate/option", "translate/option/x.go", "github.com/spf13/pflag", ""},
		{"engine", "engine/x.go", "os/exec", "internal/hostexec"},
		{"engine", "engine/x_test.go", "os/exec", ""},
		{"internal/source", "internal/source/x.go", "berth/kube", "internal/source may not import kube"},
		{"internal/source", "internal/source/x.go", "berth/internal/hostexec", "may not import internal/hostexec"},
		{"internal/ociarchive/mkimage", "internal/ociarchive/mkimage/x.go", "berth/internal/ociarchive", ""},
		{"cmd/berth", "cmd/berth/x.go", "berth/engine/oci", ""},
		{"cmd/berth", "cmd/berth/x.go", "berth/e2e", "cmd/berth may not import e2e"},
		{"e2e", "e2e/x.go", "berth/engine", "e2e may not import engine"},
		{"util", "util/x.go", "berth/kube", "is in no room"},
		{"kube", "kube/x.go", "berth/util", "in no room"},
	} {
		f := File{Path: c.file, Package: c.pkg, Test: strings.HasSuffix(c.file, "_test.go")}
		got := ownImport(f, c.imported) + onlyImport(f, c.imported) + neverImport(f, c.imported)
		if c.want == "" && got != "" || !strings.Contains(got, c.want) {
			t.Errorf("%s imports %s: %q, want %q", c.file, c.imported, got, c.want)
		}
	}
}

func TestPatternsCompiledAtEachStartAreFound(t *testing.T) {
	const eager, lazy = "package x\nvar p = regexp.MustCompile(`x`)", "package x\nvar p = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`x`) })"
	for _, c := range []struct {
		pkg, text string
		want      int
	}{{"kube", eager, 1}, {"kube", lazy, 0}, {"e2e", eager, 0}} {
		tree, err := parser.ParseFile(token.NewFileSet(), "x.go", c.text, 0)
		if err != nil {
			t.Fatal(err)
		}
		if got := patterns(File{Path: "x.go", Package: c.pkg, AST: tree}); len(got) != c.want {
			t.Errorf("%s: %s: found %q", c.pkg, c.text, got)
		}
	}
}
