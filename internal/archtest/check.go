package archtest

import (
	"fmt"
	"go/ast"
	"slices"
	"strings"
)

// Check returns what the files do that the rules forbid, each with the reason.
func Check(files []File) []string {
	var wrong []string
	for _, f := range files {
		for _, imported := range f.Imports {
			for _, check := range []func(File, string) string{ownImport, onlyImport, neverImport} {
				if problem := check(f, imported); problem != "" {
					wrong = append(wrong, problem)
				}
			}
		}
		wrong = append(append(wrong, functions(f)...), patterns(f)...)
	}
	return append(wrong, packages(files)...)
}

// ownImport holds an import of one of our packages against the table.
func ownImport(f File, imported string) string {
	ours, ok := strings.CutPrefix(imported, Module+"/")
	if !ok {
		return ""
	}
	room, ok := roomOf(f.Package)
	if !ok {
		return fmt.Sprintf("%s: %s is in no room of the table", f.Path, f.Package)
	}
	target, ok := roomOf(ours)
	switch {
	case !ok:
		return fmt.Sprintf("%s: imports %s, which is in no room of the table", f.Path, ours)
	case room.Path == "internal" && target.Path == "internal" && sameTop(f.Package, ours):
		return ""
	case room.Path == target.Path && room.Path != "internal":
		return ""
	case ours == "internal/source" && room.Path != "engine/spec" && room.Path != "internal":
		return "" // positions and diagnostics are for every room
	case belowAny(ours, room.May):
		return ""
	case f.Test && belowAny(ours, []string{"internal/testhost", "internal/ociarchive", "engine/enginetest"}):
		return "" // what exists for tests
	}
	return fmt.Sprintf("%s: %s may not import %s: %s", f.Path, f.Package, ours, room.Why)
}

// sameTop says whether two packages of internal are of one helper.
func sameTop(a, b string) bool {
	top := func(p string) string { return strings.Join(strings.SplitN(p+"//", "/", 3)[:2], "/") }
	return top(a) == top(b)
}

func roomOf(pkg string) (Room, bool) {
	var found Room
	for _, room := range Rooms() {
		if below(pkg, room.Path) && len(room.Path) > len(found.Path) {
			found = room
		}
	}
	return found, found.Path != ""
}

func onlyImport(f File, imported string) string {
	for _, only := range Onlys() {
		if below(imported, only.Package) && !belowAny(f.Package, only.Rooms) && !(f.Test && only.Tests) {
			return fmt.Sprintf("%s: %s belongs to %s: %s", f.Path, imported, strings.Join(only.Rooms, ", "), only.Why)
		}
	}
	return ""
}

func neverImport(f File, imported string) string {
	for _, never := range Nevers() {
		if !f.Test && below(f.Package, never.Room) && belowAny(imported, never.Packages) {
			return fmt.Sprintf("%s: %s may not import %s: %s", f.Path, never.Room, imported, never.Why)
		}
	}
	return ""
}

// functions finds init functions, and functions that are too long.
func functions(f File) []string {
	var wrong []string
	for _, decl := range f.AST.Decls {
		fn, ok := decl.(*ast.FuncDecl)
		if !ok || f.Test {
			continue
		}
		if fn.Name.Name == "init" && fn.Recv == nil {
			wrong = append(wrong, f.Path+": has an init function: what a program does at its start stands in main")
		}
		start, end := f.Set.Position(fn.Pos()).Line, f.Set.Position(fn.End()).Line
		if lines := end - start + 1; lines > MaxFunctionLines {
			wrong = append(wrong, fmt.Sprintf("%s:%d: %s has %d lines, %d are the most", f.Path, start, fn.Name.Name, lines, MaxFunctionLines))
		}
	}
	return wrong
}

// patterns finds regular expressions that each start of berth compiles, though
// few commands need them.
func patterns(f File) []string {
	if f.Test || belowAny(f.Package, []string{"e2e", "internal/testhost"}) {
		return nil
	}
	var wrong []string
	for _, decl := range f.AST.Decls {
		vars, ok := decl.(*ast.GenDecl)
		if !ok {
			continue
		}
		for _, spec := range vars.Specs {
			v, ok := spec.(*ast.ValueSpec)
			if ok && slices.ContainsFunc(v.Values, compiles) {
				wrong = append(wrong, fmt.Sprintf("%s: %s is compiled at each start of berth: wrap it in sync.OnceValue", f.Path, v.Names[0]))
			}
		}
	}
	return wrong
}

// compiles reports whether an expression is regexp.MustCompile(…).
func compiles(e ast.Expr) bool {
	call, ok := e.(*ast.CallExpr)
	if !ok {
		return false
	}
	fn, ok := call.Fun.(*ast.SelectorExpr)
	return ok && fn.Sel.Name == "MustCompile"
}

// packages finds packages without a comment in doc.go (a command's may stand
// with its main function).
func packages(files []File) []string {
	documented, command := map[string]bool{}, map[string]bool{}
	var order []string
	for _, f := range files {
		if _, seen := documented[f.Package]; !seen {
			documented[f.Package] = false
			order = append(order, f.Package)
		}
		command[f.Package] = command[f.Package] || f.AST.Name.Name == "main"
		if f.AST.Doc != nil && (strings.HasSuffix(f.Path, "/doc.go") || f.AST.Name.Name == "main") {
			documented[f.Package] = true
		}
	}
	var wrong []string
	for _, pkg := range order {
		if !documented[pkg] {
			wrong = append(wrong, fmt.Sprintf("%s: has no doc.go that says what it is for, what not, and where to start", pkg))
		}
	}
	return wrong
}
