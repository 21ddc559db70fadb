package quadlet

import (
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
		if _, ok := ParseName(w); !ok {
			services = append(services, w)
			continue
		}
		target, instance := c.set.find(w)
		if target == nil {
			c.failAt(l.Pos, "unable to translate dependency for %s: there is no such unit file%s", w, DidYouMeanFile(w, c.set.files()))
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
			c.after = append(c.after, target.name.File)
		case "Before":
			target.after = append(target.after, c.name.File)
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

func (s *set) files() []string {
	var all []string
	for _, e := range s.entries {
		all = append(all, e.name.File)
	}
	return all
}

// refer finds the unit a key names, which has to be up before this one.
func (c *conversion) refer(at source.Pos, what, file string, kinds ...Kind) (resource string, ok bool) {
	target, instance := c.set.find(file)
	if target == nil {
		c.failAt(at, "requested Quadlet %s %s was not found%s", what, file, DidYouMeanFile(file, c.set.filesOf(kinds)))
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
	if c.needs(target) {
		c.out.Add("Unit", "Requires", service)
		c.out.Add("Unit", "After", service)
	}
	return resource, true
}

// needs notes that the unit is started after another, and says whether that is
// new.
func (c *conversion) needs(target *entry) bool {
	file := target.name.File
	c.after = append(c.after, file)
	if slices.Contains(c.unit.Needs, file) {
		return false
	}
	c.unit.Needs = append(c.unit.Needs, file)
	return true
}

func (s *set) filesOf(kinds []Kind) []string {
	var all []string
	for _, e := range s.entries {
		if slices.Contains(kinds, e.name.Kind) {
			all = append(all, e.name.File)
		}
	}
	return all
}

// isFile says whether a value names a unit file of one of the kinds.
func isFile(s string, kinds ...Kind) bool {
	return slices.ContainsFunc(kinds, func(k Kind) bool { return strings.HasSuffix(s, "."+string(k)) })
}

// breakCycles refuses units that wait for each other: none could ever start.
func (s *set) breakCycles() {
	for _, cycle := range s.cycles() {
		files := make([]string, 0, len(cycle)+1)
		for _, e := range cycle {
			files = append(files, e.name.File)
		}
		for i, e := range cycle {
			round := append(slices.Clone(files[i:]), files[:i+1]...)
			e.fail(source.Pos{File: e.path}, "units wait for each other: %s", strings.Join(round, " after "))
		}
	}
}

// cycles finds, for each group of units that wait for each other, a way round.
func (s *set) cycles() [][]*entry {
	var found [][]*entry
	state := map[*entry]int{} // 1: being visited, 2: done
	var stack []*entry
	var visit func(e *entry)
	visit = func(e *entry) {
		state[e] = 1
		stack = append(stack, e)
		for _, file := range e.after {
			switch next := s.byFile[file]; {
			case next == nil, next.failed(), state[next] == 2:
			case state[next] == 1:
				cycle := slices.Clone(stack[slices.Index(stack, next):])
				found = append(found, cycle)
			default:
				visit(next)
			}
		}
		stack = stack[:len(stack)-1]
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
