package option

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"

	"berth/engine/spec"
)

func parseUpdate(t *testing.T, args string) *Update {
	t.Helper()
	flags := pflag.NewFlagSet("update", pflag.ContinueOnError)
	var u Update
	u.Register(flags)
	if err := flags.Parse(strings.Fields(args)); err != nil {
		t.Fatal(err)
	}
	return &u
}

func TestUpdateFlags(t *testing.T) {
	const mib = 1 << 20
	limited := spec.Container{Name: "c", Resources: spec.Resources{CPURequest: 1000, CPULimit: 1000, MemoryRequest: 32 * mib, MemoryLimit: 64 * mib, PidsLimit: 5, CPUSet: "0"}}
	plain := spec.Container{Name: "c"}
	with := func(c spec.Container, change func(*spec.Container)) spec.Container { change(&c); return c }
	for _, c := range []struct {
		args     string
		of, want spec.Container
	}{
		{"--cpus 0.5", plain, with(plain, func(c *spec.Container) { c.Resources.CPULimit, c.Resources.CPURequest = 500, 500 })},
		{"--cpus 2", limited, with(limited, func(c *spec.Container) { c.Resources.CPULimit, c.Resources.CPURequest = 2000, 2000 })},
		{"--cpus 2 --cpu-shares 512", limited, with(limited, func(c *spec.Container) { c.Resources.CPULimit, c.Resources.CPURequest = 2000, 500 })},
		{"--cpus 0", limited, with(limited, func(c *spec.Container) { c.Resources.CPULimit, c.Resources.CPURequest = 0, 0 })},
		{"--cpus .0015", plain, with(plain, func(c *spec.Container) { c.Resources.CPULimit, c.Resources.CPURequest = 2, 2 })},
		{"--cpu-quota 25000", plain, with(plain, func(c *spec.Container) { c.Resources.CPULimit, c.Resources.CPURequest = 250, 250 })},
		{"--cpu-quota 75000 --cpu-period 50000", plain, with(plain, func(c *spec.Container) { c.Resources.CPULimit, c.Resources.CPURequest = 1500, 1500 })},
		{"--cpu-quota=-1", limited, with(limited, func(c *spec.Container) { c.Resources.CPULimit, c.Resources.CPURequest = 0, 0 })},
		{"-c 100", plain, with(plain, func(c *spec.Container) { c.Resources.CPURequest = 98 })}, // which are 100 shares again
		{"--memory 128m", limited, with(limited, func(c *spec.Container) { c.Resources.MemoryLimit = 128 * mib })},
		{"-m 1048576 --memory-reservation 512k", limited, with(limited, func(c *spec.Container) { c.Resources.MemoryLimit, c.Resources.MemoryRequest = mib, mib/2 })},
		{"-m 0", limited, with(limited, func(c *spec.Container) { c.Resources.MemoryLimit = 0 })},
		{"-m=-1", limited, with(limited, func(c *spec.Container) { c.Resources.MemoryLimit = 0 })},
		{"-m 64Mi", plain, with(plain, func(c *spec.Container) { c.Resources.MemoryLimit, c.Resources.MemoryRequest = 64*mib, 64*mib })},
		{"--pids-limit=-1 --cpuset-cpus=", limited, with(limited, func(c *spec.Container) { c.Resources.PidsLimit, c.Resources.CPUSet = 0, "" })},
		{"--pids-limit=7 --cpuset-cpus=0-2,4", limited, with(limited, func(c *spec.Container) { c.Resources.PidsLimit, c.Resources.CPUSet = 7, "0-2,4" })},
		{"--restart no", plain, with(plain, func(c *spec.Container) { c.RestartPolicy = spec.RestartNever })},
		{"--restart on-failure", plain, with(plain, func(c *spec.Container) { c.RestartPolicy = spec.RestartOnFailure })},
		{"--restart unless-stopped", with(plain, func(c *spec.Container) { c.RestartPolicy = spec.RestartNever }), plain}, // the pod's
		{"--restart always", with(plain, func(c *spec.Container) { c.Lifecycle.RestartRules = []spec.RestartRule{{}} }), // rules need one
			with(plain, func(c *spec.Container) {
				c.Lifecycle.RestartRules, c.RestartPolicy = []spec.RestartRule{{}}, spec.RestartAlways
			})},
	} {
		u := parseUpdate(t, c.args)
		got := c.of
		pod := &spec.Pod{RestartPolicy: spec.RestartAlways, Containers: []spec.Container{c.of}}
		if err := u.Check(); err != nil {
			t.Errorf("%s: %v", c.args, err)
		}
		if err := u.Apply(pod, &got); err != nil {
			t.Errorf("%s: %v", c.args, err)
		} else if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s:\n%s", c.args, diff)
		}
		if u.Restarts() != strings.Contains(c.args, "--restart") {
			t.Errorf("%s: Restarts() is %v", c.args, u.Restarts())
		}
	}
}

