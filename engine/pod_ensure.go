package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sync/errgroup"

	"berth/engine/network"
	"berth/engine/oci"
	"berth/engine/spec"
	"berth/engine/state"
	"berth/engine/volume"
)

// infraName is the infra container's name among a pod's containers; no
// Kubernetes name starts with an underscore.
const infraName = "_infra"

// undoTimeout limits taking down what a failed start left.
const undoTimeout = time.Minute

// making is what containers are made for, and with.
type making struct {
	pod *spec.Pod
	sb  state.Sandbox
	// infraUp is closed when the infra container is up; nil: it is, or there is none.
	infraUp <-chan struct{}
	// ports are sockets of published ports that a container without an infra
	// container has its conmon hold; nil: they are bound anew.
	ports []*os.File
}

// EnsurePod makes a pod's record and sandbox and has the named containers
// created, not started. What exists is left as it is. If the sandbox cannot be
// made, what was made of it is undone; the record stays until RemovePod. A
// container that cannot be made for a reason of its own undoes nothing: the error
// is that spec.StartError, or several joined.
//
//	ports bound ─▶ record ─▶ netns ─┬▶ network ────────────────┐
//	                                ├▶ volumes ──────────┐     ├▶ ready
//	                                ├▶ image layers ─────┼─▶ containers
//	                                └▶ infra container ──┘
//
// A pod without an infra container has its containers make their own namespaces,
// but for the network's, and their conmon hold the ports.
func (e *Engine) EnsurePod(ctx context.Context, pod *spec.Pod, create []string) error {
	if err := e.locked(pod.Key()); err != nil {
		return err
	}
	runtime, err := e.runtime()
	if err != nil {
		return err
	}
	if err := errors.Join(runtime.Ready(), checkLimits(runtime, pod)); err != nil {
		return err
	}
	if pod, err = e.recordPod(ctx, pod, state.Intent{}); err != nil {
		return err
	}
	sb, ok, err := e.records.ReadSandbox(pod.ID)
	if err != nil {
		return err
	}
	if ok && e.sandboxState(pod.ID, sb) == spec.SandboxReady {
		return e.createContainers(ctx, making{pod: pod, sb: sb}, create)
	}
	if ok {
		if err := e.StopPod(ctx, pod.ID, 0); err != nil {
			return fmt.Errorf("clear what is left of the sandbox: %w", err)
		}
	}
	err = e.startSandbox(ctx, pod, create)
	if err == nil || spec.StartErrors(err) != nil {
		e.notePod(pod, "start")
		return err
	}
	undo, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoTimeout)
	defer cancel()
	return errors.Join(err, e.StopPod(undo, pod.ID, 0))
}

// recordPod records a pod, with what a person wants of it, unless it is; then it is
// the recorded one.
func (e *Engine) recordPod(ctx context.Context, pod *spec.Pod, intent state.Intent) (*spec.Pod, error) {
	recorded, err := e.records.ReadPod(pod.ID)
	if err == nil {
		return recorded.WithContents(pod), nil
	}
	if !errors.Is(err, spec.ErrNotFound) {
		return nil, err
	}
	if err := e.refuseSecond(pod); err != nil {
		return nil, err
	}
	if pod.Users != nil { // nobody else chooses users until these are recorded
		unlock, err := e.lockUsers(ctx)
		if err != nil {
			return nil, err
		}
		defer unlock()
	}
	if pod, err = e.complete(ctx, pod); err != nil {
		return nil, err
	}
	if err := e.records.CreatePod(pod, intent); err != nil {
		return nil, fmt.Errorf("record pod %s: %w", pod.Key(), err)
	}
	e.notePod(pod, "create")
	return pod, nil
}

// refuseSecond fails if a pod of the same name exists under another ID.
func (e *Engine) refuseSecond(pod *spec.Pod) error {
	id, there, err := e.records.Find(pod.Key())
	if err == nil && there {
		err = fmt.Errorf("pod %s (%s): %w", pod.Key(), id.Short(), spec.ErrExists)
	}
	return err
}

// CheckPod fails, mostly wrapping spec.ErrConfig, if this host cannot honour what
// the pod asks for, as far as that can be seen without making anything: limits,
// host paths, networks, the helpers.
func (e *Engine) CheckPod(ctx context.Context, pod *spec.Pod) error {
	runtime, err := e.runtime()
	if err != nil {
		return err
	}
	errs := []error{runtime.Ready(), checkLimits(runtime, pod), checkByHand(pod), e.checkSecrets(pod), runtime.CheckPlace(pod.Cgroup)}
	for _, log := range logs(pod) {
		errs = append(errs, runtime.CheckLog(ctx, log))
	}
	for i := range pod.Volumes {
		errs = append(errs, volume.Check(&pod.Volumes[i]))
	}
	errs = append(errs, checkInherited(pod.Inherit))
	if pod.OwnNetwork() {
		errs = append(errs, e.networks.CheckPod(ctx, e.networkPod(pod, pod.Ports)))
	}
	return errors.Join(errs...)
}

