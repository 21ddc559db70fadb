package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"

	"berth/engine/oci"
	"berth/engine/spec"
	"berth/engine/state"
	"berth/internal/parallel"
)

// Observe looks at every pod there is. It changes nothing, asks no helper and
// takes no lock. Pods whose records cannot be read are joined into the error;
// the others are returned all the same. One whose record a power cut tore is no
// pod any more but a leftover, which Check finds.
func (e *Engine) Observe(context.Context) ([]spec.PodStatus, error) {
	pods, torn, listErr := e.records.ListPods()
	e.tellTorn(torn)
	out := make([]spec.PodStatus, len(pods))
	errs := make([]error, len(pods))
	parallel.Each(len(pods), 2*runtime.NumCPU(), func(i int) { out[i], errs[i] = e.observe(pods[i]) })
	seen := out[:0]
	for i := range out {
		if errs[i] == nil {
			seen = append(seen, out[i])
		}
	}
	slices.SortFunc(seen, func(a, b spec.PodStatus) int {
		return cmp.Or(a.Pod.CreatedAt.Compare(b.Pod.CreatedAt), cmp.Compare(a.Pod.ID, b.Pod.ID))
	})
	return seen, errors.Join(append(errs, listErr)...)
}

// tellTorn logs, once for each, that what was a pod cannot be made out.
func (e *Engine) tellTorn(uids []string) {
	for _, uid := range uids {
		if _, told := e.toldTorn.LoadOrStore(uid, true); !told {
			e.log.Warn("the record of a pod is damaged, see what system check finds", "uid", uid)
		}
	}
}

// ObservePod looks at one pod; spec.ErrNotFound if there is none of that ID.
func (e *Engine) ObservePod(_ context.Context, id spec.PodID) (spec.PodStatus, error) {
	pod, err := e.records.ReadPod(id)
	if err != nil {
		return spec.PodStatus{}, err
	}
	return e.observe(pod)
}

func (e *Engine) observe(pod spec.Pod) (spec.PodStatus, error) {
	st := spec.PodStatus{Pod: pod, Sandbox: spec.SandboxNone, Infra: spec.ContainerStatus{Name: infraName, State: spec.StateNone}}
	fail := func(err error) (spec.PodStatus, error) {
		return st, fmt.Errorf("look at pod %s: %w", pod.Key(), err)
	}
	sb, ok, err := e.records.ReadSandbox(pod.ID)
	if err != nil {
		return fail(err)
	}
	run, err := e.runtimeFor(sb)
	if err != nil {
		return fail(err)
	}
	if ok {
		target := e.infraTarget(run, pod.ID, sb)
		infra, err := e.infraState(run, pod.ID, sb)
		if err != nil {
			return fail(err)
		}
		st.Sandbox = e.judgeSandbox(pod.ID, sb, infra)
		st.IPs, st.Joined, st.Ports, st.StartedAt = sb.IPs, sb.Joined, sb.Ports, sb.StartedAt
		if !sb.NoInfra {
			st.Infra = describe(infra)
			st.Infra.CgroupPath = target.CgroupFolder()
			st.Infra.ID, st.Infra.Name = sb.Infra, infraName
		}
	}
	if pod.HostNet && st.Sandbox == spec.SandboxReady {
		st.IPs = hostIPs()
	}
	intent, err := e.records.ReadIntent(pod.ID)
	if err != nil {
		return fail(err)
	}
	if st.History, err = e.records.ReadHistory(pod.ID); err != nil {
		return fail(err)
	}
	st.Stopped, st.Verdict = intent.Pod, intent.Verdict
	if st.Removal, err = e.records.ReadRemoval(pod.ID); err != nil {
		return fail(err)
	}
	for _, c := range pod.All() {
		status, err := e.observeContainer(run, &pod, c.Name)
		if err != nil {
			return fail(err)
		}
		status.Stopped = slices.Contains(intent.Containers, c.Name)
		st.Containers = append(st.Containers, status)
	}
	return st, nil
}

