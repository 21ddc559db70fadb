package engine

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"

	"berth/engine/network"
	"berth/engine/oci"
	"berth/engine/spec"
	"berth/engine/state"
)

// infraNamespaces are those that a pod's infra container makes or joins, or in a
// pod without one each container.
func (e *Engine) infraNamespaces(pod *spec.Pod) (oci.Namespaces, error) {
	return e.join(oci.InfraNamespaces(pod, e.netns(pod)), pod.Join)
}

// namespaces are those that a container makes or joins. infra is the process that
// holds the pod's, if there is one.
func (e *Engine) namespaces(pod *spec.Pod, c *spec.Container, infra oci.Process) (oci.Namespaces, error) {
	n := oci.ContainerNamespaces(pod, e.netns(pod), infra)
	if pod.Own.Net && pod.OwnNetwork() {
		n.Net = ""
	}
	if infra.Pid == 0 {
		var err error
		if n, err = e.join(n, pod.Join); err != nil {
			return n, err
		}
	}
	if infra.Pid == 0 && pod.Users != nil && pod.Users.Join.Container != nil {
		path, err := e.namespaceOf(*pod.Users.Join.Container, "user")
		if err != nil {
			return n, fmt.Errorf("share the users of container %q: %w", pod.Users.Join.Container.Name, err)
		}
		n.User = path
	}
	if c.ByHand == nil {
		return n, nil
	}
	return e.join(n, c.ByHand.Namespaces)
}

// netns is the pod's network namespace; empty where it has none of its own.
func (e *Engine) netns(pod *spec.Pod) string {
	if !pod.OwnNetwork() {
		return ""
	}
	return e.records.Netns(pod.ID)
}

// join puts namespaces of others in the place of those that j names.
func (e *Engine) join(n oci.Namespaces, j spec.Joins) (oci.Namespaces, error) {
	for _, one := range []struct {
		kind string
		join spec.Join
		to   *string
	}{
		{"net", j.Net, &n.Net}, {"ipc", j.IPC, &n.IPC}, {"pid", j.PID, &n.PID}, {"uts", j.UTS, &n.UTS}, {"cgroup", j.Cgroup, &n.Cgroup},
	} {
		switch {
		case one.join == spec.Join{}:
		case one.join.Private && one.kind == "cgroup":
			*one.to = oci.PrivateNamespace
		case one.join.Private:
			*one.to = ""
		case one.join.Host:
			*one.to = oci.HostNamespace
		case one.join.Path != "":
			if !network.NamespaceAlive(one.join.Path) {
				return n, fmt.Errorf("%w: %s namespace %s: there is no namespace", spec.ErrConfig, one.kind, one.join.Path)
			}
			if !ofKind(one.join.Path, one.kind) {
				return n, fmt.Errorf("%w: %s namespace %s: it is a namespace of another kind", spec.ErrConfig, one.kind, one.join.Path)
			}
			*one.to = one.join.Path
		default:
			path, err := e.namespaceOf(*one.join.Container, one.kind)
			if err != nil {
				return n, fmt.Errorf("join the %s namespace of container %q: %w", one.kind, one.join.Container.Name, err)
			}
			*one.to = path
		}
	}
	return n, nil
}

// ofKind reports whether a namespace is of a kind, or of one that cannot be told.
func ofKind(path, kind string) bool {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0) // it may be a pipe, of which nobody is to wait for a writer
	if err != nil {
		return true
	}
	defer f.Close()
	is, err := unix.IoctlRetInt(int(f.Fd()), unix.NS_GET_NSTYPE)
	want := map[string]int{
		"net": unix.CLONE_NEWNET, "ipc": unix.CLONE_NEWIPC, "pid": unix.CLONE_NEWPID, "uts": unix.CLONE_NEWUTS, "cgroup": unix.CLONE_NEWCGROUP,
	}
	return err != nil || is == want[kind]
}

