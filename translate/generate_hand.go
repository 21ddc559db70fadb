package translate

import (
	"cmp"
	"reflect"
	"slices"
	"strings"

	"berth/engine/spec"
)

// lostByHand warns of what the flags of `run` and `create` say of a container
// beyond Kubernetes. How it is told of and found again (its ID, its command line,
// PID files, who tells systemd, its cgroup, --rm) is of this host and goes without saying.
func (g *generator) lostByHand(c *spec.Container) {
	h := c.ByHand
	if h == nil {
		return
	}
	for _, use := range h.Secrets {
		g.lost("container %s: Kubernetes knows nothing of the stored secret %s: give the container a Secret", c.Name, use.Secret)
	}
	if h.Health != nil && !h.Health.Off && c.Healthy() == nil {
		g.lost("container %s: the health check of its image is left out: give it a livenessProbe or readinessProbe", c.Name)
	}
	if lost := slices.Concat(lostProcess(h), lostIsolation(h)); len(lost) > 0 {
		g.lost("container %s: Kubernetes has no field for %s: it is left out", c.Name, strings.Join(lost, ", "))
	}
}

// lostProcess are the flags that say of the process what no field does.
func lostProcess(h *spec.ByHand) []string {
	return flagsOf([]flagOf{
		{h.Labels, "--label"},
		{h.Annotations, "--annotation"},
		{h.Rootfs, "--rootfs"},
		{h.ImageVolumes, "--image-volume"},
		{strings.TrimPrefix(h.Umask, "0022"), "--umask"},
		{h.Timezone, "--tz"},
		{h.Init || h.InitPath != "", "--init"},
		{h.Systemd, "--systemd"},
		{h.NoEntrypoint, "--entrypoint ''"},
		{h.Groups, "--group-add"},
		{h.KeepGroups, "--group-add keep-groups"},
		{h.BaseEnv, "env of containers.conf"},
		{h.MergeEnv, "--env-merge"},
		{h.UnsetEnv, "--unsetenv"},
		{h.UnsetEnvAll, "--unsetenv-all"},
		{h.Passwd, "--passwd"},
		{h.HostUsers, "--hostuser"},
		{h.Personality, "--personality"},
		{h.ChrootDirs, "--chrootdirs"},
		{h.Preserve, "--preserve-fd"},
		{h.Requires, "--requires"},
		{h.MostRestarts, "--restart on-failure:N"},
		{h.UnlessStopped, "--restart unless-stopped"},
		{h.Timeout, "--timeout"},
		{h.Log, "--log-driver and --log-opt"},
		{h.PublishAll, "--publish-all"},
		{h.InitKind == spec.InitOnce, "--init-ctr once, which runs at the first start alone"},
	})
}

// lostIsolation are the flags that say so of devices, limits and namespaces.
func lostIsolation(h *spec.ByHand) []string {
	return flagsOf([]flagOf{
		{len(h.Devices)+len(h.CDI) > 0, "--device"},
		{h.DeviceRules, "--device-cgroup-rule"},
		{h.Label, "--security-opt label"},
		{h.AppArmor, "--security-opt apparmor"},
		{h.BaseCaps, "default_capabilities of containers.conf"},
		{h.Mask, "--security-opt mask"},
		{h.Unmask, "--security-opt unmask"},
		{h.ProcOptions, "--security-opt proc-opts"},
		{h.NoTmpfs, "--read-only-tmpfs=false"},
		{h.Tuning, "limits such as --memory-swap, --cpu-shares and --device-read-bps"},
		{h.Namespaces, "--ipc, --network, --pid, --uts or --cgroupns"},
		{cmp.Or(h.ShmSize, h.SystemdSize) != 0 || h.NoShm, "--shm-size"},
		{h.Hostname, "--hostname of its own"},
	})
}

// lostHost warns of what flags say of a whole pod, or of the one a container
// that stands alone is in.
func (g *generator) lostHost() {
	p := g.pod
	lost := flagsOf([]flagOf{
		{p.Join != spec.Joins{} || p.Own != spec.Own{}, "--ipc, --network, --pid, --uts, --cgroupns or --share"},
		{p.Limits, "the limits of all containers together"},
		{p.Tuning, "limits of all such as --cpu-shares"},
		{p.ShmSize, "--shm-size"},
		{p.HostsFile, "--hosts-file"},
	})
	if len(lost) > 0 {
		g.lost("Kubernetes has no field for %s: it is left out", strings.Join(lost, ", "))
	}
}

// flagOf is a flag, and what came of it: its zero value where it was not given.
type flagOf struct {
	value any
	flag  string
}

func flagsOf(all []flagOf) []string {
	var given []string
	for _, f := range all {
		if !reflect.ValueOf(f.value).IsZero() {
			given = append(given, f.flag)
		}
	}
	return given
}
