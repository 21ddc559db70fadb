package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"berth/engine/image"
	"berth/engine/network"
	"berth/engine/oci"
	"berth/engine/spec"
	"berth/engine/state"

	ociv1 "github.com/opencontainers/image-spec/specs-go/v1"
)

// StartContainer has a container running: it is created where it is missing,
// and made anew, with the next attempt number, where it has ended. One made by
// hand keeps its ID, its layer and its log then.
func (e *Engine) StartContainer(ctx context.Context, id spec.PodID, name string) error {
	pod, err := e.pod(id)
	if err != nil {
		return err
	}
	sb, ok, err := e.records.ReadSandbox(id)
	if err != nil {
		return err
	}
	runtime, err := e.runtimeFor(sb)
	if err != nil {
		return err
	}
	if !ok || e.sandboxState(id, sb) != spec.SandboxReady {
		return fmt.Errorf("start container %q: the pod's sandbox is not up", name)
	}
	if err := e.ensureContainer(ctx, making{pod: &pod, sb: sb}, name); err != nil {
		return err
	}
	c, err := e.records.ReadContainer(id, name)
	if err != nil {
		return err
	}
	target := e.target(runtime, id, c)
	target.Locks = e.locks(pod.Key())
	if err := runtime.Start(ctx, target); err != nil {
		made, _ := pod.Container(name)
		return e.notStarted(ctx, &pod, made, c, c, fmt.Errorf("start container %q: %w", name, atRuntime{err}))
	}
	if h, err := e.records.ReadHistory(id); err == nil && h[name].Restarts > 0 {
		e.noteContainer(&pod, &c, "restart") // by its policy: a start by hand counts anew
	}
	e.noteContainer(&pod, &c, "start")
	return e.records.TellStarted(id)
}

// ensureContainer has a live container under name, created or running.
func (e *Engine) ensureContainer(ctx context.Context, m making, name string) error {
	pod := m.pod
	c, ok := pod.Container(name)
	if !ok {
		return fmt.Errorf("container %q: %w", name, spec.ErrNotFound)
	}
	run, err := e.runtimeFor(m.sb)
	if err != nil {
		return err
	}
	status, _ := e.observeContainer(run, pod, name)
	switch {
	case status.Running() || status.State == spec.StateCreated && status.Pid != 0:
		return nil
	case c.Lacks != "":
		return fmt.Errorf("create container %q: %w: %s", name, spec.ErrConfig, c.Lacks)
	case c.ByHand != nil:
		return e.makeByHand(ctx, m, c, &status)
	}
	before, layer, err := e.makeWay(ctx, pod, c)
	if err != nil {
		return err
	}
	attempt := status.Attempt
	if status.Finished() {
		attempt++
		if before.Ended == nil {
			before.Ended = unseenEnd(&status)
		}
	}
	record, err := e.newContainer(ctx, pod, m.sb, c, attempt, layer)
	if err == nil {
		err = e.createContainer(ctx, m, c, record)
	}
	if err != nil {
		return e.notStarted(ctx, pod, c, before, record, fmt.Errorf("create container %q: %w", name, err))
	}
	return nil
}

// newContainer records a container under a new ID and makes its writable layer,
// unless it is given one.
func (e *Engine) newContainer(
	ctx context.Context, pod *spec.Pod, sb state.Sandbox, c *spec.Container, attempt int, layer spec.ContainerID,
) (state.Container, error) {
	img, err := e.images.Lookup(ctx, imageOf(c))
	if err != nil {
		return state.Container{}, err
	}
	record := state.Container{
		Name: c.Name, ID: spec.NewContainerID(), Attempt: attempt, Boot: e.records.Boot(), CreatedAt: time.Now(),
		Image: c.Image, ImageID: img.ID, ImageDigest: img.Digest, TTY: c.TTY, Layer: layer,
	}
	if !sb.NoInfra {
		record.Sandbox = sb.Infra
	}
	if record.LogPath = pod.Log.Path; record.LogPath == "" {
		record.LogPath = e.records.Log(pod.ID, c.Name, attempt)
	}
	if err := e.records.SaveContainer(pod.ID, record); err != nil {
		return record, err
	}
	e.noteContainer(pod, &record, "create")
	if attempt >= 2 && pod.Log.Path == "" { // the previous one's is kept
		if err := oci.RemoveLog(e.records.Log(pod.ID, c.Name, attempt-2)); err != nil {
			return record, err
		}
	}
	if layer != "" {
		return record, nil
	}
	rootfs := image.Rootfs{Name: pod.ContainerName(c.Name), Image: img.ID, Volatile: true}
	if pod.Users != nil {
		rootfs.UIDs, rootfs.GIDs = pod.Users.UIDs, pod.Users.GIDs
	}
	return record, e.images.CreateRootfs(ctx, record.ID, rootfs)
}

