package unit

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"berth/internal/source"
	"berth/quadlet"
)

// Graph is all services, by name, with what each is to the others.
type Graph struct {
	Services map[string]*Service
	names    []string // in order
}

// Names are the services, in order.
func (g *Graph) Names() []string { return g.names }

// longestName is that of a unit: systemd.unit(5).
const longestName = 255

// builder makes a graph.
type builder struct {
	options   Options
	byService map[string]*quadlet.Unit // templates by "web@.service"
	others    map[string]bool          // services of units that cannot be used
	aliases   map[string]string
	readers   map[string]*reader
	queue     []string
	problems  map[string]source.Diagnostics // by unit file
}

// NewGraph makes the graph of all units. Others are the services of units that
// are there and cannot be used. Units only systemd can run are left out; problems
// says why, by the unit file's path.
func NewGraph(all []*quadlet.Unit, others []string, o Options) (*Graph, map[string]source.Diagnostics) {
	b := &builder{
		options: o, byService: map[string]*quadlet.Unit{}, others: map[string]bool{}, aliases: map[string]string{},
		readers: map[string]*reader{}, problems: map[string]source.Diagnostics{},
	}
	for _, name := range others {
		b.others[name] = true
	}
	for _, u := range all {
		b.enlist(u)
	}
	all = slices.DeleteFunc(slices.Clone(all), func(u *quadlet.Unit) bool { return b.byService[u.Service] != u })
	for _, u := range all {
		if !u.Name.Abstract() {
			b.add(u.Service)
		}
	}
	for _, u := range all {
		for _, l := range u.Links {
			b.link(u, l)
		}
	}
	for len(b.queue) > 0 {
		name := b.queue[0]
		b.queue = b.queue[1:]
		b.relate(b.readers[name])
	}
	b.cycles()
	return b.graph(), b.problems
}

// enlist takes a unit by its service. What runs on as it was last keeps its name: a
// new unit that would take that is refused.
func (b *builder) enlist(u *quadlet.Unit) {
	first := b.byService[u.Service]
	if first == nil {
		b.byService[u.Service] = u
		return
	}
	if b.options.Stale[u.Path] && !b.options.Stale[first.Path] {
		b.byService[u.Service] = u
		u, first = first, u
	}
	at := source.Pos{File: u.Path}
	if lines := u.File.Lines("X-"+u.Name.Kind.Section(), "ServiceName"); len(lines) > 0 {
		at = lines[len(lines)-1].Pos
	}
	b.problems[u.Path] = append(b.problems[u.Path], source.Diagnostic{
		Pos: at, Message: fmt.Sprintf("%s is that of %s, which goes on as it was: ServiceName= gives this unit another name", u.Service, first.Path),
	})
}

// add has a service read, an instance of a template if need be, and says whether
// there is one.
func (b *builder) add(name string) bool {
	if b.readers[name] != nil {
		return true
	}
	if strings.Contains(name, "/") || len(name) > longestName { // no instance is called so
		return false
	}
	u := b.byService[name]
	if u == nil {
		prefix, instance, ok := strings.Cut(strings.TrimSuffix(name, ".service"), "@")
		if u = b.byService[prefix+"@.service"]; !ok || instance == "" || u == nil {
			return false
		}
	}
	if u.Name.Abstract() && u.Service == name {
		return false
	}
	b.readers[name] = read(u, name, b.options)
	b.queue = append(b.queue, name)
	return true
}

// link takes what [Install] asks for.
func (b *builder) link(u *quadlet.Unit, l quadlet.Link) {
	folder, name := path.Split(l.Path)
	if folder == "" {
		b.aliases[name] = u.Service
		return
	}
	folder = strings.TrimSuffix(folder, "/")
	by, how := strings.TrimSuffix(folder, path.Ext(folder)), path.Ext(folder)
	if !b.add(name) {
		return
	}
	if strings.HasSuffix(by, ".target") {
		b.readers[name].Enabled = b.readers[name].Enabled || reached(by)
		return
	}
	if b.add(by) {
		r := b.readers[by]
		switch how {
		case ".wants":
			r.Wants = append(r.Wants, name)
		case ".requires":
			r.Requires = append(r.Requires, name)
		case ".upholds":
			r.Upholds = append(r.Upholds, name)
		}
	}
}

