package engine

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"
)

// config is the part of containers.conf(5) that concerns the engine.
type config struct {
	Engine struct {
		Runtime           string              `toml:"runtime"`
		Runtimes          map[string][]string `toml:"runtimes"`
		CgroupManager     string              `toml:"cgroup_manager"`
		HelperBinariesDir []string            `toml:"helper_binaries_dir"`
		ConmonPath        []string            `toml:"conmon_path"`
		EventsLogger      string              `toml:"events_logger"`
		NetworkCmdPath    string              `toml:"network_cmd_path"`
	} `toml:"engine"`
	Containers struct {
		LogSizeMax               int64  `toml:"log_size_max"`
		SeccompProfile           string `toml:"seccomp_profile"`
		HostContainersInternalIP string `toml:"host_containers_internal_ip"`
	} `toml:"containers"`
	Network struct {
		DefaultSubnet  string `toml:"default_subnet"`
		FirewallDriver string `toml:"firewall_driver"`
	} `toml:"network"`

	defaults                   defaults // [containers]
	slirpOptions, pastaOptions defaults // network_cmd_options of [engine], pasta_options of [network]
}

// readConfig reads containers.conf where containers.conf(5) says it lies, and
// the modules asked for, a later file over an earlier one.
func readConfig(modules []string) (config, error) {
	var c config
	found := make([]string, len(modules))
	for i, m := range modules {
		var err error
		if found[i], err = findModule(m); err != nil {
			return c, err
		}
	}
	for _, path := range configFiles(found) {
		data, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil {
			err = c.add(string(data))
		}
		if err != nil {
			return c, fmt.Errorf("read %s: %w", path, err)
		}
	}
	return c, c.check()
}

// add reads a file over those before.
func (c *config) add(text string) error {
	tables := map[string]toml.Primitive{}
	file, err := toml.Decode(text, &tables) // parsed once, most of it is comments
	if err != nil {
		return err
	}
	var containers, slirp, pasta map[string]any
	for _, t := range []struct {
		name string
		into any
	}{
		{"engine", &c.Engine}, {"containers", &c.Containers}, {"network", &c.Network},
		{"containers", &containers}, {"engine", &slirp}, {"network", &pasta},
	} {
		table, ok := tables[t.name]
		if !ok {
			continue
		}
		if err := file.PrimitiveDecode(table, t.into); err != nil {
			return err
		}
	}
	return errors.Join(c.defaults.add("containers", containers),
		c.slirpOptions.add("engine", only(slirp, "network_cmd_options")), c.pastaOptions.add("network", only(pasta, "pasta_options")))
}

// only is a table without all other keys.
func only(table map[string]any, key string) map[string]any {
	value, given := table[key]
	if !given {
		return nil
	}
	return map[string]any{key: value}
}

func (c *config) check() error {
	ip := c.Containers.HostContainersInternalIP
	if _, err := netip.ParseAddr(ip); err != nil && ip != "" && ip != "none" {
		return fmt.Errorf("containers.conf: host_containers_internal_ip %q is neither an IP address nor none", ip)
	}
	return nil
}

// findModule is where a module lies: its path, or a name in one of the folders
// containers.conf.modules, the user's first.
func findModule(name string) (string, error) {
	candidates := []string{name}
	if !filepath.IsAbs(name) {
		candidates = []string{"/etc/containers/containers.conf.modules/" + name, "/usr/share/containers/containers.conf.modules/" + name}
		if dir, err := os.UserConfigDir(); err == nil && os.Getuid() != 0 {
			candidates = slices.Insert(candidates, 0, filepath.Join(dir, "containers/containers.conf.modules", name))
		}
	}
	if path := firstFile(candidates); path != "" {
		return path, nil
	}
	return "", fmt.Errorf("module %q of containers.conf is not there (looked for %s)", name, strings.Join(candidates, ", "))
}

// configFiles are the files in the order they are read.
func configFiles(modules []string) []string {
	var files []string
	if only := os.Getenv("CONTAINERS_CONF"); only != "" {
		files = append(files, only)
	} else {
		for _, base := range []string{"/usr/share/containers/containers.conf", "/etc/containers/containers.conf"} {
			dropIns, _ := filepath.Glob(base + ".d/*.conf") // the pattern is well formed
			slices.Sort(dropIns)
			files = append(append(files, base), dropIns...)
		}
	}
	files = append(files, modules...)
	if last := os.Getenv("CONTAINERS_CONF_OVERRIDE"); last != "" {
		files = append(files, last)
	}
	return files
}

// runtime is the runtime to use: as asked, else as configured. A name that
// containers.conf gives paths for becomes the first of them that exists.
func (c config) runtime(asked string) string {
	name := asked
	if name == "" {
		name = c.Engine.Runtime
	}
	if path := firstFile(c.Engine.Runtimes[name]); path != "" {
		return path
	}
	return name
}

// conmon is the configured conmon that exists, "" for the one on PATH.
func (c config) conmon() string { return firstFile(c.Engine.ConmonPath) }

func firstFile(paths []string) string {
	for _, path := range paths {
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
			return path
		}
	}
	return ""
}
