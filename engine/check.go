package engine

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/moby/sys/mountinfo"

	"berth/engine/network"
	"berth/engine/oci"
	"berth/engine/spec"
	"berth/engine/volume"
	"berth/internal/atomicfile"
	"berth/internal/tree"
)

// Leak is something on the host that a pod left behind, or a pod that was left
// half made.
type Leak struct {
	Kind   string `json:"kind"` // "record", "sandbox", "mount", "process", "cgroup", "layer", "runtime", "exit file", "address", "rule", …
	Name   string `json:"name"`
	Detail string `json:"detail,omitempty"`

	remove func(context.Context) error
}

// Remove takes the leak away; one that is gone already is no error.
func (l Leak) Remove(ctx context.Context) error {
	if err := l.remove(ctx); err != nil {
		return fmt.Errorf("remove %s %s: %w", l.Kind, l.Name, err)
	}
	return nil
}

// owned is everything the records account for.
type owned struct {
	pods       map[string]spec.Pod              // by UID
	containers map[spec.ContainerID]spec.PodKey // infra included
	leases     []network.Lease
	torn       []string // UIDs of pods whose record cannot be made out
}

// Check compares what is on the host with the records and names what nobody
// owns, in an order in which it can be removed. Pods that somebody is changing
// just now are left out.
//
// It looks twice. Everything is recorded before it is made, but the records were
// read before the host was looked at: what is new looks like nobody's. What a
// second look, with records read after the first, still finds is nobody's.
func (e *Engine) Check(ctx context.Context) ([]Leak, error) {
	first, err := e.look(ctx)
	if err != nil || len(first) == 0 {
		return first, err
	}
	second, err := e.look(ctx)
	return slices.DeleteFunc(second, func(l Leak) bool {
		return !slices.ContainsFunc(first, func(o Leak) bool { return o.Kind == l.Kind && o.Name == l.Name })
	}), err
}

func (e *Engine) look(ctx context.Context) ([]Leak, error) {
	own, err := e.owned()
	if err != nil {
		return nil, err
	}
	var leaks []Leak
	var errs []error
	for _, check := range []func(context.Context, owned) ([]Leak, error){
		e.checkSandboxes, e.checkProcesses, e.checkRuntime, e.checkNetwork, e.checkMounts,
		e.checkFolders, e.checkFiles, e.checkExits, e.checkCgroups, e.checkLayers, e.checkVolumes,
	} {
		found, err := check(ctx, own)
		leaks, errs = append(leaks, found...), append(errs, err)
	}
	return leaks, errors.Join(errs...)
}

func (e *Engine) owned() (owned, error) {
	own := owned{pods: map[string]spec.Pod{}, containers: map[spec.ContainerID]spec.PodKey{}}
	pods, torn, err := e.records.ListPods()
	if err != nil {
		return own, err
	}
	own.torn = torn
	for _, p := range pods {
		own.pods[p.ID.UID()] = p
		for _, v := range p.Volumes {
			if v.Image != nil {
				own.containers[imageVolumeID(p.ID, v.Name)] = p.Key()
			}
		}
		for _, c := range p.All() {
			if c.ByHand != nil { // known by the pod's record, which is synced
				own.containers[c.ByHand.ID] = p.Key()
			}
		}
		containers, err := e.records.Containers(p.ID)
		if err != nil {
			return own, err
		}
		for _, c := range containers {
			own.containers[c.ID], own.containers[c.Rootfs()] = p.Key(), p.Key()
		}
		sb, ok, err := e.records.ReadSandbox(p.ID)
		if err != nil {
			return own, err
		}
		if !ok {
			continue
		}
		if !sb.NoInfra {
			own.containers[sb.Infra] = p.Key()
		}
		if len(sb.Lease) > 0 {
			var lease network.Lease
			if err := json.Unmarshal(sb.Lease, &lease); err != nil {
				return own, fmt.Errorf("read the address lease of pod %s: %w", p.Key(), err)
			}
			own.leases = append(own.leases, lease)
		}
	}
	return own, nil
}

// checkSandboxes finds sandboxes that a killed command left half made.
func (e *Engine) checkSandboxes(_ context.Context, own owned) ([]Leak, error) {
	var leaks []Leak
	var errs []error
	for _, p := range own.pods {
		sb, ok, err := e.records.ReadSandbox(p.ID)
		errs = append(errs, err)
		if !ok || sb.Ready || e.busy(p.Key()) {
			continue
		}
		leaks = append(leaks, Leak{"sandbox", p.Key().String(), "its start was cut short", func(ctx context.Context) error {
			unlock, err := e.Lock(ctx, p.Key())
			if err != nil {
				return err
			}
			defer unlock()
			if now, ok, err := e.records.ReadSandbox(p.ID); err != nil || !ok || now.Ready {
				return err
			}
			return e.StopPod(ctx, p.ID, 0)
		}})
	}
	return leaks, errors.Join(errs...)
}