// logs are how the output of a pod's containers is kept, each way once.
func logs(pod *spec.Pod) []spec.Log {
	list := []spec.Log{pod.Log}
	for _, c := range pod.All() {
		if c.ByHand != nil && c.ByHand.Log != nil {
			list = append(list, *c.ByHand.Log)
		}
	}
	return list
}

func checkLimits(runtime *oci.Runtime, pod *spec.Pod) error {
	if pod.AllowUnenforcedLimits {
		return nil
	}
	errs := []error{runtime.CheckPodLimits(pod)}
	for _, c := range pod.All() {
		if err := runtime.CheckLimits(c.Resources); err != nil {
			errs = append(errs, fmt.Errorf("container %q: %w", c.Name, err))
		}
		if err := runtime.CheckTuning(&c); err != nil {
			errs = append(errs, fmt.Errorf("container %q: %w", c.Name, err))
		}
	}
	return errors.Join(errs...)
}

// startSandbox makes the sandbox and the first containers.
func (e *Engine) startSandbox(ctx context.Context, pod *spec.Pod, create []string) error {
	runtime, err := e.runtime()
	if err != nil {
		return err
	}
	held, ports, err := network.BindPorts(pod.Ports)
	if err != nil {
		return err
	}
	defer func() { closeAll(held) }() // a conmon keeps them

	sb, lease, err := e.reserveSandbox(ctx, runtime, pod, ports)
	if err != nil {
		return err
	}
	netPod := e.networkPod(pod, ports)
	if err := runtime.LimitPod(pod, sb.Cgroup); err != nil {
		return err
	}
	if pod.OwnNetwork() {
		if err := e.networks.EnsureNamespace(netPod.Namespace); err != nil {
			return err
		}
		if pod.Users != nil {
			if err := e.networks.SetParameters(netPod.Namespace, pod.Sysctls); err != nil {
				return err
			}
		}
	}

	if err := e.writeFiles(ctx, pod); err != nil {
		return err
	}
	if pod.UserMode != nil { // containers are told of addresses that it has only then
		closeAll(held) // it binds them itself
		held = nil
		if err := e.startUserMode(ctx, pod, &sb, lease); err != nil {
			return err
		}
	}

	group, gctx := errgroup.WithContext(ctx)
	if len(pod.Networks) > 0 {
		group.Go(func() error {
			_, err := e.networks.Setup(gctx, netPod, lease)
			return err
		})
	}
	m := making{pod: pod, sb: sb}
	if sb.NoInfra {
		m.ports = held
	} else {
		infraUp := make(chan struct{})
		m.infraUp = infraUp
		group.Go(func() error {
			defer close(infraUp)
			if err := e.startInfra(gctx, pod, sb, held); err != nil {
				return fmt.Errorf("start the infra container: %w", err)
			}
			return nil
		})
	}
	var failed error // of containers for reasons of their own
	group.Go(func() error {
		err := e.createContainers(gctx, m, create)
		if spec.StartErrors(err) != nil {
			failed, err = err, nil
		}
		return err
	})
	if err := group.Wait(); err != nil {
		return err
	}
	sb.Ready, sb.StartedAt = true, time.Now()
	if err := e.records.SaveSandbox(pod.ID, sb); err != nil {
		return err
	}
	return errors.Join(failed, e.records.TellStarted(pod.ID))
}

// reserveSandbox records a sandbox, with the addresses that it is to have.
func (e *Engine) reserveSandbox(ctx context.Context, runtime *oci.Runtime, pod *spec.Pod, ports []spec.PortMapping) (sb state.Sandbox, lease network.Lease, err error) {
	sb = state.Sandbox{
		Infra: spec.NewContainerID(), NoInfra: !pod.HasInfra(), Ports: ports,
		Runtime: runtime.Path(), CgroupManager: runtime.CgroupManager(),
	}
	if sb.Cgroup, err = e.place(runtime, pod, nil); err != nil {
		return sb, lease, err
	}
	if pod.OwnNetwork() {
		if lease, err = e.networks.Reserve(ctx, e.networkPod(pod, ports)); err != nil {
			return sb, lease, err
		}
		if err := setLease(&sb, lease); err != nil {
			return sb, lease, err
		}
	}
	if err := e.records.SaveSandbox(pod.ID, sb); err != nil { // then nobody would know of the addresses
		return sb, lease, errors.Join(err, e.networks.Release(context.WithoutCancel(ctx), lease))
	}
	return sb, lease, nil
}

