package engine

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

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
	} `toml:"engine"`
	Containers struct {
		LogSizeMax     int64  `toml:"log_size_max"`
		SeccompProfile string `toml:"seccomp_profile"`
	} `toml:"containers"`
	Network struct {
		DefaultSubnet  string `toml:"default_subnet"`
		FirewallDriver string `toml:"firewall_driver"`
	} `toml:"network"`
}

// readConfig reads containers.conf where containers.conf(5) says it lies, a
// later file over an earlier one.
func readConfig() (config, error) {
	var c config
	for _, path := range configFiles() {
		_, err := toml.DecodeFile(path, &c)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return c, fmt.Errorf("read %s: %w", path, err)
		}
	}
	return c, nil
}

func configFiles() []string {
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
