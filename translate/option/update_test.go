package option

import (
	"errors"
	"strings"
	"testing"
	"time"

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
		{"--cpus .0105", plain, with(plain, func(c *spec.Container) { c.Resources.CPULimit, c.Resources.CPURequest = 11, 11 })},
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
		"":                                "nothing to set is given",
		"--cpus x":                        `--cpus "x": not a number of cores`,
		"--cpus=-1":                       `--cpus "-1": not a number of cores`,
		"--cpus NaN":                      "not a number of cores",
		"--cpus inf":                      "so many there are not",
		"--cpus 0.0001":                   "the least is 0.01",
		"--cpus 1 --cpu-quota 100000":     "give one of them",
		"--cpu-period 1000":               "says nothing without --cpu-quota",
		"--cpu-quota 5":                   "the least is 1000",
		"--cpu-quota 5000 --cpu-period 5": `--cpu-period "5": not between 1000`,
		"--cpu-shares 262145":             `--cpu-shares "262145": not between 2 and 262144`,
		"--cpuset-cpus 3-1":               `--cpuset-cpus "3-1": not a list`,
		"-m lots":                         `--memory "lots": not a size`,
		"-m=-2":                           "not a size",
		"--memory-reservation x":          `--memory-reservation "x": not a size`,
		"--pids-limit=-2":                 "not a number of processes",
		"--restart sometimes":             "unknown policy: use one of no, on-failure, always",
		"-m x --cpus y":                   "--memory",
		"-m 2g --memory-swap 1g":          "less than the 2147483648 bytes",
		"-e A":                            `--env "A": write NAME=value`,
		"--unsetenv A=b":                  "give the name of a variable",
		"--health-retries 0":              "the least is 1",
		"--ulimit nofle=1":                `did you mean "nofile"?`,
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

		"--cpu-quota 9223372036854775807":     "so many cores there are not",
		"--restart on-failure:3":              "restarts are not counted",
		"--memory-swap 1g":                    "--memory-swap cannot be honoured: containers of pods get no swap",
		"--ulimit nofile=1":                   "io.podman.annotations.ulimit",
		"-e A=b":                              "--env cannot be honoured: the environment of a pod is said by its YAML",
		"--no-healthcheck":                    "--no-healthcheck cannot be honoured: a pod's health",
		"--health-cmd true --blkio-weight 10": "--blkio-weight cannot be honoured: Kubernetes has no limits of block devices\n--health-cmd cannot",
	} {
		got := c
		if err := parseUpdate(t, args).Apply(pod, &got); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want an error with %q", args, err, want)
		}
	}
}

