package reconciler

import (
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"

	"berth/engine/spec"
	"berth/quadlet"
	"berth/reconciler/unit"
)

// kindOf is what kind of unit a file is.
func kindOf(file string) quadlet.Kind {
	name, _ := quadlet.ParseName(filepath.Base(file))
	return name.Kind
}

// madeBy finds the pod that a unit made, or its container in one; nil if there is
// none. The names say which: they are the unit's alone.
func madeBy(observed []spec.PodStatus, st *spec.UnitState) *namesake {
	kind, owner := kindOf(st.File), spec.UnitOwner(st.Name)
	for i := range observed {
		p := &observed[i].Pod
		switch {
		case kind == quadlet.Kube && p.Owner == owner && isService(p), kind == quadlet.Pod && p.Owner == owner && p.ByHand:
			return &namesake{p.Name, &observed[i], ""}
		case kind != quadlet.Container:
		case p.Bare && p.Owner == owner && len(p.Containers) > 0:
			return &namesake{p.Name, &observed[i], p.Containers[0].Name}
		case p.ByHand:
			for _, c := range p.Containers {
				if p.ContainerName(c.Name) == st.Resource {
					return &namesake{st.Resource, &observed[i], c.Name}
				}
			}
		}
	}
	return nil
}

// seen is what is observed of what each unit made. The mutex is held.
func (u *units) seen(observed []spec.PodStatus) map[string]unit.Seen {
	out := map[string]unit.Seen{}
	names := map[string]bool{}
	for _, name := range u.graph.Names() {
		names[name] = true
	}
	for name := range u.states {
		names[name] = true
	}
	for name := range names {
		st := u.states[name]
		if s := u.graph.Services[name]; s != nil {
			st.Name, st.File, st.Resource = name, s.Unit.Path, s.Resource
		}
		if own := madeBy(observed, &st); own != nil {
			if s, there := seenOf(own); there {
				s.Ready = s.Ready && (!saysReady(own) || u.said(name))
				out[name] = s
			}
		}
	}
	return out
}

// saysReady reports whether what a unit made says itself when it is up.
func saysReady(own *namesake) bool {
	made, ok := own.st.Pod.Container(own.called())
	return ok && own.container != "" && made.ByHand != nil && made.ByHand.Notify == spec.NotifyContainer
}

// said reports whether a unit's container has said that it is up. The mutex is held.
func (u *units) said(name string) bool {
	n := u.notified[name]
	return n != nil && n.ready.Load()
}

// seenOf is what is seen of a unit's pod or container; of one whose container was
// not made yet, nothing.
func seenOf(own *namesake) (s unit.Seen, there bool) {
	st := own.st
	if own.container == "" && !st.Pod.Bare { // a pod
		up, lost := st.Sandbox == spec.SandboxReady, st.Sandbox == spec.SandboxLost
		if st.Pod.StopWithLast && !slices.ContainsFunc(st.Containers, spec.ContainerStatus.Running) {
			lost = false // it is being stopped
		}
		return unit.Seen{Running: up, Ready: up, Stopped: st.Stopped, Lost: lost}, st.Removal == nil
	}
	c, ok := st.Container(own.called())
	if !ok || c.State == spec.StateNone || c.State == spec.StateCreated && !st.Stopped {
		return unit.Seen{}, false
	}
	s = unit.Seen{Running: c.Running(), ExitCode: c.ExitCode, Lost: c.State == spec.StateUnknown, Stopped: c.Stopped || st.Stopped}
	made, _ := st.Pod.Container(c.Name)
	s.Ready = s.Running
	if made != nil && made.ByHand != nil && made.ByHand.Notify == spec.NotifyHealthy {
		s.Ready = st.Ready(c)
	}
	return s, true
}

// holds looks whether what a condition tests is so: systemd.unit(5).
func holds(c unit.Condition) bool {
	info, err := os.Stat(c.Path)
	switch c.Test {
	case "PathExists":
		return err == nil
	case "PathExistsGlob":
		found, err := filepath.Glob(c.Path)
		return err == nil && len(found) > 0
	case "PathIsDirectory":
		return err == nil && info.IsDir()
	case "PathIsSymbolicLink":
		info, err := os.Lstat(c.Path)
		return err == nil && info.Mode()&os.ModeSymlink != 0
	case "PathIsMountPoint":
		return isMountPoint(c.Path)
	case "PathIsReadWrite":
		var st unix.Statfs_t
		return unix.Statfs(c.Path, &st) == nil && st.Flags&unix.ST_RDONLY == 0
	case "DirectoryNotEmpty":
		entries, err := os.ReadDir(c.Path)
		return err == nil && len(entries) > 0
	case "FileNotEmpty":
		return err == nil && info.Mode().IsRegular() && info.Size() > 0
	case "FileIsExecutable":
		return err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o111 != 0
	}
	return false
}

// isMountPoint reports whether something is mounted at a path.
func isMountPoint(path string) bool {
	var st unix.Statx_t
	err := unix.Statx(unix.AT_FDCWD, path, unix.AT_SYMLINK_NOFOLLOW|unix.AT_NO_AUTOMOUNT, 0, &st)
	return err == nil && st.Attributes&unix.STATX_ATTR_MOUNT_ROOT != 0
}