// sandboxState looks at a recorded sandbox.
func (e *Engine) sandboxState(id spec.PodID, sb state.Sandbox) spec.SandboxState {
	run, err := e.runtimeFor(sb)
	if err != nil {
		return spec.SandboxLost
	}
	infra, err := e.infraState(run, id, sb)
	if err != nil {
		return spec.SandboxLost
	}
	return e.judgeSandbox(id, sb, infra)
}

// infraState looks at a sandbox's infra container, if it has one.
func (e *Engine) infraState(run *oci.Runtime, id spec.PodID, sb state.Sandbox) (oci.State, error) {
	if sb.NoInfra {
		return oci.State{State: spec.StateNone}, nil
	}
	return run.State(e.infraTarget(run, id, sb))
}

// judgeSandbox judges a sandbox by what lives of it. That of a container without
// an infra container is its record, which goes with the boot, and its network
// namespace: it outlives the container's end.
func (e *Engine) judgeSandbox(id spec.PodID, sb state.Sandbox, infra oci.State) spec.SandboxState {
	switch {
	case !sb.Ready || !sb.NoInfra && (!infra.Running() || infra.ConmonLost):
		return spec.SandboxLost
	case !e.alive(id, sb):
		return spec.SandboxLost
	}
	return spec.SandboxReady
}

// observeContainer looks at the container made under a name of the pod's spec.
func (e *Engine) observeContainer(run *oci.Runtime, pod *spec.Pod, name string) (spec.ContainerStatus, error) {
	wanted, _ := pod.Container(name)
	none := spec.ContainerStatus{Name: name, State: spec.StateNone, Init: pod.IsInit(name), Image: wanted.Image}
	c, err := e.records.ReadContainer(pod.ID, name)
	if errors.Is(err, spec.ErrNotFound) && wanted.ByHand != nil { // whoever made it was killed half-way
		none.State, none.ID, none.CreatedAt = spec.StateCreated, wanted.ByHand.ID, pod.CreatedAt
		none.ImageID, none.ImageDigest = wanted.ImageID, wanted.ImageDigest
		return none, nil
	}
	if errors.Is(err, spec.ErrNotFound) {
		return none, nil
	}
	if err != nil {
		return none, err
	}
	if c.Failed != nil && c.Ended == nil && wanted.ByHand == nil { // it was never made
		none.Attempt, none.Failed = c.Attempt, c.Failed
		return none, nil
	}
	var status spec.ContainerStatus
	if c.Ended != nil {
		status = spec.ContainerStatus{
			State: spec.StateExited, ExitCode: c.Ended.ExitCode, StartedAt: c.Ended.StartedAt, FinishedAt: c.Ended.FinishedAt,
			Reason: c.Ended.Reason, Message: c.Ended.Message, OOMKilled: c.Ended.Reason == reasonOOM,
		}
		if c.Ended.Reason == reasonUnknown {
			status.State = spec.StateUnknown
		}
	} else {
		target := e.target(run, pod.ID, c)
		s, err := run.State(target)
		if err != nil {
			return none, err
		}
		status = describe(s)
		status.CgroupPath = target.CgroupFolder()
	}
	switch byHand := wanted.ByHand != nil; {
	case status.State != spec.StateNone:
	case byHand && (!c.Begun || c.Boot == e.records.Boot()): // its layer waits to be run on
		status.State = spec.StateCreated
	case c.Boot != e.records.Boot():
		// It ran before the machine went down, and nobody saw its end.
		status.State, status.ExitCode = spec.StateUnknown, spec.ExitUnknown
		status.Reason, status.Message = reasonUnknown, "the host restarted while the container ran"
	}
	status.ID, status.Name, status.Init, status.Attempt = c.ID, name, pod.IsInit(name), c.Attempt
	status.Image, status.ImageID, status.ImageDigest = c.Image, c.ImageID, c.ImageDigest
	status.Failed, status.Layer = c.Failed, c.Layer
	status.Command, status.LogPath, status.CreatedAt, status.Sandbox = c.Command, c.LogPath, c.CreatedAt, c.Sandbox
	if status.State == spec.StateExited && c.Ended == nil {
		status.Message = e.message(pod, wanted, &status)
	}
	if wanted.Gated() && c.Ended == nil {
		status.Life, err = e.records.ReadLife(pod.ID, name, c.ID)
	}
	return status, err
}

