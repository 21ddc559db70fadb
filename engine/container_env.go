package engine

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"berth/engine/oci"
	"berth/engine/state"
	"berth/internal/atomicfile"
)

// containerEnv is where programs look whether they are in a container (podman-run(1)).
const containerEnv = "/run/.containerenv"

// containerEnvMount gives a container the file by which programs know that they are
// in one, and a privileged one in which. ok is false where something of the user's
// is mounted at its place or at /run: nothing is put into a volume.
func (e *Engine) containerEnvMount(in oci.Input, record state.Container) (mount oci.Mount, ok bool, err error) {
	for i := range in.Container.Mounts {
		m := &in.Container.Mounts[i]
		v, _ := in.Pod.Volume(m.Volume)
		switch path.Clean(m.Path) {
		case containerEnv:
			return oci.Mount{}, false, nil
		case "/run", "/var/run": // images have the one for the other
			if v == nil || v.Tmpfs == nil || m.ReadOnly {
				return oci.Mount{}, false, nil
			}
		}
	}
	text, err := e.containerEnvText(in, record)
	if err != nil {
		return oci.Mount{}, false, err
	}
	file := e.records.ContainerEnv(in.Pod.ID, in.Container.Name)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return oci.Mount{}, false, err
	}
	if err := atomicfile.WriteVolatile(file, []byte(text), 0o644); err != nil {
		return oci.Mount{}, false, err
	}
	uid, gid, err := hostIDs(in.Pod, 0, 0)
	if err == nil && in.Pod.Users != nil {
		err = os.Chown(file, uid, gid)
	}
	mount = oci.Mount{Source: file, Path: containerEnv}
	if in.Container.Security.ReadOnlyRoot {
		mount.ReadOnly, mount.Options = true, []string{"nosuid", "nodev", "noexec"}
	}
	return mount, true, err
}

// containerEnvText is what that file says: mostly nothing.
func (e *Engine) containerEnvText(in oci.Input, record state.Container) (string, error) {
	var b strings.Builder
	if in.Container.Security.Privileged {
		rootless := 0
		if os.Geteuid() != 0 {
			rootless = 1
		}
		fmt.Fprintf(&b, "engine=%q\nname=%q\nid=%q\nimage=%q\nimageid=%q\nrootless=%d\n",
			"berth-"+e.opts.Version, in.Pod.ContainerName(in.Container.Name), record.ID, record.Image, record.ImageID, rootless)
	}
	shown, err := e.showsStorage(in)
	if err == nil && shown {
		b.WriteString("graphRootMounted=1\n")
	}
	return b.String(), err
}

// showsStorage reports whether the host's images and layers are mounted into a container.
func (e *Engine) showsStorage(in oci.Input) (bool, error) {
	var folders []string
	for _, m := range in.Container.Mounts {
		if v, ok := in.Pod.Volume(m.Volume); ok && v.Host != nil {
			folders = append(folders, v.Host.Path)
		}
	}
	if len(folders) == 0 {
		return false, nil
	}
	root, _, err := e.images.Roots()
	return slices.ContainsFunc(folders, func(folder string) bool {
		rest, err := filepath.Rel(folder, root)
		return err == nil && filepath.IsLocal(rest)
	}), err
}
