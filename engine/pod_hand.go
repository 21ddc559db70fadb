package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"berth/engine/image"
	"berth/engine/oci"
	"berth/engine/spec"
	"berth/engine/state"
	"berth/engine/volume"
	"berth/internal/hostexec"

	ociv1 "github.com/opencontainers/image-spec/specs-go/v1"
)

// RecordPod records a pod that is to be started later, and makes the layers of
// its containers made by hand, which are StateCreated from then on. A pod that
// is recorded already is left as it is. stopped are the containers a person wants
// down, "" the whole pod: that is recorded with it.
func (e *Engine) RecordPod(ctx context.Context, pod *spec.Pod, stopped []string) error {
	if err := errors.Join(e.locked(pod.Key()), checkByHand(pod)); err != nil {
		return err
	}
	var intent state.Intent
	for _, name := range stopped {
		intent.Stop(name)
	}
	pod, err := e.recordPod(ctx, pod, intent)
	if err != nil {
		return err
	}
	for _, c := range pod.All() {
		if c.ByHand == nil {
			continue
		}
		if _, err := e.layByHand(ctx, pod, &c); err != nil {
			return fmt.Errorf("create container %q: %w", c.Name, err)
		}
	}
	return nil
}

// AddContainer adds a container, and the volumes it mounts, to a pod that takes
// them one by one; it is not started. One of that name is spec.ErrExists. A
// volume that the pod has already is shared. stopped is that a person wants it
// down: that is recorded before it is.
func (e *Engine) AddContainer(ctx context.Context, id spec.PodID, c spec.Container, volumes []spec.Volume, stopped bool) error {
	pod, err := e.pod(id)
	if err != nil {
		return err
	}
	switch {
	case !pod.ByHand || c.ByHand == nil:
		return fmt.Errorf("%w: pod %s is one whole: containers cannot be added to it", spec.ErrConfig, pod.Key())
	case c.Name == "" || c.Name == infraName:
		return fmt.Errorf("%w: a container cannot be named %q", spec.ErrConfig, c.Name)
	}
	if _, there := pod.Container(c.Name); there {
		return fmt.Errorf("container %q: %w", c.Name, spec.ErrExists)
	}
	pod.Add(c)
	for _, v := range volumes {
		if _, there := pod.Volume(v.Name); !there {
			pod.Volumes = append(pod.Volumes, v)
		}
	}
	added, _ := pod.Container(c.Name)
	if err := e.completeContainer(ctx, &pod, added); err != nil {
		return fmt.Errorf("container %q: %w", c.Name, err)
	}
	run, err := e.runtime()
	if err != nil {
		return err
	}
	if err := errors.Join(checkLimits(run, &pod), checkByHand(&pod)); err != nil {
		return err
	}
	if err := errors.Join(e.SetStopped(ctx, id, c.Name, stopped), e.records.SavePod(&pod)); err != nil {
		return err
	}
	if _, err := e.layByHand(ctx, &pod, &c); err != nil {
		undo, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoTimeout)
		defer cancel()
		return errors.Join(fmt.Errorf("create container %q: %w", c.Name, err), e.RemoveContainer(undo, id, c.Name))
	}
	return nil
}

// forgetContainer takes a removed container out of the pod's record, and the
// volumes that none of the others mounts.
func (e *Engine) forgetContainer(pod *spec.Pod, name string) error {
	if _, there := pod.Container(name); !there {
		return nil
	}
	left := *pod
	left.Drop(name)
	left.Volumes = slices.DeleteFunc(slices.Clone(pod.Volumes), func(v spec.Volume) bool {
		return !slices.ContainsFunc(left.All(), func(c spec.Container) bool {
			return slices.ContainsFunc(c.Mounts, func(m spec.Mount) bool { return m.Volume == v.Name })
		})
	})
	return errors.Join(e.records.SavePod(&left), e.knowMembers(&left, pod.ContainerName(name)))
}

