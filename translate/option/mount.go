package option

import (
	"encoding/csv"
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	units "github.com/docker/go-units"

	"berth/engine/spec"
)

// parseMount reads a value of --mount: type=TYPE,key=value,… in the form of a
// line of CSV. A glob makes a mount for each path that matches.
func parseMount(s string, host Host) ([]mounted, error) {
	if strings.ContainsAny(s, "\n\x00") {
		return nil, errors.New("a mount is one line")
	}
	words, err := csv.NewReader(strings.NewReader(s)).Read()
	if err != nil {
		return nil, errors.New("write type=TYPE,key=value,… with quotes in pairs")
	}
	p := mountParser{kind: "volume", host: host, chosen: choices{}}
	given := map[string]bool{}
	for _, w := range words {
		key, value, _ := strings.Cut(w, "=")
		if key == "type" {
			p.kind = value
		}
		if name, ok := mountAliases()[key]; ok {
			key = name
		}
		if given[key] && !strings.HasPrefix(key, "volume-") {
			return nil, fmt.Errorf("%s is given twice: give it once", key)
		}
		given[key] = true
	}
	keys, ok := mountKeys()[p.kind]
	if !ok {
		if p.kind == "artifact" {
			return nil, errors.New("artifacts cannot be mounted: they are not kept here; use type=image, or type=bind for a folder")
		}
		return nil, fmt.Errorf("unknown type %q%s", p.kind, oneOf(p.kind, []string{"bind", "devpts", "glob", "image", "ramfs", "tmpfs", "volume"}))
	}
	for _, w := range words {
		key, value, given := strings.Cut(w, "=")
		if name, ok := mountAliases()[key]; ok {
			key = name
		}
		switch {
		case key == "type":
		case !slices.Contains(keys, key):
			return nil, fmt.Errorf("type %s has no option %q%s", p.kind, w, didYouMean(key, append(slices.Clone(keys), "src", "dst", "target", "tmpfs-size", "tmpfs-mode")))
		default:
			if err := p.set(key, value, given); err != nil {
				return nil, fmt.Errorf("%s: %w", key, err)
			}
		}
	}
	return p.finish()
}

// mountAliases are the other names of keys.
func mountAliases() map[string]string {
	return map[string]string{
		"src": "source", "dst": "destination", "target": "destination", "ro": "readonly", "rw": "readwrite", "chown": "U", "volume-subpath": "subpath",
		"tmpfs-size": "size", "tmpfs-mode": "mode",
	}
}

// mountKeys are the keys each type has (podman-run(1)).
func mountKeys() map[string][]string {
	flags := []string{"exec", "noexec", "suid", "nosuid", "dev", "nodev"}
	common := append([]string{"destination", "readonly", "readwrite", "U", "consistency"}, flags...)
	bind := append([]string{
		"source", "bind-propagation", "bind-nonrecursive", "relabel", "idmap", "no-dereference", "bind", "rbind", "z", "Z", "O", "upperdir", "workdir",
		"shared", "rshared", "slave", "rslave", "private", "rprivate", "unbindable", "runbindable",
	}, common...)
	tmpfs := append([]string{"size", "mode", "tmpcopyup", "notmpcopyup", "uid", "gid", "nr_inodes", "noswap", "huge"}, common...)
	return map[string][]string{
		"bind":   append([]string{"subpath"}, bind...),
		"glob":   bind,
		"volume": append([]string{"source", "idmap", "subpath", "copy", "nocopy", "volume-opt", "volume-label", "z", "Z", "O", "upperdir", "workdir"}, common...),
		"image":  {"source", "destination", "readwrite", "readonly", "subpath", "idmap", "consistency"},
		"tmpfs":  tmpfs,
		"ramfs":  append([]string{"mode"}, common...), // the kernel knows no other option of it
		"devpts": {"destination", "uid", "gid", "mode", "max", "consistency"},
	}
}

// mountParser gathers the keys of one mount.
type mountParser struct {
	kind, source   string
	host           Host
	chosen         choices
	mount          spec.Mount
	tmpfs          []string
	over           spec.Overlay
	overlay        bool
	writable, copy *bool
	options        map[string]string
	labels         map[string]string
}

