package engine

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"berth/engine/spec"
)

// Info describes this host and the helpers in use, in podman's words.
type Info struct {
	Host    HostInfo    `json:"host"`
	Store   StoreInfo   `json:"store"`
	Version VersionInfo `json:"version"`
}

// HostInfo is the host's side of Info.
type HostInfo struct {
	Arch               string         `json:"arch"`
	OS                 string         `json:"os"`
	Kernel             string         `json:"kernel"`
	Distribution       Distribution   `json:"distribution"`
	Hostname           string         `json:"hostname"`
	CPUs               int            `json:"cpus"`
	MemTotal           int64          `json:"memTotal"`  // bytes
	MemFree            int64          `json:"memFree"`   // bytes
	SwapTotal          int64          `json:"swapTotal"` // bytes
	SwapFree           int64          `json:"swapFree"`  // bytes
	Uptime             string         `json:"uptime"`
	CgroupManager      string         `json:"cgroupManager"`
	CgroupsVersion     string         `json:"cgroupVersion"` // "v1" or "v2"
	CgroupControllers  []string       `json:"cgroupControllers"`
	Systemd            bool           `json:"systemd"`
	LogDriver          string         `json:"logDriver"`
	OCIRuntime         Runtime        `json:"ociRuntime"`
	Conmon             Helper         `json:"conmon"`
	NetworkBackend     string         `json:"networkBackend"`
	NetworkBackendInfo NetworkBackend `json:"networkBackendInfo"`
	Security           Security       `json:"security"`
	EventLogger        string         `json:"eventLogger"`
	ServiceIsRemote    bool           `json:"serviceIsRemote"`
	Pods               PodCount       `json:"pods"`
}

// Distribution is what os-release(5) says.
type Distribution struct {
	Distribution string `json:"distribution"`
	Version      string `json:"version"`
}

// Helper is a program the engine uses.
type Helper struct {
	Path    string `json:"path"`
	Version string `json:"version"`
}

// Runtime is the OCI runtime.
type Runtime struct {
	Name string `json:"name"`
	Helper
}

// NetworkBackend is what makes pod networks.
type NetworkBackend struct {
	Backend string `json:"backend"`
	Helper
}

// Security is what protects the host.
type Security struct {
	Rootless        bool `json:"rootless"`
	AppArmorEnabled bool `json:"apparmorEnabled"`
	SELinuxEnabled  bool `json:"selinuxEnabled"`
	SECCOMPEnabled  bool `json:"seccompEnabled"`
}

// PodCount counts pods by whether their sandbox is up.
type PodCount struct {
	Total   int `json:"total"`
	Running int `json:"running"`
}

// StoreInfo says where things lie, and how many there are.
type StoreInfo struct {
	GraphRoot       string         `json:"graphRoot"`
	GraphDriverName string         `json:"graphDriverName"`
	RunRoot         string         `json:"runRoot"` // of images
	ImageStore      Count          `json:"imageStore"`
	ContainerStore  ContainerCount `json:"containerStore"`
	VolumePath      string         `json:"volumePath"`
	StateDir        string         `json:"stateDir"`
	RunDir          string         `json:"runDir"`

	GraphRootAllocated uint64 `json:"graphRootAllocated"` // bytes of the disk it lies on
	GraphRootUsed      uint64 `json:"graphRootUsed"`
}

// Count is a number of things.
type Count struct {
	Number int `json:"number"`
}

// ContainerCount counts containers, those of sandboxes included.
type ContainerCount struct {
	Number  int `json:"number"`
	Running int `json:"running"`
	Paused  int `json:"paused"`
	Stopped int `json:"stopped"`
}

func (n *ContainerCount) add(c *spec.ContainerStatus) {
	n.Number++
	switch c.State {
	case spec.StatePaused:
		n.Paused++
	case spec.StateRunning:
		n.Running++
	default:
		n.Stopped++
	}
}

// VersionInfo is berth's own version.
type VersionInfo struct {
	APIVersion string `json:"APIVersion"`
	Version    string `json:"Version"`
	GoVersion  string `json:"GoVersion"`
	OsArch     string `json:"OsArch"`
}