// startUserMode starts the process that is a pod's network stack, and records what
// the pod has by it.
func (e *Engine) startUserMode(ctx context.Context, pod *spec.Pod, sb *state.Sandbox, lease network.Lease) error {
	lease, err := e.networks.SetupUserMode(ctx, e.networkPod(pod, sb.Ports), lease)
	if err != nil {
		return err
	}
	if err := setLease(sb, lease); err != nil {
		return err
	}
	return e.records.SaveSandbox(pod.ID, *sb)
}

// writeFiles writes the contents of ConfigMaps and Secrets for all containers,
// also those created later: records do not keep them.
func (e *Engine) writeFiles(ctx context.Context, pod *spec.Pod) error {
	if pod.UsesSecrets() {
		if err := e.volumeSet(pod).EnsureSecrets(pod.Secrets); err != nil {
			return err
		}
	}
	for i := range pod.Volumes {
		v := &pod.Volumes[i]
		if v.Files == nil {
			continue
		}
		if _, err := e.volumeSet(pod).Prepare(ctx, v); err != nil {
			return err
		}
	}
	return nil
}

// networkPod is the pod in the words of the network room.
func (e *Engine) networkPod(pod *spec.Pod, ports []spec.PortMapping) network.Pod {
	p := network.Pod{
		ID: pod.ID, Key: pod.Key(), Namespace: e.records.Netns(pod.ID), Names: handNames(pod),
		Attachments: pod.Networks, UserMode: pod.UserMode, Ports: ports, Locks: e.locks(pod.Key()),
	}
	if pod.Bare || pod.ByHand {
		p.Servers = pod.DNS.Servers
	}
	return p
}

// handNames are the names in DNS of a container that nobody asked a pod for,
// beside those its pod has.
func handNames(pod *spec.Pod) []string {
	var names []string
	for _, c := range pod.Containers {
		if !pod.Bare {
			break
		}
		if name := pod.ContainerName(c.Name); name != pod.Name && pod.Namespace == spec.DefaultNamespace {
			names = append(names, name)
		}
		if c.ByHand != nil {
			names = append(names, c.ByHand.ID.Short())
		}
	}
	return names
}

// startInfra starts the container that holds the pod's namespaces and, through
// its conmon, the published ports.
func (e *Engine) startInfra(ctx context.Context, pod *spec.Pod, sb state.Sandbox, held []*os.File) error {
	runtime, err := e.runtimeFor(sb)
	if err != nil {
		return err
	}
	rootfs, image, err := e.infraRoot(ctx, pod, sb)
	if err != nil {
		return err
	}
	target := e.infraTarget(runtime, pod.ID, sb)
	target.Locks = e.locks(pod.Key())
	if pod.Users != nil {
		if err := e.letThrough(); err != nil {
			return err
		}
	}
	namespaces, err := e.infraNamespaces(pod)
	if err != nil {
		return err
	}
	built, err := oci.BuildInfra(oci.InfraInput{
		Pod: pod, Rootfs: rootfs, Image: image, Namespaces: namespaces,
		CgroupPath: target.CgroupPath, Place: target.Place, Host: runtime.Host(),
	})
	if err != nil {
		return err
	}
	created, err := runtime.Create(ctx, oci.Create{
		Container: target, Name: pod.InfraName(), Spec: built, Log: oci.Logging{Driver: "none"}, ExtraFiles: held,
	})
	if err != nil {
		return err
	}
	if pod.Infra != nil {
		if err := writePid(pod.Infra.ConmonPidFile, created.ConmonPid); err != nil {
			return err
		}
	}
	return runtime.Start(ctx, target)
}

// createContainers has the named containers created, in parallel. One that cannot
// be, for a reason of its own, keeps none of the others from being.
func (e *Engine) createContainers(ctx context.Context, m making, names []string) error {
	failed := make([]error, len(names))
	group, gctx := errgroup.WithContext(ctx)
	for i, name := range names {
		group.Go(func() error {
			err := e.ensureContainer(gctx, m, name)
			if spec.StartErrors(err) != nil {
				failed[i], err = err, nil
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	return errors.Join(failed...)
}

func closeAll(files []*os.File) {
	for _, f := range files {
		_ = f.Close()
	}
}
