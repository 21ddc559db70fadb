package archtest

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"strconv"
	"strings"
)

// Module is our module's path: what begins with it is ours.
const Module = "berth"

// File is one Go source file of the repository.
type File struct {
	Path    string // from the top of the repository, with slashes
	Package string // its folder
	Test    bool
	Imports []string
	AST     *ast.File
	Set     *token.FileSet
}

// Load parses every Go file below root, but for nested modules and testdata.
func Load(root string) ([]File, error) {
	var files []File
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		if d.IsDir() {
			if d.Name() == "testdata" || rel != "." && strings.HasPrefix(d.Name(), ".") || rel == "internal/tools" {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") {
			return nil
		}
		f, err := load(name, filepath.ToSlash(rel))
		files = append(files, f)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the sources: %w", err)
	}
	return files, nil
}

func load(name, rel string) (File, error) {
	f := File{Path: rel, Package: path.Dir(rel), Test: strings.HasSuffix(rel, "_test.go"), Set: token.NewFileSet()}
	var err error
	if f.AST, err = parser.ParseFile(f.Set, name, nil, parser.ParseComments); err != nil {
		return f, err
	}
	for _, spec := range f.AST.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return f, err
		}
		f.Imports = append(f.Imports, imported)
	}
	return f, nil
}

// below says whether a package is dir or in it.
func below(pkg, dir string) bool { return pkg == dir || strings.HasPrefix(pkg, dir+"/") }

// belowAny says whether a package is one of dirs or in one.
func belowAny(pkg string, dirs []string) bool {
	for _, dir := range dirs {
		if below(pkg, dir) {
			return true
		}
	}
	return false
}
