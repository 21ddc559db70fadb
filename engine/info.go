package engine

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

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
	Arch           string   `json:"arch"`
	OS             string   `json:"os"`
	Kernel         string   `json:"kernel"`
	Hostname       string   `json:"hostname"`
	CPUs           int      `json:"cpus"`
	MemTotal       int64    `json:"memTotal"` // bytes
	MemFree        int64    `json:"memFree"`  // bytes
	CgroupManager  string   `json:"cgroupManager"`
	CgroupVersion  string   `json:"cgroupVersion"`
	Controllers    []string `json:"cgroupControllers"`
	Systemd        bool     `json:"systemd"`
	OCIRuntime     Helper   `json:"ociRuntime"`
	Conmon         Helper   `json:"conmon"`
	NetworkBackend Helper   `json:"networkBackend"`
	Pods           PodCount `json:"pods"`
}

// Helper is a program the engine uses.
type Helper struct {
	Path    string `json:"path"`
	Version string `json:"version"`
}

// PodCount counts pods by whether their sandbox is up.
type PodCount struct {
	Total   int `json:"total"`
	Running int `json:"running"`
}

// StoreInfo says where things lie.
type StoreInfo struct {
	GraphRoot   string `json:"graphRoot"`
	GraphDriver string `json:"graphDriverName"`
	Images      int    `json:"images"`
	StateDir    string `json:"stateDir"`
	RunDir      string `json:"runDir"`
	VolumePath  string `json:"volumePath"`
}

// VersionInfo is berth's own version.
type VersionInfo struct {
	Version   string `json:"version"`
	GoVersion string `json:"goVersion"`
	OSArch    string `json:"osArch"`
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
	root, err := e.images.Root()
	if err != nil {
		return Info{}, err
	}
	driver, err := e.images.Driver()
	if err != nil {
		return Info{}, err
	}
	images, err := e.images.List(ctx, false)
	if err != nil {
		return Info{}, err
	}
	runtimeVersion, conmonVersion, versionErr := oci.Versions(ctx)
	netavark, netavarkVersion, netErr := e.networks.Backend(ctx)
	host := oci.Host()
	info := Info{
		Host: HostInfo{
			Arch: runtime.GOARCH, OS: runtime.GOOS, Kernel: kernel(), CPUs: runtime.NumCPU(),
			CgroupManager: oci.CgroupManager(), CgroupVersion: cgroupVersion(host.Cgroups.Unified), Controllers: host.Cgroups.Names,
			OCIRuntime:     Helper{oci.Path(), runtimeVersion},
			Conmon:         Helper{oci.ConmonPath(), conmonVersion},
			NetworkBackend: Helper{netavark, netavarkVersion},
			Pods:           PodCount{Total: len(pods)},
		},
		Store: StoreInfo{
			GraphRoot: root, GraphDriver: driver, Images: len(images),
			StateDir: e.records.State, RunDir: e.records.Run, VolumePath: e.records.Volumes(),
		},
		Version: VersionInfo{e.opts.Version, runtime.Version(), runtime.GOOS + "/" + runtime.GOARCH},
	}
	info.Host.Hostname, _ = os.Hostname() // empty says enough
	info.Host.MemTotal, info.Host.MemFree = memory()
	_, err = os.Stat("/run/systemd/system")
	info.Host.Systemd = err == nil
	for _, p := range pods {
		if p.Sandbox == spec.SandboxReady {
			info.Host.Pods.Running++
		}
	}
	return info, errors.Join(versionErr, netErr)
}

func cgroupVersion(unified bool) string {
	if unified {
		return "v2"
	}
	return "v1"
}

func kernel() string {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return ""
	}
	return unix.ByteSliceToString(u.Release[:])
}

func memory() (total, free int64) {
	var s unix.Sysinfo_t
	if err := unix.Sysinfo(&s); err != nil {
		return 0, 0
	}
	return int64(s.Totalram) * int64(s.Unit), int64(s.Freeram) * int64(s.Unit)
}

// Usage is what images, containers and volumes take on disk.
type Usage struct {
	Images     UsageOf `json:"images"`
	Containers UsageOf `json:"containers"`
	Volumes    UsageOf `json:"volumes"`
}

// UsageOf counts one kind of thing. Sizes are bytes; what is not active can be
// reclaimed.
type UsageOf struct {
	Total       int   `json:"total"`
	Active      int   `json:"active"`
	Size        int64 `json:"size"`
	Reclaimable int64 `json:"reclaimable"`
}

// Usage measures what images, containers and volumes take on disk.
func (e *Engine) Usage(ctx context.Context) (Usage, error) {
	pods, err := e.Observe(ctx)
	if err != nil {
		return Usage{}, err
	}
	var u Usage
	used := map[string]bool{}
	for _, p := range pods {
		for _, c := range p.Containers {
			if c.ID == "" {
				continue
			}
			used[c.ImageID] = true
			size, err := e.images.RootfsSize(ctx, c.ID)
			if err != nil {
				return u, err
			}
			u.Containers.add(size, c.Running())
		}
	}
	images, err := e.images.List(ctx, false)
	if err != nil {
		return u, err
	}
	for _, img := range images {
		u.Images.add(img.Size, used[img.ID])
	}
	volumes, err := e.volumes.List(ctx)
	if err != nil {
		return u, err
	}
	users, err := e.VolumeUsers(ctx)
	if err != nil {
		return u, err
	}
	for _, v := range volumes {
		size, err := folderSize(v.Mountpoint)
		if err != nil {
			return u, err
		}
		u.Volumes.add(size, len(users[v.Name]) > 0)
	}
	return u, nil
}

func (u *UsageOf) add(size int64, active bool) {
	u.Total++
	u.Size += size
	if active {
		u.Active++
	} else {
		u.Reclaimable += size
	}
}

func folderSize(dir string) (int64, error) {
	var size int64
	err := filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		if info, err := d.Info(); err == nil {
			size += info.Size()
		}
		return nil
	})
	return size, err
}

// Reset removes every pod, network and volume, everything Check finds, and
// every image of the store.
func (e *Engine) Reset(ctx context.Context) error {
	pods, err := e.records.ListPods()
	if err != nil {
		return err
	}
	removals := make([]func() error, len(pods))
	for i, p := range pods {
		removals[i] = func() error { return e.removeByKey(ctx, p.Key(), p.ID) }
	}
	errs := []error{together(removals...)}
	leaks, err := e.Check(ctx)
	errs = append(errs, err)
	for _, l := range leaks {
		errs = append(errs, l.Remove(ctx))
	}
	volumes, err := e.volumes.List(ctx)
	errs = append(errs, err)
	for _, v := range volumes {
		errs = append(errs, e.volumes.Remove(ctx, v.Name))
	}
	_, err = e.images.Prune(ctx, true, nil)
	return errors.Join(append(errs, err, e.networks.Reset(ctx), os.RemoveAll(e.records.Objects()))...)
}