func TestUpdateRefuses(t *testing.T) {
	for args, want := range map[string]string{
		"":                                    "nothing to set is given",
		"--cpus x":                            `--cpus "x": not a number of cores`,
		"--cpus=-1":                           `--cpus "-1": not a number of cores`,
		"--cpus NaN":                          "not a number of cores",
		"--cpus inf":                          "so many there are not",
		"--cpus 0.0001":                       "the least is 0.001",
		"--cpus 1 --cpu-quota 100000":         "give one of them",
		"--cpu-period 1000":                   "says nothing without --cpu-quota",
		"--cpu-quota 5":                       "the least is 1000",
		"--cpu-quota 5000 --cpu-period 5":     "--cpu-period 5 is not between",
		"--cpu-quota 9223372036854775807":     "so many cores there are not",
		"--cpu-shares 262145":                 "at most 262144",
		"--cpuset-cpus 3-1":                   `--cpuset-cpus "3-1": not a list of cores`,
		"-m lots":                             `--memory "lots": not a size`,
		"-m=-2":                               "not a size",
		"--memory-reservation x":              `--memory-reservation "x": not a size`,
		"--pids-limit=-2":                     "not a number of processes",
		"--restart sometimes":                 "unknown policy: use one of no, on-failure, always",
		"--restart on-failure:3":              "restarts are not counted",
		"--memory-swap 1g":                    "--memory-swap cannot be honoured: containers of pods get no swap",
		"--ulimit nofile=1":                   "io.podman.annotations.ulimit",
		"-e A=b":                              "--env cannot be honoured: the environment of what runs cannot change",
		"--no-healthcheck":                    "--no-healthcheck cannot be honoured: a pod's health",
		"--health-cmd true --blkio-weight 10": "--blkio-weight cannot be honoured: Kubernetes has no limits of block devices\n--health-cmd cannot",
		"-m x --cpus y":                       "--memory",
	} {
		if err := parseUpdate(t, args).Check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want an error with %q", args, err, want)
		}
	}
}

func TestUpdateRefusesWhatDoesNotFitTheContainer(t *testing.T) {
	c := spec.Container{Name: "c", Resources: spec.Resources{CPURequest: 500, CPULimit: 1000, MemoryRequest: 32 << 20, MemoryLimit: 64 << 20}}
	pod := &spec.Pod{InitContainers: []spec.Container{c}}
	for args, want := range map[string]string{
		"--cpus 0.25":                "it requests 0.5 cores, more than its limit of 0.25: give --cpu-shares, too",
		"-m 16m":                     "it requests 33554432 bytes of memory, more than its limit of 16777216: give --memory-reservation, too",
		"--cpu-shares 2048":          "it requests 2 cores",
		"--restart no":               "says whether it is a sidecar",
		"--memory-reservation 65m":   "it requests 68157440 bytes",
		"--cpus 0.25 --pids-limit 1": "it requests",
	} {
		got := c
		if err := parseUpdate(t, args).Apply(pod, &got); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want an error with %q", args, err, want)
		}
	}
}