func (p *mountParser) set(key, value string, given bool) error {
	switch key {
	case "source":
		p.source = value
	case "destination":
		at, err := target(value)
		p.mount.Path = at
		return err
	case "readonly", "readwrite":
		on, err := parseBool(value, given)
		writable := on == (key == "readwrite")
		if p.writable != nil && *p.writable != writable {
			return errors.New("readonly and readwrite exclude each other: give one of them")
		}
		p.writable = &writable
		return err
	case "U", "z", "Z", "O", "bind", "rbind", "exec", "noexec", "suid", "nosuid", "dev", "nodev", "no-dereference":
		return p.option(key, value, given)
	case "bind-nonrecursive":
		return p.option("bind", value, given)
	case "bind-propagation":
		if !slices.Contains(exclusive[7], value) {
			return fmt.Errorf("%q is not a propagation%s", value, oneOf(value, exclusive[7]))
		}
		return p.option(value, "", false)
	case "relabel":
		label, ok := map[string]string{"shared": "z", "private": "Z"}[value]
		if !ok {
			return fmt.Errorf("%q is neither shared nor private", value)
		}
		return p.option(label, "", false)
	case "copy", "nocopy":
		on, err := parseBool(value, given)
		copied := on == (key == "copy")
		p.copy = &copied
		return err
	case "idmap":
		ids, err := parseIDMapOption(strings.TrimSuffix("idmap="+value, "="))
		p.mount.IDMap = ids
		return err
	case "subpath":
		value = strings.TrimLeft(value, "/") // podman also takes a path from the root of what is mounted
		if slices.Contains(strings.Split(value, "/"), "..") || value == "" {
			return fmt.Errorf("%q leaves what is mounted: give a path in it", value)
		}
		p.mount.SubPath = path.Clean(value)
	case "upperdir":
		p.over.Upper = value
	case "workdir":
		p.over.Work = value
	case "volume-opt":
		return setPair(&p.options, value)
	case "volume-label":
		return setPair(&p.labels, value)
	case "consistency": // Docker's, for Macs
	default:
		if slices.Contains(exclusive[7], key) {
			return p.option(key, value, given)
		}
		return p.kernelOption(key, value, given)
	}
	return nil
}

// option turns a bind option on.
func (p *mountParser) option(name, value string, given bool) error {
	on, err := parseBool(value, given)
	if err != nil || !on {
		return err
	}
	if err := p.chosen.set(name); err != nil {
		return err
	}
	switch {
	case name == "O":
		p.overlay = true
	case slices.Contains(exclusive[7], name):
		p.mount.Propagation = spec.Propagation(name)
	default:
		p.mount.Options = append(p.mount.Options, name)
	}
	return nil
}

// kernelOption is one of tmpfs, ramfs or devpts.
func (p *mountParser) kernelOption(key, value string, given bool) error {
	if slices.Contains([]string{"tmpcopyup", "notmpcopyup", "noswap"}, key) {
		on, err := parseBool(value, given)
		if !on || err != nil {
			return err
		}
		p.tmpfs = append(p.tmpfs, key)
		return p.chosen.set(key)
	}
	if key == "size" && !strings.HasSuffix(value, "%") { // the kernel knows fewer units
		n, err := units.RAMInBytes(value)
		if err != nil || n < 0 {
			return fmt.Errorf("%q is not a size such as 64m", value)
		}
		value = strconv.FormatInt(n, 10)
	}
	p.tmpfs = append(p.tmpfs, key+"="+value)
	return checkKernelOption(key, value)
}

// checkKernelOption refuses a value that mount(8) would, in words that tell nothing.
func checkKernelOption(key, value string) error {
	var err error
	switch key {
	case "size", "nr_blocks", "nr_inodes": // as the kernel reads them
		number := strings.TrimRight(value, "kKmMgGtTpPeE")
		if key == "size" && number == value {
			number = strings.TrimSuffix(value, "%")
		}
		if _, err = strconv.ParseUint(number, 10, 64); err != nil || len(value)-len(number) > 1 {
			return fmt.Errorf("%s %q is not a number such as 64m", key, value)
		}
	case "mode":
		if n, err := strconv.ParseUint(value, 8, 16); err != nil || n > 0o7777 {
			return fmt.Errorf("%q is not an octal mode such as 1777", value)
		}
	case "uid", "gid", "max":
		if _, err = strconv.ParseUint(value, 10, 32); err != nil {
			return fmt.Errorf("%q is not a number", value)
		}
	}
	return nil
}

