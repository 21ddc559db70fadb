package testhost

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
)

// Cgroup chooses the cgroup tree a host sees.
type Cgroup string

const (
	// V2 is a pure cgroup v2 tree, with the controllers this machine leaves to v2.
	V2 Cgroup = "2"
	// V1 is this machine's v1 controllers, with an empty v2 tree beside them:
	// the way to see limits enforced where the v2 tree has no controllers.
	V1 Cgroup = "1"
)

// Options say what a host is like. The zero value is a plain host.
type Options struct {
	// Cgroup is V2 unless set. $BERTH_TESTHOST_CGROUP (1 or 2) goes before it.
	Cgroup Cgroup
	// Boot makes systemd the host's PID 1; for Start only.
	Boot bool
	// Share lists folders that are the machine's own on the host too, at the
	// same path, and survive it.
	Share []string
	// Packages lists folders into which packages were unpacked, of a later release
	// of the machine's distribution for one: the host has their files in place of
	// the machine's own, as if they were installed, but for maintainer scripts.
	// No two of them have the same file. $BERTH_TESTHOST_PACKAGES lists more,
	// parted by colons.
	Packages []string
}

const (
	insideEnv = "BERTH_TESTHOST"        // set on a host, to its cgroup version
	stageEnv  = "BERTH_TESTHOST_STAGE"  // which part of the machinery this process plays
	configEnv = "BERTH_TESTHOST_CONFIG" // its config, as JSON
	cgroupEnv = "BERTH_TESTHOST_CGROUP"
	diskEnv   = "BERTH_TESTHOST_DISK" // where disks are made; /var/tmp
	// helpersEnv names a folder of programs that hosts have in place of this
	// machine's own, such as another release's netavark and crun.
	helpersEnv = "BERTH_TESTHOST_HELPERS"
	// packagesEnv adds to Options.Packages.
	packagesEnv = "BERTH_TESTHOST_PACKAGES"
)

// config is what a stage must know.
type config struct {
	Base     string   `json:",omitempty"` // the host's disk
	Dir      string   `json:",omitempty"` // working folder of what runs there
	Exe      string   `json:",omitempty"` // the test binary
	Args     []string // its arguments; nil: PID 1 only waits
	Cgroup   Cgroup   `json:",omitempty"`
	Boot     bool     `json:",omitempty"`
	Share    []string `json:",omitempty"`
	Packages []string `json:",omitempty"`
	// Groups are the host's cgroups on the machine, one per hierarchy.
	Groups []group `json:",omitempty"`
	BootID string  `json:",omitempty"`
	// Then is the stage to enter the host for; "" for a program.
	Then string `json:",omitempty"`
}

func (c config) environ(stage string) ([]string, error) {
	data, err := json.Marshal(c)
	if err != nil {
		return nil, fmt.Errorf("encode the host's config: %w", err)
	}
	return append(cleanEnviron(), stageEnv+"="+stage, configEnv+"="+string(data)), nil
}

func readConfig() (config, error) {
	var c config
	if err := json.Unmarshal([]byte(os.Getenv(configEnv)), &c); err != nil {
		return c, fmt.Errorf("read %s: %w", configEnv, err)
	}
	return c, nil
}

// cleanEnviron is our environment without what only the machinery reads.
func cleanEnviron() []string {
	var env []string
	for _, kv := range os.Environ() {
		if !hasKey(kv, stageEnv) && !hasKey(kv, configEnv) {
			env = append(env, kv)
		}
	}
	return env
}

func hasKey(kv, key string) bool {
	return len(kv) > len(key) && kv[len(key)] == '=' && kv[:len(key)] == key
}

func (o Options) cgroup() Cgroup {
	switch v := Cgroup(os.Getenv(cgroupEnv)); {
	case v == V1 || v == V2:
		return v
	case o.Cgroup != "":
		return o.Cgroup
	}
	return V2
}

// packages are the folders of unpacked packages, which must be there.
func (o Options) packages() ([]string, error) {
	var dirs []string
	for _, dir := range append(slices.Clone(o.Packages), filepath.SplitList(os.Getenv(packagesEnv))...) {
		dir, err := filepath.Abs(dir)
		if err != nil {
			return nil, fmt.Errorf("find unpacked packages: %w", err)
		}
		info, err := os.Stat(filepath.Join(dir, "usr"))
		if err != nil || !info.IsDir() {
			return nil, fmt.Errorf("no packages are unpacked in %s: it has no usr", dir)
		}
		if !slices.Contains(dirs, dir) {
			dirs = append(dirs, dir)
		}
	}
	return dirs, nil
}
