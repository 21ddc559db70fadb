package report

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"berth/engine/spec"
)

// byHand fills in what a container made on the command line has beyond others.
func (r *ContainerInspect) byHand(p *spec.Pod, c *spec.Container) {
	h := c.ByHand
	r.PidFile, r.ConmonPidFile = h.PidFile, h.ConmonPidFile
	if h.Rootfs != nil {
		r.Rootfs = h.Rootfs.Path
	}
	for _, ref := range h.Requires {
		r.Dependencies = append(r.Dependencies, ref.Name)
	}
	if !p.Bare && h.Namespaces.Net != (spec.Join{}) {
		r.NetworkSettings = NetworkSettings{Ports: map[string][]HostPort{}, Networks: map[string]NetworkAddress{}}
	}
	r.Config.byHand(h)
	r.HostConfig.byHand(p, c)
	r.Mounts = slices.DeleteFunc(r.Mounts, func(m Mount) bool {
		if m.Type == "tmpfs" {
			r.HostConfig.Tmpfs[m.Destination] = strings.Join(m.Options, ",")
		}
		return m.Type == "tmpfs"
	})
}

func (r *Config) byHand(h *spec.ByHand) {
	r.Labels, r.Annotations = h.Labels, h.Annotations
	r.CreateCommand, r.Timezone, r.Umask = h.CreateCommand, h.Timezone, h.Umask
	r.Timeout = int(h.Timeout / time.Second)
	if h.StopTimeout != nil {
		r.StopTimeout = int(*h.StopTimeout / time.Second)
	}
	r.AttachStdin, r.AttachStdout, r.AttachStderr = slices.Contains(h.Attach, "stdin"), slices.Contains(h.Attach, "stdout"), slices.Contains(h.Attach, "stderr")
	r.SystemdMode = h.Systemd == spec.SystemdAlways
	if r.SdNotifyMode = string(h.Notify); h.Notify == spec.NotifyConmon {
		r.SdNotifyMode = "conmon"
	}
	r.Passwd = !h.Passwd.Off
	r.health(h.Health)
	for _, port := range h.Expose {
		r.expose(port)
	}
	for _, s := range h.Secrets {
		r.Secrets = append(r.Secrets, SecretRef{s.Secret, s.UID, s.GID, s.Mode})
	}
}

// health tells how a container is asked how it does; c may be nil.
func (r *Config) health(c *spec.Health) {
	if c == nil {
		c = &spec.Health{}
	}
	if len(c.Test) > 0 && !c.Off {
		r.Healthcheck = &Healthcheck{
			Test: spec.DockerTest(c.Test), StartPeriod: c.StartPeriod, Interval: max(cmp.Or(c.Interval, 30*time.Second), 0),
			Timeout: cmp.Or(c.Timeout, 30*time.Second), Retries: cmp.Or(c.Retries, 3),
		}
		if s := c.Startup; s != nil {
			r.StartupHealthCheck = &Healthcheck{
				Test: spec.DockerTest(s.Test), Interval: max(s.Interval, 0), Timeout: s.Timeout, Retries: s.Retries, Successes: s.Successes,
			}
		}
	}
	r.HealthcheckOnFailureAction, r.HealthLogDestination = cmp.Or(string(c.OnFailure), "none"), cmp.Or(c.LogDir, "local")
	r.HealthcheckMaxLogCount, r.HealthcheckMaxLogSize = max(cmp.Or(c.MostLog, mostHealthLog), 0), max(cmp.Or(c.MaxLog, maxHealthLog), 0)
}

func (r *Config) expose(port string) {
	if r.ExposedPorts == nil {
		r.ExposedPorts = map[string]struct{}{}
	}
	r.ExposedPorts[port] = struct{}{}
}

func (r *HostConfig) byHand(p *spec.Pod, c *spec.Container) {
	h, t := c.ByHand, c.ByHand.Tuning
	r.Annotations, r.AutoRemove, r.Init, r.PublishAllPorts = h.Annotations, h.Remove, h.Init, h.PublishAll
	r.ContainerIDFile = h.IDFile
	r.GroupAdd = append(r.GroupAdd, h.Groups...)
	r.Devices = append(r.Devices, devices(h)...)
	r.SecurityOpt = append(r.SecurityOpt, handSecurityOpt(h)...)
	if h.Log != nil {
		path := r.LogConfig.Path
		r.LogConfig = logConfig(*h.Log)
		r.LogConfig.Path = path
	}
	r.tuned(t)
	if h.ShmSize != 0 {
		r.ShmSize = max(0, h.ShmSize) // -1 is no limit, podman's 0
	}
	place := p.Cgroup
	if h.Cgroup != (spec.CgroupPlace{}) {
		place = h.Cgroup
	}
	r.CgroupParent = place.Parent
	if r.Cgroups = string(place.Mode); place.Mode == spec.CgroupsEnabled {
		r.Cgroups = "default"
	}
	r.namespaces(p, h)
}