// conmonLimit is the size at which conmon itself, knowing no rotation, throws a
// log away: what rotation would have kept in all. Where a supervisor rotates,
// nothing is lost by it (oci.Runtime.TendLog).
func (e *Engine) conmonLimit(log spec.Log) int64 { return oci.DefaultLogFiles * e.logLimit(log) }

// imageOf names a container's image as exactly as is known.
func imageOf(c *spec.Container) string {
	if c.ImageID != "" {
		return c.ImageID
	}
	return c.Image
}

// createContainer makes the OCI container on its layer: bundle, conmon, runtime.
func (e *Engine) createContainer(ctx context.Context, m making, c *spec.Container, record state.Container) error {
	runtime, err := e.runtimeFor(m.sb)
	if err != nil {
		return err
	}
	if record.Cgroup, err = e.place(runtime, m.pod, c); err != nil {
		return err
	}
	target := e.target(runtime, m.pod.ID, record)
	target.Locks = e.locks(m.pod.Key())
	input, err := e.input(ctx, runtime, m, c, record, target)
	if err != nil {
		return err
	}
	notify, err := notifySocket(c, input.Namespaces)
	if err != nil {
		return err
	}
	if strings.HasPrefix(notify, "@") {
		input.NotifySocket, notify = notify, ""
	} else if notify != "" {
		input.NotifyDir = target.NotifyDir()
	}
	passed, sockets, err := descriptors(c)
	if err != nil {
		return err
	}
	defer closeAll(passed)
	input.ListenFDs, input.ListenNames = sockets, os.Getenv("LISTEN_FDNAMES")
	built, err := oci.BuildSpec(input)
	if err != nil {
		return err
	}
	if err := oci.PrepareImageVolumes(ctx, input); err != nil {
		return err
	}
	record.Command, record.StopSignal, record.Begun = shown(input), oci.HandStopSignal(input), true
	if err := e.records.SaveContainer(m.pod.ID, record); err != nil {
		return err
	}
	err = e.launch(ctx, runtime, m, c, oci.Create{
		Container: target, Spec: built, NotifySocket: notify, Pass: passed, Users: m.pod.Users, OwnsDir: c.ByHand != nil,
		Log: oci.Logging{Path: record.LogPath},
	})
	if err == nil {
		e.noteContainer(m.pod, &record, "init")
	}
	return err
}

// launch has conmon create the container that is prepared.
func (e *Engine) launch(ctx context.Context, runtime *oci.Runtime, m making, c *spec.Container, create oci.Create) error {
	create.ExtraFiles = m.ports
	if c.ByHand != nil {
		create.Timeout = c.ByHand.Timeout
	}
	if create.ExtraFiles == nil && m.sb.NoInfra && m.pod.UserMode == nil {
		ports, _, err := network.BindPorts(m.sb.Ports)
		if err != nil {
			return err
		}
		defer closeAll(ports) // conmon keeps them
		create.ExtraFiles = ports
	}
	log := m.pod.LogOf(c.Name)
	streams, err := passthrough(log)
	if err != nil {
		return err
	}
	create.Name, create.Stdin, create.StdinOnce = m.pod.ContainerName(c.Name), c.Stdin, c.ByHand != nil && !c.TTY
	create.Log.Driver, create.Log.MaxSize, create.Log.Passthrough = log.Driver, e.conmonLimit(log), streams
	create.Log.Tag, create.Log.Labels = log.Tag, log.Labels
	created, err := runtime.Create(ctx, create)
	if err != nil {
		return atRuntime{err}
	}
	if c.ByHand == nil {
		return nil
	}
	return errors.Join(writePid(c.ByHand.PidFile, created.Pid), writePid(c.ByHand.ConmonPidFile, created.ConmonPid))
}