// namespaceOf is the namespace that a running container is in.
func (e *Engine) namespaceOf(ref spec.ContainerRef, kind string) (string, error) {
	process, err := e.processOf(ref)
	if err != nil {
		return "", err
	}
	path := filepath.Join("/proc", strconv.Itoa(process.Pid), "ns", kind)
	theirs, err := os.Readlink(path)
	if err != nil {
		return "", err
	}
	if ours, err := os.Readlink(filepath.Join("/proc/self/ns", kind)); err == nil && ours == theirs {
		return oci.HostNamespace, nil
	}
	if pinned := e.records.Netns(ref.Pod); kind == "net" && sameFile(pinned, path) {
		return pinned, nil
	}
	return path, nil
}

func sameFile(a, b string) bool {
	one, err := os.Stat(a)
	if err != nil {
		return false
	}
	other, err := os.Stat(b)
	return err == nil && os.SameFile(one, other)
}

// processOf is the first process of a running container.
func (e *Engine) processOf(ref spec.ContainerRef) (oci.Process, error) {
	_, _, init, err := e.firstProcess(ref.Pod, ref.Name)
	return init, err
}

// firstProcess is the first process of a running container, with what is needed to
// ask for more.
func (e *Engine) firstProcess(id spec.PodID, name string) (*oci.Runtime, oci.Container, oci.Process, error) {
	c, err := e.container(id, name)
	if err != nil {
		return nil, oci.Container{}, oci.Process{}, err
	}
	run, err := e.runtimeOf(id)
	if err != nil {
		return nil, oci.Container{}, oci.Process{}, err
	}
	target := e.target(run, id, c)
	s, err := run.State(target)
	if err != nil {
		return run, target, oci.Process{}, err
	}
	if !s.Running() || s.Pid == 0 {
		return run, target, oci.Process{}, fmt.Errorf("it is %s, start it first: %w", s.State, oci.ErrNotRunning)
	}
	return run, target, s.Init, nil
}

// shared is the pod whose files a container shares because it lives in the
// namespace of one of its containers.
func shared(pod *spec.Pod, c *spec.Container, of func(spec.Joins) spec.Join) (spec.PodID, bool) {
	join := of(pod.Join)
	if c.ByHand != nil && of(c.ByHand.Namespaces) != (spec.Join{}) {
		join = of(c.ByHand.Namespaces)
	}
	if join.Container == nil {
		return pod.ID, join == spec.Join{}
	}
	return join.Container.Pod, true
}

// shm says where a container's /dev/shm lies on the host, "" for one that is not
// shared.
func (e *Engine) shm(pod *spec.Pod, c *spec.Container) (path string, size int64, err error) {
	if c.ByHand != nil && c.ByHand.NoShm {
		return "", 0, nil
	}
	owner, has := shared(pod, c, func(j spec.Joins) spec.Join { return j.IPC })
	switch {
	case !has || pod.HostIPC || pod.Own.IPC: // the host's, that of a path, its own
		if c.ByHand != nil {
			size = cmp.Or(c.ByHand.ShmSize, pod.ShmSize)
		}
		return "", size, nil
	case owner == pod.ID:
		dir := e.shmPath(pod.ID)
		return dir, 0, oci.EnsureShm(dir, pod.ShmSize)
	}
	dir := e.shmPath(owner)
	if _, err := os.Stat(dir); err != nil {
		return "/dev/shm", 0, nil // the other has the host's
	}
	return dir, 0, nil
}

// etcFolder is where the files lie that a container has in /etc for its network:
// its pod's, or those of the pod whose network it shares.
func (e *Engine) etcFolder(pod *spec.Pod, c *spec.Container, name string) (dir string, ours bool) {
	if owner, _ := shared(pod, c, func(j spec.Joins) spec.Join { return j.Net }); owner != pod.ID && name != "hostname" {
		if _, err := os.Stat(filepath.Join(e.records.PodRun(owner), name)); err == nil {
			return e.records.PodRun(owner), false
		}
	}
	return e.records.PodRun(pod.ID), true
}

// alive reports whether a sandbox's network namespace, if it has one of its own,
// is there.
func (e *Engine) alive(id spec.PodID, sb state.Sandbox) bool {
	return len(sb.Lease) == 0 || network.NamespaceAlive(e.records.Netns(id))
}