// devices are those of the host that flags name.
func devices(h *spec.ByHand) []Device {
	var list []Device
	for _, d := range h.Devices {
		list = append(list, Device{d.Host, d.Path, d.Permissions})
	}
	return list
}

// handSecurityOpt are the security options that only what is made by hand has.
func handSecurityOpt(h *spec.ByHand) []string {
	var opts []string
	for _, l := range h.Label {
		opts = append(opts, "label="+l)
	}
	if h.AppArmor != "" && !h.AppArmorUsual {
		opts = append(opts, "apparmor="+h.AppArmor)
	}
	return opts
}

// tuned are the limits that only what is made by hand has.
func (r *HostConfig) tuned(t spec.Tuning) {
	switch {
	case t.MemorySwap != nil:
		r.MemorySwap = *t.MemorySwap
	case r.Memory > 0:
		r.MemorySwap = 2 * r.Memory // as much again
	}
	if t.Swappiness != nil {
		r.MemorySwappiness = *t.Swappiness
	}
	r.OomKillDisable, r.BlkioWeight, r.CpusetMems = t.OOMKillDisable, t.BlkioWeight, t.CPUSetMems
	if t.Reservation > 0 {
		r.MemoryReservation = t.Reservation
	}
	if t.CPUShares > 0 {
		r.CpuShares = int64(t.CPUShares)
	}
	if t.CPUPeriod > 0 {
		r.CpuPeriod = int64(t.CPUPeriod)
	}
	if t.CPUQuota != 0 {
		r.CpuQuota = t.CPUQuota
	}
	r.blocks(t)
	r.CpuRealtimePeriod, r.CpuRealtimeRuntime, r.CgroupConf = t.RealtimePeriod, t.RealtimeRuntime, t.Unified
}

// blocks are the limits of block devices.
func (r *HostConfig) blocks(t spec.Tuning) {
	for _, d := range t.BlkioDevices {
		r.BlkioWeightDevice = append(r.BlkioWeightDevice, WeightDevice{d.Device, d.Weight})
	}
	for _, limit := range []struct {
		to   *[]ThrottleDevice
		from []spec.Rate
	}{
		{&r.BlkioDeviceReadBps, t.ReadBps}, {&r.BlkioDeviceWriteBps, t.WriteBps},
		{&r.BlkioDeviceReadIOps, t.ReadIOps}, {&r.BlkioDeviceWriteIOps, t.WriteIOps},
	} {
		for _, d := range limit.from {
			*limit.to = append(*limit.to, ThrottleDevice{d.Device, d.Rate})
		}
	}
}

// namespaces says in which namespaces a container lives.
func (r *HostConfig) namespaces(p *spec.Pod, h *spec.ByHand) {
	own := func(mine, pods spec.Join, other string) string {
		for _, j := range []spec.Join{mine, pods} {
			switch {
			case j.Container != nil:
				return "container:" + j.Container.Name
			case j.Path != "":
				return "ns:" + j.Path
			case j.Host:
				return "host"
			case j.Private:
				return "private"
			}
		}
		return other
	}
	in, join := h.Namespaces, p.Join
	if r.NetworkMode = own(in.Net, join.Net, r.NetworkMode); in.Net.Private {
		r.NetworkMode = "none"
	}
	if !p.Bare && in.Net != (spec.Join{}) {
		r.PortBindings = map[string][]HostPort{} // the pod's are not its own
	}
	r.CgroupMode = own(in.Cgroup, join.Cgroup, "private")
	if !p.Bare {
		r.IpcMode, r.PidMode, r.UTSMode = own(in.IPC, join.IPC, r.IpcMode), own(in.PID, join.PID, r.PidMode), own(in.UTS, join.UTS, r.UTSMode)
	} else {
		host := map[bool]string{true: "host", false: "private"}
		ipc := "shareable"
		if p.HostIPC {
			ipc = "host"
		}
		r.IpcMode, r.PidMode, r.UTSMode = own(in.IPC, join.IPC, ipc), own(in.PID, join.PID, host[p.HostPID]), own(in.UTS, join.UTS, "private")
	}
	if p.Users != nil {
		r.UsernsMode = own(spec.Join{}, p.Users.Join, r.UsernsMode)
	}
}
