package quadlet

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"

	"berth/internal/source"
)

// set is all unit files, by name, with what others must know of each.
type set struct {
	options Options
	entries []*entry
	byFile  map[string]*entry
	ordered map[string][]Key          // the keys of a section, in the table's order
	keys    map[string]map[string]Key // and by name
}

// entry is one unit file and what became of it.
type entry struct {
	name     Name
	path     string
	folder   string // where relative paths start
	src      *File
	service  string // without ".service"
	resource string
	problems source.Diagnostics
	unit     *Unit
	after    []wait   // unit files this one is started after
	members  []*entry // of a pod
	aliases  []otherName
	dropped  bool // another unit has its service
}

// otherName is one of Alias=.
type otherName struct {
	name string
	at   source.Pos
}

// wait is a unit file another one is started after, because by says so.
type wait struct {
	file string
	by   *entry
	at   source.Pos
}

// failed says whether the unit cannot be used.
func (e *entry) failed() bool {
	return e.unit == nil || e.dropped || slices.ContainsFunc(e.problems, func(d source.Diagnostic) bool { return !d.Warning })
}

func newSet(files []Input, options Options) *set {
	s := &set{options: options, byFile: map[string]*entry{}, ordered: map[string][]Key{}, keys: map[string]map[string]Key{}}
	for _, k := range Keys() {
		s.ordered[k.Section] = append(s.ordered[k.Section], k)
		if s.keys[k.Section] == nil {
			s.keys[k.Section] = map[string]Key{}
		}
		s.keys[k.Section][k.Name] = k
	}
	services := map[string]*entry{}
	for _, f := range files {
		e := newEntry(f)
		s.entries = append(s.entries, e)
		s.byFile[f.Name] = e
		if len(e.problems) > 0 {
			continue
		}
		s.identify(e)
		s.claim(services, e)
	}
	return s
}

// newEntry reads a file and its drop-ins.
func newEntry(f Input) *entry {
	e := &entry{path: f.Path, folder: cmp.Or(f.Folder, path.Dir(f.Path))}
	var ok bool
	if e.name, ok = ParseName(f.Name); !ok {
		e.name.File = f.Name
		e.fail(source.Pos{File: f.Path}, "is no unit file's name")
		return e
	}
	if !printable(f.Path) || !printable(f.Folder) {
		e.fail(source.Pos{File: shown(f.Path)}, "its path has characters no service can name")
		e.src = &File{}
		return e
	}
	e.src, e.problems = Parse(f.Name, f.Path, f.Data)
	for _, d := range f.DropIns {
		file, problems := Parse(d.Name, d.Path, d.Data)
		e.src.Merge(file)
		e.problems = append(e.problems, problems...)
	}
	// Others may refer to a unit that cannot be read: they are not to blame.
	e.service, e.resource = e.name.service(), e.name.resource()
	return e
}

func (e *entry) fail(at source.Pos, format string, args ...any) {
	e.problems = append(e.problems, source.Diagnostic{Pos: at, Message: fmt.Sprintf(format, args...)})
}

// identify finds the names of a unit's service and of what it makes.
func (s *set) identify(e *entry) {
	section := e.name.Kind.Section()
	own := func(key string) (string, source.Pos) {
		lines := e.src.Lines(section, key)
		if len(lines) == 0 {
			return "", source.Pos{File: e.path}
		}
		last := lines[len(lines)-1]
		return unquote(last.Value), last.Pos
	}
	name, at := own("ServiceName")
	if name != "" {
		e.service = name
	}
	if !validUnitName(e.service) {
		e.fail(at, "%s.service is no name systemd takes: letters, digits and :-_.\\@, 255 at most", shown(e.service))
	} else if strings.HasPrefix(e.service, ".") {
		e.fail(at, "%s.service is hidden from systemd: a name does not begin with a dot", shown(e.service))
	}
	switch e.name.Kind {
	case Image:
		e.resource, _ = own("ImageTag")
		if e.resource == "" {
			e.resource, _ = own("Image")
		}
	case Build:
		e.resource = ""
		if tags := e.src.Values(section, "ImageTag"); len(tags) > 0 {
			e.resource = unquote(tags[0])
		}
	case Artifact:
		e.resource, _ = own("Artifact")
	case Container:
		e.resource = containerName(e.name)
		if name, _ := own("ContainerName"); name != "" {
			e.resource = name
		}
	default:
		if name, _ := own(section + "Name"); name != "" {
			e.resource = name
		}
	}
}

// containerName is the name of a container whose unit does not say one.
func containerName(n Name) string {
	if n.Template {
		return "systemd-%p_%i"
	}
	return "systemd-%N"
}

// claim gives each service to the first unit that has it. Where the names of
// two files lead there, podman takes one and says nothing: that is worth a
// warning. Who writes ServiceName= is told of the mistake.
func (s *set) claim(services map[string]*entry, e *entry) {
	first := services[e.service]
	if first == nil {
		services[e.service] = e
		return
	}
	e.dropped = true
	at := source.Pos{File: e.path}
	lines := e.src.Lines(e.name.Kind.Section(), "ServiceName")
	explicit := len(lines) > 0 || len(first.src.Lines(first.name.Kind.Section(), "ServiceName")) > 0
	if len(lines) > 0 {
		at = lines[len(lines)-1].Pos
	}
	e.problems = append(e.problems, source.Diagnostic{Pos: at, Warning: !explicit,
		Message: fmt.Sprintf("%s.service is already that of %s: this unit is left out; ServiceName= gives it another name", e.service, first.path)})
}

// find is the unit of a file's name. For an instance that has no file of its
// own it is the template, and ok says so by instance.
func (s *set) find(file string) (e *entry, instance string) {
	if e := s.byFile[file]; e != nil {
		return e, ""
	}
	if n, ok := ParseName(file); ok && n.Instance != "" {
		return s.byFile[n.TemplateFile()], n.Instance
	}
	return nil, ""
}

// serviceOf is the service another unit is reached by, from e.
func (s *set) serviceOf(e *entry, target *entry, instance string) (string, error) {
	if instance == "" && target.name.Abstract() {
		if !e.name.Template {
			return "", fmt.Errorf("%w: write %s@NAME.%s", errTemplate, target.name.Base, target.name.Kind)
		}
		instance = "%i"
	}
	service := target.service
	if instance != "" && strings.HasSuffix(service, "@") {
		service += instance
	}
	return service + ".service", nil
}

// resourceOf is the name of what another unit makes, as seen from e: specifiers
// of the other's service are resolved, since they mean e's own here.
func (s *set) resourceOf(target *entry, instance string) string {
	prefix, rest, _ := strings.Cut(target.service, "@")
	if instance == "" {
		instance = rest
	}
	full := target.service
	if strings.HasSuffix(full, "@") {
		full += instance
	}
	if target.name.Abstract() && instance == "" {
		// from one template to another: the instance is the same
		return strings.NewReplacer("%p", prefix, "%P", prefix, "%N", prefix+"@%i", "%n", prefix+"@%i.service").Replace(target.resource)
	}
	r := []string{"%N", full, "%n", full + ".service", "%p", prefix, "%P", prefix}
	if target.name.Template {
		r = append(r, "%i", instance, "%I", instance)
	}
	return strings.NewReplacer(append(r, "%%", "%%")...).Replace(target.resource)
}
