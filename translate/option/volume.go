package option

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"berth/engine/spec"
)

// volumes is what is mounted.
type volumes struct {
	volumes, mounts, tmpfs, from []string
	readOnly, readTmpfs          bool
}

// shared adds what containers and pods have in common.
func (v *volumes) shared(f *pflag.FlagSet) {
	f.StringArrayVarP(&v.volumes, "volume", "v", nil, "mount a `volume`: [name-or-path:]path[:options]")
	f.StringArrayVar(&v.from, "volumes-from", nil, "mount the volumes of another `container[:options]`")
}

func (v *volumes) register(f *pflag.FlagSet) {
	v.shared(f)
	f.StringArrayVar(&v.mounts, "mount", nil, "mount what a `list` says: type=bind|volume|tmpfs|ramfs|image|devpts|glob,source=…,destination=…")
	f.StringArrayVar(&v.tmpfs, "tmpfs", nil, "mount a tmpfs at a `path[:options]`")
	f.BoolVar(&v.readOnly, "read-only", false, "make the container's root file system read-only")
	f.BoolVar(&v.readTmpfs, "read-only-tmpfs", true, "with --read-only: leave /dev/shm, /tmp, /run and /var/tmp writable")
}

func (v *volumes) apply(m *maker) {
	m.c.Security.ReadOnlyRoot, m.hand.NoTmpfs = v.readOnly, v.readOnly && !v.readTmpfs
	var own mounts
	for _, s := range v.volumes {
		mount, volume, err := parseVolume(s, m.host)
		if err == nil {
			err = own.add(mount, volume)
		}
		m.noteFlag("volume", s, err)
	}
	for _, s := range v.mounts {
		list, err := parseMount(s, m.host)
		m.noteFlag("mount", s, err)
		for _, x := range list {
			m.noteFlag("mount", s, own.add(x.mount, x.volume))
		}
	}
	for _, s := range v.tmpfs {
		mount, volume, err := parseTmpfs(s)
		if err == nil {
			err = own.add(mount, volume)
		}
		m.noteFlag("tmpfs", s, err)
	}
	for _, s := range v.from {
		list, err := volumesFrom(s, m.host)
		m.noteFlag("volumes-from", s, err)
		for _, x := range list {
			_ = own.add(x.mount, x.volume) // what is there wins
		}
	}
	v.usual(m, &own)
	for _, x := range own {
		x.mount.Volume = m.volume(x.volume)
		m.c.Mounts = append(m.c.Mounts, x.mount)
	}
}

// usual adds what containers.conf mounts into each container where no flag mounts
// anything. A pod leaves it to its containers.
func (v *volumes) usual(m *maker, own *mounts) {
	if m.flags.Lookup("mount") == nil {
		return
	}
	for _, s := range m.conf["volumes"] {
		mount, volume, err := parseVolume(s, m.host)
		if err == nil {
			_ = own.add(mount, volume) // what is there wins
		}
		m.noteKey("volumes", s, err)
	}
	for _, s := range m.conf["mounts"] {
		list, err := parseMount(s, m.host)
		m.noteKey("mounts", s, err)
		for _, x := range list {
			_ = own.add(x.mount, x.volume)
		}
	}
}

// mounts are those of a container, one at each place.
type mounts []mounted

type mounted struct {
	mount  spec.Mount
	volume spec.Volume
}

func (l *mounts) add(m spec.Mount, v spec.Volume) error {
	if slices.ContainsFunc(*l, func(x mounted) bool { return x.mount.Path == m.Path }) {
		return fmt.Errorf("something is mounted at %s already: give another path", m.Path)
	}
	*l = append(*l, mounted{m, v})
	return nil
}