func (p *mountParser) finish() ([]mounted, error) {
	if p.kind == "glob" {
		return p.glob()
	}
	var v spec.Volume
	m := p.mount
	switch {
	case m.Path == "" && p.kind == "devpts":
		m.Path = "/dev/pts"
	case m.Path == "":
		return nil, errors.New("destination is missing")
	}
	m.ReadOnly = p.writable != nil && !*p.writable
	switch p.kind {
	case "bind":
		if p.source == "" {
			p.source = m.Path // as Docker and podman have it
		}
		v.Host = &spec.HostVolume{Path: p.host.Abs(p.source), Type: spec.HostExists}
	case "volume":
		if p.source != "" {
			if err := CheckName(p.source); err != nil {
				return nil, fmt.Errorf("source %q is not the name of a volume: %w", p.source, err)
			}
		}
		v.Named = &spec.NamedVolume{
			Volume: p.source, Anonymous: p.source == "", NoCopy: p.copy != nil && !*p.copy, Options: p.options, Labels: p.labels,
		}
	case "image":
		if p.source == "" {
			return nil, errors.New("source is missing: the name of an image")
		}
		v.Image = &spec.ImageVolume{Image: p.source, SubPath: m.SubPath, Writable: p.writable != nil && *p.writable}
		m.SubPath, m.ReadOnly = "", !v.Image.Writable
	default:
		v.Tmpfs = p.memory(&m)
	}
	if p.overlay {
		v.Overlay = &p.over
	}
	if err := checkOverlay(&m, &v, p.over, p.host); err != nil {
		return nil, err
	}
	return []mounted{{m, v}}, nil
}

// memory is a file system that lives in the kernel alone.
func (p *mountParser) memory(m *spec.Mount) *spec.TmpfsVolume {
	v := &spec.TmpfsVolume{Options: p.tmpfs}
	if p.kind != "tmpfs" {
		v.Kind = p.kind
	}
	v.Options = append(v.Options, slices.DeleteFunc(slices.Clone(m.Options), toGive)...)
	if m.Options = slices.DeleteFunc(m.Options, func(o string) bool { return !toGive(o) }); len(m.Options) == 0 {
		m.Options = nil
	}
	switch {
	case p.kind != "devpts":
		v.Options = tmpfsDefaults(v.Options)
	case m.Path == "/dev/pts":
		v.Options = terminalDefaults(v.Options)
	}
	if p.kind == "ramfs" { // the runtime copies to tmpfs alone
		v.Options = slices.DeleteFunc(v.Options, func(o string) bool { return o == "tmpcopyup" })
	}
	return v
}

// toGive reports whether an option gives a file system to the container's user.
func toGive(o string) bool { return o == "U" }

// terminalDefaults are those of the /dev/pts that every container has, without which
// its programs could make no terminals.
func terminalDefaults(options []string) []string {
	options = append(slices.Clone(options), "nosuid", "noexec", "ptmxmode=0666")
	for _, o := range []string{"gid=5", "mode=0620"} {
		name, _, _ := strings.Cut(o, "=")
		if !slices.ContainsFunc(options, func(s string) bool { return strings.HasPrefix(s, name+"=") }) {
			options = append(options, o)
		}
	}
	return options
}

// glob mounts each path that matches: at the path it has, or by its last name
// below the destination.
func (p *mountParser) glob() ([]mounted, error) {
	if p.source == "" {
		return nil, errors.New("source is missing: a pattern of paths")
	}
	paths, err := p.host.Glob(p.host.Abs(p.source))
	if err != nil {
		return nil, err
	}
	if len(paths) == 0 {
		return nil, fmt.Errorf("no path matches %s", p.source)
	}
	below := p.mount.Path
	var out []mounted
	for _, at := range paths {
		one := *p
		one.kind, one.source, one.mount.Path = "bind", at, at
		one.mount.Options = slices.Clone(p.mount.Options)
		if below != "" {
			one.mount.Path = path.Join(below, path.Base(at))
		}
		list, err := one.finish()
		if err != nil {
			return nil, err
		}
		out = append(out, list...)
	}
	return out, nil
}

// parseBool reads true or false; a key alone is true.
func parseBool(value string, given bool) (bool, error) {
	if !given {
		return true, nil
	}
	on, err := strconv.ParseBool(value)
	if err != nil {
		return false, fmt.Errorf("%q is neither true nor false", value)
	}
	return on, nil
}

// setPair puts key=value into a map.
func setPair(to *map[string]string, s string) error {
	key, value, _ := strings.Cut(s, "=")
	if key == "" {
		return fmt.Errorf("%q: write key=value", s)
	}
	if *to == nil {
		*to = map[string]string{}
	}
	(*to)[key] = value
	return nil
}