// input gathers, and makes, what a container's configuration is built of.
func (e *Engine) input(ctx context.Context, runtime *oci.Runtime, m making, c *spec.Container, record state.Container, target oci.Container) (oci.Input, error) {
	in := oci.Input{
		Container: c, Pod: m.pod, VolumeDir: e.imageVolumes(m.pod.ID, record.ID),
		CgroupPath: target.CgroupPath, Place: target.Place, Host: runtime.Host(),
	}
	var err error
	if in.Rootfs, in.Image, err = e.root(ctx, m.pod, c, record); err != nil {
		return in, err
	}
	if in.Facts, err = e.facts(m.pod, m.sb, c); err != nil {
		return in, err
	}
	if c.ByHand != nil && (c.ByHand.Rootfs == nil || c.ByHand.Rootfs.Overlay) { // not in a person's own files
		if err := oci.PrepareUsers(in); err != nil {
			return in, err
		}
	}
	in.NoShm = c.ByHand != nil && c.ByHand.NoShm
	if err := e.mounts(ctx, m.sb, &in); err != nil {
		return in, err
	}
	secrets, variables, err := e.secretMounts(in)
	if err != nil {
		return in, err
	}
	in.Mounts, in.Secrets = append(in.Mounts, secrets...), variables
	env, ok, err := e.containerEnvMount(in, record)
	if err != nil {
		return in, err
	}
	if ok {
		in.Mounts = append(in.Mounts, env)
	}
	if in.InitPath, err = e.initPath(c); err != nil {
		return in, err
	}
	infra, err := e.infraProcess(ctx, runtime, m)
	if err != nil {
		return in, err
	}
	in.Namespaces, err = e.namespaces(m.pod, c, infra)
	return in, err
}

// root mounts a container's root file system and says what its image says.
func (e *Engine) root(ctx context.Context, pod *spec.Pod, c *spec.Container, record state.Container) (string, ociv1.ImageConfig, error) {
	if c.ByHand != nil && c.ByHand.Rootfs != nil {
		path, err := e.tree(pod, c)
		if err == nil && pod.Users != nil {
			path, err = e.openRoot(pod, record.ID, path)
		}
		return path, ociv1.ImageConfig{}, err
	}
	rootfs, err := e.images.MountRootfs(ctx, record.Rootfs())
	if err != nil {
		return "", ociv1.ImageConfig{}, err
	}
	if pod.Users != nil {
		if rootfs, err = e.openRoot(pod, record.ID, rootfs); err != nil {
			return "", ociv1.ImageConfig{}, err
		}
	}
	config, err := e.images.Config(ctx, record.ImageID)
	if err != nil {
		return "", ociv1.ImageConfig{}, err
	}
	return rootfs, config.Config, nil
}

// infraProcess waits for the process that holds the pod's namespaces; none where
// the pod has no infra container.
func (e *Engine) infraProcess(ctx context.Context, runtime *oci.Runtime, m making) (oci.Process, error) {
	if m.sb.NoInfra {
		return oci.Process{}, nil
	}
	if m.infraUp != nil {
		select {
		case <-m.infraUp:
		case <-ctx.Done():
			return oci.Process{}, ctx.Err()
		}
	}
	s, err := runtime.State(e.infraTarget(runtime, m.pod.ID, m.sb))
	if err != nil {
		return oci.Process{}, err
	}
	if s.Pid == 0 {
		return oci.Process{}, fmt.Errorf("the infra container is not there: %w", os.ErrProcessDone)
	}
	return s.Init, nil
}

// facts are the values that stand for the Late ones in a container.
func (e *Engine) facts(pod *spec.Pod, sb state.Sandbox, c *spec.Container) (spec.Facts, error) {
	f := spec.Facts{PodIPs: sb.IPs, PodUID: pod.ID.UID()}
	if pod.HostNet || c.UsesHostIP() { // spares most containers a look at all interfaces
		f.HostIPs = hostIPs()
	}
	if pod.HostNet {
		f.PodIPs = f.HostIPs
	}
	if !c.UsesSecrets() {
		return f, nil
	}
	var err error
	f.Secrets, err = e.volumeSet(pod).Secrets()
	return f, err
}

// shown is what a container runs as records keep it: without secrets.
func shown(in oci.Input) []string {
	in.Facts.Secrets = nil
	command := oci.Command(in.Container, in.Image, in.Facts)
	for i := range command {
		command[i] = spec.Mask(command[i])
	}
	return command
}
