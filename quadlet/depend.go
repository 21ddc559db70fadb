package quadlet

import (
	"path"
	"slices"
	"strings"

	"berth/internal/source"
)

// dependencies are the keys of [Unit] that name units, which may be unit files
// here.
func dependencies() []string {
	return []string{"After", "Before", "BindsTo", "Conflicts", "OnFailure", "OnSuccess", "PartOf", "PropagatesReloadTo", "PropagatesStopTo",
		"ReloadPropagatedFrom", "Requires", "Requisite", "StopPropagatedFrom", "Upholds", "Wants"}
}

// unitSection fills [Unit]: unit files by their services, the network, where
// the unit comes from.
func (c *conversion) unitSection() {
	for _, s := range c.out.Sections {
		if s.Name != "Unit" {
			continue
		}
		for i, l := range s.Lines {
			if l.Key != "" && slices.Contains(dependencies(), l.Key) {
				s.Lines[i] = c.translated(l)
			}
		}
	}
	if wait, set := c.yes("Quadlet", "DefaultDependencies"); wait || !set {
		online := "network-online.target"
		if c.set.options.User {
			online = "podman-user-wait-network-online.service"
		}
		c.out.Prepend("Unit", made("Wants", online), made("After", online))
	}
	c.out.Add("Unit", "SourcePath", literal(c.path))
	c.out.Add("Unit", "RequiresMountsFor", "%t/containers")
}

// translated is a line with the names of unit files replaced by their services,
// without the unit's own, which a drop-in for all units of its kind may hold:
// systemd drops a dependency of a unit on itself.
func (c *conversion) translated(l Line) Line {
	var services []string
	changed := false
	for _, w := range c.words(l) {
		if _, ok := ParseName(path.Base(w)); !ok {
			services = append(services, w)
			continue
		}
		target, instance := c.set.find(w)
		if target == nil {
			c.failAt(l.Pos, "unable to translate dependency for %s: there is no such unit file%s", w, c.meantFile(w))
			continue
		}
		service, err := c.set.serviceOf(c.entry, target, instance)
		if err != nil {
			c.failAt(l.Pos, "unable to translate dependency for %s: %w", w, err)
			continue
		}
		changed = true
		if service == c.service+".service" {
			continue
		}
		switch l.Key {
		case "After":
			c.after = append(c.after, wait{target.name.File, c.entry, l.Pos})
		case "Before":
			target.after = append(target.after, wait{c.name.File, c.entry, l.Pos})
		}
		services = append(services, service)
	}
	switch {
	case !changed:
		return l
	case len(services) == 0:
		return Line{Pos: l.Pos}
	}
	line := made(l.Key, strings.Join(services, " "))
	line.Pos = l.Pos
	return line
}

// refer finds the unit a key names, which has to be up before this one.
func (c *conversion) refer(at source.Pos, what, file string, kinds ...Kind) (resource string, ok bool) {
	target, instance := c.set.find(file)
	if target == nil {
		c.failAt(at, "requested Quadlet %s %s was not found%s", what, file, c.meantFile(file, kinds...))
		return "", false
	}
	service, err := c.set.serviceOf(c.entry, target, instance)
	if err != nil {
		c.failAt(at, "requested Quadlet %s %s: %w", what, file, err)
		return "", false
	}
	resource = c.set.resourceOf(target, instance)
	if resource == "" {
		c.failAt(at, "requested Quadlet %s %s does not say what it makes", what, file)
		return "", false
	}
	if c.needs(target, at) {
		c.out.Add("Unit", "Requires", service)
		c.out.Add("Unit", "After", service)
	}
	return resource, true
}

// needs notes that the unit is started after another, and says whether that is
// new.
func (c *conversion) needs(target *entry, at source.Pos) bool {
	file := target.name.File
	c.after = append(c.after, wait{file, c.entry, at})
	if slices.Contains(c.unit.Needs, file) {
		return false
	}
	c.unit.Needs = append(c.unit.Needs, file)
	return true
}

// isFile says whether a value names a unit file of one of the kinds.
func isFile(s string, kinds ...Kind) bool {
	return slices.ContainsFunc(kinds, func(k Kind) bool { return strings.HasSuffix(s, "."+string(k)) })
}

// breakCycles refuses units that wait for each other: none could ever start. Those
// that only are waited for, or whose waiting another one asks for, are not to blame.
func (s *set) breakCycles() {
	for _, cycle := range s.cycles() {
		files := make([]string, 0, len(cycle)+1)
		for _, step := range cycle {
			files = append(files, step.entry.name.File)
		}
		var blamed []*entry
		for i, step := range cycle {
			if slices.Contains(blamed, step.by) {
				continue
			}
			blamed = append(blamed, step.by)
			round := append(slices.Clone(files[i:]), files[:i+1]...)
			step.by.problems = append(step.by.problems, source.Diagnostic{Pos: step.at, Message: "units wait for each other: " + strings.Join(round, " after ")})
		}
	}
}

// step is a unit on a way round, which waits for the next one.
type step struct {
	*entry
	wait
}

// cycles finds, for each group of units that wait for each other, a way round.
func (s *set) cycles() [][]step {
	var found [][]step
	state := map[*entry]int{} // 1: being visited, 2: done
	var stack []step
	var visit func(e *entry)
	visit = func(e *entry) {
		state[e] = 1
		for _, w := range e.after {
			next := s.byFile[w.file]
			if next == nil || next.failed() || state[next] == 2 {
				continue
			}
			stack = append(stack, step{e, w})
			if state[next] == 1 {
				from := slices.IndexFunc(stack, func(s step) bool { return s.entry == next })
				found = append(found, slices.Clone(stack[from:]))
			} else {
				visit(next)
			}
			stack = stack[:len(stack)-1]
		}
		state[e] = 2
	}
	for _, e := range s.entries {
		if state[e] == 0 && !e.failed() {
			visit(e)
		}
	}
	return found
}

// fillPods gives each pod the containers it starts. It is done last, since only
// then it is known which of them can be used.
func (s *set) fillPods() {
	for _, e := range s.entries {
		if e.failed() {
			continue
		}
		for _, m := range e.members {
			if m.failed() {
				continue
			}
			e.unit.Members = append(e.unit.Members, m.name.File)
			e.unit.File.Add("Unit", "Wants", m.unit.Service)
			e.unit.File.Add("Unit", "Before", m.unit.Service)
		}
	}
}
