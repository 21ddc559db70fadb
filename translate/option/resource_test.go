package option

import (
	"math"

	"berth/engine/spec"
)

func resourceGood() []good {
	const mib = 1 << 20
	res := func(change func(r *spec.Resources, t *spec.Tuning)) edit {
		return func(_ *Made, c *spec.Container, h *spec.ByHand) { change(&c.Resources, &h.Tuning) }
	}
	n := func(n int64) *int64 { return &n }
	score := -500
	return []good{
		{"--cpus 0.5 --cpu-shares 512 --cpuset-cpus 0-1 --cpuset-mems 0 img", res(func(r *spec.Resources, t *spec.Tuning) {
			r.CPULimit, t.CPUShares, r.CPUSet, t.CPUSetMems = 500, 512, "0-1", "0"
		})},
		{"--cpu-period 50000 --cpu-quota 25000 -c 2 img", res(func(_ *spec.Resources, t *spec.Tuning) { t.CPUPeriod, t.CPUQuota, t.CPUShares = 50000, 25000, 2 })},
		{"--cpu-quota=-1 img", res(func(*spec.Resources, *spec.Tuning) {})},
		{"--cpu-rt-period 1000000 --cpu-rt-runtime 950000 img", res(func(_ *spec.Resources, t *spec.Tuning) { t.RealtimePeriod, t.RealtimeRuntime = 1000000, 950000 })},
		{"--memory 64m --memory-reservation 32m --memory-swap 128m --memory-swappiness 10 img", res(func(r *spec.Resources, t *spec.Tuning) {
			r.MemoryLimit, t.Reservation, t.MemorySwap, t.Swappiness = 64*mib, 32*mib, n(128*mib), n(10)
		})},
		{"-m 1g --memory-swap -1 img", res(func(r *spec.Resources, t *spec.Tuning) { r.MemoryLimit, t.MemorySwap = 1<<30, n(-1) })},
		{"--pids-limit 100 --oom-score-adj -500 --oom-kill-disable img", res(func(r *spec.Resources, t *spec.Tuning) {
			r.PidsLimit, r.OOMScoreAdj, t.OOMKillDisable = 100, &score, true
		})},
		{"--pids-limit=-1 img", res(func(_ *spec.Resources, t *spec.Tuning) { t.AnyPids = true })},
		{"--pids-limit=0 img", res(func(_ *spec.Resources, t *spec.Tuning) { t.AnyPids = true })},
		{"--ulimit nofile=1024:2048 --ulimit core=-1 img", res(func(r *spec.Resources, _ *spec.Tuning) {
			r.Ulimits = []spec.Ulimit{{Name: "nofile", Soft: 1024, Hard: 2048}, {Name: "core", Soft: math.MaxUint64, Hard: math.MaxUint64}}
		})},
		{"--ulimit host img", res(func(_ *spec.Resources, t *spec.Tuning) { t.HostUlimits = true })},
		{"--blkio-weight 100 --blkio-weight-device /dev/sda:200 --device-read-bps /dev/sda:1mb --device-write-bps /dev/sda:10 --device-read-iops /dev/sda:5 --device-write-iops /dev/sda:6 img",
			res(func(_ *spec.Resources, t *spec.Tuning) {
				t.BlkioWeight, t.BlkioDevices = 100, []spec.Weight{{Device: "/dev/sda", Weight: 200}}
				t.ReadBps, t.WriteBps = []spec.Rate{{Device: "/dev/sda", Rate: mib}}, []spec.Rate{{Device: "/dev/sda", Rate: 10}}
				t.ReadIOps, t.WriteIOps = []spec.Rate{{Device: "/dev/sda", Rate: 5}}, []spec.Rate{{Device: "/dev/sda", Rate: 6}}
			})},
		{"--cgroup-conf memory.high=1073741824,pids.max=10 --rdt-class c1 img", res(func(_ *spec.Resources, t *spec.Tuning) {
			t.Unified, t.RDT = map[string]string{"memory.high": "1073741824", "pids.max": "10"}, "c1"
		})},
	}
}

func resourceBad() bad {
	return bad{
		"--cpus x img":                                   `--cpus "x": not a number of cores`,
		"--cpus 0.009 img":                               "the least is 0.01",
		"--cpus 1 --cpu-quota 1000 img":                  "--cpus says what --cpu-quota",
		"--cpu-shares 1 img":                             `--cpu-shares "1": not between 2`,
		"--cpu-period 5 img":                             `--cpu-period "5": not between 1000`,
		"--cpu-rt-period 5 img":                          `--cpu-rt-period "5": not between`,
		"--cpu-quota 5 img":                              `--cpu-quota "5": the least is 1000`,
		"--cpu-rt-runtime=-1 img":                        `--cpu-rt-runtime "-1": not a time`,
		"--cpuset-cpus 3-1 img":                          `--cpuset-cpus "3-1": not a list`,
		"--cpuset-mems x img":                            `--cpuset-mems "x": not a list`,
		"--memory lots img":                              `--memory "lots": not a size`,
		"--memory-reservation x img":                     `--memory-reservation "x": not a size`,
		"--memory 1m --memory-reservation 2m img":        "--memory-reservation: 2097152 bytes are more than the 1048576 of --memory",
		"--memory-swap 1g img":                           "--memory-swap says nothing without --memory",
		"--memory 2g --memory-swap 1g img":               `--memory-swap "1g": less than the 2147483648 bytes of --memory`,
		"--memory-swappiness 101 img":                    `--memory-swappiness "101": not between 0 and 100`,
		"--pids-limit=-2 img":                            `--pids-limit "-2": not a number of processes`,
		"--pids-limit 4194305 img":                       `--pids-limit "4194305": not a number of processes up to 4194304`,
		"--cgroups disabled --memory-reservation 1g img": "--memory-reservation cannot be honoured with --cgroups disabled",
		"--cgroups disabled --cpu-shares 5 img":          "--cpu-shares cannot be honoured with --cgroups disabled",
		"--oom-score-adj 1001 img":                       `--oom-score-adj "1001": not between`,
		"--ulimit nofle=1 img":                           `unknown limit "nofle", did you mean "nofile"?`,
		"--ulimit nofile=2:1 img":                        "above the hard limit",
		"--ulimit host,nofile=1 img":                     "takes the caller's limits and no others",
		"--blkio-weight 5 img":                           `--blkio-weight "5": not a weight from 10 to 1000`,
		"--blkio-weight-device sda:100 img":              "write /dev/…:weight",
		"--blkio-weight-device /dev/sda:5 img":           "not a weight",
		"--device-read-bps /dev/sda img":                 "write /dev/…:rate",
		"--device-write-bps /dev/sda:fast img":           "not a number of bytes a second",
		"--device-read-iops /dev/sda:1mb img":            "not a number a second",
		"--device-write-iops /dev/sda:0 img":             "not a number a second",
		"--cgroup-conf x img":                            `--cgroup-conf "x": write file=value`,
		"--cgroup-conf ../memory.max=1 img":              "write file=value",
		"--kernel-memory 1g img":                         "--kernel-memory cannot be honoured",
	}
}