// parseVolume reads [name-or-path:]path[:options].
func parseVolume(s string, host Host) (spec.Mount, spec.Volume, error) {
	var m spec.Mount
	var v spec.Volume
	parts := strings.SplitN(s, ":", 3)
	var source, options string
	switch len(parts) {
	case 1:
		m.Path = parts[0]
	case 2:
		source, m.Path = parts[0], parts[1]
	case 3:
		source, m.Path, options = parts[0], parts[1], parts[2]
	}
	var err error
	if m.Path, err = target(m.Path); err != nil {
		return m, v, err
	}
	switch {
	case len(parts) == 1:
		v.Named = &spec.NamedVolume{Anonymous: true}
	case source == "":
		return m, v, errors.New("what is mounted is missing: give the name of a volume or a path")
	case strings.HasPrefix(source, "/"), strings.HasPrefix(source, "."):
		v.Host = &spec.HostVolume{Path: host.Abs(source), Type: spec.HostExists}
	default:
		if err := CheckName(source); err != nil {
			return m, v, fmt.Errorf("%q is not the name of a volume, and a path begins with / or .: %w", source, err)
		}
		v.Named = &spec.NamedVolume{Volume: source}
	}
	if options != "" {
		err = volumeOptions(options, &m, &v, host)
	}
	return m, v, err
}

// target is a path in the container that something is mounted at.
func target(p string) (string, error) {
	switch {
	case p == "":
		return "", errors.New("the path in the container is missing")
	case !path.IsAbs(p):
		return "", fmt.Errorf("%q is not an absolute path in the container", p)
	case path.Clean(p) == "/":
		return "", errors.New("nothing can be mounted over the container's root")
	case strings.ContainsRune(p, 0):
		return "", errors.New("a path cannot hold a NUL byte")
	}
	return path.Clean(p), nil
}

// exclusive are the options of which a mount has one.
var exclusive = [][]string{
	{"rw", "ro"}, {"z", "Z"}, {"exec", "noexec"}, {"suid", "nosuid"}, {"dev", "nodev"}, {"copy", "nocopy"}, {"bind", "rbind"},
	{"shared", "rshared", "slave", "rslave", "private", "rprivate", "unbindable", "runbindable"}, {"tmpcopyup", "notmpcopyup"},
}

// choices are the options given, one of each kind.
type choices map[int]string

func (c choices) set(word string) error {
	for i, group := range exclusive {
		if !slices.Contains(group, word) {
			continue
		}
		if c[i] != "" && c[i] != word {
			return fmt.Errorf("%s and %s exclude each other: give one of them", c[i], word)
		}
		c[i] = word
	}
	return nil
}

func volumeOptions(options string, m *spec.Mount, v *spec.Volume, host Host) error {
	chosen := choices{}
	known := append([]string{"O", "U", "upperdir", "workdir", "idmap"}, slices.Concat(exclusive[:8]...)...)
	over := spec.Overlay{}
	for word := range strings.SplitSeq(options, ",") {
		name, value, _ := strings.Cut(word, "=")
		if err := chosen.set(word); err != nil {
			return err
		}
		switch name {
		case "ro":
			m.ReadOnly = true
		case "rw", "copy":
		case "nocopy":
			if v.Named == nil {
				return errors.New("nocopy is for named volumes: nothing is copied to a path of the host")
			}
			v.Named.NoCopy = true
		case "O":
			v.Overlay = &over
		case "upperdir":
			over.Upper = value
		case "workdir":
			over.Work = value
		case "idmap":
			ids, err := parseIDMapOption(word)
			if err != nil {
				return err
			}
			m.IDMap = ids
		case "U", "z", "Z", "exec", "noexec", "suid", "nosuid", "dev", "nodev", "bind", "rbind":
			m.Options = append(m.Options, word)
		case "private", "rprivate", "slave", "rslave", "shared", "rshared", "unbindable", "runbindable":
			m.Propagation = spec.Propagation(word)
		case "":
		default:
			return fmt.Errorf("unknown option %q%s", word, oneOf(word, known))
		}
	}
	return checkOverlay(m, v, over, host)
}

func checkOverlay(m *spec.Mount, v *spec.Volume, over spec.Overlay, host Host) error {
	if v.Overlay == nil {
		if over != (spec.Overlay{}) {
			return errors.New("upperdir and workdir are for an overlay: add the option O")
		}
		return nil
	}
	if (over.Upper == "") != (over.Work == "") {
		return errors.New("upperdir and workdir belong together: give both")
	}
	if m.ReadOnly {
		return errors.New("ro and O exclude each other: what is written to an overlay changes nothing of the volume")
	}
	if over.Upper != "" {
		v.Overlay.Upper, v.Overlay.Work = host.Abs(over.Upper), host.Abs(over.Work)
	}
	return nil
}

