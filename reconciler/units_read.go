package reconciler

import (
	"context"
	"maps"
	"slices"
	"strings"

	"berth/engine/spec"
	"berth/internal/source"
	"berth/quadlet"
	"berth/reconciler/unit"
	"berth/translate/option"
)

// ownerOf is the folder a unit file lies in, "" if it is none of ours.
func (u *units) ownerOf(file string) spec.Owner {
	for _, o := range u.owners {
		if dir, ok := o.Folder(); ok && strings.HasPrefix(file, strings.TrimSuffix(dir, "/")+"/") {
			return o
		}
	}
	return ""
}

// ours reports whether a unit that is not in the graph is to go: its file is, or
// what its file says no longer makes it.
func (u *units) ours(st *spec.UnitState) bool {
	return u.ownerOf(st.File) != "" && !u.broken[st.File] && !u.unknown(st.File)
}

// unknown reports whether a file lies where something could not be read.
func (u *units) unknown(file string) bool {
	return slices.ContainsFunc(u.found.Unknown, func(at string) bool { return file == at || strings.HasPrefix(file, at+"/") })
}

// read takes over what was found: of each file what is good, or was last.
func (u *units) read(ctx context.Context) {
	now, there := map[string]*quadlet.Unit{}, map[string]bool{}
	problems := slices.Clone(u.found.Problems)
	for _, r := range u.found.Results {
		there[r.Path] = true
		problems = append(problems, r.Problems...)
		if r.Unit != nil {
			now[r.Path] = r.Unit
		}
	}
	graph, refused := u.makeGraph(now, nil)
	lost := map[string]source.Diagnostics{} // what was good last is not even that any more
	if len(refused) > 0 || len(now) < len(there) {
		graph, lost = u.makeGraph(now, refused)
	}
	for _, path := range sortedKeys(refused) {
		problems = append(problems, refused[path]...)
	}
	u.broken = map[string]bool{}
	for path := range there {
		if _, bad := refused[path]; now[path] == nil || bad {
			u.broken[path] = u.good[path] == nil || lost[path] != nil
			continue
		}
		u.good[path] = now[path]
	}
	for path := range u.good {
		if !there[path] && !u.unknown(path) {
			delete(u.good, path)
		}
	}
	for name, s := range u.graph.Services {
		now := graph.Services[name]
		if now == nil {
			u.last[name] = s
		}
		if now == nil || now.Hash != s.Hash { // another definition has not failed yet
			delete(u.notBefore, name)
			delete(u.tries, name)
		}
	}
	u.graph = graph
	u.tellProblems(ctx, problems)
}

// makeGraph makes the graph of units, by their files. Where one is refused, or is
// not there although it was, what was good last counts.
func (u *units) makeGraph(now map[string]*quadlet.Unit, refused map[string]source.Diagnostics) (*unit.Graph, map[string]source.Diagnostics) {
	chosen := maps.Clone(now)
	for path := range refused {
		delete(chosen, path)
	}
	stale := map[string]bool{}
	for path, last := range u.good {
		if chosen[path] == nil && (now[path] != nil || u.unknown(path) || slices.ContainsFunc(u.found.Results, func(r quadlet.Result) bool { return r.Path == path })) {
			chosen[path], stale[path] = last, true
		}
	}
	var all []*quadlet.Unit
	var others []string
	for _, path := range sortedKeys(chosen) {
		all = append(all, chosen[path])
	}
	for _, r := range u.found.Results {
		if chosen[r.Path] == nil {
			others = append(others, r.Service)
		}
	}
	return unit.NewGraph(all, others, unit.Options{
		Host: u.opts.Specifiers, AllowCommands: u.opts.Command != nil, Check: option.CheckCommand, Stale: stale, Contents: u.found.Contents, ReadFile: u.readFile,
	})
}

// readFile reads a file of variables, and keeps what it read.
func (u *units) readFile(path string, last bool) ([]byte, error) {
	data, err := u.opts.Host.ReadFile(path)
	switch had, ok := u.variables[path]; {
	case err == nil:
		u.variables[path] = data
	case last && ok:
		return had, nil
	}
	return data, err
}

// tellProblems logs what is newly wrong, and what no longer is.
func (u *units) tellProblems(ctx context.Context, problems source.Diagnostics) {
	before := u.problems
	u.problems = problems
	tellDiagnostics(ctx, u.log, before, problems)
}
