package quadlet

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"berth/internal/source"
)

// Host is what conversion asks about the host.
type Host interface {
	Exists(path string) bool
	UserID(name string) (uint32, error)
	GroupID(name string) (uint32, error)
}

// Options is what is the same for all units.
type Options struct {
	Program string // what the service calls: the absolute path of berth
	User    bool   // the units are of a user's systemd, not of the host's
	Host    Host
}

// Input is a unit file, and the drop-ins that are merged into it, in order.
type Input struct {
	Name, Path string // "web.container"; where it is, absolute
	// Folder is where relative paths start, if that is not where Path lies: on the
	// way there are links to folders.
	Folder  string
	Data    []byte
	DropIns []DropIn
}

// DropIn is a file of a folder such as web.container.d.
type DropIn struct {
	Name, Path string
	Data       []byte
}

// Command is one call of berth.
type Command struct {
	Args   []string // without the program; systemd's specifiers stand in it
	Ignore bool     // a failure is of no matter
}

// Unit is what a unit file stands for.
type Unit struct {
	Name     Name
	Path     string
	Service  string // the name of its service: "web.service"
	Resource string // the name of what it makes; specifiers stand in it
	// What is called, in this order; Start last before the service is up.
	Pre, Start, Reload, Stop, StopPost []Command
	// Needs are the unit files that have to be up before, by their names:
	// volumes, networks, images, the pod.
	Needs []string
	// Members are the containers a pod starts, by their files' names.
	Members []string
	// File is the service: what the unit file says to systemd, and what
	// conversion adds. The own section is in it as "X-…".
	File  *File
	Links []Link
	// Upholds are drop-ins of units that uphold this one, by their paths from the
	// generator's folder: systemd before 254 does not look for links that say so.
	Upholds []DropIn
}

// Result is what became of one unit file. Unit is nil if it cannot be used, and
// Problems say why; a unit may have warnings.
type Result struct {
	Name     string
	Path     string
	Service  string // its service has or would have this name
	Unit     *Unit
	Problems source.Diagnostics
}

// Convert says what each unit file stands for. References are looked up among
// all of them. The results are in the order of the files.
func Convert(files []Input, options Options) []Result {
	s := newSet(files, options)
	results := make([]Result, len(s.entries))
	for i, e := range s.entries {
		if len(e.problems) == 0 {
			s.convert(e)
		}
		results[i].Name, results[i].Path, results[i].Service = e.name.File, e.path, e.service+".service"
	}
	s.claimAliases()
	s.breakCycles()
	s.fillPods()
	for i, e := range s.entries {
		results[i].Problems = few(e.problems)
		if !e.failed() {
			results[i].Unit = e.unit
		}
	}
	return results
}

// mostProblems is how many a unit is told of: the log of a boot has others to hold.
const mostProblems = 50

// few are the first problems, and how many more there are.
func few(all source.Diagnostics) source.Diagnostics {
	if len(all) <= mostProblems {
		return all
	}
	rest := all[mostProblems:]
	return append(slices.Clone(all[:mostProblems]), source.Diagnostic{
		Pos: rest[0].Pos, Warning: rest.Err() == nil, Message: fmt.Sprintf("%d more problems from here on: mend those above first", len(rest)),
	})
}

// conversion turns one unit file into a unit.
type conversion struct {
	*entry
	set     *set
	section string // the own one
	args    []string
	out     *File
	unknown bool // a key or section is: what lacks may be what it was meant to be
}

func (s *set) convert(e *entry) {
	c := &conversion{entry: e, set: s, section: e.name.Kind.Section(), out: e.src.Clone()}
	e.unit = &Unit{Name: e.name, Path: e.path, Service: e.service + ".service", Resource: e.resource, File: c.out}
	c.checkKeys()
	for _, sec := range c.out.Sections {
		if sec.Name == c.section || sec.Name == "Quadlet" {
			sec.Header = strings.Replace(sec.Header, "["+sec.Name+"]", "[X-"+sec.Name+"]", 1)
			sec.Name = "X-" + sec.Name
		}
	}
	c.unitSection()
	c.forbidden()
	c.byKind()
	c.install()
}

func (c *conversion) byKind() {
	switch c.name.Kind {
	case Artifact:
		c.artifact()
	case Build:
		c.build()
	case Container:
		c.container()
	case Image:
		c.imageUnit()
	case Kube:
		c.kube()
	case Network:
		c.network()
	case Pod:
		c.pod()
	case Volume:
		c.volume()
	}
}

// failAt adds an error at a place.
func (c *conversion) failAt(at source.Pos, format string, args ...any) {
	c.problems = append(c.problems, source.Diagnostic{Pos: at, Message: fmt.Errorf(format, args...).Error()})
}

// warnAt adds a warning about a place.
func (c *conversion) warnAt(at source.Pos, format string, args ...any) {
	c.problems = append(c.problems, source.Diagnostic{Pos: at, Warning: true, Message: fmt.Sprintf(format, args...)})
}

// fail adds an error about a key of the own section, or, where no key is there,
// about the section.
func (c *conversion) fail(key, format string, args ...any) {
	c.failAt(c.at(key), format, args...)
}

// lacks adds an error about a key that is not there, unless it was probably
// meant by one that is.
func (c *conversion) lacks(key, format string, args ...any) {
	if !c.unknown {
		c.fail(key, format, args...)
	}
}