// busy reports whether somebody is changing the pod just now.
func (e *Engine) busy(key spec.PodKey) bool {
	short, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	f, err := e.records.Lock(short, key)
	if err != nil {
		return true
	}
	return e.records.Unlock(f, false) != nil
}

// checkProcesses finds conmon processes, and what they watch, of containers
// that no record knows.
func (e *Engine) checkProcesses(_ context.Context, own owned) ([]Leak, error) {
	procs, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		return nil, err
	}
	var leaks []Leak
	for _, path := range procs {
		cmdline, err := os.ReadFile(path)
		if err != nil {
			continue // gone meanwhile
		}
		args := strings.Split(string(bytes.TrimRight(cmdline, "\x00")), "\x00")
		id, ours := e.conmonOf(args)
		if !ours {
			continue
		}
		if _, known := own.containers[id]; known {
			continue
		}
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(path))) // the pattern admits digits only
		process, err := oci.FindProcess(pid)
		if err != nil {
			continue
		}
		leaks = append(leaks, Leak{"process", "conmon " + strconv.Itoa(pid), "of container " + id.Short(), func(context.Context) error {
			if err := process.Signal(syscall.SIGKILL); err != nil && !errors.Is(err, os.ErrProcessDone) {
				return err
			}
			return nil
		}})
	}
	return leaks, nil
}

// conmonOf reads a command line: whose conmon it is, if one of ours.
func (e *Engine) conmonOf(args []string) (spec.ContainerID, bool) {
	if len(args) == 0 || filepath.Base(args[0]) != "conmon" {
		return "", false
	}
	after := func(flag string) string {
		if i := slices.Index(args, flag); i >= 0 && i+1 < len(args) {
			return args[i+1]
		}
		return ""
	}
	ours := strings.HasPrefix(after("-b"), e.records.Run+"/")
	return spec.ContainerID(after("-c")), ours
}

// checkRuntime finds containers the runtime knows and no record does.
func (e *Engine) checkRuntime(_ context.Context, own owned) ([]Leak, error) {
	return e.unowned("runtime", e.records.OCI(), func(name string) bool {
		_, known := own.containers[spec.ContainerID(name)]
		return known || strings.HasPrefix(name, ".") // crun's own: .cache, .empty-directory
	}, func(ctx context.Context, name string) error {
		runtime, err := e.runtime()
		if err != nil {
			return err
		}
		// Nothing is known of it but its ID; the other checks find the rest.
		return runtime.Delete(ctx, oci.Container{ID: spec.ContainerID(name), Bundle: filepath.Join(e.records.Run, "lost", name)}, true)
	})
}

func (e *Engine) checkNetwork(ctx context.Context, own owned) ([]Leak, error) {
	found, err := e.networks.Check(ctx, own.leases)
	leaks := make([]Leak, 0, len(found))
	for _, l := range found {
		if p, known := own.pods[l.Pod.UID()]; l.Pod != "" && known && e.busy(p.Key()) {
			continue // an address is taken before the sandbox that has it is recorded
		}
		leaks = append(leaks, Leak{Kind: l.Kind, Name: l.Name, remove: l.Remove})
	}
	return leaks, err
}

// checkMounts finds mounts below the folders of pods that no record knows. One
// that lies below another goes with that.
func (e *Engine) checkMounts(_ context.Context, own owned) ([]Leak, error) {
	root := filepath.Join(e.records.Run, "pods")
	mounts, err := mountinfo.GetMounts(mountinfo.PrefixFilter(root))
	if err != nil {
		return nil, err
	}
	leaks, err := e.unowned("mount", e.records.Roots(), func(name string) bool {
		_, known := own.containers[spec.ContainerID(name)]
		return known
	}, func(_ context.Context, name string) error { return e.closeRoot(spec.ContainerID(name)) })
	if err != nil {
		return nil, err
	}
	var last string
	slices.SortFunc(mounts, func(a, b *mountinfo.Info) int { return strings.Compare(a.Mountpoint+"/", b.Mountpoint+"/") })
	for _, m := range mounts {
		below, ok := strings.CutPrefix(m.Mountpoint, root+"/")
		if !ok || last != "" && strings.HasPrefix(m.Mountpoint+"/", last+"/") {
			continue
		}
		uid, _, _ := strings.Cut(below, "/")
		if _, known := own.pods[uid]; known {
			continue
		}
		last = m.Mountpoint
		leaks = append(leaks, Leak{"mount", m.Mountpoint, m.FSType, func(context.Context) error { return volume.Unmount(m.Mountpoint) }})
	}
	return leaks, nil
}