// relate finds the units that a unit's lines name.
func (b *builder) relate(r *reader) {
	lists := map[string]*[]string{
		"After": &r.After, "Wants": &r.Wants, "Requires": &r.Requires, "Requisite": &r.Requisite, "BindsTo": &r.BindsTo, "PartOf": &r.PartOf,
		"Upholds": &r.Upholds, "OnFailure": &r.OnFailure, "OnSuccess": &r.OnSuccess, "Conflicts": &r.Conflicts, "PropagatesStopTo": &r.StopsTo, "PropagatesReloadTo": &r.ReloadsTo,
	}
	inverse := func(key string, other *reader) *[]string { // those that stand in the other unit
		return map[string]*[]string{"Before": &other.After, "StopPropagatedFrom": &other.StopsTo, "ReloadPropagatedFrom": &other.ReloadsTo}[key]
	}
	for _, rel := range r.relations {
		if list := lists[rel.key]; len(rel.names) == 0 && list != nil {
			*list = nil
		}
		for _, name := range rel.names {
			if alias, ok := b.aliases[name]; ok {
				name = alias
			}
			switch known := b.add(name) || b.others[name]; {
			case !known:
				b.outside(r, rel, name)
			case lists[rel.key] != nil:
				*lists[rel.key] = append(*lists[rel.key], name)
			case b.readers[name] != nil:
				list := inverse(rel.key, b.readers[name])
				*list = append(*list, r.Name)
			}
		}
	}
}

// outside is for a unit that is none of ours. What would only order or wish is
// moot, as it is for systemd where there is no such unit; a need is not.
func (b *builder) outside(r *reader, rel relation, name string) {
	switch rel.key {
	case "Requires", "Requisite", "BindsTo", "Upholds", "OnFailure", "OnSuccess":
	default:
		return
	}
	if b.options.Stale[r.Unit.Path] { // it runs on without, unless it is bound, as to its pod
		if rel.key == "BindsTo" {
			r.BindsTo = append(r.BindsTo, name)
		}
		return
	}
	if reached(name) && rel.key != "OnFailure" && rel.key != "OnSuccess" {
		return
	}
	r.fail(rel.at, "%s=%s: there is no such unit in the folders, and without systemd no other", rel.key, name)
}

// cycles refuses services that wait for each other.
func (b *builder) cycles() {
	state := map[string]int{} // 1: being visited, 2: done
	var stack []string
	var visit func(name string)
	visit = func(name string) {
		state[name] = 1
		stack = append(stack, name)
		for _, next := range b.readers[name].After {
			switch {
			case b.readers[next] == nil || state[next] == 2:
			case state[next] == 1:
				round := append(slices.Clone(stack[slices.Index(stack, next):]), next)
				for _, one := range round[:len(round)-1] {
					b.readers[one].fail(source.Pos{}, "units wait for each other: %s", strings.Join(round, " after "))
				}
			default:
				visit(next)
			}
		}
		stack = stack[:len(stack)-1]
		state[name] = 2
	}
	for _, name := range sorted(b.readers) {
		if state[name] == 0 {
			visit(name)
		}
	}
}

// graph is the services that can be run.
func (b *builder) graph() *Graph {
	g := &Graph{Services: map[string]*Service{}}
	for _, name := range sorted(b.readers) {
		r := b.readers[name]
		if len(r.problems) > 0 {
			file := r.Unit.Path
			for _, p := range r.problems {
				if !slices.Contains(b.problems[file], p) { // of several instances each has it
					b.problems[file] = append(b.problems[file], p)
				}
			}
			continue
		}
		for _, list := range []*[]string{&r.After, &r.Wants, &r.Requires, &r.Requisite, &r.BindsTo, &r.PartOf, &r.Upholds, &r.Conflicts, &r.StopsTo, &r.ReloadsTo} {
			*list = unique(*list, name)
		}
		g.Services[name] = r.Service
		g.names = append(g.names, name)
	}
	return g
}

// unique is a list without what it has twice, and without self.
func unique(list []string, self string) []string {
	var out []string
	for _, name := range list {
		if name != self && !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out
}

func sorted[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// String is for tests and logs.
func (s *Service) String() string { return fmt.Sprintf("%s (%s)", s.Name, s.Unit.Path) }