// Reasons of a container's end, in the kubelet's words.
const (
	reasonOOM       = "OOMKilled"
	reasonCompleted = "Completed"
	reasonError     = "Error"
	reasonUnknown   = "ContainerStatusUnknown"
)

// describe puts what was observed into the words of a status. A container that
// runs without its conmon counts as ended: its exit code can never be known,
// and whoever starts it again kills what is left of it.
func describe(s oci.State) spec.ContainerStatus {
	status := spec.ContainerStatus{
		State: s.State, Pid: s.Pid, ConmonPid: s.ConmonPid, CreatedAt: s.CreatedAt, StartedAt: s.StartedAt,
		FinishedAt: s.FinishedAt, ExitCode: s.ExitCode, OOMKilled: s.OOMKilled,
	}
	if s.ConmonLost {
		status.State, status.ExitCode = spec.StateUnknown, spec.ExitUnknown
	}
	switch {
	case status.State == spec.StateUnknown:
		status.Reason, status.Message = reasonUnknown, "the container's exit code is lost: its conmon is gone"
	case status.State != spec.StateExited:
	case s.OOMKilled:
		status.Reason = reasonOOM
	case s.ExitCode == 0:
		status.Reason = reasonCompleted
	default:
		status.Reason = reasonError
	}
	return status
}

// target addresses a container to the runtime.
func (e *Engine) target(run *oci.Runtime, id spec.PodID, c state.Container) oci.Container {
	return oci.Container{ID: c.ID, Bundle: e.records.Bundle(id, c.Name), CgroupPath: run.CgroupPath(id, c.ID, c.Cgroup), Place: c.Cgroup}
}

// infraTarget addresses an infra container to the runtime.
func (e *Engine) infraTarget(run *oci.Runtime, id spec.PodID, sb state.Sandbox) oci.Container {
	return e.target(run, id, state.Container{Name: infraName, ID: sb.Infra, Cgroup: sb.Cgroup})
}

// container finds a pod's container, infra included, by its name in the pod.
func (e *Engine) container(id spec.PodID, name string) (state.Container, error) {
	if name != infraName {
		return e.records.ReadContainer(id, name)
	}
	sb, ok, err := e.records.ReadSandbox(id)
	if err == nil && (!ok || sb.NoInfra) {
		err = fmt.Errorf("infra container: %w", spec.ErrNotFound)
	}
	return state.Container{Name: name, ID: sb.Infra, Cgroup: sb.Cgroup}, err
}

// WaitContainer waits until a container does not run and says how it ended. One
// that was never created is not running.
func (e *Engine) WaitContainer(ctx context.Context, id spec.PodID, name string) (spec.ContainerStatus, error) {
	pod, err := e.records.ReadPod(id)
	if err != nil {
		return spec.ContainerStatus{}, err
	}
	if _, ok := pod.Container(name); !ok {
		return spec.ContainerStatus{}, fmt.Errorf("container %q: %w", name, spec.ErrNotFound)
	}
	run, err := e.runtimeOf(id)
	if err != nil {
		return spec.ContainerStatus{}, err
	}
	status, err := e.observeContainer(run, &pod, name)
	if err != nil || status.State != spec.StateRunning && status.State != spec.StatePaused && status.State != spec.StateCreated {
		return status, err
	}
	c, err := e.records.ReadContainer(id, name)
	if err != nil || c.ID != status.ID {
		return status, err
	}
	s, err := run.Wait(ctx, e.target(run, id, c))
	if err != nil {
		return status, fmt.Errorf("wait for container %q: %w", name, err)
	}
	now, err := e.observeContainer(run, &pod, name)
	if err == nil && now.State == spec.StateNone && s.State == spec.StateExited { // it was removed just now
		now = describe(s)
		now.ID, now.Name = status.ID, name
	}
	return now, err
}