// checkFolders finds folders of pods without a record.
func (e *Engine) checkFolders(_ context.Context, own owned) ([]Leak, error) {
	half, err := e.records.HalfMade()
	if err != nil {
		return nil, err
	}
	var leaks []Leak
	for _, path := range half {
		leaks = append(leaks, Leak{"folder", path, "a pod whose making was cut short", func(context.Context) error { return tree.Remove(path) }})
	}
	for _, dir := range []string{e.records.Pods(), filepath.Join(e.records.Run, "pods")} {
		found, err := e.unowned("folder", dir, func(name string) bool {
			_, known := own.pods[name]
			return known || strings.HasPrefix(name, ".")
		}, func(_ context.Context, name string) error { return tree.Remove(filepath.Join(dir, name)) })
		if err != nil {
			return leaks, err
		}
		for i := range found {
			if slices.Contains(own.torn, filepath.Base(found[i].Name)) {
				found[i].Detail = "the pod's record is damaged"
			}
		}
		leaks = append(leaks, found...)
	}
	return leaks, nil
}

// temporaryAge is how old a temporary file must be to be nobody's: writing one
// takes a moment.
const temporaryAge = time.Minute

// checkFiles finds temporary files of writes that were cut short. They may hold
// Secrets.
func (e *Engine) checkFiles(context.Context, owned) ([]Leak, error) {
	var leaks []Leak
	for _, dir := range []string{"", "*", "*/*", "*/*/c"} {
		paths, err := filepath.Glob(filepath.Join(e.records.State, dir, ".tmp-*"))
		if err != nil {
			return leaks, err
		}
		for _, path := range paths {
			if info, err := os.Lstat(path); err != nil || !info.Mode().IsRegular() || time.Since(info.ModTime()) < temporaryAge {
				continue
			}
			leaks = append(leaks, Leak{"file", path, "", func(context.Context) error { return atomicfile.Remove(path) }})
		}
	}
	return leaks, nil
}

func (e *Engine) checkExits(_ context.Context, own owned) ([]Leak, error) {
	return e.unowned("exit file", e.records.Exits(), func(name string) bool {
		_, known := own.containers[spec.ContainerID(name)]
		return known
	}, func(_ context.Context, name string) error {
		return tree.Remove(filepath.Join(e.records.Exits(), name))
	})
}

func (e *Engine) checkCgroups(_ context.Context, own owned) ([]Leak, error) {
	runtime, err := e.runtime()
	if err != nil {
		return nil, err
	}
	groups, err := runtime.Cgroups()
	var leaks []Leak
	for _, g := range groups {
		_, pod := own.pods[g.PodUID]
		_, conmon := own.containers[g.Conmon]
		if pod || conmon {
			continue
		}
		leaks = append(leaks, Leak{"cgroup", g.Path, "", g.Remove})
	}
	return leaks, err
}

// checkLayers finds writable layers in the image store of containers and volumes
// that no record knows.
func (e *Engine) checkLayers(ctx context.Context, own owned) ([]Leak, error) {
	made, err := e.images.Rootfses(ctx)
	if err != nil {
		return nil, err
	}
	volumes, err := e.volumes.List(ctx)
	if err != nil {
		return nil, err // any of them may be a volume's
	}
	var leaks []Leak
	for id := range made {
		if _, known := own.containers[id]; known || slices.ContainsFunc(volumes, func(v volume.Volume) bool { return v.StorageID == id }) {
			continue
		}
		leaks = append(leaks, Leak{"layer", string(id), "", func(ctx context.Context) error { return e.images.RemoveRootfs(ctx, id) }})
	}
	return leaks, nil
}

// checkVolumes finds volumes whose making or removal was cut short, and those
// that lost their record.
func (e *Engine) checkVolumes(_ context.Context, own owned) ([]Leak, error) {
	leaks, err := e.unowned("volume", e.records.Volumes(), func(name string) bool {
		return !strings.HasPrefix(name, ".")
	}, func(_ context.Context, name string) error {
		return tree.Remove(filepath.Join(e.records.Volumes(), name))
	})
	lost, lostErr := e.volumes.Lost()
	for _, name := range lost {
		leaks = append(leaks, Leak{"volume", filepath.Join(e.records.Volumes(), name), "its record is gone; what has data is recorded anew",
			func(ctx context.Context) error { return e.volumes.Recover(ctx, name, own.mounts(name)) }})
	}
	return leaks, errors.Join(err, lostErr)
}

// mounts reports whether a pod mounts a named volume.
func (o owned) mounts(volume string) bool {
	for _, p := range o.pods {
		if slices.ContainsFunc(p.Volumes, func(v spec.Volume) bool { return v.Named != nil && v.Named.Volume == volume }) {
			return true
		}
	}
	return false
}

// unowned lists the entries of dir that known does not know.
func (e *Engine) unowned(kind, dir string, known func(string) bool, remove func(context.Context, string) error) ([]Leak, error) {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var leaks []Leak
	for _, entry := range entries {
		name := entry.Name()
		if known(name) {
			continue
		}
		leaks = append(leaks, Leak{kind, filepath.Join(dir, name), "", func(ctx context.Context) error { return remove(ctx, name) }})
	}
	return leaks, nil
}
