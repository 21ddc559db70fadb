package main

import (
	"os"
	"strconv"
	"strings"
	"time"
)

// series is one thing measured several times.
type series struct{ wall, cpu []time.Duration }

// add does it once more.
func (s *series) add(do func() error) error {
	before := hostCPU()
	took, err := timed(do)
	s.wall = append(s.wall, took)
	s.cpu = append(s.cpu, hostCPU()-before)
	return err
}

// hostCPU is the processor time of all that ever ran on the test host, whoever
// its parent is: its cgroup tells. 0 where that does not count.
func hostCPU() time.Duration {
	if data, err := os.ReadFile("/sys/fs/cgroup/cpuacct/cpuacct.usage"); err == nil {
		ns, _ := strconv.ParseInt(strings.TrimSpace(string(data)), 10, 64) // 0: not counted
		return time.Duration(ns)
	}
	data, err := os.ReadFile("/sys/fs/cgroup/cpu.stat")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(data)) {
		if value, ok := strings.CutPrefix(line, "usage_usec "); ok {
			us, _ := strconv.ParseInt(strings.TrimSpace(value), 10, 64)
			return time.Duration(us) * time.Microsecond
		}
	}
	return 0
}