// parseTmpfs reads path[:options].
func parseTmpfs(s string) (spec.Mount, spec.Volume, error) {
	at, options, _ := strings.Cut(s, ":")
	p, err := target(at)
	if err != nil {
		return spec.Mount{}, spec.Volume{}, err
	}
	m, v := spec.Mount{Path: p}, spec.Volume{Tmpfs: &spec.TmpfsVolume{}}
	return m, v, tmpfsOptions(options, &m, v.Tmpfs)
}

// tmpfsOptions are those of mount(8) for tmpfs.
func tmpfsOptions(options string, m *spec.Mount, v *spec.TmpfsVolume) error {
	chosen := choices{}
	defer func() { v.Options = tmpfsDefaults(v.Options) }()
	words := []string{"ro", "rw", "exec", "noexec", "suid", "nosuid", "dev", "nodev", "size", "mode", "uid", "gid", "nr_inodes", "nr_blocks",
		"tmpcopyup", "notmpcopyup", "huge", "mpol", "noatime", "relatime", "nodiratime", "noswap"}
	if options == "" {
		return nil
	}
	for word := range strings.SplitSeq(options, ",") {
		if word == "" {
			continue
		}
		name, value, _ := strings.Cut(word, "=")
		if err := chosen.set(word); err != nil {
			return err
		}
		if err := checkKernelOption(name, value); err != nil {
			return err
		}
		if slices.ContainsFunc(v.Options, func(o string) bool { return strings.HasPrefix(o, name+"=") }) {
			return fmt.Errorf("%s is given twice: give it once", name)
		}
		switch {
		case word == "z", word == "Z":
			return fmt.Errorf("%s labels files of the host, and a tmpfs has none: drop it", word)
		case word == "U":
			m.Options = append(m.Options, word)
		case name == "shared", name == "rshared", name == "slave", name == "rslave", name == "private", name == "rprivate", name == "unbindable", name == "runbindable":
			m.Propagation = spec.Propagation(word)
		case slices.Contains(words, name):
			v.Options = append(v.Options, word)
		default:
			return fmt.Errorf("unknown option %q%s", word, oneOf(name, words))
		}
	}
	return nil
}

// tmpfsDefaults adds what podman's have where nothing else is asked for. They are
// not noexec, though podman's manual says so: programs unpack libraries into /tmp.
func tmpfsDefaults(options []string) []string {
	for _, pair := range [][2]string{{"nosuid", "suid"}, {"nodev", "dev"}, {"tmpcopyup", "notmpcopyup"}} {
		if !slices.Contains(options, pair[0]) && !slices.Contains(options, pair[1]) {
			options = append(options, pair[0])
		}
	}
	return options
}

// volumesFrom reads container[:options] and says what is mounted there.
func volumesFrom(s string, host Host) ([]mounted, error) {
	name, options, _ := strings.Cut(s, ":")
	if name == "" {
		return nil, errors.New("the container is missing")
	}
	var ro, rw, z bool
	if options != "" {
		for word := range strings.SplitSeq(options, ",") {
			switch word {
			case "ro":
				ro = true
			case "rw":
				rw = true
			case "z":
				z = true
			default:
				return nil, fmt.Errorf("unknown option %q%s", word, oneOf(word, []string{"ro", "rw", "z"}))
			}
		}
	}
	if ro && rw {
		return nil, errors.New("ro and rw exclude each other: give one of them")
	}
	list, of, err := host.VolumesOf(name)
	if err != nil {
		return nil, err
	}
	var out []mounted
	for _, m := range list {
		i := slices.IndexFunc(of, func(v spec.Volume) bool { return v.Name == m.Volume })
		if i < 0 {
			continue
		}
		m.ReadOnly = (m.ReadOnly || ro) && !rw
		if z && of[i].Tmpfs == nil && !slices.Contains(m.Options, "z") {
			m.Options = append(slices.Clone(m.Options), "z")
		}
		out = append(out, mounted{m, of[i]})
	}
	return out, nil
}