// checkByHand refuses what no container made by hand can be.
func checkByHand(pod *spec.Pod) error {
	var errs []error
	refuse := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("%w: "+format, append([]any{spec.ErrConfig}, args...)...))
	}
	if pod.Bare && (len(pod.Containers) != 1 || len(pod.InitContainers) > 0) {
		refuse("a container of its own has no others beside it")
	}
	if !pod.HasInfra() && !pod.Bare && len(pod.Ports) > 0 {
		refuse("a pod without an infra container cannot publish ports: nobody would hold them")
	}
	if !pod.OwnNetwork() && len(pod.Networks) > 0 {
		refuse("the network is the host's, or another container's: networks cannot be joined as well")
	}
	if pod.UserMode != nil && (!pod.OwnNetwork() || len(pod.Networks) > 0) {
		refuse("%s is a pod's whole network: others cannot be joined as well", pod.UserMode.Program)
	}
	for _, c := range pod.All() {
		if c.ByHand == nil {
			continue
		}
		if unconnected(pod, c.ByHand) {
			refuse("container %q would have no network, since pod %s does not share one: give it --network none, host or container:NAME, or have the pod share net", pod.ContainerName(c.Name), pod.Name)
		}
		if c.ByHand.ID == "" {
			refuse("container %q, made by hand, has no ID", c.Name)
		}
		if r := c.ByHand.Rootfs; r != nil && r.IDMap != nil {
			refuse("container %q: the users of a root file system are mapped with the container's: use --uidmap and --gidmap", c.Name)
		}
		if err := checkHealth(&c); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// checkHealth refuses a health check that cannot be made as it is wished.
func checkHealth(c *spec.Container) error {
	if c.ByHand != nil && c.ByHand.Health.Idle() {
		return fmt.Errorf("%w: container %q has no health check, nor has its image, so nothing can come of one: give it --health-cmd", spec.ErrConfig, c.Name)
	}
	h := c.Healthy()
	if h == nil || !filepath.IsAbs(h.LogDir) {
		return nil
	}
	if info, err := os.Stat(h.LogDir); err != nil || !info.IsDir() {
		return fmt.Errorf("%w: container %q: the log of its health check goes to %s, which is no folder: make it", spec.ErrConfig, c.Name, h.LogDir)
	}
	return nil
}

// checkInherited fails if this host lacks what a pod gives each container that is
// added to it.
func checkInherited(in *spec.Inherited) error {
	if in == nil {
		return nil
	}
	var errs []error
	for i := range in.Volumes {
		errs = append(errs, volume.Check(&in.Volumes[i]))
	}
	for _, d := range in.ByHand.Devices {
		errs = append(errs, oci.CheckDevice(d))
	}
	if path := in.Security.Seccomp; filepath.IsAbs(path) {
		if _, err := os.Stat(path); err != nil {
			errs = append(errs, fmt.Errorf("%w: seccomp profile: %w", spec.ErrConfig, err))
		}
	}
	return errors.Join(errs...)
}

// unconnected reports whether a container says nothing of its network in a pod that
// shares none, and was not told to have none.
func unconnected(pod *spec.Pod, c *spec.ByHand) bool {
	if !pod.Own.Net || !pod.OwnNetwork() || c.Namespaces.Net != (spec.Join{}) {
		return false
	}
	return !pod.HasInfra() || !pod.Isolated()
}

// layByHand records a container made by hand and makes its layer, unless that is
// done.
func (e *Engine) layByHand(ctx context.Context, pod *spec.Pod, c *spec.Container) (state.Container, error) {
	record, err := e.records.ReadContainer(pod.ID, c.Name)
	if err != nil && !errors.Is(err, spec.ErrNotFound) {
		return record, err
	}
	if err != nil {
		record = state.Container{
			Name: c.Name, ID: c.ByHand.ID, Boot: e.records.Boot(), CreatedAt: time.Now(), Image: c.Image, TTY: c.TTY,
		}
		var declared ociv1.ImageConfig
		if c.ByHand.Rootfs == nil {
			img, err := e.images.Lookup(ctx, imageOf(c))
			if err != nil {
				return record, err
			}
			record.ImageID, record.ImageDigest = img.ID, img.Digest
			config, err := e.images.Config(ctx, img.ID)
			if err != nil {
				return record, err
			}
			declared = config.Config
		}
		record.Command = shown(oci.Input{Container: c, Image: declared})
		if record.LogPath = pod.LogOf(c.Name).Path; record.LogPath == "" {
			record.LogPath = e.records.Log(pod.ID, c.Name, 0)
		}
		if err := e.records.SaveContainer(pod.ID, record); err != nil {
			return record, err
		}
		e.noteContainer(pod, &record, "create")
	}
	if c.ByHand.Rootfs != nil {
		return record, nil
	}
	rootfs := image.Rootfs{Name: pod.ContainerName(c.Name), Image: record.ImageID, Volatile: c.ByHand.Remove}
	if pod.Users != nil {
		rootfs.UIDs, rootfs.GIDs = pod.Users.UIDs, pod.Users.GIDs
	}
	return record, e.images.CreateRootfs(ctx, record.ID, rootfs)
}

// makeByHand creates the OCI container of one made by hand, on the layer it
// has: for the first time, or anew after its end, which status says. Where that
// fails it is as it was before.
func (e *Engine) makeByHand(ctx context.Context, m making, c *spec.Container, status *spec.ContainerStatus) error {
	fail := func(err error) error { return fmt.Errorf("create container %q: %w", c.Name, err) }
	before, err := e.layByHand(ctx, m.pod, c)
	if err != nil {
		return fail(err)
	}
	if status.ID != "" {
		if err := errors.Join(e.endContainer(ctx, m.pod, &before, 0), e.deleteContainer(ctx, m.pod, before)); err != nil {
			return fail(err)
		}
	}
	record := before
	if status.Finished() {
		record.Attempt++
	}
	record.Boot, record.Sandbox, record.Ended, record.Failed = e.records.Boot(), "", nil, nil
	if !m.sb.NoInfra {
		record.Sandbox = m.sb.Infra
	}
	if err := e.records.SaveContainer(m.pod.ID, record); err != nil {
		return fail(err)
	}
	if err := e.createContainer(ctx, m, c, record); err != nil {
		return e.notStarted(ctx, m.pod, c, before, record, fail(err))
	}
	return nil
}

// place is where the cgroup of a container lies that is made now, or with nil
// those of the pod and its infra container. A cgroup that is to be divided is
// ours, of now.
func (e *Engine) place(runtime *oci.Runtime, pod *spec.Pod, c *spec.Container) (spec.CgroupPlace, error) {
	place := pod.Cgroup
	if c != nil && c.ByHand != nil {
		own := c.ByHand.Cgroup
		place.Mode, place.Parent = cmp.Or(own.Mode, place.Mode), cmp.Or(own.Parent, place.Parent)
	}
	if err := runtime.CheckPlace(place); err != nil || place.Mode != spec.CgroupsSplit {
		return place, err
	}
	var err error
	place.Unit, err = runtime.Divide()
	return place, err
}

// notifySocket is where a container is to say itself that it is up: systemd's
// socket for the unit we are part of, unless the container knows another. An abstract one belongs to the host's
// network namespace, and conmon cannot hand on to it.
func notifySocket(c *spec.Container, n oci.Namespaces) (string, error) {
	if c.ByHand == nil || c.ByHand.Notify != spec.NotifyContainer {
		return "", nil
	}
	socket := cmp.Or(c.ByHand.NotifySocket, os.Getenv("NOTIFY_SOCKET"))
	switch {
	case socket == "" || filepath.IsAbs(socket) || strings.HasPrefix(socket, "@") && n.Net == oci.HostNamespace:
		return socket, nil
	case strings.HasPrefix(socket, "@"):
		return "", fmt.Errorf("%w: NOTIFY_SOCKET=%s is an abstract socket, which a container reaches only with the host's network: use --sdnotify=conmon or --network=host",
			spec.ErrConfig, socket)
	}
	return "", fmt.Errorf("%w: NOTIFY_SOCKET=%s: only a path or an abstract socket is known", spec.ErrConfig, socket)
}

// tree is a folder of the host that a container has for its root.
func (e *Engine) tree(pod *spec.Pod, c *spec.Container) (string, error) {
	root := c.ByHand.Rootfs
	info, err := os.Stat(root.Path)
	switch {
	case err != nil:
		return "", fmt.Errorf("%w: root file system: %w", spec.ErrConfig, err)
	case !info.IsDir() || filepath.Clean(root.Path) == "/":
		return "", fmt.Errorf("%w: root file system %s: want a folder that is not the host's own root", spec.ErrConfig, root.Path)
	case !root.Overlay:
		return root.Path, nil
	}
	return e.volumeSet(pod).Overlay(root.Path, &spec.Overlay{}, c.Name, rootIndex)
}

// rootIndex tells the layer above a root file system from those above volumes.
const rootIndex = -1

// initPath is the small init that runs in a container before its command; empty:
// none.
func (e *Engine) initPath(c *spec.Container) (string, error) {
	if c.ByHand == nil || !c.ByHand.Init {
		return "", nil
	}
	path := c.ByHand.InitPath
	if path == "" {
		found, err := hostexec.Find("catatonit", e.conf.Engine.HelperBinariesDir)
		if err != nil {
			return "", fmt.Errorf("%w: no program for --init: install catatonit, or name one with --init-path: %w", spec.ErrConfig, err)
		}
		path = found
	}
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() || info.Mode()&0o111 == 0 {
		return "", fmt.Errorf("%w: init %s is not a program", spec.ErrConfig, path)
	}
	return path, nil
}