func TestUpdateOfContainersMadeByHand(t *testing.T) {
	swap, any := int64(4<<30), int64(-1)
	was := spec.Container{
		Name: "c", Env: []spec.EnvVar{{Name: "A", Value: "1"}, {Name: "B", Value: "2"}},
		Resources: spec.Resources{CPULimit: 1000, MemoryLimit: 1 << 30, Ulimits: []spec.Ulimit{{Name: "core"}, {Name: "nofile", Soft: 1, Hard: 1}}},
		ByHand: &spec.ByHand{
			Tuning: spec.Tuning{CPUShares: 5, BlkioDevices: []spec.Weight{{Device: "/dev/a", Weight: 10}}},
			Health: &spec.Health{Test: []string{"x"}, Retries: 9, Startup: &spec.StartupHealth{Test: []string{"y"}, Retries: 8}},
		},
	}
	for args, change := range map[string]func(c *spec.Container, h *spec.ByHand, x *spec.Health){
		"--cpus 2": func(c *spec.Container, _ *spec.ByHand, _ *spec.Health) { c.Resources.CPULimit = 2000 },
		"--cpu-quota 2000 --cpu-period 1000": func(c *spec.Container, h *spec.ByHand, _ *spec.Health) {
			c.Resources.CPULimit, h.Tuning.CPUQuota, h.Tuning.CPUPeriod = 0, 2000, 1000
		},
		"--cpu-shares 7 --cpuset-mems 0": func(_ *spec.Container, h *spec.ByHand, _ *spec.Health) {
			h.Tuning.CPUShares, h.Tuning.CPUSetMems = 7, "0"
		},
		"-m 2g --memory-swap 4g": func(c *spec.Container, h *spec.ByHand, _ *spec.Health) {
			c.Resources.MemoryLimit, h.Tuning.MemorySwap = 2<<30, &swap
		},
		"--memory-swap=-1": func(_ *spec.Container, h *spec.ByHand, _ *spec.Health) { h.Tuning.MemorySwap = &any },
		"--blkio-weight-device /dev/b:20": func(_ *spec.Container, h *spec.ByHand, _ *spec.Health) {
			h.Tuning.BlkioDevices = []spec.Weight{{Device: "/dev/b", Weight: 20}}
		},
		"--pids-limit 5":  func(c *spec.Container, _ *spec.ByHand, _ *spec.Health) { c.Resources.PidsLimit = 5 },
		"--pids-limit=-1": func(_ *spec.Container, h *spec.ByHand, _ *spec.Health) { h.Tuning.AnyPids = true },
		"--ulimit nofile=3": func(c *spec.Container, _ *spec.ByHand, _ *spec.Health) {
			c.Resources.Ulimits = []spec.Ulimit{{Name: "core"}, {Name: "nofile", Soft: 3, Hard: 3}}
		},
		"--restart on-failure:3": func(c *spec.Container, h *spec.ByHand, _ *spec.Health) {
			c.RestartPolicy, h.MostRestarts = spec.RestartOnFailure, 3
		},
		"--restart no": func(*spec.Container, *spec.ByHand, *spec.Health) {},
		"-e A=3 --unsetenv B": func(c *spec.Container, h *spec.ByHand, _ *spec.Health) {
			c.Env, h.UnsetEnv = []spec.EnvVar{{Name: "A", Value: "3"}}, []string{"B"}
		},
		"--health-retries 4":         func(_ *spec.Container, _ *spec.ByHand, x *spec.Health) { x.Retries = 4 },
		"--health-startup-retries 4": func(_ *spec.Container, _ *spec.ByHand, x *spec.Health) { x.Startup.Retries = 4 },
		"--health-on-failure kill":   func(_ *spec.Container, _ *spec.ByHand, x *spec.Health) { x.OnFailure = spec.HealthKill },
		"--no-healthcheck":           func(_ *spec.Container, _ *spec.ByHand, x *spec.Health) { *x = spec.Health{Off: true} },
		"--health-cmd z --health-timeout 5s": func(_ *spec.Container, _ *spec.ByHand, x *spec.Health) {
			x.Test, x.Interval, x.Timeout, x.Retries = []string{"/bin/sh", "-c", "z"}, 30*time.Second, 5*time.Second, 3
		},
	} {
		u := parseUpdate(t, args)
		got, want := was, was
		pod := &spec.Pod{RestartPolicy: spec.RestartNever, Bare: true, Containers: []spec.Container{was}}
		if err := errors.Join(u.Check(), u.Apply(pod, &got)); err != nil {
			t.Errorf("%s: %v", args, err)
			continue
		}
		hand, health, startup := *was.ByHand, *was.ByHand.Health, *was.ByHand.Health.Startup
		want.ByHand, hand.Health, health.Startup = &hand, &health, &startup
		change(&want, &hand, &health)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s:\n%s", args, diff)
		}
	}
	removed := was
	removed.ByHand = &spec.ByHand{Remove: true}
	if err := parseUpdate(t, "--restart always").Apply(&spec.Pod{}, &removed); err == nil || !strings.Contains(err.Error(), "as --rm said") {
		t.Errorf("--restart of what is removed: %v", err)
	}
}