func (c *conversion) at(key string) source.Pos {
	if l := c.line(c.section, key); l != nil {
		return l.Pos
	}
	if s := c.src.Section(c.section); s != nil {
		return s.Pos
	}
	return source.Pos{File: c.path}
}

// checkKeys refuses sections and keys nobody would read.
func (c *conversion) checkKeys() {
	sections := []string{"Unit", "Service", "Install", "Quadlet", c.section}
	for _, s := range c.src.Sections {
		known := c.set.keys[s.Name]
		switch {
		case s.Name == c.section || s.Name == "Quadlet":
			for _, l := range s.Lines {
				if _, ok := known[l.Key]; l.Key != "" && !ok {
					c.unknown = true
					c.failAt(l.Pos, "unsupported key '%s' in group '%s' in %s%s", l.Key, s.Name, l.Pos.File, c.meant(l.Key, c.set.ordered[s.Name]))
				}
			}
		case s.Name == "Unit", s.Name == "Service", s.Name == "Install", s.Name == "", strings.HasPrefix(s.Name, "X-"):
		case known != nil:
			c.unknown = true
			c.failAt(s.Pos, "section [%s] belongs into a .%s file", s.Name, strings.ToLower(s.Name))
		default:
			c.unknown = true
			c.failAt(s.Pos, "unknown section [%s]%s (a section that nothing reads begins with X-)", s.Name, source.DidYouMean(s.Name, sections))
		}
	}
}

// meant is source.DidYouMean for a key that is told of.
func (c *conversion) meant(word string, keys []Key) string {
	if len(c.problems) >= mostProblems {
		return ""
	}
	return source.DidYouMean(word, names(keys))
}

// meantFile is DidYouMeanFile for those, among the files of some kinds, or all.
func (c *conversion) meantFile(file string, kinds ...Kind) string {
	if len(c.problems) >= mostProblems {
		return ""
	}
	var known []string
	for _, e := range c.set.entries {
		if len(kinds) == 0 || slices.Contains(kinds, e.name.Kind) {
			known = append(known, e.name.File)
		}
	}
	return DidYouMeanFile(file, known)
}

func names(keys []Key) []string {
	all := make([]string, len(keys))
	for i, k := range keys {
		all[i] = k.Name
	}
	return all
}

// forbidden warns of keys that would run berth as somebody else.
func (c *conversion) forbidden() {
	for _, key := range []string{"User", "Group", "DynamicUser"} {
		if l := c.line("Service", key); l != nil {
			c.warnAt(l.Pos, "using key %s in the Service group is not supported", key)
		}
	}
}

// begin starts an argument list with the options that stand before the command.
func (c *conversion) begin(command ...string) {
	c.args = nil
	c.add(c.globals()...)
	c.add(command...)
}

func (c *conversion) globals() []string {
	var args []string
	for _, m := range c.texts("ContainersConfModule") {
		args = append(args, "--module="+m)
	}
	return append(args, c.texts("GlobalArgs")...)
}

// podmanArgs appends the arguments that are passed on as they are.
func (c *conversion) podmanArgs() { c.add(c.texts("PodmanArgs")...) }

// exec makes the arguments gathered so far a command of the service.
func (c *conversion) exec(key string) {
	c.execute(key, Command{Args: c.args})
	c.args = nil
}

func (c *conversion) execute(key string, cmd Command) {
	prefix := ""
	if cmd.Ignore {
		prefix = "-"
	}
	line := prefix + Quote(append([]string{literal(c.set.options.Program)}, cmd.Args...)...)
	c.fits(line, cmd.Args)
	c.out.Add("Service", key, line)
	into := map[string]*[]Command{"ExecStartPre": &c.unit.Pre, "ExecStart": &c.unit.Start, "ExecReload": &c.unit.Reload,
		"ExecStop": &c.unit.Stop, "ExecStopPost": &c.unit.StopPost}[key]
	*into = append(*into, cmd)
}

// fits refuses what would not reach the command: systemd reads lines of less than a
// mebibyte, and execve(2) takes arguments of less than 128 KiB.
func (c *conversion) fits(line string, args []string) {
	const longest = 128 << 10
	switch long := slices.IndexFunc(args, func(a string) bool { return len(a) >= longest }); {
	case long >= 0:
		c.failAt(c.at(""), "an argument of %d KiB comes of it, %s: the host takes less than %d KiB", len(args[long])>>10, shown(args[long]), longest>>10)
	case len(line) >= MaxSize:
		c.failAt(c.at(""), "a command line of %d KiB comes of it: systemd takes less than %d KiB", len(line)>>10, MaxSize>>10)
	}
}

// call makes a command of the service that has only its name and arguments.
func (c *conversion) call(key string, ignore bool, args ...string) {
	c.execute(key, Command{Args: append(c.globals(), args...), Ignore: ignore})
}

// absolute is a path relative to the unit file's folder. One that starts with a
// specifier is systemd's to resolve.
func (c *conversion) absolute(p string) string {
	if path.IsAbs(p) || specified(p) {
		return p
	}
	return path.Join(literal(c.folder), p)
}

// specified says whether a path starts with a specifier; %% is a percent sign.
func specified(p string) bool { return strings.HasPrefix(p, "%") && !strings.HasPrefix(p, "%%") }

// literal keeps systemd from seeing specifiers in a path of the host.
func literal(p string) string { return strings.ReplaceAll(p, "%", "%%") }

var errTemplate = errors.New("a template needs an instance")