// Info describes this host and the helpers in use.
func (e *Engine) Info(ctx context.Context) (Info, error) {
	oci, err := e.runtime()
	if err != nil {
		return Info{}, err
	}
	pods, err := e.Observe(ctx)
	if err != nil {
		return Info{}, err
	}
	store, err := e.storeInfo(ctx)
	if err != nil {
		return Info{}, err
	}
	runtimeVersion, conmonVersion, versionErr := oci.Versions(ctx)
	netavark, netavarkVersion, netErr := e.networks.Backend(ctx)
	cgroups := oci.Host().Cgroups
	host := hostInfo()
	host.CgroupManager, host.CgroupsVersion, host.CgroupControllers = oci.CgroupManager(), "v1", cgroups.Names
	if cgroups.Unified {
		host.CgroupsVersion = "v2"
	}
	host.LogDriver, host.EventLogger = "k8s-file", "file"
	if path := oci.Path(); path != "" {
		host.OCIRuntime = Runtime{filepath.Base(path), Helper{path, runtimeVersion}}
	}
	host.Conmon = Helper{oci.ConmonPath(), conmonVersion}
	host.NetworkBackend = "netavark"
	host.NetworkBackendInfo = NetworkBackend{host.NetworkBackend, Helper{netavark, netavarkVersion}}
	host.Pods.Total = len(pods)
	for i := range pods {
		p := &pods[i]
		if p.Sandbox == spec.SandboxReady {
			host.Pods.Running++
		}
		if p.Infra.ID != "" {
			store.ContainerStore.add(&p.Infra)
		}
		for j := range p.Containers {
			if p.Containers[j].ID != "" {
				store.ContainerStore.add(&p.Containers[j])
			}
		}
	}
	return Info{
		Host: host, Store: store,
		Version: VersionInfo{e.opts.Version, e.opts.Version, runtime.Version(), runtime.GOOS + "/" + runtime.GOARCH},
	}, errors.Join(versionErr, netErr)
}

// storeInfo is what images and state take place in.
func (e *Engine) storeInfo(ctx context.Context) (StoreInfo, error) {
	s := StoreInfo{StateDir: e.records.State, RunDir: e.records.Run, VolumePath: e.records.Volumes()}
	var err error
	if s.GraphRoot, s.RunRoot, err = e.images.Roots(); err != nil {
		return s, err
	}
	if s.GraphDriverName, err = e.images.Driver(); err != nil {
		return s, err
	}
	var disk unix.Statfs_t
	if err := unix.Statfs(s.GraphRoot, &disk); err == nil {
		block := uint64(disk.Bsize)
		s.GraphRootAllocated, s.GraphRootUsed = disk.Blocks*block, (disk.Blocks-disk.Bfree)*block
	}
	images, err := e.images.List(ctx, false)
	s.ImageStore.Number = len(images)
	return s, err
}

// hostInfo is what the kernel and os-release say. What they do not say stays empty.
func hostInfo() HostInfo {
	h := HostInfo{Arch: runtime.GOARCH, OS: runtime.GOOS, CPUs: runtime.NumCPU(), Security: Security{Rootless: os.Geteuid() != 0}}
	h.Hostname, _ = os.Hostname()
	var u unix.Utsname
	if err := unix.Uname(&u); err == nil {
		h.Kernel = unix.ByteSliceToString(u.Release[:])
	}
	var s unix.Sysinfo_t
	if err := unix.Sysinfo(&s); err == nil {
		unit := int64(s.Unit)
		h.MemTotal, h.MemFree = int64(s.Totalram)*unit, int64(s.Freeram)*unit
		h.SwapTotal, h.SwapFree = int64(s.Totalswap)*unit, int64(s.Freeswap)*unit
		h.Uptime = (time.Duration(s.Uptime) * time.Second).String()
	}
	_, err := os.Stat("/run/systemd/system")
	h.Systemd = err == nil
	_, err = os.Stat("/proc/sys/kernel/seccomp")
	h.Security.SECCOMPEnabled = err == nil
	_, err = os.Stat("/sys/fs/selinux/enforce")
	h.Security.SELinuxEnabled = err == nil
	on, err := os.ReadFile("/sys/module/apparmor/parameters/enabled")
	h.Security.AppArmorEnabled = err == nil && strings.HasPrefix(string(on), "Y")
	if release, err := os.ReadFile("/etc/os-release"); err == nil {
		h.Distribution = readRelease(string(release))
	}
	return h
}

// readRelease reads os-release(5).
func readRelease(text string) Distribution {
	var d Distribution
	for line := range strings.Lines(text) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		switch value = strings.Trim(value, `"'`); key {
		case "ID":
			d.Distribution = value
		case "VERSION_ID":
			d.Version = value
		}
	}
	return d
}

// Reset removes every pod, network, volume and secret, everything Check finds, and
// every image of the store.
func (e *Engine) Reset(ctx context.Context) error {
	pods, _, err := e.records.ListPods()
	if err != nil {
		return err
	}
	removals := make([]func() error, len(pods))
	for i, p := range pods {
		removals[i] = func() error { return e.removeLocked(ctx, p.Key(), p.ID, min(p.TerminationGrace, mostGrace)) }
	}
	errs := []error{together(removals...), e.clearVolumes(ctx)} // a damaged one would hinder the check
	leaks, err := e.Check(ctx)
	errs = append(errs, err)
	for _, l := range leaks {
		errs = append(errs, l.Remove(ctx))
	}
	errs = append(errs, e.secrets.Clear())
	_, err = e.images.Prune(ctx, true, nil)
	return errors.Join(append(errs, err, e.networks.Reset(ctx), os.RemoveAll(e.records.Objects()), os.RemoveAll(e.records.Waits()), os.RemoveAll(e.records.Journal()))...)
}

// HostIPs are the host's own addresses, IPv4 first.
func (e *Engine) HostIPs() []string { return hostIPs() }
